//! A random live shard for each request: twemproxy's `nc_random.c`.
//!
//! Key and weights have no effect (twemproxy gives weights of 1, 50 and 1 a third each). For pools
//! whose shards all hold the same data. The caller hands in [`Chance`], so a run can be repeated.
//!
//! What always holds: there is at least one shard.

use super::member::Member;
use crate::base::{Chance, ShardId};

/// The live shards.
#[derive(Clone, Debug)]
pub struct Random {
    shards: Box<[ShardId]>,
}

/// `None` when no shard is live.
pub fn build(members: &[Member<'_>]) -> Option<Random> {
    let shards: Box<[ShardId]> = members.iter().map(|member| member.shard).collect();
    (!shards.is_empty()).then_some(Random { shards })
}

impl Random {
    #[inline]
    pub fn draw(&self, chance: &mut Chance) -> ShardId {
        self.shards[chance.below(self.shards.len() as u32) as usize]
    }

    pub fn shards(&self) -> &[ShardId] {
        &self.shards
    }
}

#[cfg(test)]
mod tests {
    use super::build;
    use crate::base::{Chance, ShardId};
    use crate::routing::Member;

    #[test]
    fn weights_are_ignored() {
        let member = |id, weight| Member { shard: ShardId(id), name: "", weight };
        let random = build(&[member(0, 1), member(2, 50), member(5, 1)]).unwrap();
        let mut chance = Chance::new(3);
        let mut drawn = [0; 6];
        for _ in 0..3000 {
            drawn[random.draw(&mut chance).index()] += 1;
        }
        assert!([0, 2, 5].iter().all(|&id| (900..1100).contains(&drawn[id])), "{drawn:?}");
        assert_eq!(drawn.iter().sum::<i32>(), 3000);
    }
}
