//! The events of a run as text. The hash compares two runs, the lines explain one.

use nuthatch_engine::base::Time;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Keep {
    #[default]
    Nothing,
    Hash,
    Lines,
}

#[derive(Default)]
pub struct Trace {
    keep: Keep,
    hash: u64,
    /// Filled only with [`Keep::Lines`]. The caller prints them.
    pub lines: Vec<String>,
}

impl Trace {
    pub fn new(keep: Keep) -> Trace {
        Trace { keep, hash: 0xcbf2_9ce4_8422_2325, lines: Vec::new() }
    }

    pub fn note(&mut self, now: Time, text: impl FnOnce() -> String) {
        if self.keep == Keep::Nothing {
            return;
        }
        let line = format!("{:>12.3} {}", now.0 as f64 / 1e6, text());
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.keep == Keep::Lines {
            self.lines.push(line);
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }
}
