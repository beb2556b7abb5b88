//! The checks of the demo: how many were right, and which were wrong.

/// The number of checks that were right, and the texts of the others.
#[derive(Default)]
pub struct Verdict {
    pub held: u32,
    pub failed: Vec<String>,
}

impl Verdict {
    /// Records one check. `what` says what is wrong if it does not hold.
    pub fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if holds {
            self.held += 1;
        } else {
            self.failed.push(what());
        }
    }
}
