//! How long a loop waits for something to happen.

use super::EventLoop;
use crate::io::sys;
use mio::Events;
use std::io;
use std::time::Duration;

impl EventLoop {
    /// Waits for events, or for the next thing that has its time.
    pub(super) fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        if !self.again.is_empty() || !self.bulk.is_empty() {
            return self.poll.poll(events, Some(Duration::ZERO));
        }
        if let Some(until) = self.worker.held_until() {
            let time = until.since(self.clock.now());
            return sys::poll_briefly(&mut self.poll, events, time);
        }
        let deadline = self.worker.deadline().into_iter().chain(self.doors.deadline()).min();
        // Rounded up: waking a moment too early would make a second, empty turn.
        let patience = deadline.map(|at| at.since(self.clock.now()) + Duration::from_micros(999));
        self.poll.poll(events, patience)
    }
}
