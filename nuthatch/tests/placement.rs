//! Does nuthatch find what nutcracker stored, and nutcracker what nuthatch stored?
//!
//! ```text
//!   keys ──▶ one proxy ──▶ three redis-servers ◀── the other proxy ◀── the same keys
//!                                  ▲
//!                  each key on one server, the one `where` names
//! ```
//!
//! Both proxies get the same pools over the same servers. Keys are written through one and read
//! through the other, both ways, and then looked for on the servers themselves: the same answer
//! from both proxies would also come of both being wrong in the same way.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

use nuthatch::config;
use nuthatch_engine::base::Chance;
use nuthatch_engine::routing::HASHES;
use nuthatch_engine::topology::kinds::fixed;
use nuthatch_engine::topology::{Manners, PoolSpec, ShardState};
use nuthatch_testbed::{
    Client, Nutcracker, Nuthatch, Proxy, RedisServer, Value, find_program, free_port, pool_yaml,
};
use std::collections::BTreeSet;

/// Keys of one MSET.
const BATCH: usize = 100;
/// Requests in flight.
const PIPELINE: usize = 500;
/// nutcracker takes keys up to 16335 bytes, unless told otherwise.
const LONG_KEY: usize = 16_000;

#[test]
fn names_weights_and_a_tag() {
    let keys = [("redis", "true"), ("hash", "fnv1a_64"), ("hash_tag", "\"{}\"")];
    let Some(stage) = Stage::new(&[&keys], Some([("alpha", 1), ("b", 2), ("gamma-delta", 1)]))
    else {
        return;
    };
    stage.both_ways(0, "", 10_000);
}

#[test]
fn plain_names_over_modula() {
    let keys = [("redis", "true"), ("hash", "md5"), ("distribution", "modula")];
    let Some(stage) = Stage::new(&[&keys], None) else { return };
    stage.both_ways(0, "", 10_000);
}

#[test]
fn every_hash_under_every_distribution_that_places() {
    let pools: Vec<[(&str, &str); 4]> = HASHES
        .iter()
        .flat_map(|hash| {
            ["ketama", "modula"].map(|distribution| {
                [
                    ("redis", "true"),
                    ("hash", hash.name),
                    ("distribution", distribution),
                    // Two equal bytes are a tag too.
                    ("hash_tag", if hash.name.len() % 2 == 0 { "\"{}\"" } else { "\"$$\"" }),
                ]
            })
        })
        .collect();
    let pools: Vec<&[(&str, &str)]> = pools.iter().map(<[_; 4]>::as_slice).collect();
    let Some(stage) = Stage::new(&pools, Some([("one", 3), ("two", 1), ("three", 2)])) else {
        return;
    };
    for pool in 0..pools.len() {
        stage.both_ways(pool, &format!("pool{pool}:"), 300);
    }
}

/// A program's keys without a tag, through us alone: the old proxy cannot do it.
#[test]
fn colocated_keys_are_on_one_server_and_the_others_stay() {
    let servers = [(); 3].map(|()| RedisServer::start().unwrap());
    let names = ["alpha", "b", "gamma-delta"];
    let entries: Vec<String> = names.iter().zip(&servers).map(|(n, s)| s.entry(1, n)).collect();
    let keys = [("redis", "true"), ("hash_tag", "\"{}\"")];
    let colocate = ("colocate", "[\"bull:\", \"celery _kombu unacked\"]");
    let with = pool_yaml("with", free_port(), &[keys[0], keys[1], colocate], &entries);
    let without = pool_yaml("without", free_port(), &keys, &entries);
    let proxy = Nuthatch::start(&format!("{with}{without}"), &[]).unwrap();
    // Pools are served in the order of their names, the shorter first.
    let mut client = proxy.client_of(0).unwrap();
    let mut holders = Vec::new();
    for entry in [&["bull:a", "bull:b", "bull:{x}:c"][..], &["celery", "_kombu.b", "unacked_{y}"]] {
        for key in entry {
            assert!(client.command(&["SET", key, "v"]).unwrap().is_ok());
        }
        holders.extend(entry.iter().map(|key| holder(&servers, key)));
    }
    assert!(holders[..3].iter().all(|&at| at == holders[0]), "{holders:?}");
    assert!(holders[3..].iter().all(|&at| at == holders[3]), "{holders:?}");
    // One server has them all, so a command over several of them is served.
    let renamed = client.command(&["RENAME", "bull:a", "bull:{z}:d"]).unwrap();
    assert!(renamed.is_ok(), "{renamed:?}");
    assert_eq!(holder(&servers, "bull:{z}:d"), holders[0]);

    let mut other = proxy.client_of(1).unwrap();
    for n in 0..300 {
        let key = format!("user:{{{n}}}:{n}");
        assert!(client.command(&["SET", &key, "v"]).unwrap().is_ok());
        assert_eq!(other.command(&["GET", &key]).unwrap(), Value::bulk("v"), "{key}");
    }
}

/// The entry of `colocate` alone decides, whatever the distribution.
#[test]
fn colocated_keys_are_on_one_server_under_modula() {
    let servers = [(); 3].map(|()| RedisServer::start().unwrap());
    let entries: Vec<String> = servers.iter().map(|server| server.entry(1, "")).collect();
    let keys = [("redis", "true"), ("distribution", "modula"), ("colocate", "[\"rq: bull:\"]")];
    let proxy = Nuthatch::start(&pool_yaml("p", free_port(), &keys, &entries), &[]).unwrap();
    let mut client = proxy.client_of(0).unwrap();
    let keys: Vec<String> = (0..20).map(|n| format!("bull:{n}")).collect();
    let set: Vec<&str> =
        std::iter::once("MSET").chain(keys.iter().flat_map(|key| [key.as_str(), "v"])).collect();
    assert!(client.command(&set).unwrap().is_ok());
    let first = holder(&servers, &keys[0]);
    assert!(keys.iter().all(|key| holder(&servers, key) == first));
}

/// The one server that has the key.
fn holder(servers: &[RedisServer], key: &str) -> usize {
    let has = |server: &RedisServer| {
        server.client().unwrap().command(&["EXISTS", key]).unwrap() == Value::Integer(1)
    };
    let found: Vec<usize> = (0..servers.len()).filter(|&at| has(&servers[at])).collect();
    assert_eq!(found.len(), 1, "{key}");
    found[0]
}

/// Three servers behind both proxies.
struct Stage {
    servers: [RedisServer; 3],
    old: Proxy,
    new: Proxy,
    pools: Vec<PoolSpec>,
}

impl Stage {
    /// A pool for each list of keys, all over the same servers; `None` without the old proxy.
    fn new(pools: &[&[(&str, &str)]], names: Option<[(&str, u32); 3]>) -> Option<Stage> {
        if find_program("nutcracker").is_none() {
            eprintln!("nutcracker is not installed: nothing to compare with");
            return None;
        }
        let servers = [(); 3].map(|()| RedisServer::start().unwrap());
        let entries: Vec<String> = match names {
            Some(names) => names.iter().zip(&servers).map(|(n, s)| s.entry(n.1, n.0)).collect(),
            None => servers.iter().map(|server| server.entry(1, "")).collect(),
        };
        let yaml = || -> String {
            let pool = |(at, keys): (usize, &&[(&str, &str)])| {
                pool_yaml(&format!("pool{at:02}"), free_port(), keys, &entries)
            };
            pools.iter().enumerate().map(pool).collect()
        };
        let ours = yaml();
        let (config, _) = config::parse(&ours, "ours.yml", Manners::Modern).unwrap();
        Some(Stage {
            servers,
            old: Nutcracker::start(&yaml()).unwrap(),
            new: Nuthatch::start(&ours, &[]).unwrap(),
            pools: config.pools.into_iter().map(|pool| pool.spec).collect(),
        })
    }

    /// So many keys from the old proxy to the new one, and as many others back.
    fn both_ways(&self, pool: usize, prefix: &str, count: usize) {
        let name = &self.pools[pool].name;
        let ways = [(&self.old, &self.new, "old"), (&self.new, &self.old, "new")];
        for (writer, reader, way) in ways {
            let keys = keys(&format!("{prefix}{way}"), count);
            write(&mut writer.client_of(pool).unwrap(), &keys);
            let found = read(&mut reader.client_of(pool).unwrap(), &keys);
            let lost: Vec<String> = keys
                .iter()
                .zip(found)
                .enumerate()
                .filter(|(at, (_, found))| *found != Value::bulk(value(*at)))
                .map(|(_, (key, found))| format!("{} {found:?}", key.escape_ascii()))
                .collect();
            assert!(lost.is_empty(), "{name}, written by {way}: {} lost: {lost:.200?}", lost.len());
            self.assert_in_place(pool, &keys);
        }
    }

    /// Each key is on one server, and that is the one the router names.
    fn assert_in_place(&self, pool: usize, keys: &[Vec<u8>]) {
        let spec = &self.pools[pool];
        let router = fixed::router(spec, &vec![ShardState::Live; spec.shards.len()]);
        let mut chance = Chance::new(0);
        let owners: Vec<String> = keys
            .iter()
            .map(|key| router.route(key, &mut chance).unwrap())
            .map(|shard| spec.shards[shard.index()].address.to_string())
            .collect();
        for server in &self.servers {
            let address = server.addr().to_string();
            let mut client = server.client().unwrap();
            let asks: Vec<Vec<&[u8]>> = keys.iter().map(|key| vec![&b"EXISTS"[..], key]).collect();
            let found = pipelined(&mut client, &asks);
            for ((key, owner), found) in keys.iter().zip(&owners).zip(found) {
                let expected = Value::Integer(i64::from(*owner == address));
                assert_eq!(found, expected, "{}: {}", spec.name, key.escape_ascii());
            }
        }
    }
}

fn write(client: &mut Client, keys: &[Vec<u8>]) {
    let values: Vec<String> = (0..keys.len()).map(value).collect();
    let pairs: Vec<(&[u8], &[u8])> =
        keys.iter().zip(&values).map(|(key, value)| (key.as_slice(), value.as_bytes())).collect();
    let sets: Vec<Vec<&[u8]>> = pairs
        .chunks(BATCH)
        .map(|chunk| {
            let pairs = chunk.iter().flat_map(|&(key, value)| [key, value]);
            std::iter::once(&b"MSET"[..]).chain(pairs).collect()
        })
        .collect();
    for sets in sets.chunks(10) {
        let replies = client.pipeline(sets).unwrap();
        assert!(replies.iter().all(Value::is_ok), "{replies:?}");
    }
}

/// Every value by GET; MGET must say the same.
fn read(client: &mut Client, keys: &[Vec<u8>]) -> Vec<Value> {
    let gets: Vec<Vec<&[u8]>> = keys.iter().map(|key| vec![&b"GET"[..], key]).collect();
    let found = pipelined(client, &gets);
    for (keys, found) in keys.chunks(BATCH).zip(found.chunks(BATCH)) {
        let mget: Vec<&[u8]> =
            std::iter::once(&b"MGET"[..]).chain(keys.iter().map(Vec::as_slice)).collect();
        assert_eq!(client.command(&mget).unwrap(), Value::Array(found.to_vec()));
    }
    found
}

fn pipelined(client: &mut Client, requests: &[Vec<&[u8]>]) -> Vec<Value> {
    requests.chunks(PIPELINE).flat_map(|part| client.pipeline(part).unwrap()).collect()
}

fn value(number: usize) -> String {
    format!("value-{number}")
}

/// So many different keys of all the kinds that have ever made trouble.
fn keys(prefix: &str, count: usize) -> Vec<Vec<u8>> {
    let mut chance = Chance::new(count as u64);
    let mut bytes = |len: usize| -> Vec<u8> { (0..len).map(|_| chance.draw() as u8).collect() };
    let mut seen = BTreeSet::new();
    let mut keys = Vec::with_capacity(count);
    for n in 0.. {
        let tail: Vec<u8> = match n % 12 {
            0 => format!(":{{user{}}}:{n}", n % 97).into(),
            1 => format!("${}$:{n}", n % 97).into(),
            2 => format!("{{}}{{x}}{n}").into(),
            3 => format!("{n}{{unclosed").into(),
            4 => format!("}}{n}{{").into(),
            5 => format!("{{{{{n}}}}}").into(),
            6 => format!("\u{30ad}\u{30fc}:caf\u{e9}:{n}").into(),
            7 => format!(" {n}\r\n\0").into(),
            8 => bytes(1 + n % 40),
            9 if n % 48 == 9 && n < 1000 => bytes(LONG_KEY - prefix.len() - n % 300),
            9 => [b"{", bytes(3).as_slice(), b"}"].concat(),
            10 => n.to_string().into(),
            _ => format!("session:{:08x}", n * 2_654_435_761).into(),
        };
        let key = [prefix.as_bytes(), &tail].concat();
        if seen.insert(key.clone()) {
            keys.push(key);
        }
        if keys.len() == count {
            break;
        }
    }
    keys
}
