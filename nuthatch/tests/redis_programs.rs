//! Small whole programs, most in other languages than Python, each with a client library and its
//! defaults: node-redis, ioredis, stores of Express, Keyv, BullMQ, phpredis, Predis, Ruby's
//! redis, Sidekiq, redis-rs, fred, go-redis, hiredis.
//!
//! ```text
//!   a program ──▶ nuthatch ──▶ three redis-servers     ends with "done"
//! ```
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

#[path = "rust/fred_program.rs"]
mod fred_program;
mod programs;

use nuthatch_testbed::{Folder, Nuthatch, Proxy, RedisServer, free_port, pool_yaml};
use programs::{is_all_prepared, node_modules, python, run, succeeds};
use std::env;
use std::path::Path;

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
    eprintln!("{text}");
    assert!(text.trim_end().ends_with("done"), "{text}");
}

/// Whether a library is there. Without it a plain `cargo test` passes over.
fn has(command: &[&str]) -> bool {
    let has = succeeds(command);
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

/// Writers of one counter, with ioredis and node-redis. `NUTHATCH_WATCH_SECONDS` is how long, 3 without it.
#[test]
fn watch_in_node() {
    let Some(modules) = node_modules() else { return };
    let program = source("node/watch_program.js");
    assert_done("node", &[&program, &pool(&[]).port, &modules.to_string_lossy(), &watch_seconds()]);
}

/// The same with redis-py.
#[test]
fn watch_in_python() {
    let Some(python) = python() else { return };
    let program = source("python/watch_redis_py.py");
    assert_done(&python.to_string_lossy(), &[&program, &pool(&[]).port, &watch_seconds()]);
}

fn watch_seconds() -> String {
    env::var("NUTHATCH_WATCH_SECONDS").unwrap_or("3".into())
}

#[test]
fn stores_of_express() {
    node("node/stores_program.js", &[]);
}

#[test]
fn keyv() {
    let Some(modules) = node_modules() else { return };
    let load = format!("require('{}/@keyv/redis')", modules.display());
    if has(&["node", "-e", &load]) {
        node("node/keyv_program.js", &[]);
    }
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
fn predis() {
    if has(&["php", "-r", "require 'Predis/autoload.php';"]) {
        assert_done("php", &[&source("php/predis_program.php"), &pool(&[]).port]);
    }
}

#[test]
fn ruby() {
    if has(&["ruby", "-e", "require 'redis'"]) {
        assert_done("ruby", &[&source("ruby/redis_program.rb"), &pool(&[]).port]);
    }
}

#[test]
fn sidekiq() {
    if has(&["ruby", "-e", "require 'sidekiq'"]) {
        let keys = [("colocate", "[\"queue:\"]"), ("transactions", "per_shard")];
        assert_done("ruby", &[&source("ruby/sidekiq_program.rb"), &pool(&keys).port]);
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

#[test]
fn go_redis() {
    let go = ["GO111MODULE=off", "GOPATH=/usr/share/gocode", "go"];
    if has(&[&["env"], &go[..], &["list", "gopkg.in/redis.v5"]].concat()) {
        let folder = Folder::new().unwrap();
        let cache = format!("GOCACHE={}", folder.path().join("cache").display());
        let program = folder.path().join("program").to_string_lossy().into_owned();
        let build = ["build", "-o", &program, &source("go/go_redis_program.go")];
        run(Path::new("env"), &[&[cache.as_str()], &go[..], &build].concat());
        assert_done(&program, &[&pool(&[("hash_tag", "\"{}\"")]).port]);
    }
}

/// The crate `redis` with its defaults, in RESP2 and RESP3.
#[test]
fn redis_rs() {
    use redis::Commands;
    let pool = pool(&[]);
    for protocol in ["", "?protocol=resp3"] {
        let url = format!("redis://127.0.0.1:{}/{protocol}", pool.port);
        let mut r = redis::Client::open(url).unwrap().get_connection().unwrap();
        let _: () = redis::cmd("FLUSHDB").query(&mut r).unwrap();
        let _: () = r.set("greeting", "grüße").unwrap();
        assert_eq!(r.get::<_, String>("greeting").unwrap(), "grüße");
        assert_eq!(r.get::<_, Option<String>>("nothing").unwrap(), None);
        assert_eq!(r.incr::<_, _, i64>("n", 5).unwrap(), 5);
        let many: Vec<(String, i64)> = (0..100).map(|n| (format!("many:{n}"), n)).collect();
        let names: Vec<&String> = many.iter().map(|(name, _)| name).collect();
        let _: () = r.mset(&many).unwrap();
        let values: Vec<i64> = r.mget(&names).unwrap();
        assert_eq!(values, (0..100).collect::<Vec<_>>());
        assert_eq!(r.keys::<_, Vec<String>>("many:*").unwrap().len(), 100);
        assert_eq!(r.exists::<_, usize>(&names).unwrap(), 100);
        let _: usize = r.hset_multiple("h", &[("a", 1), ("b", 2)]).map(|()| 0).unwrap();
        let map: std::collections::HashMap<String, i64> = r.hgetall("h").unwrap();
        assert_eq!((map["a"], map["b"]), (1, 2));
        assert_eq!(r.rpush::<_, _, usize>("l", &[1, 2, 3]).unwrap(), 3);
        assert_eq!(r.lrange::<_, Vec<i64>>("l", 0, -1).unwrap(), [1, 2, 3]);
        let answers: (i64, i64) =
            redis::pipe().set("p", 1).ignore().incr("p", 1).get("p").query(&mut r).unwrap();
        assert_eq!(answers, (2, 2));
        let seen: std::collections::HashSet<String> =
            r.scan_match("many:*").unwrap().map(Result::unwrap).collect();
        assert_eq!(seen.len(), 100);
        let script = redis::Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
        for n in 0..20 {
            assert_eq!(script.key(format!("d:{n}")).arg(n).invoke::<i64>(&mut r).unwrap(), n);
        }
        let answers: (i64, i64) = redis::pipe()
            .atomic()
            .set("t", 1)
            .ignore()
            .incr("t", 1)
            .get("t")
            .query(&mut r)
            .unwrap();
        assert_eq!(answers, (2, 2));
    }
}

/// The crate `fred` with its defaults, in RESP2 and RESP3.
#[tokio::test]
async fn fred() {
    use fred::types::RespVersion;
    let pool = pool(&[("hash_tag", "\"{}\"")]);
    for version in [RespVersion::RESP2, RespVersion::RESP3] {
        fred_program::run(pool.port.parse().unwrap(), version).await.unwrap();
    }
}
