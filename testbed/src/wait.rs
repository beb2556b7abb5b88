//! Waits for a condition, with a limit.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Checks `condition` until it holds or `limit` has passed. Returns whether it held.
///
/// The pauses grow from 2 to 50 ms: most conditions hold soon, and our checks must not slow down
/// a slow one.
pub fn poll_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    let mut pause_ms = 2;
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() >= limit {
            return false;
        }
        sleep(Duration::from_millis(pause_ms));
        pause_ms = (pause_ms * 2).min(50);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_at_the_third_try() {
        let mut tries = 0;
        assert!(poll_until(Duration::from_secs(5), || {
            tries += 1;
            tries == 3
        }));
    }

    #[test]
    fn gives_up() {
        assert!(!poll_until(Duration::from_millis(20), || false));
    }
}
