//! Gives memory back to the system after a burst.
//!
//! ```text
//!   resident memory   ┌──────┐
//!                ▄▄▄▄▄│burst │▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄ freed, but glibc keeps it ▄▄▄▄▄▄
//!   low mark  ▄▄▄│    └──────┘                                     look ▲ │▄▄▄▄▄
//! ```
//!
//! Buffers are freed as replies leave, but glibc keeps memory below a block that is still in use: after
//! 400 MiB of replies to 50 clients it held 100 MiB, of which 9 were needed. A trim takes the locks of its
//! arenas for some milliseconds. So we trim only while we are far above the lowest mark seen, and less
//! and less often while it does not help, since then the memory is in use. The memory of a burst is given
//! back within half a minute. If a client is closed that had not read its replies, we know that there is
//! memory to give back, and do so within five seconds.
//!
//! Workers give back their own memory first, see `io/sys/memory.rs`. The main arena follows a moment later.
//!
//! Tried and dropped: to count clients, since a few can hold as much as many; and to look closer to the
//! low mark, since memory in use is always a little above it.

use crate::io::sys;
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_secs(5);
/// The time for workers to give back their memory.
const MOMENT: Duration = Duration::from_millis(100);
/// After it helped: the next burst's memory may be wanted again at once.
const PAUSE: Duration = Duration::from_secs(20);
/// The longest pause while it does not help.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// So much above the low mark is no reason to trim.
const ROOM_KIB: u64 = 8 * 1024;

#[derive(Debug)]
pub struct MemoryTrim {
    next: Instant,
    low_kib: u64,
    pause: Duration,
    /// Memory was freed for certain.
    is_expected: bool,
    /// The resident memory when the workers were asked. The main arena is next.
    asked_at_kib: Option<u64>,
}

/// The result of a look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Next {
    /// Workers give back their memory now.
    asks: bool,
    wait: Duration,
}

impl MemoryTrim {
    /// Made before a client is served: the memory in use now is the first low mark.
    pub fn new() -> MemoryTrim {
        MemoryTrim {
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

    /// Returns whether workers give back their memory now.
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

/// The resident memory of the process, if the system reports it.
fn resident_kib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * (rustix::param::page_size() as u64 / 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A look at `kib`, and if workers were asked the one after it; how long until the next.
    fn pass(trim: &mut MemoryTrim, kib: u64, after_kib: Option<u64>) -> Duration {
        let unasked = || -> u64 { panic!("too early") };
        let first = trim.look(kib, unasked);
        assert_eq!(first.asks, after_kib.is_some());
        let Some(after_kib) = after_kib else { return first.wait };
        assert_eq!(first.wait, MOMENT);
        // What workers gave back meanwhile is seen already.
        let second = trim.look(after_kib, || after_kib);
        assert!(!second.asks);
        second.wait
    }

    fn trim_at(low_kib: u64) -> MemoryTrim {
        MemoryTrim { low_kib, ..MemoryTrim::new() }
    }

    #[test]
    fn released_above_the_mark_and_more_rarely_in_vain() {
        let mut trim = trim_at(9_500);
        assert_eq!(pass(&mut trim, 9_000, None), LOOK);
        assert_eq!(pass(&mut trim, 9_000 + ROOM_KIB, None), LOOK);
        // In use: it does not help, and is asked for ever more rarely.
        assert_eq!(pass(&mut trim, 100_000, Some(100_000)), LOOK * 2);
        assert_eq!(pass(&mut trim, 100_000, Some(99_000)), LOOK * 4);
        // Over: it helps, and all is as before.
        assert_eq!(pass(&mut trim, 100_000, Some(10_000)), PAUSE);
        assert_eq!(pass(&mut trim, 10_000, None), LOOK);
        let pauses = (0..10).map(|_| pass(&mut trim, 100_000, Some(100_000))).max();
        assert_eq!(pauses, Some(PAUSE_MAX));
    }

    #[test]
    fn what_was_freed_for_certain_is_released_wherever_we_stand() {
        let mut trim = trim_at(9_000);
        let now = Instant::now();
        trim.next = now + PAUSE_MAX;
        trim.handle_freed(now);
        assert_eq!(trim.deadline(), now + LOOK);
        trim.handle_freed(now + LOOK / 2);
        assert_eq!(trim.deadline(), now + LOOK, "another does not put it off");
        // Little as it was, it says nothing of the next burst.
        assert_eq!(pass(&mut trim, 9_400, Some(900)), LOOK);
        assert_eq!(pass(&mut trim, 900, None), LOOK);
    }
}
