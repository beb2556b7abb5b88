//! Memory after a burst, given back to the system.
//!
//! ```text
//!   resident memory   ┌──────┐
//!                ▄▄▄▄▄│burst │▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄ freed, but glibc keeps it ▄▄▄▄▄▄
//!   low mark  ▄▄▄│    └──────┘                                     look ▲ │▄▄▄▄▄
//! ```
//!
//! Buffers are freed as replies leave, but glibc keeps what it has freed below something still in
//! use: after 400 MiB of replies to 50 clients it held 100 MiB of which 9 were needed. Asking it
//! to look takes its arenas' locks for some milliseconds, so it is asked only while we stand well
//! above the lowest mark seen, and ever more rarely while asking does not help, as then the memory
//! is in use. A burst's memory goes within half a minute. When a client was closed that did not read
//! what we held for it, there is no need to guess: what it leaves goes within five seconds.
//!
//! Workers are asked to give back what they keep themselves, see `io/sys/memory.rs`.
//!
//! Tried and dropped: counting clients, since a few can hold as much as many.

use crate::io::sys;
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_secs(5);
/// After it helped: the next burst's memory may be wanted again at once.
const PAUSE: Duration = Duration::from_secs(20);
/// The longest pause while it does not help.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// So far above the low mark nobody cares.
const ROOM_KIB: u64 = 8 * 1024;

#[derive(Debug)]
pub struct Tide {
    next: Instant,
    low_kib: u64,
    pause: Duration,
    /// Something was freed for certain.
    is_expected: bool,
}

impl Tide {
    /// Before anything is served: what is in use now is the first low mark.
    pub fn new() -> Tide {
        let low_kib = resident_kib().unwrap_or(u64::MAX);
        Tide { next: Instant::now() + LOOK, low_kib, pause: LOOK, is_expected: false }
    }

    pub fn deadline(&self) -> Instant {
        self.next
    }

    /// A client's replies were freed that it had not read.
    pub fn handle_freed(&mut self, now: Instant) {
        self.is_expected = true;
        self.next = self.next.min(now + LOOK);
    }

    /// `ask_workers`: to release what they keep.
    pub fn handle_deadline(&mut self, now: Instant, ask_workers: impl FnOnce()) {
        let wait = match resident_kib() {
            Some(kib) => self.look(kib, || {
                ask_workers();
                // They are done before this, most likely; if not, the next look sees it.
                sys::release_memory();
                resident_kib().unwrap_or(kib)
            }),
            None => PAUSE_MAX,
        };
        self.next = now + wait;
    }

    /// Releases if there is reason to; returns when to look again.
    fn look(&mut self, kib: u64, release: impl FnOnce() -> u64) -> Duration {
        self.low_kib = self.low_kib.min(kib);
        let is_expected = std::mem::take(&mut self.is_expected);
        if !is_expected && kib <= self.low_kib + ROOM_KIB {
            self.pause = LOOK;
            return LOOK;
        }
        let after = release();
        self.low_kib = self.low_kib.min(after);
        let helped = kib.saturating_sub(after) >= kib / 8;
        self.pause = if helped { PAUSE } else { (self.pause * 2).min(PAUSE_MAX) };
        self.pause
    }
}

/// Memory we occupy, where the system says so.
fn resident_kib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * (rustix::param::page_size() as u64 / 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn released_above_the_mark_and_more_rarely_in_vain() {
        let mut tide = Tide { low_kib: 9_500, ..Tide::new() };
        let unasked = || -> u64 { panic!("nothing to release") };
        assert_eq!(tide.look(9_000, unasked), LOOK);
        assert_eq!(tide.look(9_000 + ROOM_KIB, unasked), LOOK);
        // In use: it does not help, and is asked for ever more rarely.
        assert_eq!(tide.look(100_000, || 100_000), LOOK * 2);
        assert_eq!(tide.look(100_000, || 99_000), LOOK * 4);
        // Over: it helps, and all is as before.
        assert_eq!(tide.look(100_000, || 10_000), PAUSE);
        assert_eq!(tide.look(10_000, unasked), LOOK);
        // Not waited for where something must be there.
        tide.handle_freed(Instant::now());
        assert_eq!(tide.look(10_400, || 10_000), LOOK * 2);
        assert_eq!(tide.look(10_400, unasked), LOOK);
        let pauses = (0..10).map(|_| tide.look(100_000, || 100_000)).max();
        assert_eq!(pauses, Some(PAUSE_MAX));
    }
}
