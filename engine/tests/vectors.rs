//! Compares routing with all of twemproxy's answers in `testdata/twemproxy/`, and with the rule of
//! `colocate` in `testdata/colocate/`.
//!
//! The fields of the files are listed here by name. A field that is not listed fails the test, so every
//! field is checked. `testdata/README.md` says how the files were made.

use nuthatch_engine::base::{Chance, ShardId};
use nuthatch_engine::routing::distribution::{self, Ring};
use nuthatch_engine::routing::explain::explain;
use nuthatch_engine::routing::{Colocate, HASHES, HashTag, Member, Router, hash, name_order};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::Arc;

const HASH: &str = include_str!("../testdata/twemproxy/hash.json");
const KETAMA: &str = include_str!("../testdata/twemproxy/ketama.json");
const MODULA: &str = include_str!("../testdata/twemproxy/modula.json");
const COLOCATE: &str = include_str!("../testdata/colocate/prefixes.json");

#[test]
fn every_hash_of_every_key() {
    let functions = object(&parse(HASH));
    let mut names: Vec<&str> = functions.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, HASHES.iter().map(|hash| hash.name).collect::<Vec<_>>());

    for (name, vectors) in &functions {
        let function = hash::by_name(name).expect("a known hash").function;
        let vectors = array(vectors);
        assert_eq!(vectors.len(), 107, "{name}");
        for vector in vectors {
            let vector = object(vector);
            only_fields(&vector, &["key_hex", "hash"]);
            let key = unhex(text(&vector["key_hex"]));
            assert_eq!(u64::from(function(&key)), number(&vector["hash"]), "{name} of {key:x?}");
        }
    }
}

#[test]
fn every_ketama_pool() {
    check_pools(KETAMA, "ketama", |fields| fields.extend(["first_points", "last_points"]));
}

#[test]
fn every_modula_pool() {
    check_pools(MODULA, "modula", |_| {});
}

#[test]
fn every_colocated_key() {
    let file = object(&parse(COLOCATE));
    only_fields(&file, &["about", "pools"]);
    for pool in array(&file["pools"]) {
        let pool = object(pool);
        only_fields(&pool, &["name", "hash_tag", "entries", "keys"]);
        let entries: Vec<Vec<&[u8]>> = array(&pool["entries"])
            .iter()
            .map(|entry| text(entry).split(' ').map(str::as_bytes).collect())
            .collect();
        let members: Vec<Member<'_>> = (0..)
            .zip(["a", "b", "c"])
            .map(|(id, name)| Member { shard: ShardId(id), name, weight: 1 })
            .collect();
        let hash = hash::by_name("fnv1a_64").expect("is in the table");
        let distribution = distribution::by_name("ketama").expect("is in the table");
        let router = Router::new(hash, hash_tag(&pool), distribution, &members, |_| true)
            .with_colocate(Some(Arc::new(Colocate::new(&entries))));
        for vector in array(&pool["keys"]) {
            let vector = object(vector);
            only_fields(&vector, &["key", "hashed", "hash"]);
            let (key, hashed) = (text(&vector["key"]), text(&vector["hashed"]));
            assert_eq!(router.hashed_part(key.as_bytes()), hashed.as_bytes(), "{key}");
            let hash = u32::try_from(number(&vector["hash"])).expect("is a hash");
            assert_eq!(router.hash_of(key.as_bytes()), hash, "{key}");
            let mut chance = Chance::new(1);
            let owner = router.route_hash(hash, &mut chance);
            assert_eq!(router.route(key.as_bytes(), &mut chance), owner, "{key}");
            assert_eq!(explain(&router, key.as_bytes()).shard, owner, "{key} explained");
        }
    }
}

fn hash_tag(pool: &Map<String, Value>) -> Option<HashTag> {
    pool["hash_tag"].as_str().map(|tag| match *tag.as_bytes() {
        [open, close] => HashTag { open, close },
        _ => panic!("{}: a hash tag is two bytes", text(&pool["name"])),
    })
}

fn check_pools(file: &str, distribution: &str, also: impl Fn(&mut Vec<&str>)) {
    let file = object(&parse(file));
    only_fields(&file, &["about", "keys_hex", "pools"]);
    let keys: Vec<Vec<u8>> = array(&file["keys_hex"]).iter().map(|key| unhex(text(key))).collect();
    let pools = array(&file["pools"]);
    assert_eq!((keys.len(), pools.len()), (200, 70));
    for pool in pools {
        let pool = object(pool);
        let mut fields = vec![
            "name",
            "hash",
            "hash_tag",
            "distribution",
            "servers",
            "sorted_servers",
            "ejected",
            "continuum_points",
            "points_per_server",
            "continuum_sha256",
            "owners",
        ];
        also(&mut fields);
        only_fields(&pool, &fields);
        assert_eq!(text(&pool["distribution"]), distribution);
        check_pool(&pool, &keys);
    }
}

fn check_pool(pool: &Map<String, Value>, keys: &[Vec<u8>]) {
    let name = text(&pool["name"]);
    let entries = sorted_entries(pool);
    let members: Vec<Member<'_>> = (0..)
        .zip(&entries)
        .map(|(id, entry)| Member { shard: ShardId(id), name: &entry.name, weight: entry.weight })
        .collect();
    let ejected: Vec<u64> = match pool.get("ejected") {
        Some(ids) => array(ids).iter().map(number).collect(),
        None => Vec::new(),
    };
    let is_live = |shard: ShardId| !ejected.contains(&u64::from(shard.0));
    let distribution = distribution::by_name(text(&pool["distribution"])).expect("is in the table");

    // The ring is built here and not taken from the router. The vectors have a ring for pools of one
    // server too, but twemproxy and we route these pools without a ring.
    let live: Vec<Member<'_>> =
        members.iter().copied().filter(|member| is_live(member.shard)).collect();
    check_points(pool, &points(&(distribution.build)(&live)), members.len());

    let hash = hash::by_name(text(&pool["hash"])).expect("is in the table");
    let router = Router::new(hash, hash_tag(pool), distribution, &members, is_live);
    let owners = array(&pool["owners"]);
    assert_eq!(owners.len(), keys.len());
    for (key, owner) in keys.iter().zip(owners) {
        let owner = Some(ShardId(u16::try_from(number(owner)).expect("is an id")));
        let mut chance = Chance::new(1);
        assert_eq!(router.route(key, &mut chance), owner, "{name} {key:x?}");
        assert_eq!(
            router.route_hash(router.hash_of(key), &mut chance),
            owner,
            "{name} {key:x?} by its hash"
        );
        assert_eq!(explain(&router, key).shard, owner, "{name} {key:x?} explained");
    }
}

/// The ring in the form of the vectors: values and indexes. With `modula` all values are 0.
fn points(ring: &Ring) -> Vec<(u32, u16)> {
    match ring {
        Ring::Ketama(continuum) => {
            continuum.points().iter().map(|point| (point.value, point.shard.0)).collect()
        }
        Ring::Modula(modula) => (0..modula.slot_count())
            .map(|slot| (0, modula.owner(u32::try_from(slot).expect("is a hash too")).0))
            .collect(),
        _ => panic!("neither a continuum nor a list"),
    }
}

fn check_points(pool: &Map<String, Value>, points: &[(u32, u16)], server_count: usize) {
    let name = text(&pool["name"]);
    assert_eq!(points.len() as u64, number(&pool["continuum_points"]), "{name}");

    let mut per_server = vec![0; server_count];
    for &(_, id) in points {
        per_server[usize::from(id)] += 1;
    }
    let expected: Vec<u64> = array(&pool["points_per_server"]).iter().map(number).collect();
    assert_eq!(per_server, expected, "{name}");

    let pairs = |field: &str| -> Vec<(u64, u64)> {
        let Some(pairs) = pool.get(field) else { return Vec::new() };
        array(pairs).iter().map(|pair| (number(&pair[0]), number(&pair[1]))).collect()
    };
    let ours = |points: &[(u32, u16)]| -> Vec<(u64, u64)> {
        points.iter().map(|&(value, id)| (u64::from(value), u64::from(id))).collect()
    };
    let (first, last) = (pairs("first_points"), pairs("last_points"));
    assert_eq!(ours(&points[..first.len()]), first, "{name}");
    assert_eq!(ours(&points[points.len() - last.len()..]), last, "{name}");
    if pool.contains_key("first_points") {
        assert_eq!((first.len(), last.len()), (10, 3), "{name}");
    }

    let mut lines = String::new();
    for (value, id) in points {
        writeln!(lines, "{value}:{id}").expect("writes to strings do not fail");
    }
    let digest = Sha256::digest(lines.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writes to strings do not fail");
        hex
    });
    assert_eq!(digest, text(&pool["continuum_sha256"]), "{name}");
}

/// One line of a pool's `servers`.
struct Entry {
    name: String,
    address: String,
    port: u64,
    weight: u32,
    /// The entry without an explicit name.
    bare: String,
}

/// The servers of the configuration in our order, after a comparison with twemproxy's order.
fn sorted_entries(pool: &Map<String, Value>) -> Vec<Entry> {
    let pool_name = text(&pool["name"]);
    let mut entries: Vec<Entry> =
        array(&pool["servers"]).iter().map(|entry| parse_entry(text(entry))).collect();
    entries.sort_by(|a, b| name_order(&a.name, &b.name));

    let sorted = array(&pool["sorted_servers"]);
    assert_eq!(entries.len(), sorted.len(), "{pool_name}");
    for (at, (entry, expected)) in entries.iter().zip(sorted).enumerate() {
        let expected = object(expected);
        only_fields(&expected, &["index", "name", "address", "port", "weight", "pname"]);
        assert_eq!(number(&expected["index"]), at as u64, "{pool_name}");
        assert_eq!(text(&expected["name"]), entry.name, "{pool_name}");
        assert_eq!(text(&expected["address"]), entry.address, "{pool_name}");
        assert_eq!(number(&expected["port"]), entry.port, "{pool_name}");
        assert_eq!(number(&expected["weight"]), u64::from(entry.weight), "{pool_name}");
        assert_eq!(text(&expected["pname"]), entry.bare, "{pool_name}");
    }
    entries
}

/// Reads an entry from the right, as twemproxy does. The parser with checks is in `config`.
fn parse_entry(entry: &str) -> Entry {
    let (bare, explicit) = match entry.rsplit_once(' ') {
        Some((bare, name)) => (bare, Some(name)),
        None => (entry, None),
    };
    let (place, weight) = bare.rsplit_once(':').expect("a weight");
    let (address, port, implied) = if place.starts_with('/') {
        (place, 0, format!("{place}:"))
    } else {
        let (host, port) = place.rsplit_once(':').expect("a port");
        let port = port.parse().expect("a number");
        (host, port, if port == 11211 { host.to_owned() } else { place.to_owned() })
    };
    Entry {
        name: explicit.map_or(implied, str::to_owned),
        address: address.to_owned(),
        port,
        weight: weight.parse().expect("a number"),
        bare: bare.to_owned(),
    }
}

fn parse(file: &str) -> Value {
    serde_json::from_str(file).expect("JSON")
}

fn only_fields(object: &Map<String, Value>, known: &[&str]) {
    for field in object.keys() {
        assert!(known.contains(&field.as_str()), "nothing checks the field {field}");
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn unhex(digits: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hex digit") as u8;
    digits.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
