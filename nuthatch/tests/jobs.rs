//! Programs that need transactions, commands that wait and messages: Celery, RQ, Django Channels, and redis-py
//! with many writers, workers and listeners.
//!
//! ```text
//!   a program ──▶ nuthatch, two workers ──▶ three redis-servers     ends with "done"
//! ```
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod programs;

use nuthatch_testbed::{Folder, Nuthatch, RedisServer, free_port, pool_yaml};
use programs::{python, run};

fn assert_done(program: &str, keys: &[(&str, &str)]) {
    let Some(python) = python() else { return };
    let shards: Vec<_> = (0..3).map(|_| RedisServer::start().unwrap()).collect();
    let entries: Vec<_> =
        shards.iter().zip(["north", "east", "south"]).map(|(s, name)| s.entry(1, name)).collect();
    let number = free_port();
    let yaml = pool_yaml("jobs", number, &[&[("redis", "true")], keys].concat(), &entries);
    let _proxy = Nuthatch::start(&yaml, &["-w", "2"]).unwrap();
    let folder = Folder::new().unwrap();
    let program = format!("{}/tests/python/{program}.py", env!("CARGO_MANIFEST_DIR"));
    // A program that hangs ends itself.
    let bounded = "import faulthandler, os, runpy, sys; \
                   faulthandler.dump_traceback_later(60, exit=True); \
                   os.chdir(sys.argv[1]); del sys.argv[:2]; \
                   sys.path.insert(0, os.path.dirname(sys.argv[0])); \
                   runpy.run_path(sys.argv[0], run_name='__main__')";
    let text = run(
        &python,
        &["-c", bounded, folder.path().to_str().unwrap(), &program, &number.to_string()],
    );
    assert!(text.trim_end().ends_with("done"), "{text}");
}

#[test]
fn celery() {
    assert_done("jobs_celery", &[("colocate", "[\"jobs:\", \"celery-taskset-meta-\"]")]);
}

#[test]
fn rq() {
    assert_done("jobs_rq", &[("colocate", "[\"rq:\"]")]);
}

#[test]
fn channels() {
    assert_done("jobs_channels", &[("colocate", "[\"asgi placeholder\"]")]);
}

#[test]
fn redis_py() {
    assert_done("jobs_redis_py", &[("hash_tag", "\"{}\"")]);
}
