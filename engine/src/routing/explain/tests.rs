//! Explanations and comparisons on small pools. `engine/tests/vectors.rs` checks the explained owner
//! of every key of its vectors.

use super::{Comparison, Method, Move, Place, SAMPLE_LEN, Side, compare, compare_keys, explain};
use crate::base::ShardId;
use crate::routing::{Colocate, HashTag, Member, Router, distribution, hash};
use std::sync::Arc;

const BRACES: Option<HashTag> = Some(HashTag { open: b'{', close: b'}' });
const DOLLARS: Option<HashTag> = Some(HashTag { open: b'$', close: b'$' });
const TWO: [&str; 2] = ["a", "b"];
const THREE: [&str; 3] = ["a", "b", "c"];

fn router(names: &[&str], hash_name: &str, tag: Option<HashTag>, distribution: &str) -> Router {
    router_without(None, names, hash_name, tag, distribution)
}

fn router_without(
    ejected: Option<u16>,
    names: &[&str],
    hash_name: &str,
    tag: Option<HashTag>,
    distribution: &str,
) -> Router {
    let members: Vec<Member<'_>> = (0..)
        .zip(names)
        .map(|(id, &name)| Member { shard: ShardId(id), name, weight: 1 })
        .collect();
    let hash = hash::by_name(hash_name).unwrap();
    let distribution = distribution::by_name(distribution).unwrap();
    Router::new(hash, tag, distribution, &members, |shard| Some(shard.0) != ejected)
}

fn ketama(names: &[&str]) -> Router {
    router(names, "fnv1a_64", None, "ketama")
}

fn compared<'a>(
    (before, old): (&'a Router, &'a [&'a str]),
    (after, new): (&'a Router, &'a [&'a str]),
) -> Comparison<'a> {
    compare(Side { router: before, names: old }, Side { router: after, names: new }).unwrap()
}

#[test]
fn a_key_on_the_continuum() {
    let router = router(&THREE, "fnv1a_64", BRACES, "ketama");
    let tagged = explain(&router, b"{foo}:1");
    assert_eq!((tagged.hashed_part, tagged.is_tagged), (&b"foo"[..], true));
    assert_eq!(tagged.hash, Some(4_275_688_823));
    let whole = explain(&router, b"foo");
    assert_eq!((whole.is_tagged, whole.place, whole.shard), (false, tagged.place, tagged.shard));
    let Place::Point { index, count, value, is_past_last } = whole.place else {
        panic!("{whole:?}")
    };
    assert_eq!(count, 480);
    let crate::routing::distribution::Ring::Ketama(continuum) = &router.ring else {
        panic!("not a continuum")
    };
    let point = continuum.points()[index];
    assert_eq!((point.value, Some(point.shard)), (value, whole.shard));
    assert_eq!(is_past_last, value < 4_275_688_823);
}

#[test]
fn past_the_last_point_comes_the_first() {
    let router = ketama(&THREE);
    let key = (0..1_000_000)
        .map(|number| format!("{number}:x"))
        .find(|key| {
            matches!(
                explain(&router, key.as_bytes()).place,
                Place::Point { is_past_last: true, .. }
            )
        })
        .unwrap();
    let found = explain(&router, key.as_bytes());
    assert!(matches!(found.place, Place::Point { index: 0, .. }), "{found:?}");
}

#[test]
fn slots_single_shards_random_and_no_live_shard() {
    let modula = explain(&router(&THREE, "fnv1a_64", None, "modula"), b"foo").place;
    assert_eq!(modula, Place::Slot { slot: 4_275_688_823 % 3, count: 3 });

    let single = router(&["a"], "fnv1a_64", BRACES, "ketama");
    let only = explain(&single, b"{foo}");
    assert_eq!((only.place, only.hash, only.shard), (Place::OnlyShard, None, Some(ShardId(0))));

    let random = router(&THREE, "md5", None, "random");
    let random = explain(&random, b"foo");
    assert_eq!(
        (random.place, random.hash, random.shard),
        (Place::Anywhere { count: 3 }, None, None)
    );

    let nobody = router_without(Some(0), &["a"], "md5", None, "ketama");
    let nobody = explain(&nobody, b"foo");
    assert_eq!((nobody.place, nobody.hash, nobody.shard), (Place::Nowhere, None, None));
}

#[test]
fn an_empty_key_is_zero_without_a_hash() {
    let router = router(&THREE, "jenkins", None, "ketama");
    let found = explain(&router, b"");
    assert!(found.is_empty && !found.is_tagged);
    assert_eq!(found.hash, Some(0));
    assert!(matches!(found.place, Place::Point { index: 0, is_past_last: false, .. }));
}

#[test]
fn the_same_router_moves_nothing() {
    for distribution in ["ketama", "modula"] {
        let router = router(&THREE, "fnv1a_64", None, distribution);
        let none = compared((&router, &THREE), (&router, &THREE));
        assert_eq!((none.moved, none.moves.len(), none.tags_differ), (0.0, 0, false));
    }
}

#[test]
fn a_new_shard_takes_its_share_and_no_other_key_moves() {
    let (two, three) = (ketama(&TWO), ketama(&THREE));
    let grown = compared((&two, &TWO), (&three, &THREE));
    assert_eq!(grown.method, Method::Exact);
    // Arcs are whole hashes, so this is exact.
    assert!((grown.moved - three.share()[2]).abs() < 1e-12, "{grown:?}");
    assert_eq!(grown.moves.len(), 2);
    assert!(grown.moves.iter().all(|moved| moved.to == Some("c")), "{grown:?}");
    assert!(grown.moves[0].part >= grown.moves[1].part);

    let shrunk = compared((&three, &THREE), (&two, &TWO));
    assert!((shrunk.moved - grown.moved).abs() < 1e-12, "the way back is as long");
}

#[test]
fn shards_are_matched_by_name() {
    // "b" has the id 1 here and 0 there.
    let (before, after) = (ketama(&THREE), ketama(&["b", "c"]));
    let comparison = compared((&before, &THREE), (&after, &["b", "c"]));
    assert!(comparison.moves.iter().all(|moved| moved.from == Some("a")), "{comparison:?}");
    let renamed = compared((&before, &THREE), (&before, &["x", "y", "z"]));
    assert!((renamed.moved - 1.0).abs() < 1e-12, "{renamed:?}");
}

#[test]
fn a_sample_agrees_with_the_exact_count() {
    // The most even function, so that sample and hash space agree.
    let (two, three) = (router(&TWO, "md5", None, "ketama"), router(&THREE, "md5", None, "ketama"));
    let (before, after) =
        (Side { router: &two, names: &TWO }, Side { router: &three, names: &THREE });
    let exact = compare(before, after).unwrap();
    let keys = (0..100_000).map(|number| format!("user:{number}"));
    let counted = compare_keys(before, after, keys).unwrap();
    assert_eq!(counted.method, Method::Keys { keys: 100_000 });
    assert!((exact.moved - counted.moved).abs() < 0.01, "{exact:?} {counted:?}");
}

#[test]
fn other_hashes_and_modula_are_sampled() {
    let fnv = ketama(&THREE);
    let md5 = router(&THREE, "md5", None, "ketama");
    let other_hash = compared((&fnv, &THREE), (&md5, &THREE));
    assert_eq!(other_hash.method, Method::Sample { keys: SAMPLE_LEN });
    assert!((0.6..0.72).contains(&other_hash.moved), "two thirds or so: {other_hash:?}");
    assert_eq!(other_hash, compared((&fnv, &THREE), (&md5, &THREE)), "the same each time");

    let (two, three) =
        (router(&TWO, "fnv1a_64", None, "modula"), router(&THREE, "fnv1a_64", None, "modula"));
    let modula = compared((&two, &TWO), (&three, &THREE));
    assert_eq!(modula.method, Method::Sample { keys: SAMPLE_LEN });
    // Of six residues 0 and 1 stay.
    assert!((0.65..0.68).contains(&modula.moved), "{modula:?}");
}

#[test]
fn a_change_of_tag_is_reported_and_counted_in_tagged_keys() {
    let (before, after) = (
        router(&THREE, "fnv1a_64", BRACES, "ketama"),
        router(&THREE, "fnv1a_64", DOLLARS, "ketama"),
    );
    let (before, after) =
        (Side { router: &before, names: &THREE }, Side { router: &after, names: &THREE });
    let made_up = compare(before, after).unwrap();
    assert_eq!(made_up.method, Method::Sample { keys: SAMPLE_LEN });
    assert!(made_up.tags_differ && made_up.moves.is_empty(), "{made_up:?}");
    let keys = (0..1000).map(|number| format!("{{user:{number}}}:$cart$"));
    let tagged = compare_keys(before, after, keys).unwrap();
    assert!(tagged.moved > 0.4, "{tagged:?}");
}

/// The router with one entry, `bull: bee:`.
fn colocated(router: Router) -> Router {
    router.with_colocate(Some(Arc::new(Colocate::new(&[vec![b"bull:", b"bee:"]]))))
}

#[test]
fn a_colocated_key_names_its_prefix_and_what_is_hashed() {
    let router = colocated(router(&THREE, "fnv1a_64", BRACES, "ketama"));
    let found = explain(&router, b"bee:{x}:c");
    let entry = found.colocated.unwrap();
    assert_eq!((entry.prefix, entry.first), (&b"bee:"[..], &b"bull:"[..]));
    assert_eq!((found.hashed_part, found.is_tagged), (&b"bull:"[..], false));
    assert_eq!((found.hash, found.shard), (Some(2_847_915_350), explain(&router, b"bull:1").shard));
    let tagged = explain(&router, b"{x}bee:");
    assert_eq!((tagged.colocated, tagged.is_tagged), (None, true));
}

#[test]
fn a_change_of_colocate_is_reported_and_counted_in_its_keys() {
    let (before, after) = (ketama(&THREE), colocated(ketama(&THREE)));
    let (before, after) =
        (Side { router: &before, names: &THREE }, Side { router: &after, names: &THREE });
    let made_up = compare(before, after).unwrap();
    assert_eq!(made_up.method, Method::Sample { keys: SAMPLE_LEN });
    assert!(made_up.colocate_differs && !made_up.tags_differ && made_up.moves.is_empty());
    let keys = (0..1000).map(|number| format!("bull:{number}"));
    let moved = compare_keys(before, after, keys).unwrap();
    assert!(moved.moved > 0.4, "{moved:?}");
    let wide = Colocate::new(&[vec![b"k", b"\0"]]);
    let wide = ketama(&THREE).with_colocate(Some(Arc::new(wide)));
    let made_up = compare(before, Side { router: &wide, names: &THREE }).unwrap();
    assert!(made_up.colocate_differs && made_up.moves.is_empty(), "no made-up key has a prefix");
    let same = compare(after, after).unwrap();
    assert_eq!((same.method, same.colocate_differs), (Method::Exact, false));
}

#[test]
fn one_owner_is_exact_with_any_hash_of_the_other_side() {
    let single = router(&["a"], "md5", BRACES, "modula");
    let three = ketama(&THREE);
    let grown = compared((&single, &["a"]), (&three, &THREE));
    assert_eq!(grown.method, Method::Exact);
    assert!((grown.moved - (1.0 - three.share()[0])).abs() < 1e-12, "{grown:?}");

    let nobody = router_without(Some(0), &["a"], "md5", None, "ketama");
    let lost = compared((&single, &["a"]), (&nobody, &["a"]));
    assert_eq!(lost.moves, [Move { from: Some("a"), to: None, part: 1.0 }]);
}

#[test]
fn a_function_with_small_values_is_counted_up_to_its_largest() {
    let (two, three) =
        (router(&TWO, "crc32", None, "ketama"), router(&THREE, "crc32", None, "ketama"));
    let grown = compared((&two, &TWO), (&three, &THREE));
    assert_eq!(grown.method, Method::Exact);
    assert!((grown.moved - three.share()[2]).abs() < 1e-12, "{grown:?} {:?}", three.share());
    assert!(three.share().iter().any(|&share| share > 0.9), "the known weakness of crc32");
}

#[test]
fn random_cannot_be_compared() {
    let (random, ketama) = (router(&THREE, "md5", None, "random"), ketama(&THREE));
    let (random, ketama) =
        (Side { router: &random, names: &THREE }, Side { router: &ketama, names: &THREE });
    assert_eq!(compare(random, ketama), None);
    assert_eq!(compare(ketama, random), None);
    assert_eq!(compare_keys(random, random, [b"key"]), None);
    let of_no_keys = compare_keys(ketama, ketama, [""; 0]).unwrap();
    assert!(of_no_keys.moved == 0.0 && of_no_keys.moves.is_empty());
}
