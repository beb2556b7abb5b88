//! Properties of routing for all names, weights and keys.
//!
//! The vectors show that we route as twemproxy does. The properties show that our faster code, above
//! all the index over the continuum, gives the same results as simple code.

use nuthatch_engine::base::{Chance, ShardId};
use nuthatch_engine::routing::distribution::{self, Continuum, Point, Ring};
use nuthatch_engine::routing::explain::{Method, Side, compare, explain};
use nuthatch_engine::routing::{Colocate, HASHES, HashTag, Member, Router, hash};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The names of a pool's shards, all different. A ring takes any text as a name.
fn names(count: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<String>> {
    proptest::collection::btree_set("[a-z0-9.:/-]{1,12}", count)
        .prop_map(|names: BTreeSet<String>| names.into_iter().collect())
}

fn members<'a>(names: &'a [String], weights: &[u32]) -> Vec<Member<'a>> {
    (0..)
        .zip(names.iter().zip(weights))
        .map(|(id, (name, &weight))| Member { shard: ShardId(id), name, weight })
        .collect()
}

fn router(hash: &str, members: &[Member<'_>], distribution: &str, out: Option<ShardId>) -> Router {
    let hash = hash::by_name(hash).expect("is in the table");
    let distribution = distribution::by_name(distribution).expect("is in the table");
    Router::new(hash, None, distribution, members, |shard| Some(shard) != out)
}

fn continuum(router: &Router) -> &Continuum {
    match &router.ring {
        Ring::Ketama(continuum) => continuum,
        other => panic!("not a continuum: {other:?}"),
    }
}

fn points_per_shard(router: &Router) -> Vec<usize> {
    let mut counts = vec![0; router.shard_count()];
    for point in continuum(router).points() {
        counts[point.shard.index()] += 1;
    }
    counts
}

/// twemproxy's own look-up: the first point at or after the hash. If there is none, the first point.
fn by_search(points: &[Point], hash: u32) -> usize {
    let at = points.partition_point(|point| point.value < hash);
    if at == points.len() { 0 } else { at }
}

/// The hashes where an index could be off by one: each point, its two neighbours, and both ends.
fn edges(points: &[Point]) -> impl Iterator<Item = u32> {
    let around =
        |point: &Point| [point.value.wrapping_sub(1), point.value, point.value.wrapping_add(1)];
    points.iter().flat_map(around).chain([0, 1, u32::MAX - 1, u32::MAX])
}

fn assert_looks_up_as_by_search(
    continuum: &Continuum,
    hashes: impl IntoIterator<Item = u32>,
) -> Result<(), TestCaseError> {
    let points = continuum.points();
    for hash in hashes {
        let at = by_search(points, hash);
        prop_assert_eq!(continuum.place(hash), at, "hash {}", hash);
        prop_assert_eq!(continuum.owner(hash), points[at].shard, "hash {}", hash);
    }
    Ok(())
}

/// Many points in a few buckets, equal points, and points at both ends. Digests give no such points.
fn crowded_points() -> impl Strategy<Value = Vec<Point>> {
    let value = prop_oneof![
        any::<u32>(),
        0_u32..8,
        (u32::MAX - 8)..=u32::MAX,
        (0_u32..64).prop_map(|bits| bits << 26),
        0x4000_0000_u32..0x4000_0100,
    ];
    vec((value, 0_u16..9).prop_map(|(value, id)| Point { value, shard: ShardId(id) }), 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_what_a_search_finds(
        names in names(2..=12),
        weights in vec(1_u32..100, 12),
        hashes in vec(any::<u32>(), 200),
    ) {
        let members = members(&names, &weights);
        let router = router("fnv1a_64", &members, "ketama", None);
        let continuum = continuum(&router);
        assert_looks_up_as_by_search(continuum, hashes)?;
        assert_looks_up_as_by_search(continuum, edges(continuum.points()))?;
    }

    #[test]
    fn the_index_finds_the_same_among_close_and_equal_points(
        points in crowded_points(),
        hashes in vec(any::<u32>(), 50),
    ) {
        let continuum = Continuum::new(points.clone()).expect("has points");
        let mut sorted = points;
        sorted.sort_by_key(|point| point.value);
        prop_assert_eq!(continuum.points(), &sorted[..], "stable: equal points keep their order");
        assert_looks_up_as_by_search(&continuum, hashes)?;
        assert_looks_up_as_by_search(&continuum, edges(&sorted))?;
    }

    #[test]
    fn arcs_cover_the_circle_and_name_its_owners(points in crowded_points()) {
        let continuum = Continuum::new(points).expect("has points");
        let mut next = 0_u64;
        for arc in continuum.arcs() {
            prop_assert_eq!(u64::from(arc.first), next);
            prop_assert!(arc.first <= arc.last);
            prop_assert_eq!(continuum.owner(arc.first), arc.shard);
            prop_assert_eq!(continuum.owner(arc.last), arc.shard);
            next = u64::from(arc.last) + 1;
        }
        prop_assert_eq!(next, 1 << 32);
    }

    /// If a shard is lost, its points leave the circle. The other points stay, *if* each other shard
    /// keeps its number of points. With some numbers of equal shards (25, 47, 50, 55 ...)
    /// single-precision rounding gives 156 points to each shard instead of 160. Between such a number
    /// and the next one, each remaining shard loses or gains four points, and keys move between them
    /// too. So this property requires equal counts. The test at the end shows that only those numbers
    /// do not have them.
    #[test]
    fn losing_one_of_equals_moves_only_its_own_keys(
        names in names(2..=60),
        lost in any::<prop::sample::Index>(),
        keys in vec(vec(any::<u8>(), 0..24), 300),
    ) {
        let members = members(&names, &vec![1; names.len()]);
        let lost = ShardId(lost.index(names.len()) as u16);
        let before = router("fnv1a_64", &members, "ketama", None);
        let after = router("fnv1a_64", &members, "ketama", Some(lost));
        let (mut full, rest) = (points_per_shard(&before), points_per_shard(&after));
        full[lost.index()] = 0;
        prop_assume!(full == rest);

        let mut chance = Chance::new(1);
        for key in &keys {
            let (was, is) = (before.route(key, &mut chance), after.route(key, &mut chance));
            prop_assert!(is.is_some() && is != Some(lost));
            prop_assert!(was == Some(lost) || was == is, "{:x?} moved", key);
        }
        // The same for all 2^32 hashes, by arcs.
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (old, new) =
            (Side { router: &before, names: &names }, Side { router: &after, names: &names });
        let moved = compare(old, new).expect("is not random");
        prop_assert_eq!(moved.method, Method::Exact);
        prop_assert!(moved.moves.iter().all(|stream| stream.from == Some(names[lost.index()])));
        prop_assert!((moved.moved - before.share()[lost.index()]).abs() < 1e-12);
    }

    #[test]
    fn a_tag_is_the_same_as_by_the_simple_rule(
        key in "[{}$a-c]{0,12}",
        open in prop::sample::select(&b"{$"[..]),
        close in prop::sample::select(&b"}$"[..]),
    ) {
        let key = key.as_bytes();
        // The simple rule: try every pair of positions.
        let first_open = (0..key.len()).find(|&at| key[at] == open);
        let close_after = first_open
            .and_then(|open_at| (open_at + 1..key.len()).find(|&at| key[at] == close));
        let expected = match (first_open, close_after) {
            (Some(from), Some(to)) if to > from + 1 => &key[from + 1..to],
            _ => key,
        };
        let tag = HashTag { open, close };
        prop_assert_eq!(tag.part(key), expected);
        prop_assert_eq!(tag.part(key).is_empty(), key.is_empty());
    }

    /// Prefixes are few and short here, so that many begin with another one.
    #[test]
    fn colocated_keys_share_an_owner_and_the_others_keep_theirs(
        names in names(2..=8),
        weights in vec(1_u32..100, 8),
        prefixes in proptest::collection::btree_set("[ab{}]{1,3}", 1..12),
        per_entry in 1_usize..4,
        tails in vec("[ab{}]{0,4}", 20),
        hash in 0..HASHES.len(),
        distribution in prop::sample::select(&["ketama", "modula"][..]),
    ) {
        // Not sorted: the prefixes of an entry have different lengths and first bytes.
        let mut prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
        prefixes.sort_by_key(|prefix| prefix.bytes().rev().collect::<Vec<u8>>());
        let entries: Vec<Vec<&[u8]>> = prefixes
            .chunks(per_entry)
            .map(|entry| entry.iter().map(|prefix| prefix.as_bytes()).collect())
            .collect();
        let mut without = router(HASHES[hash].name, &members(&names, &weights), distribution, None);
        without.set_parts(Some(HashTag { open: b'{', close: b'}' }), None);
        let with = without.clone().with_colocate(Some(Arc::new(Colocate::new(&entries))));
        let mut chance = Chance::new(1);
        let keys = tails.iter().cloned().chain(
            prefixes.iter().flat_map(|prefix| tails.iter().map(move |tail| format!("{prefix}{tail}"))),
        );
        for key in keys {
            let key = key.as_bytes();
            // The simple rule: of all prefixes that fit, the longest.
            let entry = entries
                .iter()
                .flat_map(|entry| entry.iter().map(move |prefix| (prefix, entry[0])))
                .filter(|(prefix, _)| key.starts_with(prefix))
                .max_by_key(|(prefix, _)| prefix.len());
            let expected = match entry {
                Some((_, first)) => without.route_hash((without.hash.function)(first), &mut chance),
                None => without.route(key, &mut chance),
            };
            prop_assert_eq!(with.route(key, &mut chance), expected, "{:x?}", key);
        }
    }

    #[test]
    fn an_empty_key_goes_where_the_hash_0_goes(
        names in names(1..=8),
        weights in vec(1_u32..100, 8),
        hash in 0..HASHES.len(),
        distribution in prop::sample::select(&["ketama", "modula"][..]),
    ) {
        let router = router(HASHES[hash].name, &members(&names, &weights), distribution, None);
        let mut chance = Chance::new(1);
        let owner = router.route(b"", &mut chance);
        prop_assert!(owner.is_some());
        prop_assert_eq!(owner, router.route_hash(0, &mut chance));
    }

    #[test]
    fn an_explanation_ends_where_the_key_goes(
        names in names(1..=8),
        weights in vec(1_u32..100, 8),
        key in vec(any::<u8>(), 0..24),
        distribution in prop::sample::select(&["ketama", "modula"][..]),
    ) {
        let router = router("fnv1a_64", &members(&names, &weights), distribution, None);
        let found = explain(&router, &key);
        prop_assert_eq!(found.shard, router.route(&key, &mut Chance::new(1)));
        prop_assert_eq!(found.hash.is_some(), names.len() > 1);
    }
}

/// The assumption of `losing_one_of_equals_moves_only_its_own_keys`. It fails at the counts where rounding
/// loses points and at the counts one above them, and only there.
#[test]
fn equals_keep_their_points_except_at_the_counts_where_rounding_loses_some() {
    let names: Vec<String> = (0..64).map(|number| format!("shard-{number:02}")).collect();
    let keeps = |count: usize| {
        let members = members(&names[..count], &vec![1; count]);
        let before = points_per_shard(&router("fnv1a_64", &members, "ketama", None));
        let after = points_per_shard(&router("fnv1a_64", &members, "ketama", Some(ShardId(0))));
        before[1..] == after[1..]
    };
    let moved: Vec<usize> = (2..=64).filter(|&count| !keeps(count)).collect();
    assert_eq!(moved, [25, 26, 47, 48, 50, 51, 55, 56, 61, 62]);
}
