//! The source of every choice of a run, so a seed repeats its run.

use nuthatch_engine::base::Chance;

/// Seeded choices. A part of the world has a fork if no other part should change its choices.
#[derive(Clone, Debug)]
pub struct Dice {
    chance: Chance,
}

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice { chance: Chance::new(seed) }
    }

    #[must_use]
    pub fn fork(&mut self) -> Dice {
        Dice::new(self.chance.draw())
    }

    pub fn bits(&mut self) -> u64 {
        self.chance.draw()
    }

    /// A number in `low..=high`.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        debug_assert!(low <= high);
        low + self.chance.draw() % (high - low + 1)
    }

    pub fn index(&mut self, len: usize) -> usize {
        self.range(0, len as u64 - 1) as usize
    }

    /// True in this percentage of calls.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.range(0, 99) < percent
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())].clone()
    }
}
