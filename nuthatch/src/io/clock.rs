//! The one clock of the process. Read once a turn.

use nuthatch_engine::base::Time;
use std::time::Instant;

/// Time since the process began to serve; copies agree.
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

    /// The moment on tokio's clock, for sleeping until then.
    pub fn instant(&self, time: Time) -> Instant {
        self.zero + std::time::Duration::from_nanos(time.0)
    }
}
