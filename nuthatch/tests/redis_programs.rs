//! Small whole programs in other languages than Python, each with a client library and its
//! defaults: node-redis, ioredis, stores of Express, BullMQ, phpredis, Ruby's redis, hiredis.
//!
//! ```text
//!   a program ──▶ nuthatch ──▶ three redis-servers     ends with "done"
//! ```
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod programs;

use nuthatch_testbed::{Folder, Nuthatch, Proxy, RedisServer, free_port, guarded, pool_yaml};
use programs::{is_all_prepared, node_modules, run};
use std::path::Path;
use std::process::Stdio;

struct Pool {
    _proxy: Proxy,
    _shards: Vec<RedisServer>,
    port: String,
}

fn pool(keys: &[(&str, &str)]) -> Pool {
    let shards: Vec<_> = (0..3).map(|_| RedisServer::start().unwrap()).collect();
    let entries: Vec<_> =
        shards.iter().zip(["north", "east", "south"]).map(|(s, name)| s.entry(1, name)).collect();
    let port = free_port();
    let yaml = pool_yaml("programs", port, &[&[("redis", "true")], keys].concat(), &entries);
    let proxy = Nuthatch::start(&yaml, &["-w", "2"]).unwrap();
    Pool { _proxy: proxy, _shards: shards, port: port.to_string() }
}

fn source(name: &str) -> String {
    format!("{}/tests/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn assert_done(program: &str, args: &[&str]) {
    let text = run(Path::new(program), args);
    assert!(text.trim_end().ends_with("done"), "{text}");
}

/// Whether a library is there. Without it a plain `cargo test` passes over.
fn has(command: &[&str]) -> bool {
    let status = guarded(Path::new(command[0]))
        .args(&command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let has = status.is_ok_and(|status| status.success());
    assert!(has || !is_all_prepared(), "`{}` fails", command.join(" "));
    if !has {
        eprintln!("passed over: `{}` fails; `cargo xtask test` installs it", command.join(" "));
    }
    has
}

fn node(name: &str, keys: &[(&str, &str)]) {
    let Some(modules) = node_modules() else { return };
    assert_done("node", &[&source(name), &pool(keys).port, &modules.to_string_lossy()]);
}

#[test]
fn node_redis() {
    node("node/node_redis_program.js", &[]);
}

#[test]
fn ioredis() {
    node("node/ioredis_program.js", &[]);
}

#[test]
fn stores_of_express() {
    node("node/stores_program.js", &[]);
}

#[test]
fn bullmq() {
    let keys = [("colocate", "[\"bull:mail:\", \"bull:reports:\"]")];
    node("node/bullmq_program.js", &keys);
}

#[test]
fn phpredis() {
    if has(&["php", "-r", "new Redis();"]) {
        assert_done("php", &[&source("php/phpredis_program.php"), &pool(&[]).port]);
    }
}

#[test]
fn ruby() {
    if has(&["ruby", "-e", "require 'redis'"]) {
        assert_done("ruby", &[&source("ruby/redis_program.rb"), &pool(&[]).port]);
    }
}

#[test]
fn hiredis() {
    if has(&["cc", "-fsyntax-only", "-include", "hiredis/hiredis.h", "-xc", "/dev/null"]) {
        let folder = Folder::new().unwrap();
        let program = folder.path().join("program").to_string_lossy().into_owned();
        run(Path::new("cc"), &[&source("c/hiredis_program.c"), "-lhiredis", "-o", &program]);
        assert_done(&program, &[&pool(&[]).port]);
    }
}
