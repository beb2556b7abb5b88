//! How long a loop waits for events.

use super::EventLoop;
use crate::io::sys;
use mio::Events;
use std::io;
use std::time::Duration;

impl EventLoop {
    /// Waits for events, until the next deadline at most.
    pub(super) fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        if !self.next_turn.is_empty() || !self.bulk.is_empty() {
            return self.poll.poll(events, Some(Duration::ZERO));
        }
        if let Some(until) = self.worker.held_until() {
            let time = until.since(self.clock.now());
            return sys::poll_briefly(&mut self.poll, events, time);
        }
        let deadline = self.worker.deadline().into_iter().chain(self.listeners.deadline()).min();
        // Rounded up: a wake-up just before the deadline would cost an empty turn.
        let max_wait = deadline.map(|at| at.since(self.clock.now()) + Duration::from_micros(999));
        self.poll.poll(events, max_wait)
    }
}
