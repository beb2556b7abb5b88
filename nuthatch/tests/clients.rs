//! Clients as people use them: redis-py with its defaults, redis-cli, redis-benchmark.
//!
//! The Python is that of `target/venv`, which `cargo xtask test` makes and names in
//! NUTHATCH_PYTHON. Without it those tests say so and pass; under `cargo xtask test` they do not.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod programs;

use nuthatch_testbed::{Nuthatch, Proxy, RedisServer, find_program, free_port, pool_yaml};
use programs::{python, run};

const PASSWORD: &str = "a password, please";

/// nuthatch before three servers.
struct Pool {
    _proxy: Proxy,
    _shards: Vec<RedisServer>,
    port: String,
}

fn pool(password: Option<&str>) -> Pool {
    let args: Vec<&str> = password.into_iter().flat_map(|word| ["--requirepass", word]).collect();
    let shards: Vec<_> = (0..3).map(|_| RedisServer::start_with(&args).unwrap()).collect();
    let entries: Vec<_> =
        shards.iter().zip(["north", "east", "south"]).map(|(s, name)| s.entry(1, name)).collect();
    let quoted = password.map(|word| format!("\"{word}\""));
    let mut keys = vec![("redis", "true"), ("hash_tag", "\"{}\"")];
    keys.extend(quoted.as_deref().map(|word| ("redis_auth", word)));
    let port = free_port();
    let yaml = pool_yaml("clients", port, &keys, &entries);
    let proxy = Nuthatch::start(&yaml, &[]).unwrap();
    Pool { _proxy: proxy, _shards: shards, port: port.to_string() }
}

fn python_program(protocol: &str, password: Option<&str>) {
    let Some(python) = python() else { return };
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/program.py");
    let pool = pool(password);
    let mut args = vec![program, &pool.port, protocol];
    args.extend(password);
    let text = run(&python, &args);
    assert!(text.trim_end().ends_with("done"), "{text}");
    assert!(!text.contains("Warning"), "{text}");
}

#[test]
fn redis_py_as_it_comes() {
    python_program("default", None);
}

#[test]
fn redis_py_resp2() {
    python_program("2", None);
}

#[test]
fn redis_py_resp3() {
    python_program("3", None);
}

#[test]
fn redis_py_with_a_password() {
    python_program("2", Some(PASSWORD));
    python_program("3", Some(PASSWORD));
}

#[test]
fn redis_cli() {
    let program = find_program("redis-cli").expect("this test needs redis-cli");
    for password in [None, Some(PASSWORD)] {
        let pool = pool(password);
        let mut base = vec!["-p", &pool.port, "--no-auth-warning"];
        base.extend(password.into_iter().flat_map(|word| ["--user", "default", "--pass", word]));
        let cli = |more: &[&str]| run(&program, &[&base, more].concat());
        assert_eq!(cli(&["ping"]), "PONG\n");
        assert_eq!(cli(&["-3", "ping"]), "PONG\n");
        assert_eq!(cli(&["set", "key", "value"]), "OK\n");
        assert_eq!(cli(&["-3", "get", "key"]), "value\n");
        assert_eq!(cli(&["--no-raw", "mget", "key", "nothing"]), "1) \"value\"\n2) (nil)\n");
        assert_eq!(cli(&["hset", "hash", "field", "1"]), "1\n");
        assert_eq!(cli(&["-3", "--no-raw", "hgetall", "hash"]), "1# \"field\" => \"1\"\n");
        assert_eq!(cli(&["-r", "5", "incr", "counter"]), "1\n2\n3\n4\n5\n");
        assert_eq!(cli(&["-n", "0", "get", "counter"]), "5\n");
        let keys = cli(&["keys", "*"]);
        let mut keys: Vec<&str> = keys.lines().collect();
        keys.sort_unstable();
        assert_eq!(keys, ["counter", "hash", "key"]);
        assert_eq!(cli(&["dbsize"]), "3\n");
        assert_eq!(cli(&["--scan"]).lines().count(), 3);
        assert!(cli(&["--bigkeys"]).contains("3 keys in the keyspace"));
        assert!(cli(&["--memkeys"]).contains("3 keys in the keyspace"));
        assert!(cli(&["-n", "5", "set", "there", "1"]) == "OK\n" && cli(&["dbsize"]) == "3\n");
        assert_eq!(cli(&["-n", "5", "dbsize"]), "1\n");
        assert!(cli(&["info"]).contains("redis_mode:standalone"));
        assert!(cli(&["info", "keyspace"]).contains("db0:keys=3,"));
        assert_eq!(cli(&["flushall"]), "OK\n");
        assert_eq!(cli(&["dbsize"]), "0\n");
        assert!(cli(&["command", "docs", "get"]).contains("summary"));
    }
}

#[test]
fn redis_benchmark() {
    let program = find_program("redis-benchmark").expect("this test needs redis-benchmark");
    for password in [None, Some(PASSWORD)] {
        let pool = pool(password);
        let mut args = vec!["-p", &pool.port, "-n", "2000", "-q", "-r", "1000", "-t"];
        args.push("ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,mset");
        args.extend(password.into_iter().flat_map(|word| ["--user", "default", "-a", word]));
        for more in [&[][..], &["-P", "16"], &["-3"], &["-c", "1"]] {
            let text = run(&program, &[&args, more].concat());
            let lines = text.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty());
            for line in lines {
                let is_fine = line.contains("requests per second") || line.contains("rps=");
                assert!(is_fine, "{line:?} in\n{text}");
            }
            assert_eq!(text.matches("requests per second").count(), 15, "{text}");
        }
    }
}
