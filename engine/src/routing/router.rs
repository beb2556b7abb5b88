//! From a key to its shard, in one pool. It runs for every key of every request.
//!
//! ```text
//!   key ──▶ prefix or tag ──▶ hash ──▶ ring ──▶ shard
//!                     (an empty key: 0)
//! ```
//!
//! The order of decisions is twemproxy's (`server_pool_idx`, `server_pool_server`):
//!
//! 1. A pool of one shard uses no tag, no hash and no ring. The number of *configured* shards
//!    counts: when only one of several shards is live, it still has a ring.
//! 2. A hash tag selects the part of the key that is hashed. `colocate`, which twemproxy does not
//!    have, comes before it: a key that begins with one of its prefixes is hashed as the first prefix
//!    of the entry, without a tag.
//! 3. An empty key has the hash 0. The function is not called.
//! 4. The distribution maps the hash to a shard.
//!
//! A router never changes. When a shard is ejected or readmitted, a new one is built.

use super::colocate::Colocate;
use super::distribution::{Distribution, Member, Ring};
use super::hash::Hash;
use super::tag::HashTag;
use crate::base::{Chance, ShardId};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Router {
    pub hash: &'static Hash,
    hash_tag: Option<HashTag>,
    colocate: Option<Arc<Colocate>>,
    pub distribution: &'static Distribution,
    pub ring: Ring,
    /// Neither a tag nor `colocate`: keys are hashed whole.
    hashes_all: bool,
    /// Of the pool, live or not.
    shard_count: usize,
}

impl Router {
    /// A router without `colocate`. `members` are all shards of the pool, in the order of their ids.
    /// Only those for which `is_live` is true get keys.
    pub fn new(
        hash: &'static Hash,
        hash_tag: Option<HashTag>,
        distribution: &'static Distribution,
        members: &[Member<'_>],
        is_live: impl Fn(ShardId) -> bool,
    ) -> Router {
        debug_assert!(members.iter().enumerate().all(|(at, member)| member.shard.index() == at));
        let live: Vec<Member<'_>> =
            members.iter().copied().filter(|member| is_live(member.shard)).collect();
        let ring = match (members, live.as_slice()) {
            ([only], [_]) => Ring::Single(only.shard),
            (_, live) => (distribution.build)(live),
        };
        let (hashes_all, shard_count) = (hash_tag.is_none(), members.len());
        Router { hash, hash_tag, colocate: None, distribution, ring, hashes_all, shard_count }
    }

    #[must_use]
    pub fn with_colocate(mut self, colocate: Option<Arc<Colocate>>) -> Router {
        self.set_parts(self.hash_tag, colocate);
        self
    }

    /// Which part of a key is hashed.
    pub fn set_parts(&mut self, hash_tag: Option<HashTag>, colocate: Option<Arc<Colocate>>) {
        self.hashes_all = hash_tag.is_none() && colocate.is_none();
        (self.hash_tag, self.colocate) = (hash_tag, colocate);
    }

    pub fn hash_tag(&self) -> Option<HashTag> {
        self.hash_tag
    }

    pub fn colocate(&self) -> Option<&Arc<Colocate>> {
        self.colocate.as_ref()
    }

    /// The shard that a key belongs to; `None` when no shard is live.
    #[inline]
    pub fn route(&self, key: &[u8], chance: &mut Chance) -> Option<ShardId> {
        match &self.ring {
            Ring::Single(shard) => Some(*shard),
            Ring::Ketama(continuum) => Some(continuum.owner(self.hash_of(key))),
            Ring::Modula(modula) => Some(modula.owner(self.hash_of(key))),
            Ring::Random(random) => Some(random.draw(chance)),
            Ring::Empty => None,
        }
    }

    /// The shard that a hash belongs to.
    #[inline]
    pub fn route_hash(&self, hash: u32, chance: &mut Chance) -> Option<ShardId> {
        self.ring.owner(hash, chance)
    }

    /// The part of a key that is hashed: the first prefix of its entry of `colocate`, its tag, or all
    /// of it.
    pub fn hashed_part<'a>(&'a self, key: &'a [u8]) -> &'a [u8] {
        let found = self.colocate.as_ref().and_then(|colocate| colocate.find(key));
        found.map_or_else(|| self.tagged_part(key), |found| found.first)
    }

    /// The same without `colocate`.
    #[inline]
    fn tagged_part<'a>(&self, key: &'a [u8]) -> &'a [u8] {
        match &self.hash_tag {
            Some(tag) => tag.part(key),
            None => key,
        }
    }

    /// The hash of a key, that is of its hashed part; an empty key has the hash 0.
    #[inline]
    pub fn hash_of(&self, key: &[u8]) -> u32 {
        if self.hashes_all { self.hash_of_part(key) } else { self.hash_of_some(key) }
    }

    /// Not inlined: a pool without a tag pays for a branch and nothing else.
    #[inline(never)]
    fn hash_of_some(&self, key: &[u8]) -> u32 {
        self.hash_of_part(self.hashed_part(key))
    }

    #[inline]
    fn hash_of_part(&self, part: &[u8]) -> u32 {
        if part.is_empty() { 0 } else { (self.hash.function)(part) }
    }

    /// Each shard's part of the hashes that the pool's function can return, indexed by id. These are
    /// parts of the hashes, not of the keys: with a function that spreads keys badly the shards are
    /// uneven all the same.
    pub fn share(&self) -> Vec<f64> {
        self.ring.share(self.shard_count, self.hash.max)
    }

    /// Of the pool, live or not.
    pub fn shard_count(&self) -> usize {
        self.shard_count
    }
}

#[cfg(test)]
mod tests {
    use super::Router;
    use crate::base::{Chance, ShardId};
    use crate::routing::distribution::{self, Ring};
    use crate::routing::{Colocate, HashTag, Member, hash};
    use std::sync::Arc;

    const NAMES: [&str; 3] = ["b", "alpha", "gamma-delta"];
    const WEIGHTS: [u32; 3] = [1, 3, 2];

    fn router(count: usize, distribution: &str, is_live: impl Fn(ShardId) -> bool) -> Router {
        let members: Vec<Member<'_>> = (0..count)
            .map(|at| Member { shard: ShardId(at as u16), name: NAMES[at], weight: WEIGHTS[at] })
            .collect();
        Router::new(
            hash::by_name("fnv1a_64").unwrap(),
            None,
            distribution::by_name(distribution).unwrap(),
            &members,
            is_live,
        )
    }

    fn owner(router: &Router, key: &[u8]) -> Option<u16> {
        router.route(key, &mut Chance::new(1)).map(|shard| shard.0)
    }

    #[test]
    fn the_worked_example() {
        let (ketama, modula) = (router(3, "ketama", |_| true), router(3, "modula", |_| true));
        let expected: [(&[u8], u32, u16, u16); 20] = [
            (b"", 0, 1, 0),
            (b"a", 2_248_273_036, 2, 2),
            (b"b", 2_248_274_341, 2, 1),
            (b"foo", 4_275_688_823, 0, 2),
            (b"bar", 322_520_602, 0, 2),
            (b"baz", 322_517_122, 0, 2),
            (b"qux", 1_389_177_577, 2, 1),
            (b"apple", 1_488_911_807, 1, 2),
            (b"banana", 3_279_079_568, 1, 1),
            (b"cherry", 1_808_718_072, 2, 0),
            (b"key", 911_937_772, 2, 2),
            (b"user:1", 1_963_465_963, 1, 1),
            (b"user:2", 1_963_466_398, 1, 2),
            (b"session:abc", 2_066_161_017, 2, 1),
            (b"hello world", 37_540_583, 1, 2),
            (b"counter", 374_439_011, 1, 2),
            (b"zebra", 1_720_811_951, 2, 2),
            (b"\xff\x80", 3_035_557_738, 2, 2),
            (b"caf\xc3\xa9", 3_472_276_361, 1, 2),
            (b"{tag}x", 344_162_767, 1, 1),
        ];
        for (key, hash, by_ketama, by_modula) in expected {
            assert_eq!(ketama.hash_of(key), hash, "{key:?}");
            assert_eq!(owner(&ketama, key), Some(by_ketama), "{key:?}");
            assert_eq!(owner(&modula, key), Some(by_modula), "{key:?}");
            let by_hash = ketama.route_hash(hash, &mut Chance::new(1));
            assert_eq!(by_hash, Some(ShardId(by_ketama)), "{key:?}");
        }
    }

    #[test]
    fn a_pool_of_one_shard_has_no_ring_and_a_last_live_shard_has_one() {
        for name in ["ketama", "modula", "random"] {
            let single = router(1, name, |_| true);
            assert!(matches!(single.ring, Ring::Single(ShardId(0))), "{name}");
            assert_eq!(owner(&single, b"x"), Some(0));
            assert_eq!(single.share(), [1.0]);
            let ejected = router(1, name, |_| false);
            assert!(matches!(ejected.ring, Ring::Empty), "{name}");
            assert_eq!(owner(&ejected, b"x"), None);

            let survivor = router(3, name, |shard| shard == ShardId(1));
            assert!(!matches!(survivor.ring, Ring::Single(_)), "{name}");
            assert_eq!(owner(&survivor, b"x"), Some(1));
            assert_eq!(survivor.share(), [0.0, 1.0, 0.0]);
            assert_eq!(owner(&router(3, name, |_| false), b"x"), None);
        }
    }

    #[test]
    fn a_tag_is_hashed_alone_and_an_empty_key_is_zero() {
        let mut router = router(3, "ketama", |_| true);
        router.set_parts(Some(HashTag { open: b'{', close: b'}' }), None);
        assert_eq!(router.hash_of(b"{foo}:1"), router.hash_of(b"foo"));
        assert_ne!(router.hash_of(b"{}foo"), router.hash_of(b"foo"));
        assert_eq!(router.hash_of(b""), 0);
    }

    #[test]
    fn colocated_keys_are_hashed_as_the_first_prefix_without_a_tag() {
        let colocate = Colocate::new(&[vec![b"bull:", b"{bee}"]]);
        let mut router = router(3, "ketama", |_| true).with_colocate(Some(Arc::new(colocate)));
        for tag in [None, Some(HashTag { open: b'{', close: b'}' })] {
            router.set_parts(tag, router.colocate().cloned());
            for key in [&b"bull:"[..], b"bull:a", b"bull:{x}:c", b"{bee}", b"{bee}{x}"] {
                assert_eq!(router.hashed_part(key), b"bull:", "{key:?}");
            }
            assert_eq!(router.hash_of(b""), 0);
        }
        assert_eq!(router.hashed_part(b"{x}bull:"), b"x");
        assert_eq!(router.hashed_part(b"bull"), b"bull");
    }
}
