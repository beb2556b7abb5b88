//! From a hash to a shard.
//!
//! A distribution builds a [`Ring`] from the live shards. Every request uses the ring, and it never
//! changes. When a shard is ejected or readmitted, a new ring is built. The same members always give
//! the same ring.
//!
//! Members come in the order of their ids, which is twemproxy's order of names ([`name_order`]). It
//! decides ties on the continuum and the slots of `modula`, so it must not change. The order in the
//! configuration has no effect.

mod ketama;
mod member;
mod modula;
mod random;

pub use ketama::{Arc, Continuum, Point};
pub use member::Member;
pub use modula::Modula;
pub use random::Random;

use crate::base::{Chance, ShardId};
use std::cmp::Ordering;

/// A way to assign hashes to shards, and its name in the configuration.
#[derive(Debug)]
pub struct Distribution {
    pub name: &'static str,
    /// One line for help and reference.
    pub about: &'static str,
    /// Builds the ring of the members that are live, given in the order of their ids.
    pub build: fn(&[Member<'_>]) -> Ring,
}

/// By name: each name has one row.
impl PartialEq for Distribution {
    fn eq(&self, other: &Distribution) -> bool {
        self.name == other.name
    }
}

impl Eq for Distribution {}

/// Sorted by name.
pub static DISTRIBUTIONS: [Distribution; 3] = [
    Distribution {
        name: "ketama",
        about: "consistent hashing by weight: few keys move when a shard leaves or joins",
        build: |members| ketama::build(members).map_or(Ring::Empty, Ring::Ketama),
    },
    Distribution {
        name: "modula",
        about: "hash modulo the sum of weights: even, but nearly all keys move with any change",
        build: |members| modula::build(members).map_or(Ring::Empty, Ring::Modula),
    },
    Distribution {
        name: "random",
        about: "any live shard; key and weights have no effect: for shards that hold the same data",
        build: |members| random::build(members).map_or(Ring::Empty, Ring::Random),
    },
];

pub fn by_name(name: &str) -> Option<&'static Distribution> {
    DISTRIBUTIONS.iter().find(|distribution| distribution.name == name)
}

/// Built by a distribution: hash in, shard out.
#[derive(Clone, Debug)]
pub enum Ring {
    /// No shard is live.
    Empty,
    /// A pool of one shard. The hash is not used.
    Single(ShardId),
    Ketama(Continuum),
    Modula(Modula),
    Random(Random),
}

impl Ring {
    /// `None` when no shard is live.
    #[inline]
    pub fn owner(&self, hash: u32, chance: &mut Chance) -> Option<ShardId> {
        match self {
            Ring::Empty => None,
            Ring::Single(shard) => Some(*shard),
            Ring::Ketama(continuum) => Some(continuum.owner(hash)),
            Ring::Modula(modula) => Some(modula.owner(hash)),
            Ring::Random(random) => Some(random.draw(chance)),
        }
    }

    /// Whether the owner of a key depends on its hash.
    #[inline]
    pub fn is_hashed(&self) -> bool {
        matches!(self, Ring::Ketama(_) | Ring::Modula(_))
    }

    /// Each shard's part of the hashes `0..=hash_max`, by id, with the sum 1; all zero when no shard
    /// is live. `shard_count` counts all shards of the pool, live or not.
    pub fn share(&self, shard_count: usize, hash_max: u32) -> Vec<f64> {
        let mut share = vec![0.0; shard_count];
        match self {
            Ring::Empty => {}
            Ring::Single(shard) => share[shard.index()] = 1.0,
            Ring::Ketama(continuum) => {
                for arc in continuum.arcs().take_while(|arc| arc.first <= hash_max) {
                    let len = u64::from(arc.last.min(hash_max) - arc.first) + 1;
                    share[arc.shard.index()] += part(len, hash_max);
                }
            }
            Ring::Modula(modula) => {
                for (shard, len) in modula.hashes_per_run(hash_max) {
                    share[shard.index()] += part(len, hash_max);
                }
            }
            Ring::Random(random) => {
                for shard in random.shards() {
                    share[shard.index()] += 1.0 / random.shards().len() as f64;
                }
            }
        }
        share
    }
}

/// `len` hashes as a part of `0..=hash_max`. When the number of hashes is a power of two, this and
/// sums of it are exact.
fn part(len: u64, hash_max: u32) -> f64 {
    len as f64 / (f64::from(hash_max) + 1.0)
}

/// twemproxy's order of servers and of pools: the shorter name first, then bytewise.
pub fn name_order(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.as_bytes().cmp(b.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{DISTRIBUTIONS, Member, Ring, by_name, name_order};
    use crate::base::{Chance, ShardId};

    #[test]
    fn the_table_is_sorted_and_described() {
        assert!(DISTRIBUTIONS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for distribution in &DISTRIBUTIONS {
            assert!(!distribution.about.is_empty() && !distribution.about.ends_with('.'));
            assert_eq!(by_name(distribution.name), Some(distribution));
        }
        assert_eq!(by_name("Ketama"), None, "names are lower case");
    }

    #[test]
    fn without_a_live_shard_every_ring_is_empty() {
        for distribution in &DISTRIBUTIONS {
            let ring = (distribution.build)(&[]);
            assert!(matches!(ring, Ring::Empty), "{}", distribution.name);
            assert_eq!(ring.owner(7, &mut Chance::new(1)), None);
            assert_eq!(ring.share(2, u32::MAX), [0.0, 0.0]);
        }
    }

    #[test]
    fn shares_sum_to_one() {
        let members = [("b", 1), ("alpha", 3), ("gamma-delta", 2)];
        let members: Vec<Member<'_>> = (0..)
            .zip(members)
            .map(|(id, (name, weight))| Member { shard: ShardId(id), name, weight })
            .collect();
        for distribution in &DISTRIBUTIONS {
            for hash_max in [u32::MAX, 0x7fff] {
                let share = (distribution.build)(&members).share(4, hash_max);
                let sum: f64 = share.iter().sum();
                assert!((sum - 1.0).abs() < 1e-12, "{} {share:?}", distribution.name);
                assert!(share[3] == 0.0, "the fourth is not in the ring");
            }
        }
    }

    #[test]
    fn shorter_names_come_first() {
        let mut names = ["gamma", "b", "alpha", "a", "10.0.0.1:1", ""];
        names.sort_by(|a, b| name_order(a, b));
        assert_eq!(names, ["", "a", "b", "alpha", "gamma", "10.0.0.1:1"]);
    }
}
