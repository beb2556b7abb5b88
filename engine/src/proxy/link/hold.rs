//! How long a connection's bytes have been held back; see `worker/gather.rs`.

use crate::base::Time;
use crate::base::limits::GATHER_US;

/// Since when a connection's bytes have been held back.
#[derive(Default)]
pub struct Hold {
    since: Option<Time>,
}

impl Hold {
    /// Begins, if it has not begun. Returns when it must end, if that is after `now`.
    #[inline]
    pub fn lasts_until(&mut self, now: Time) -> Option<Time> {
        let end = self.since.get_or_insert(now).plus_us(GATHER_US);
        (now < end).then_some(end)
    }

    #[inline]
    pub fn end(&mut self) {
        self.since = None;
    }
}
