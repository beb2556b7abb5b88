//! Does nuthatch find in memcached what nutcracker stored there, and nutcracker what nuthatch
//! stored?
//!
//! ```text
//!   keys ──▶ one proxy ──▶ three memcacheds ◀── the other proxy ◀── the same keys
//!                                 ▲
//!                 each key on one server, the one the router names
//! ```
//!
//! As `placement.rs` does with Redis, over the ways in which places come about: names and
//! weights, a tag, plain addresses, and memcached's own port, 11211, which twemproxy leaves out
//! of an address before it places by it. That port may be taken; then the test says so.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

use nuthatch::config;
use nuthatch_engine::base::Chance;
use nuthatch_engine::topology::kinds::fixed;
use nuthatch_engine::topology::{Manners, PoolSpec, ShardState};
use nuthatch_testbed::{
    Client, MemcachedServer, Nutcracker, Nuthatch, Proxy, find_program, free_port, pool_yaml,
};
use std::collections::BTreeSet;

const KEYS: usize = 10_000;
/// Keys of one multi-get.
const BATCH: usize = 100;
/// Requests in flight.
const PIPELINE: usize = 500;

const TAG: (&str, &str) = ("hash_tag", "\"{}\"");

#[test]
fn names_weights_and_a_tag() {
    let keys = [("hash", "fnv1a_64"), TAG];
    both_ways(&servers(), &keys, Some([("alpha", 1), ("b", 2), ("gamma-delta", 1)]));
}

#[test]
fn plain_addresses_over_modula() {
    both_ways(&servers(), &[("hash", "md5"), ("distribution", "modula")], None);
}

#[test]
fn the_port_of_memcached() {
    let default = match MemcachedServer::start_on(11211, &[]) {
        Ok(server) => server,
        Err(why) => {
            eprintln!("SKIPPED: port 11211 is not to be had: {why}");
            return;
        }
    };
    let [one, two, _] = servers();
    both_ways(&[one, default, two], &[("hash", "jenkins")], None);
}

fn servers() -> [MemcachedServer; 3] {
    [(); 3].map(|()| MemcachedServer::start().unwrap())
}

/// 10,000 keys from the old proxy to the new one, and as many others back.
fn both_ways(
    servers: &[MemcachedServer; 3],
    keys: &[(&str, &str)],
    names: Option<[(&str, u32); 3]>,
) {
    if find_program("nutcracker").is_none() {
        eprintln!("nutcracker is not installed: nothing to compare with");
        return;
    }
    let entries: Vec<String> = match names {
        Some(names) => names.iter().zip(servers).map(|(n, s)| s.entry(n.1, n.0)).collect(),
        None => servers.iter().map(|server| server.entry(1, "")).collect(),
    };
    let yaml = || pool_yaml("pool", free_port(), keys, &entries);
    let ours = yaml();
    let (config, _) = config::parse(&ours, "ours.yml", Manners::Modern).unwrap();
    let spec = &config.pools[0].spec;
    let old = Nutcracker::start(&yaml()).unwrap();
    let new = Nuthatch::start(&ours, &[]).unwrap();
    for (writer, reader, way) in [(&old, &new, "old"), (&new, &old, "new")] {
        let keys = made_keys(way);
        write(writer, &keys);
        let found = read(&mut reader.client().unwrap(), &keys);
        let lost: Vec<&String> =
            keys.iter().enumerate().filter(|(n, _)| !found.contains(n)).map(|(_, k)| k).collect();
        assert!(lost.is_empty(), "written by {way}: {} lost: {lost:.200?}", lost.len());
        assert_in_place(spec, servers, &keys);
    }
}

fn write(proxy: &Proxy, keys: &[String]) {
    let mut client = proxy.client().unwrap();
    let sets: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(n, key)| format!("set {key} 7 0 {}\r\n{n}\r\n", n.to_string().len()))
        .collect();
    for sets in sets.chunks(PIPELINE) {
        client.send_raw(sets.concat().as_bytes()).unwrap();
        for set in sets {
            assert_eq!(client.recv_text().unwrap(), b"STORED\r\n", "{set:?}");
        }
    }
}

/// The numbers of the keys that are found with their own value, by multi-get.
fn read(client: &mut Client, keys: &[String]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for (at, batch) in keys.chunks(BATCH).enumerate() {
        let reply = client.ask(format!("get {}\r\n", batch.join(" "))).unwrap();
        let text = String::from_utf8(reply).unwrap();
        let mut lines = text.split("\r\n");
        while let Some(item) = lines.next().and_then(|line| line.strip_prefix("VALUE ")) {
            let n: usize = lines.next().unwrap().parse().unwrap();
            if keys.get(n).is_some_and(|key| item.starts_with(&format!("{key} 7 "))) {
                found.insert(n);
            }
        }
        assert!(text.ends_with("END\r\n"), "batch {at}: {text}");
    }
    found
}

/// Each key is on one server, and that is the one the router names.
fn assert_in_place(spec: &PoolSpec, servers: &[MemcachedServer; 3], keys: &[String]) {
    let router = fixed::router(spec, &vec![ShardState::Live; spec.shards.len()]);
    let mut chance = Chance::new(0);
    let owners: Vec<String> = keys
        .iter()
        .map(|key| router.route(key.as_bytes(), &mut chance).unwrap())
        .map(|shard| spec.shards[shard.index()].address.to_string())
        .collect();
    for server in servers {
        let address = server.addr().to_string();
        let found = read(&mut server.client().unwrap(), keys);
        let owned: BTreeSet<usize> = (0..keys.len()).filter(|&n| owners[n] == address).collect();
        assert!(owned.len() > KEYS / 20, "{address} owns {}", owned.len());
        assert_eq!(found, owned, "{address}");
    }
}

/// Different keys of the kinds that have ever made trouble.
fn made_keys(prefix: &str) -> Vec<String> {
    let mut chance = Chance::new(KEYS as u64);
    (0..KEYS)
        .map(|n| {
            let tail = match n % 10 {
                0 => format!(":{{user{}}}:{n}", n % 97),
                1 => format!("{{}}{{x}}{n}"),
                2 => format!("{n}{{unclosed"),
                3 => format!("}}{n}{{"),
                4 => format!("{{{{{n}}}}}"),
                5 => format!("\u{30ad}\u{30fc}:caf\u{e9}:{n}"),
                6 => format!("\t{n}\u{1}\u{7f}"),
                7 => {
                    let long = "x".repeat(200 + chance.below(40) as usize);
                    format!("{n}{long}")
                }
                8 => n.to_string(),
                _ => format!("session:{:08x}", n * 2_654_435_761),
            };
            format!("{prefix}{tail}")
        })
        .collect()
}
