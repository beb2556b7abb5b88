//! Waiting for something to become true, with an end.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Asks `condition` again and again until it holds or `limit` has passed; says whether it held.
///
/// The pauses grow from 2 to 50 ms: most things here are ready at once, and a slow one must not
/// be slowed further by our asking.
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
