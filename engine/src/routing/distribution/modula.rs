//! The hash modulo the sum of weights: twemproxy's `nc_modula.c`.
//!
//! Think of a list with every live shard, in order, as many times as its weight. The hash modulo its
//! length is the slot. Up to `LIST_LEN_MAX` slots we store that list. But a weight may be as high as
//! 2^31, and such a list would take gigabytes, so a longer one is stored as runs and searched. Both
//! give the same owners.
//!
//! What always holds: there is at least one slot.

use super::member::Member;
use crate::base::ShardId;

/// 128 KiB of list.
const LIST_LEN_MAX: u64 = 1 << 16;

/// The list of slots.
#[derive(Clone, Debug)]
pub struct Modula {
    /// A slot per unit of weight; empty when there are too many.
    list: Box<[ShardId]>,
    runs: Box<[Run]>,
    slot_count: u64,
}

/// The slots from the end of the run before (included) to `end` (not included).
#[derive(Clone, Copy, Debug)]
struct Run {
    end: u64,
    shard: ShardId,
}

/// The slots of the live members; `None` when the sum of weights is 0.
pub fn build(members: &[Member<'_>]) -> Option<Modula> {
    Modula::new(members, LIST_LEN_MAX)
}

impl Modula {
    fn new(members: &[Member<'_>], list_len_max: u64) -> Option<Modula> {
        let mut slot_count = 0;
        let mut runs = Vec::with_capacity(members.len());
        for member in members {
            slot_count += u64::from(member.weight);
            runs.push(Run { end: slot_count, shard: member.shard });
        }
        if slot_count == 0 {
            return None;
        }
        let list = if slot_count <= list_len_max {
            members
                .iter()
                .flat_map(|member| std::iter::repeat_n(member.shard, member.weight as usize))
                .collect()
        } else {
            Box::default()
        };
        Some(Modula { list, runs: runs.into(), slot_count })
    }

    #[inline]
    pub fn owner(&self, hash: u32) -> ShardId {
        if self.list.is_empty() {
            return self.run_of(self.slot(hash));
        }
        // 32 bits are enough here, and the division is most of the cost.
        self.list[(hash % self.list.len() as u32) as usize]
    }

    /// The slot of a hash.
    pub fn slot(&self, hash: u32) -> u64 {
        u64::from(hash) % self.slot_count
    }

    /// The sum of weights.
    pub fn slot_count(&self) -> u64 {
        self.slot_count
    }

    fn run_of(&self, slot: u64) -> ShardId {
        let at = self.runs.partition_point(|run| run.end <= slot);
        self.runs[at].shard
    }

    /// How many of the hashes `0..=hash_max` each run owns. Not exactly in proportion to the weights
    /// when the number of hashes is not a multiple of the number of slots.
    pub fn hashes_per_run(&self, hash_max: u32) -> impl Iterator<Item = (ShardId, u64)> {
        let hash_count = u64::from(hash_max) + 1;
        let (rounds, rest) = (hash_count / self.slot_count, hash_count % self.slot_count);
        let mut start = 0;
        self.runs.iter().map(move |run| {
            let hashes = (run.end - start) * rounds + run.end.min(rest) - start.min(rest);
            start = run.end;
            (run.shard, hashes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{LIST_LEN_MAX, Modula};
    use crate::base::ShardId;
    use crate::routing::Member;

    fn members(weights: &[u32]) -> Vec<Member<'static>> {
        (0..)
            .zip(weights)
            .map(|(id, &weight)| Member { shard: ShardId(id), name: "", weight })
            .collect()
    }

    #[test]
    fn every_shard_has_as_many_slots_as_its_weight() {
        let modula = Modula::new(&members(&[1, 3, 2]), LIST_LEN_MAX).unwrap();
        let owners: Vec<u16> = (0..8).map(|hash| modula.owner(hash).0).collect();
        assert_eq!(owners, [0, 1, 1, 1, 2, 2, 0, 1]);
        assert_eq!((modula.slot(7), modula.slot_count()), (1, 6));
    }

    #[test]
    fn runs_and_list_agree() {
        let members = members(&[10, 25, 7, 1, 57]);
        let listed = Modula::new(&members, LIST_LEN_MAX).unwrap();
        let searched = Modula::new(&members, 0).unwrap();
        assert!(searched.list.is_empty());
        for hash in (0..300).chain(u32::MAX - 300..=u32::MAX) {
            assert_eq!(listed.owner(hash), searched.owner(hash), "{hash}");
        }
    }

    #[test]
    fn huge_weights_take_no_memory() {
        let modula = Modula::new(&members(&[u32::MAX, u32::MAX, 1]), LIST_LEN_MAX).unwrap();
        assert_eq!(modula.slot_count(), (1 << 33) - 1);
        assert_eq!(modula.owner(u32::MAX - 1), ShardId(0));
        assert_eq!(modula.owner(u32::MAX), ShardId(1));
    }

    #[test]
    fn hashes_are_counted_to_the_last() {
        let modula = Modula::new(&members(&[1, 3, 2]), LIST_LEN_MAX).unwrap();
        let count = |hash_max| modula.hashes_per_run(hash_max).map(|(_, n)| n).collect::<Vec<_>>();
        assert_eq!(count(7), [2, 4, 2], "six slots once, and two more hashes");
        assert_eq!(count(u32::MAX).iter().sum::<u64>(), 1 << 32);
    }
}
