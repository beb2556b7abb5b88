//! What the acts of the demo expected, and what of it did not hold.

/// What was looked at, and what did not hold.
#[derive(Default)]
pub struct Verdict {
    pub held: u32,
    pub failed: Vec<String>,
}

impl Verdict {
    /// Notes one expectation; `what` tells what is wrong if it does not hold.
    pub fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if holds {
            self.held += 1;
        } else {
            self.failed.push(what());
        }
    }
}
