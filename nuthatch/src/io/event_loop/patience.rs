//! How long a loop waits for something to happen.

use super::EventLoop;
use mio::Events;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::time::Duration;

impl EventLoop {
    /// Waits for events, or for the next thing that has its time.
    pub(super) fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        if !self.again.is_empty() {
            return self.poll.poll(events, Some(Duration::ZERO));
        }
        if let Some(until) = self.worker.held_until() {
            self.wait_briefly(until.since(self.clock.now()))?;
            return self.poll.poll(events, Some(Duration::ZERO));
        }
        let deadline = self.worker.deadline().into_iter().chain(self.doors.deadline()).min();
        // Rounded up: waking a moment too early would make a second, empty turn.
        let patience = deadline.map(|at| at.since(self.clock.now()) + Duration::from_micros(999));
        self.poll.poll(events, patience)
    }

    /// Until there are events, or for far less than the millisecond that epoll counts in.
    fn wait_briefly(&self, time: Duration) -> io::Result<()> {
        if time.is_zero() {
            return Ok(());
        }
        let time = Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
        let mut fds = [PollFd::new(self.poll.registry(), PollFlags::IN)];
        poll(&mut fds, Some(&time))?;
        Ok(())
    }
}
