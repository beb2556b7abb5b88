//! The clock of the process. A loop reads it once a turn.

use nuthatch_engine::base::Time;
use std::time::Instant;

/// Time since the process began to serve. All copies show the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: Instant,
}

impl Clock {
    pub fn start() -> Clock {
        Clock { zero: Instant::now() }
    }

    pub fn now(&self) -> Time {
        Time(u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The same moment as an `Instant`, for tokio's timers.
    pub fn instant(&self, time: Time) -> Instant {
        self.zero + std::time::Duration::from_nanos(time.0)
    }
}
