//! Servers that answer and do not serve: out of a cache's ring, passed on in a store; and what a probe
//! heard is in the log.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

use nuthatch_testbed::{
    Client, Nuthatch, Proxy, RedisServer, Value, find_program_or_skip, free_port, poll_until,
    pool_yaml,
};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// `timeout_ms`: a server that loads answers between two pieces of its data, and late on a busy machine.
fn start(eject: &str, retry_ms: &str, timeout_ms: &str, servers: &[&RedisServer]) -> Proxy {
    let entries: Vec<String> = servers.iter().map(|server| server.entry(1, "")).collect();
    let keys = [
        ("redis", "true"),
        ("eject", eject),
        ("server_failure_limit", "2"),
        ("server_retry_timeout", retry_ms),
        ("timeout", timeout_ms),
    ];
    Nuthatch::start(&pool_yaml("pool", free_port(), &keys, &entries), &["-w", "1"]).unwrap()
}

/// A read of each of many keys: how many answers begin with this word.
fn errors(client: &mut Client, word: &str) -> usize {
    let is = |value: &Value| matches!(value, Value::Error(text) if text.starts_with(word));
    (0..20).filter(|key| is(&client.command(&["GET", &format!("key:{key}:x")]).unwrap())).count()
}

/// Two errors at least, and what comes before the worker hears of it; then the keys have another owner.
fn is_out_soon(client: &mut Client, word: &str) {
    let seen = errors(client, word);
    assert!(seen >= 2, "{seen} of 20 were {word}");
    assert!(poll_until(SOON, || errors(client, "") == 0), "{word} goes on");
}

/// The number of servers that INFO calls live.
fn live(client: &mut Client) -> usize {
    let info = client.command(&["INFO", "nuthatch"]).unwrap().text().unwrap();
    info.matches("state=live").count()
}

/// Has data that takes some ten seconds to load, and loads it.
fn loading() -> RedisServer {
    let slow = ["--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024"];
    let server =
        RedisServer::start_with(&[&slow[..], &["--enable-debug-command", "yes"]].concat()).unwrap();
    let mut client = server.client().unwrap();
    let fill = "for i = 1, 20000 do redis.call('set', 'f:' .. i, i) end";
    client.command(&["EVAL", fill, "0"]).unwrap();
    // Saves, and loads what it saved: a restart, as far as clients can see.
    let mut reloading = server.client().unwrap();
    reloading.send(&["DEBUG", "RELOAD"]).unwrap();
    let mut other = server.client().unwrap();
    assert!(poll_until(SOON, || {
        matches!(other.command(&["GET", "f:1"]), Ok(Value::Error(text)) if text.starts_with("LOADING"))
    }));
    server
}

#[test]
fn a_server_that_loads_is_out_of_a_cache() {
    if find_program_or_skip("redis-server").is_none() {
        return;
    }
    let (well, loading) = (RedisServer::start().unwrap(), loading());
    let mut proxy = start("remap", "1000", "5000", &[&well, &loading]);
    let mut client = proxy.client().unwrap();
    is_out_soon(&mut client, "LOADING");
    assert_eq!(errors(&mut client, ""), 0);
    assert_eq!(live(&mut client), 1);
    assert!(poll_until(SOON, || {
        let log = proxy.process().log();
        log.contains("server ejected") && log.contains("cause=LOADING")
    }));
    // It stays out while it loads, and the log says why.
    assert!(poll_until(SOON, || {
        let log = proxy.process().log();
        log.contains("server is not ready yet") && log.contains("heard=\"LOADING")
    }));
    let mut direct = loading.client().unwrap();
    assert!(poll_until(SOON, || { matches!(direct.command(&["GET", "f:1"]), Ok(Value::Bulk(_))) }));
    assert!(poll_until(SOON, || live(&mut client) == 2), "it is loaded, and stays out");
    let log = proxy.process().log();
    assert_eq!(log.matches("heard=\"LOADING").count(), 1, "said once: {log}");
}

/// An application may answer with these words, and must not have a server left out for all others.
#[test]
fn a_script_that_says_loading_ejects_nothing() {
    if find_program_or_skip("redis-server").is_none() {
        return;
    }
    let (one, two) = (RedisServer::start().unwrap(), RedisServer::start().unwrap());
    let mut proxy = start("remap", "1000", "5000", &[&one, &two]);
    let mut client = proxy.client().unwrap();
    for key in 0..30 {
        let script = "return redis.error_reply('LOADING secret words of ' .. KEYS[1])";
        let key = format!("key:{key}:x");
        let said = client.command(&["EVAL", script, "1", &key]).unwrap();
        assert!(matches!(said, Value::Error(text) if text.starts_with("LOADING secret")));
        assert_eq!(live(&mut client), 2);
    }
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(live(&mut client), 2);
    let log = proxy.process().log();
    assert!(!log.contains("server ejected") && !log.contains("secret"), "{log}");
}

#[test]
fn a_store_passes_the_word_on() {
    if find_program_or_skip("redis-server").is_none() {
        return;
    }
    let well = RedisServer::start().unwrap();
    for eject in ["off", "fail_fast"] {
        let loading = loading();
        let proxy = start(eject, "1000", "5000", &[&well, &loading]);
        let mut client = proxy.client().unwrap();
        let first = errors(&mut client, "LOADING");
        assert!(first > 2, "{eject}: {first}");
        assert_eq!(errors(&mut client, "LOADING"), first, "{eject}");
        assert_eq!(live(&mut client), 2, "{eject}");
    }
}

/// A replica that lost its primary and serves no stale data is of no use to a cache either.
#[test]
fn a_replica_without_its_primary_is_out_of_a_cache() {
    if find_program_or_skip("redis-server").is_none() {
        return;
    }
    let well = RedisServer::start().unwrap();
    let nowhere = free_port().to_string();
    let lost = RedisServer::start().unwrap();
    let mut direct = lost.client().unwrap();
    direct.command(&["CONFIG", "SET", "replica-serve-stale-data", "no"]).unwrap();
    assert!(direct.command(&["REPLICAOF", "127.0.0.1", &nowhere]).unwrap().is_ok());
    let proxy = start("remap", "300", "5000", &[&well, &lost]);
    let mut client = proxy.client().unwrap();
    is_out_soon(&mut client, "MASTERDOWN");
    assert_eq!((errors(&mut client, ""), live(&mut client)), (0, 1));
    assert!(direct.command(&["REPLICAOF", "NO", "ONE"]).unwrap().is_ok());
    assert!(poll_until(SOON, || live(&mut client) == 2));
}

/// A server that may not be pinged, but serves, comes back; one that says why not is named in the log.
#[test]
fn what_a_probe_hears() {
    if find_program_or_skip("redis-server").is_none() {
        return;
    }
    let well = RedisServer::start().unwrap();
    let mut changes = RedisServer::start().unwrap();
    let port = changes.port();
    let mut proxy = start("remap", "300", "500", &[&well, &changes]);
    let mut client = proxy.client().unwrap();
    let eject = |client: &mut Client, server: &mut RedisServer| {
        server.kill().unwrap();
        assert!(poll_until(SOON, || {
            errors(client, "");
            live(client) == 1
        }));
    };
    eject(&mut client, &mut changes);
    let renamed = ["--rename-command", "PING", ""];
    let mut changes = RedisServer::start_on(port, &renamed).unwrap();
    assert!(poll_until(SOON, || live(&mut client) == 2), "PING is unknown there, and it serves");
    eject(&mut client, &mut changes);
    let acl = ["--user", "default", "on", "nopass", "~*", "&*", "+@all", "-ping"];
    let mut changes = RedisServer::start_on(port, &acl).unwrap();
    assert!(poll_until(SOON, || live(&mut client) == 2), "PING is not permitted, and it serves");
    eject(&mut client, &mut changes);
    assert!(poll_until(SOON, || proxy.process().log().contains("heard=\"Connection refused")));
    // It cannot save, so it refuses writes, and PING with them: told what it says, and out until it can.
    let mut sick = RedisServer::start_on(port, &["--save", "3600 1"]).unwrap();
    std::fs::create_dir(sick.process().dir().join("dump.rdb")).unwrap();
    let mut direct = sick.client().unwrap();
    assert!(direct.command(&["SET", "k", "v"]).unwrap().is_ok());
    assert!(poll_until(SOON, || live(&mut client) == 2));
    direct.command(&["BGSAVE"]).unwrap();
    assert!(poll_until(SOON, || {
        let answer = direct.command(&["PING"]).unwrap();
        matches!(answer, Value::Error(text) if text.starts_with("MISCONF"))
    }));
    drop(direct);
    // A pause longer than its time-out has it out; then the probe hears MISCONF.
    sick.pause().unwrap();
    assert!(poll_until(SOON, || {
        errors(&mut client, "");
        live(&mut client) == 1
    }));
    sick.resume().unwrap();
    assert!(poll_until(SOON, || proxy.process().log().contains("heard=\"MISCONF")));
    let mut direct = sick.client().unwrap();
    direct.command(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]).unwrap();
    assert!(poll_until(SOON, || live(&mut client) == 2), "it answers PING again");
}
