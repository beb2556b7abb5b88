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

use nuthatch_testbed::{Nuthatch, RedisServer, free_port, pool_yaml};
use programs::{old_python, python, run};
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
    let bounded = "import faulthandler, runpy, sys; \
                   faulthandler.dump_traceback_later(30, exit=True); \
                   sys.argv.pop(0); \
                   runpy.run_path(sys.argv[0], run_name='__main__')";
    let args = [&["-c", bounded, &program, &port], more].concat();
    let text = run(python, &args);
    assert!(text.trim_end().ends_with("done"), "{text}");
    assert!(!text.contains("Warning"), "{text}");
}

#[test]
fn django_cache() {
    assert_done(python().as_deref(), "framework_django", &[], &[]);
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
