//! Frameworks as people use them, each with a small whole program: Django's cache, old redis-py,
//! limits, huey, dramatiq, valkey-glide.
//!
//! ```text
//!   a program ──▶ nuthatch ──▶ three redis-servers     ends with "done"
//! ```
//!
//! docs/guide/frameworks.md has the lines of the pool that each needs, and says what is not served
//! yet. `programs/mod.rs` tells where the libraries come from.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod programs;

use nuthatch_testbed::{Folder, Nuthatch, RedisServer, free_port, pool_yaml};
use programs::{old_python, python, run};
use std::fs;
use std::path::Path;

/// Runs a program of tests/python against three shards of a pool with these keys.
fn assert_done(python: Option<&Path>, program: &str, keys: &[(&str, &str)], more: &[&str]) {
    let Some(python) = python else { return };
    let shards: Vec<_> = (0..3).map(|_| RedisServer::start().unwrap()).collect();
    let entries: Vec<_> =
        shards.iter().zip(["north", "east", "south"]).map(|(s, name)| s.entry(1, name)).collect();
    let number = free_port();
    let port = number.to_string();
    let yaml = pool_yaml("frameworks", number, &[&[("redis", "true")], keys].concat(), &entries);
    let _proxy = Nuthatch::start(&yaml, &["-w", "2"]).unwrap();
    let program = format!("{}/tests/python/{program}.py", env!("CARGO_MANIFEST_DIR"));
    // A program that hangs ends itself.
    let bounded = "import faulthandler, os, runpy, sys; \
                   faulthandler.dump_traceback_later(30, exit=True); \
                   sys.argv.pop(0); sys.path.insert(0, os.path.dirname(sys.argv[0])); \
                   runpy.run_path(sys.argv[0], run_name='__main__')";
    let args = [&["-c", bounded, &program, &port], more].concat();
    let text = run(python, &args);
    assert!(text.trim_end().ends_with("done"), "{text}");
    assert!(!text.contains("Warning"), "{text}");
}

#[test]
fn django_cache() {
    let (python, program) = (python(), "framework_django");
    assert_done(python.as_deref(), program, &[], &["strict"]);
    assert_done(python.as_deref(), program, &[("transactions", "per_shard")], &["per_shard"]);
}

#[test]
fn old_redis_py() {
    assert_done(old_python().as_deref(), "framework_old_redis_py", &[], &[]);
}

#[test]
fn limits() {
    let (python, program) = (python(), "framework_limits");
    assert_done(python.as_deref(), program, &[("hash_tag", "\"{}\"")], &["apart"]);
    assert_done(python.as_deref(), program, &[("colocate", "[\"LIMITS:\"]")], &["together"]);
}

#[test]
fn huey() {
    assert_done(python().as_deref(), "framework_huey", &[], &[]);
}

#[test]
fn dramatiq() {
    assert_done(python().as_deref(), "framework_dramatiq", &[("colocate", "[\"dramatiq\"]")], &[]);
}

#[test]
fn valkey_glide() {
    assert_done(python().as_deref(), "framework_valkey_glide", &[], &[]);
}

/// A line of the guide, and keys of one transaction, script or blocking command each, recorded at
/// a lone server.
const TOGETHER: [(&str, &[&[&str]]); 9] = [
    (
        "colocate: [\"jobs:\", \"celery-taskset-meta-\"]",
        &[
            &["jobs:celery", "jobs:celery\u{6}\u{16}3", "jobs:unacked", "jobs:unacked_index"],
            &["jobs:_kombu.binding.reply.celery.pidbox", "jobs:_kombu.binding_deadlines"],
            &["jobs:some-id.reply.celery.pidbox", "jobs:some-id.reply.celery.pidbox\u{6}\u{16}3"],
            &["celery-taskset-meta-some-id.j", "celery-taskset-meta-some-id.t"],
        ],
    ),
    (
        "colocate: [\"celery _kombu unacked\"]",
        &[&["celery", "celery\u{6}\u{16}9", "unacked", "unacked_index", "_kombu.binding.celery"]],
    ),
    (
        "colocate: [\"rq:\"]",
        &[&[
            "rq:queues",
            "rq:job:some-id",
            "rq:queue:default:intermediate",
            "rq:worker:some-id:executions",
        ]],
    ),
    // `placeholder` stands for a script without keys.
    ("colocate: [\"asgi placeholder\"]", &[&["placeholder", "asgiplain", "asgiplain$inflight"]]),
    ("colocate: [\"dramatiq\"]", &[&["dramatiq", "dramatiq:__heartbeats__", "dramatiq:default"]]),
    ("colocate: [\"LIMITS:\"]", &[&["LIMITS:*", "LIMITS:LIMITER/a/1", "LIMITS:{LIMITER/b}/-1"]]),
    (
        "colocate: [\"bull:mail:\", \"bull:reports:\"]",
        &[
            &["bull:mail:meta", "bull:mail:1", "bull:mail:marker", "bull:mail:events"],
            &["bull:reports:meta", "bull:reports:wait"],
        ],
    ),
    ("colocate: [\"queue:\"]", &[&["queue:default", "queue:low"]]),
    ("hash_tag: \"{}\"", &[&["LIMITS:{LIMITER/b/5/1/hour}/-1", "LIMITS:{LIMITER/b/5/1/hour}"]]),
];

#[test]
fn the_lines_of_the_guide_put_keys_together() {
    let folder = Folder::new().unwrap();
    let file = folder.path().join("pool.yml").to_string_lossy().into_owned();
    for (line, groups) in TOGETHER {
        for guide in ["frameworks.md", "frameworks.zh-CN.md"] {
            let path = format!("{}/../docs/guide/{guide}", env!("CARGO_MANIFEST_DIR"));
            assert!(fs::read_to_string(path).unwrap().contains(&format!("```yaml\n  {line}\n")));
        }
        let entries = ["6379:1 north", "6380:1 east", "6381:1 south"].map(|e| format!("h:{e}"));
        let key = line.split_once(": ").unwrap();
        fs::write(&file, pool_yaml("p", 22121, &[("redis", "true"), key], &entries)).unwrap();
        for keys in groups {
            let args = [&["where", "-c", &file, "--json", "--"], *keys].concat();
            let text = run(&Nuthatch::binary().unwrap(), &args);
            let shards: Vec<&str> =
                text.lines().map(|row| row.split("\"shard\":").nth(1).unwrap()).collect();
            assert_eq!(shards.len(), keys.len());
            assert!(shards.iter().all(|shard| *shard == shards[0]), "{line}: {text}");
        }
    }
}
