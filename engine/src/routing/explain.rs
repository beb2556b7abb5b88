//! How a key is routed, and which keys a change of the router would move: the values that
//! `nuthatch where` and `nuthatch ring` print. Nothing here runs for a request.
//!
//! [`explain`] follows one key. [`compare`] compares two routers. It matches shards by name, as the
//! ring does, since ids shift when a shard joins. There are two ways to count:
//!
//! * **Exact.** When both sides compute the same hash of a key (one function, one tag, one `colocate`)
//!   and each is a continuum or a single shard, both are cut in arcs, and the lengths of the merged
//!   arcs are added.
//!   The result is the part of the *hash space* that moves, up to the function's largest value.
//! * **By sample.** Otherwise a fixed number of made-up keys is routed both ways, the same keys each
//!   time. They hold no tag and no prefix of `colocate`, so when only these differ the sample
//!   does not move: [`Comparison::tags_differ`] and [`Comparison::colocate_differs`] say that such keys may
//!   move too.
//!
//! Neither uses the operator's keys; [`compare_keys`] does.

use super::colocate::Match;
use super::distribution::Ring;
use super::router::Router;
use crate::base::{Chance, ShardId};
use std::collections::BTreeMap;

/// Keys in the sample of [`compare`]; the error is below 0.35 percentage points, 19 times in 20.
pub const SAMPLE_LEN: u32 = 100_000;

/// How one key is routed to its shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Explanation<'a> {
    /// What is hashed: the first prefix of an entry of `colocate`, the tag, or the whole key.
    pub hashed_part: &'a [u8],
    /// Whether both the pool and the key have a hash tag, and it is used: the key is not colocated.
    pub is_tagged: bool,
    /// The prefix that the key begins with, when the pool has `colocate`.
    pub colocated: Option<Match<'a>>,
    /// Whether the part is empty. The function is not called then, and the hash is 0.
    pub is_empty: bool,
    /// `None` when the distribution does not use the hash.
    pub hash: Option<u32>,
    pub place: Place,
    /// `None` when the key has no owner: no shard is live, or the choice is random.
    pub shard: Option<ShardId>,
}

/// Where a key lies on its ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// No shard is live.
    Nowhere,
    /// The pool has one shard: tag and hash are not used.
    OnlyShard,
    /// `ketama`: the point at `index` of `count`, from 0: the first at or after the hash. When
    /// `is_past_last` there is none, and it is the first point of the ring.
    Point { index: usize, count: usize, value: u32, is_past_last: bool },
    /// `modula`: the hash modulo `count`, the sum of live weights.
    Slot { slot: u64, count: u64 },
    /// `random`: any of `count` live shards.
    Anywhere { count: usize },
}

/// A router and its shards' names, indexed by id.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    pub router: &'a Router,
    pub names: &'a [&'a str],
}

/// The part of the keys that changes owners between two sides.
#[derive(Clone, PartialEq, Debug)]
pub struct Comparison<'a> {
    pub method: Method,
    /// The part that changes owners, 0 to 1: the sum of `moves`.
    pub moved: f64,
    /// The largest first, equal ones by name.
    pub moves: Vec<Move<'a>>,
    /// Whether the tags of the two sides differ and a tag is used. The sample has no tagged keys, so
    /// tagged keys may move in addition to `moved`.
    pub tags_differ: bool,
    /// The same for `colocate`: keys that begin with its prefixes may move in addition.
    pub colocate_differs: bool,
}

/// How `moved` was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Over all hashes that the function can return.
    Exact,
    /// Over so many made-up keys.
    Sample { keys: u32 },
    /// Over so many keys of the caller.
    Keys { keys: u64 },
}

/// Keys that move from one shard to another. `None`: no shard.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Move<'a> {
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
    /// Of all keys, not of those of the shard.
    pub part: f64,
}

pub fn explain<'a>(router: &'a Router, key: &'a [u8]) -> Explanation<'a> {
    let hash = router.hash_of(key);
    let place = place(&router.ring, hash);
    // Only `random` uses chance, and under it a key has no owner to show.
    let shard = match place {
        Place::Anywhere { .. } => None,
        _ => router.route_hash(hash, &mut Chance::new(0)),
    };
    let hashed_part = router.hashed_part(key);
    let colocated = router.colocate().and_then(|colocate| colocate.find(key));
    Explanation {
        hashed_part,
        is_tagged: colocated.is_none()
            && router.hash_tag().is_some_and(|tag| tag.find(key).is_some()),
        colocated,
        is_empty: hashed_part.is_empty(),
        hash: router.ring.is_hashed().then_some(hash),
        place,
        shard,
    }
}

fn place(ring: &Ring, hash: u32) -> Place {
    match ring {
        Ring::Empty => Place::Nowhere,
        Ring::Single(_) => Place::OnlyShard,
        Ring::Ketama(continuum) => {
            let (index, points) = (continuum.place(hash), continuum.points());
            let value = points[index].value;
            Place::Point { index, count: points.len(), value, is_past_last: value < hash }
        }
        Ring::Modula(modula) => Place::Slot { slot: modula.slot(hash), count: modula.slot_count() },
        Ring::Random(random) => Place::Anywhere { count: random.shards().len() },
    }
}

/// The keys that would move from `before` to `after`: exact where possible, otherwise by sample.
/// `None` when a side is `random`, where no key belongs to a shard.
pub fn compare<'a>(before: Side<'a>, after: Side<'a>) -> Option<Comparison<'a>> {
    if let Some(counts) = count_arcs(before.router, after.router) {
        let whole = counts.values().sum();
        return Some(comparison(before, after, Method::Exact, &counts, whole));
    }
    let mut chance = Chance::new(0);
    let head = sample_head([before.router, after.router]);
    let keys = (0..SAMPLE_LEN)
        .map(|_| [head.as_slice(), format!("{:016x}", chance.draw()).as_bytes()].concat());
    let counts = count_keys(before.router, after.router, keys)?;
    let method = Method::Sample { keys: SAMPLE_LEN };
    Some(comparison(before, after, method, &counts, u64::from(SAMPLE_LEN)))
}

/// What the made-up keys begin with: a text that no prefix of `colocate` begins with. One of the 256
/// bytes always serves, since two pools have fewer prefixes.
fn sample_head(routers: [&Router; 2]) -> Vec<u8> {
    let is_free = |head: &Vec<u8>| {
        !routers
            .iter()
            .any(|router| router.colocate().is_some_and(|colocate| colocate.may_meet(head)))
    };
    let heads = std::iter::once(b"key:".to_vec()).chain((0..=u8::MAX).map(|byte| vec![byte]));
    heads.into_iter().find(is_free).unwrap_or_default()
}

/// Which of these keys would move. `None` when a side is `random`.
pub fn compare_keys<'a, K: AsRef<[u8]>>(
    before: Side<'a>,
    after: Side<'a>,
    keys: impl IntoIterator<Item = K>,
) -> Option<Comparison<'a>> {
    let counts = count_keys(before.router, after.router, keys)?;
    let keys = counts.values().sum();
    Some(comparison(before, after, Method::Keys { keys }, &counts, keys))
}

/// Owner before, owner after.
type Pair = (Option<ShardId>, Option<ShardId>);

fn count_keys<K: AsRef<[u8]>>(
    before: &Router,
    after: &Router,
    keys: impl IntoIterator<Item = K>,
) -> Option<BTreeMap<Pair, u64>> {
    if [before, after].iter().any(|router| matches!(router.ring, Ring::Random(_))) {
        return None;
    }
    let mut chance = Chance::new(0);
    let mut counts = BTreeMap::new();
    for key in keys {
        let key = key.as_ref();
        let pair = (before.route(key, &mut chance), after.route(key, &mut chance));
        *counts.entry(pair).or_default() += 1;
    }
    Some(counts)
}

/// `None` when an exact count is not possible.
fn count_arcs(before: &Router, after: &Router) -> Option<BTreeMap<Pair, u64>> {
    // A side with one owner uses no hash. Then the hash of the other side is used for both.
    let (asks_before, asks_after) = (before.ring.is_hashed(), after.ring.is_hashed());
    let hashes_alike = before.hash == after.hash
        && before.hash_tag() == after.hash_tag()
        && before.colocate() == after.colocate();
    if asks_before && asks_after && !hashes_alike {
        return None;
    }
    let hash_max = if asks_before { before.hash.max } else { after.hash.max };
    let mut theirs = arcs(&after.ring)?.into_iter();
    let mut their = theirs.next()?;
    let mut counts = BTreeMap::new();
    let mut first = 0;
    for our in arcs(&before.ring)? {
        loop {
            let last = our.0.min(their.0).min(hash_max);
            *counts.entry((our.1, their.1)).or_default() += u64::from(last - first) + 1;
            if last == hash_max {
                return Some(counts);
            }
            first = last + 1;
            if their.0 == last {
                their = theirs.next()?;
            }
            if our.0 == last {
                break;
            }
        }
    }
    None
}

/// The last hash of each arc and its owner, up to `u32::MAX`. `None` for a ring without arcs.
fn arcs(ring: &Ring) -> Option<Vec<(u32, Option<ShardId>)>> {
    match ring {
        Ring::Empty => Some(vec![(u32::MAX, None)]),
        Ring::Single(shard) => Some(vec![(u32::MAX, Some(*shard))]),
        Ring::Ketama(continuum) => {
            Some(continuum.arcs().map(|arc| (arc.last, Some(arc.shard))).collect())
        }
        Ring::Modula(_) | Ring::Random(_) => None,
    }
}

fn comparison<'a>(
    before: Side<'a>,
    after: Side<'a>,
    method: Method,
    counts: &BTreeMap<Pair, u64>,
    whole: u64,
) -> Comparison<'a> {
    let name = |side: Side<'a>, shard: Option<ShardId>| shard.map(|id| side.names[id.index()]);
    let mut moved: Vec<(u64, Option<&str>, Option<&str>)> = counts
        .iter()
        .map(|(&(from, to), &count)| (count, name(before, from), name(after, to)))
        .filter(|(_, from, to)| from != to)
        .collect();
    moved.sort_by_key(|&(count, from, to)| (std::cmp::Reverse(count), from, to));
    let is_hashed = before.router.ring.is_hashed() || after.router.ring.is_hashed();
    let part = |count: u64| if whole == 0 { 0.0 } else { count as f64 / whole as f64 };
    Comparison {
        method,
        moved: part(moved.iter().map(|(count, ..)| count).sum()),
        moves: moved
            .iter()
            .map(|&(count, from, to)| Move { from, to, part: part(count) })
            .collect(),
        tags_differ: is_hashed && before.router.hash_tag() != after.router.hash_tag(),
        colocate_differs: is_hashed && before.router.colocate() != after.router.colocate(),
    }
}

#[cfg(test)]
mod tests;
