//! Seeded random numbers, for jitter and the `random` distribution. Xorshift64* (Vigna, "An
//! experimental exploration of Marsaglia's xorshift generators, scrambled", 2014): small and fast,
//! and the same seed gives the same run. Not for secrets.

#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
}

impl Chance {
    pub fn new(seed: u64) -> Chance {
        // Xorshift cannot leave the state zero. The multiplication spreads small seeds.
        let state = (seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Chance { state: if state == 0 { 1 } else { state } }
    }

    pub fn draw(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number in `0..bound`; 0 when `bound` is 0. The bias is below `bound / 2^32`.
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.draw() >> 32) * u64::from(bound)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn same_seed_same_numbers_and_bounds_hold() {
        let (mut a, mut b) = (Chance::new(7), Chance::new(7));
        let mut seen = [0u32; 10];
        for _ in 0..10_000 {
            let drawn = a.below(10);
            assert_eq!(drawn, b.below(10));
            seen[drawn as usize] += 1;
        }
        assert!(seen.iter().all(|&count| (800..1200).contains(&count)), "{seen:?}");
    }
}
