//! memcached's clients as people use them, each with a small whole program: pymemcache,
//! python-memcached, pylibmc, memcache-client of npm, PHP's memcached extension; and memccapable,
//! the test that libmemcached has for servers.
//!
//! ```text
//!   a program ──▶ nuthatch ──▶ three memcacheds     ends with "done"
//!   memccapable ─▶ nuthatch, and one memcached      the same outcome of each of its tests
//! ```
//!
//! `programs/mod.rs` tells where their libraries come from.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod programs;

use nuthatch_testbed::{MemcachedServer, Nuthatch, Proxy, find_program, free_port, pool_yaml};
use programs::{is_all_prepared, node_modules, python, run};
use std::collections::BTreeMap;
use std::path::Path;

/// nuthatch before three servers.
struct Pool {
    _proxy: Proxy,
    _shards: Vec<MemcachedServer>,
    port: String,
}

fn pool(workers: u16) -> Pool {
    let shards: Vec<_> = (0..3).map(|_| MemcachedServer::start().unwrap()).collect();
    let entries: Vec<_> =
        shards.iter().zip(["north", "east", "south"]).map(|(s, name)| s.entry(1, name)).collect();
    let port = free_port();
    let yaml = pool_yaml("clients", port, &[], &entries);
    let proxy = Nuthatch::start(&yaml, &["-w", &workers.to_string()]).unwrap();
    Pool { _proxy: proxy, _shards: shards, port: port.to_string() }
}

fn assert_done(program: &Path, args: &[&str]) {
    let text = run(program, args);
    assert!(text.trim_end().ends_with("done"), "{text}");
    assert!(!text.contains("Warning"), "{text}");
}

fn python_program(library: &str) {
    let Some(python) = python() else { return };
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/memcache_program.py");
    assert_done(&python, &[program, &pool(2).port, library]);
}

#[test]
fn pymemcache() {
    python_program("pymemcache");
}

#[test]
fn python_memcached() {
    python_program("python-memcached");
}

#[test]
fn pylibmc() {
    python_program("pylibmc");
}

#[test]
fn memcache_client_of_npm() {
    let Some(modules) = node_modules() else { return };
    let node = find_program("node").expect("this test needs node");
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/memcache_program.js");
    assert_done(&node, &[program, &pool(2).port, &modules.to_string_lossy()]);
}

#[test]
fn the_memcached_extension_of_php() {
    let php = find_program("php");
    let has_it = php.as_ref().is_some_and(|php| run(php, &["-m"]).contains("memcached"));
    let (true, Some(php)) = (has_it, php) else {
        assert!(!is_all_prepared(), "no PHP with its memcached extension");
        eprintln!("passed over: no PHP with memcached; `cargo xtask test` installs it");
        return;
    };
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/php/memcache_program.php");
    assert_done(&php, &[program, &pool(2).port]);
}

/// `ascii set noreply  [pass]`, a line a test. The tests of the binary protocol stay out.
fn memccapable(port: &str) -> BTreeMap<String, String> {
    let program = find_program("memccapable").expect("this test needs memccapable");
    let text = run(&program, &["-h", "127.0.0.1", "-p", port, "-t", "10", "-a"]);
    let outcome = |line: &str| {
        let (name, outcome) = line.split_once('[')?;
        Some((name.trim().to_owned(), outcome.trim_end_matches(']').to_owned()))
    };
    text.lines().filter_map(outcome).collect()
}

#[test]
fn memccapable_finds_what_it_finds_at_a_server() {
    let lone = MemcachedServer::start().unwrap();
    let theirs = memccapable(&lone.port().to_string());
    assert!(theirs.len() >= 27, "{theirs:?}");
    assert!(theirs.values().all(|outcome| outcome == "pass"), "{theirs:?}");
    for workers in [1, 2] {
        assert_eq!(memccapable(&pool(workers).port), theirs);
    }
}
