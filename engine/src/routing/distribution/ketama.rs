//! Consistent hashing: the continuum of libketama as twemproxy's `nc_ketama.c` builds it.
//!
//! Each live shard has points on a circle of 2^32 positions: about 160, times its weight over the
//! mean weight. A hash belongs to the first point at or after it; past the last point, to the first
//! point of the circle.
//!
//! ```text
//!   0        p0      p1                p2   p3        2^32 - 1
//!   ├─────────●───────●─────────────────●────●────────────┤
//!      p0 ───▶    p1 ─▶        p2 ──────▶ p3 ▶     p0 ────▶ (round the end)
//! ```
//!
//! # What must not be improved
//!
//! The number of points is computed in IEEE single precision and rounded after every step. So each
//! shard has four points fewer for some counts of shards even at equal weights (25, 47, 50, 55,
//! 61 ... have 156 each), a small weight beside a large one may have no point (1 beside 100000), and
//! the points of a shard depend on the other live shards. All of this decides where data lies. Equal
//! points keep the order of their shards: twemproxy sorts with `qsort`, which in glibc is a stable
//! merge sort, and our sort is stable too.
//!
//! # Finding the point
//!
//! This runs for every key, so it does not search. `first_at` cuts the circle in buckets of equal
//! length, a power of two of them, two to four for each point. It holds for each bucket the first
//! point at or after its start. From there it is mostly one step or none:
//!
//! ```text
//!   hash ──(top bits)──▶ first_at ──▶ points ──▶ ... the first with value >= hash
//! ```
//!
//! The processor cannot predict whether there is a step, so the first step is an addition and not a
//! branch, which halves the time. More steps are rare. A binary search takes five to nine times as
//! long, and twice the buckets would save 0.3 ns at best.
//!
//! The points end in a sentinel at `u32::MAX` that belongs to the shard of the first point, so the
//! walk does not wrap around. Points are parts of MD5 digests and so nearly evenly spread: a walk
//! is short for any list of names.
//!
//! What always holds: `points` is sorted by value and has a point besides the sentinel;
//! `first_at.len() << shift` is 2^32.

use super::member::Member;
use crate::base::ShardId;
use md5::{Digest, Md5};

/// Points of a shard of mean weight, when rounding removes none.
const POINTS_PER_SHARD: u32 = 160;
/// Points made from one digest.
const POINTS_PER_DIGEST: u32 = 4;
/// twemproxy's buffer cuts the digested text `name-number` to this length.
const TEXT_LEN_MAX: usize = 272;
/// twemproxy has memory for the points of so many shards more than are live.
const SPARE_SHARDS: u64 = 10;

/// A position on the circle and the shard it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Point {
    pub value: u32,
    pub shard: ShardId,
}

/// The hashes `first..=last`, all of one shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arc {
    pub first: u32,
    pub last: u32,
    pub shard: ShardId,
}

/// The circle of points.
#[derive(Clone, Debug)]
pub struct Continuum {
    /// Ends in the sentinel.
    points: Box<[Point]>,
    first_at: Box<[u32]>,
    shift: u32,
}

/// The circle of the live members; `None` when they have no point.
pub fn build(members: &[Member<'_>]) -> Option<Continuum> {
    let mut points = Vec::new();
    for (member, digests) in members.iter().zip(digests_per_member(members)) {
        for number in 0..digests {
            points.extend(
                digest_points(member.name, number)
                    .map(|value| Point { value, shard: member.shard }),
            );
        }
    }
    Continuum::new(points)
}

/// The number of digests, of four points each, of every member.
///
/// twemproxy sums weights in 32 bits. When the sum wraps, every server gets several times as many
/// points as it should. We do the same where twemproxy had memory for the points. Where it had not,
/// it writes past its heap block and there is nothing to be compatible with: we use the true sum.
fn digests_per_member(members: &[Member<'_>]) -> Vec<u32> {
    let count = members.len();
    let wrapped = members.iter().fold(0_u32, |sum, member| sum.wrapping_add(member.weight));
    let digests = |sum: f32| {
        members.iter().map(move |member| digests(member.weight, sum, count)).collect::<Vec<u32>>()
    };
    let as_twemproxy = digests(wrapped as f32);
    let sum: u64 = as_twemproxy.iter().copied().map(u64::from).sum();
    if sum * u64::from(POINTS_PER_DIGEST)
        <= (count as u64 + SPARE_SHARDS) * u64::from(POINTS_PER_SHARD)
    {
        return as_twemproxy;
    }
    let exact: u64 = members.iter().map(|member| u64::from(member.weight)).sum();
    digests(exact as f32)
}

/// Single precision, rounded at each step. The order of operations is twemproxy's.
fn digests(weight: u32, weight_sum: f32, live_count: usize) -> u32 {
    let part = weight as f32 / weight_sum;
    let digests = part * POINTS_PER_SHARD as f32 / POINTS_PER_DIGEST as f32 * live_count as f32;
    let nudged = (f64::from(digests) + 0.000_000_000_1) as f32;
    nudged.floor() as u32
}

/// The four points of the `number`th digest of a name.
fn digest_points(name: &str, number: u32) -> [u32; 4] {
    let mut text = format!("{name}-{number}").into_bytes();
    text.truncate(TEXT_LEN_MAX);
    let digest = Md5::digest(&text);
    let mut values = [0; 4];
    for (value, word) in values.iter_mut().zip(digest.as_chunks::<4>().0) {
        *value = u32::from_le_bytes(*word);
    }
    values
}

impl Continuum {
    /// The circle of these points; `None` when there are none. Points of equal value keep their
    /// order, and the first of them owns the hashes before it.
    pub fn new(mut points: Vec<Point>) -> Option<Continuum> {
        points.sort_by_key(|point| point.value);
        let sentinel = Point { value: u32::MAX, shard: points.first()?.shard };
        let bucket_count = (points.len() * 2).next_power_of_two();
        let shift = 32 - bucket_count.trailing_zeros();
        points.push(sentinel);

        let mut first_at = Vec::with_capacity(bucket_count);
        let mut at = 0;
        for bucket in 0..bucket_count as u64 {
            let start = (bucket << shift) as u32;
            while points[at].value < start {
                at += 1;
            }
            first_at.push(at as u32);
        }
        Some(Continuum { points: points.into(), first_at: first_at.into(), shift })
    }

    #[inline]
    pub fn owner(&self, hash: u32) -> ShardId {
        self.points[self.walk(hash)].shard
    }

    /// The index among [`Continuum::points`] of the point that owns a hash.
    pub fn place(&self, hash: u32) -> usize {
        let at = self.walk(hash);
        // The walk ends at the sentinel if no point is at or after the hash. The first one owns it.
        if at == self.points().len() { 0 } else { at }
    }

    /// The first point at or after a hash, which may be the sentinel.
    #[inline]
    fn walk(&self, hash: u32) -> usize {
        let mut at = self.first_at[(hash >> self.shift) as usize] as usize;
        // Never past the sentinel: no hash is above it.
        at += usize::from(self.points[at].value < hash);
        while self.points[at].value < hash {
            at += 1;
        }
        at
    }

    /// In order of value.
    pub fn points(&self) -> &[Point] {
        &self.points[..self.points.len() - 1]
    }

    /// The circle as arcs from 0 to `u32::MAX`, without gap or overlap. Neighbours may belong to the
    /// same shard.
    pub fn arcs(&self) -> impl Iterator<Item = Arc> {
        let mut next = Some(0);
        self.points.iter().filter_map(move |point| {
            // Of equal points only the first owns hashes, and after u32::MAX there are none.
            let first = next.filter(|&first| first <= point.value)?;
            next = point.value.checked_add(1);
            Some(Arc { first, last: point.value, shard: point.shard })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::digests_per_member;
    use super::{Arc, Continuum, Member, Point, TEXT_LEN_MAX, build, digest_points};
    use crate::base::ShardId;

    fn points_at_equal_weight(count: usize) -> u32 {
        points_of(&vec![1; count])[0]
    }

    fn points_of(weights: &[u32]) -> Vec<u32> {
        let members: Vec<Member<'_>> =
            weights.iter().map(|&weight| Member { shard: ShardId(0), name: "", weight }).collect();
        digests_per_member(&members).iter().map(|digests| digests * 4).collect()
    }

    fn continuum(points: &[(u32, u16)]) -> Continuum {
        let points = points.iter().map(|&(value, id)| Point { value, shard: ShardId(id) });
        Continuum::new(points.collect()).unwrap()
    }

    #[test]
    fn rounding_removes_four_points_at_some_counts_of_equal_shards() {
        let short: Vec<usize> =
            (1..=1000).filter(|&count| points_at_equal_weight(count) == 156).collect();
        assert_eq!(short[..9], [25, 47, 50, 55, 61, 71, 94, 100, 107]);
        assert_eq!(short.len(), 103);
        assert!((1..=1000).all(|count| matches!(points_at_equal_weight(count), 156 | 160)));
    }

    #[test]
    fn points_follow_weights_and_who_is_live() {
        assert_eq!(points_of(&[100_000, 1]), [316, 0]);
        assert_eq!(points_of(&[1, 2, 3]), [80, 160, 240]);
        assert_eq!(points_of(&[1, 2]), [104, 212], "with the third of them ejected");
        assert_eq!(points_of(&[u32::MAX]), [160]);
    }

    #[test]
    fn a_sum_of_weights_that_wraps_gives_more_points_while_there_is_memory() {
        let most = i32::MAX as u32;
        // The sum wraps to 2^31 - 3: everyone seems to be alone.
        assert_eq!(points_of(&[most; 3]), [480; 3]);
        // It wraps to 0 here, and a division by it asks for infinitely many.
        assert_eq!(points_of(&[1 << 31, 1 << 31]), [160; 2]);
        assert_eq!(points_of(&[0, 0]), [0, 0]);
    }

    #[test]
    fn a_long_name_loses_its_number() {
        let long = "n".repeat(TEXT_LEN_MAX - 2);
        assert_ne!(digest_points(&long, 1), digest_points(&long, 2));
        assert_eq!(digest_points(&long, 1), digest_points(&long, 12));
        let longer = "n".repeat(TEXT_LEN_MAX + 100);
        assert_eq!(digest_points(&longer, 1), digest_points(&longer, 2));
    }

    #[test]
    fn the_worked_example() {
        let members = [("b", 1), ("alpha", 3), ("gamma-delta", 2)];
        let members: Vec<Member<'_>> = (0..)
            .zip(members)
            .map(|(id, (name, weight))| Member { shard: ShardId(id), name, weight })
            .collect();
        let continuum = build(&members).unwrap();
        assert_eq!(continuum.points().len(), 480);
        let first: Vec<(u32, u16)> =
            continuum.points()[..10].iter().map(|point| (point.value, point.shard.0)).collect();
        assert_eq!(
            first,
            [
                (8_391_929, 1),
                (18_130_031, 2),
                (39_206_170, 1),
                (44_678_640, 1),
                (53_481_183, 2),
                (56_435_417, 1),
                (64_647_567, 1),
                (69_445_703, 2),
                (95_429_284, 0),
                (113_716_327, 1),
            ]
        );
    }

    #[test]
    fn a_hash_belongs_to_the_first_point_at_or_after_it() {
        let ring = continuum(&[(100, 1), (50, 0), (4_000_000_000, 2)]);
        for (hash, place) in [
            (0, 0),
            (50, 0),
            (51, 1),
            (100, 1),
            (101, 2),
            (4_000_000_000, 2),
            (4_000_000_001, 0),
            (u32::MAX, 0),
        ] {
            assert_eq!(ring.place(hash), place, "{hash}");
            assert_eq!(ring.owner(hash), ring.points()[place].shard, "{hash}");
        }
    }

    #[test]
    fn equal_points_go_to_the_first_and_the_ends_are_points_too() {
        let ring = continuum(&[(9, 1), (9, 0), (u32::MAX, 3), (u32::MAX, 4), (0, 2)]);
        assert_eq!(ring.owner(0), ShardId(2));
        assert_eq!(ring.owner(9), ShardId(1));
        assert_eq!((ring.place(u32::MAX), ring.owner(u32::MAX)), (3, ShardId(3)));
        let arcs: Vec<Arc> = ring.arcs().collect();
        let expected = [(0, 0, 2), (1, 9, 1), (10, u32::MAX, 3)];
        assert_eq!(arcs, expected.map(|(first, last, id)| Arc { first, last, shard: ShardId(id) }));
    }

    #[test]
    fn one_point_owns_all_hashes_in_two_arcs() {
        let ring = continuum(&[(7, 5)]);
        assert_eq!((ring.owner(0), ring.owner(u32::MAX)), (ShardId(5), ShardId(5)));
        assert_eq!(
            ring.arcs().map(|arc| (arc.first, arc.last)).collect::<Vec<_>>(),
            [(0, 7), (8, u32::MAX)]
        );
    }
}
