//! Memory after a burst, given back to the system.
//!
//! ```text
//!   resident memory   ┌──────┐
//!                ▄▄▄▄▄│burst │▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄ freed, but glibc keeps it ▄▄▄▄▄▄
//!   low mark  ▄▄▄│    └──────┘                                     look ▲ │▄▄▄▄▄
//! ```
//!
//! Buffers are freed as replies leave, but glibc keeps it below something still in use: after
//! 400 MiB of replies to 50 clients it held 100 MiB of which 9 were needed. Asking it to look takes
//! its arenas' locks for some milliseconds, so it is asked only while we stand well above the lowest
//! mark seen, and ever more rarely while asking does not help, as then the memory is in use. A
//! burst's memory goes within half a minute. When a client was closed that did not read what we held
//! for it there is no need to guess: what it leaves goes within some five seconds.
//!
//! Workers first give back what they keep themselves, see `io/sys/memory.rs`; a moment later it is
//! our turn.
//!
//! Tried and dropped: counting clients, since a few can hold as much as many; and looking closer to
//! the low mark, since memory in use is always a little above it.

use crate::io::sys;
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_secs(5);
/// What workers have to give back what is theirs.
const MOMENT: Duration = Duration::from_millis(100);
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
    /// Where we stood when the workers were asked; then it is our turn.
    asked_at_kib: Option<u64>,
}

/// What a look came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Next {
    /// Workers are to give back what they keep.
    asks: bool,
    wait: Duration,
}

impl Tide {
    /// Before anything is served: what is in use now is the first low mark.
    pub fn new() -> Tide {
        Tide {
            next: Instant::now() + LOOK,
            low_kib: resident_kib().unwrap_or(u64::MAX),
            pause: LOOK,
            is_expected: false,
            asked_at_kib: None,
        }
    }

    pub fn deadline(&self) -> Instant {
        self.next
    }

    /// A client's replies were freed that it had not read.
    pub fn handle_freed(&mut self, now: Instant) {
        self.is_expected = true;
        self.next = self.next.min(now + LOOK);
    }

    /// Returns whether workers are to give back what they keep.
    pub fn handle_deadline(&mut self, now: Instant) -> bool {
        let Some(kib) = resident_kib() else {
            self.next = now + PAUSE_MAX;
            return false;
        };
        let next = self.look(kib, || {
            sys::release_memory();
            sys::release_own_memory();
            resident_kib().unwrap_or(kib)
        });
        self.next = now + next.wait;
        next.asks
    }

    fn look(&mut self, kib: u64, release: impl FnOnce() -> u64) -> Next {
        if let Some(before) = self.asked_at_kib.take() {
            let is_high = before > self.low_kib + ROOM_KIB;
            let after = release();
            self.low_kib = self.low_kib.min(after);
            let helped = before.saturating_sub(after) >= before / 8;
            self.pause = match (is_high, helped) {
                (false, _) => LOOK,
                (true, true) => PAUSE,
                (true, false) => (self.pause * 2).min(PAUSE_MAX),
            };
            return Next { asks: false, wait: self.pause };
        }
        self.low_kib = self.low_kib.min(kib);
        if std::mem::take(&mut self.is_expected) || kib > self.low_kib + ROOM_KIB {
            self.asked_at_kib = Some(kib);
            return Next { asks: true, wait: MOMENT };
        }
        self.pause = LOOK;
        Next { asks: false, wait: LOOK }
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

    /// A look at `kib`, and if workers were asked the one after it; how long until the next.
    fn pass(tide: &mut Tide, kib: u64, after_kib: Option<u64>) -> Duration {
        let unasked = || -> u64 { panic!("too early") };
        let first = tide.look(kib, unasked);
        assert_eq!(first.asks, after_kib.is_some());
        let Some(after_kib) = after_kib else { return first.wait };
        assert_eq!(first.wait, MOMENT);
        // What workers gave back meanwhile is seen already.
        let second = tide.look(after_kib, || after_kib);
        assert!(!second.asks);
        second.wait
    }

    fn tide_at(low_kib: u64) -> Tide {
        Tide { low_kib, ..Tide::new() }
    }

    #[test]
    fn released_above_the_mark_and_more_rarely_in_vain() {
        let mut tide = tide_at(9_500);
        assert_eq!(pass(&mut tide, 9_000, None), LOOK);
        assert_eq!(pass(&mut tide, 9_000 + ROOM_KIB, None), LOOK);
        // In use: it does not help, and is asked for ever more rarely.
        assert_eq!(pass(&mut tide, 100_000, Some(100_000)), LOOK * 2);
        assert_eq!(pass(&mut tide, 100_000, Some(99_000)), LOOK * 4);
        // Over: it helps, and all is as before.
        assert_eq!(pass(&mut tide, 100_000, Some(10_000)), PAUSE);
        assert_eq!(pass(&mut tide, 10_000, None), LOOK);
        let pauses = (0..10).map(|_| pass(&mut tide, 100_000, Some(100_000))).max();
        assert_eq!(pauses, Some(PAUSE_MAX));
    }

    #[test]
    fn what_was_freed_for_certain_is_released_wherever_we_stand() {
        let mut tide = tide_at(9_000);
        let now = Instant::now();
        tide.next = now + PAUSE_MAX;
        tide.handle_freed(now);
        assert_eq!(tide.deadline(), now + LOOK);
        tide.handle_freed(now + LOOK / 2);
        assert_eq!(tide.deadline(), now + LOOK, "another does not put it off");
        // Little as it was, it says nothing of the next burst.
        assert_eq!(pass(&mut tide, 9_400, Some(900)), LOOK);
        assert_eq!(pass(&mut tide, 900, None), LOOK);
    }
}
