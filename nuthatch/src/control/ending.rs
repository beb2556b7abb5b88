//! The shutdown of the process.
//!
//! ```text
//!   serving ──TERM, INT──▶ shutting down ──all workers empty──▶ stopped, exit 0
//!                             │  no listener, idle clients closed, the others get their
//!                             │  replies
//!                             ├──grace time is over──▶ stopped, exit 0, other clients cut off
//!                             └──TERM, INT again─────▶ the same, at once
//! ```

use nuthatch_engine::base::WorkerId;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Ending {
    grace: Duration,
    /// Set when the shutdown has begun.
    deadline: Option<Instant>,
    /// Indexed by worker: whether it has no client left.
    empty: Vec<bool>,
}

/// What control does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    Drain,
    Stop,
}

impl Ending {
    pub fn new(grace: Duration, workers: usize) -> Ending {
        Ending { grace, deadline: None, empty: vec![false; workers] }
    }

    /// TERM or INT has come.
    pub fn handle_signal(&mut self, now: Instant) -> Step {
        if self.deadline.is_some() {
            return Step::Stop;
        }
        self.deadline = Some(now + self.grace);
        Step::Drain
    }

    /// A worker has no client left. Returns whether that holds for all workers.
    pub fn handle_empty(&mut self, worker: WorkerId) -> bool {
        if let Some(empty) = self.empty.get_mut(worker.index()) {
            *empty = true;
        }
        self.deadline.is_some() && self.empty.iter().all(|empty| *empty)
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_must_be_empty_and_a_second_signal_does_not_wait() {
        let now = Instant::now();
        let mut ending = Ending::new(Duration::from_secs(1), 2);
        assert_eq!(ending.deadline(), None);
        assert_eq!(ending.handle_signal(now), Step::Drain);
        assert_eq!(ending.deadline(), Some(now + Duration::from_secs(1)));
        assert!(!ending.handle_empty(WorkerId(1)));
        assert!(!ending.handle_empty(WorkerId(1)));
        assert!(ending.handle_empty(WorkerId(0)));
        assert_eq!(ending.handle_signal(now), Step::Stop);
    }
}
