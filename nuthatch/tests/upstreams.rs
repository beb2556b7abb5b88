//! The connections we make: how many, how they are set up, who shares them, and what an order is.
#![allow(clippy::unwrap_used, reason = "tests, their helpers included")]

use nuthatch_testbed::{
    Client, Nuthatch, Proxy, RedisServer, Value, encode, free_port, poll_until, pool_yaml,
};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

fn start(entries: &[String], keys: &[(&str, &str)], workers: u16) -> Proxy {
    let mut all = vec![("redis", "true")];
    all.extend_from_slice(keys);
    let yaml = pool_yaml("p", free_port(), &all, entries);
    Nuthatch::start(&yaml, &["-w", &workers.to_string()]).unwrap()
}

/// The server's connections, one line each, without ours.
fn connections(server: &RedisServer) -> Vec<String> {
    let list = server.client().unwrap().command(&["CLIENT", "LIST"]).unwrap().text().unwrap();
    list.lines().filter(|line| !line.contains("cmd=client")).map(ToOwned::to_owned).collect()
}

/// Waits until the server has exactly so many.
fn has_connections(server: &RedisServer, count: usize) -> bool {
    poll_until(Duration::from_secs(5), || connections(server).len() == count)
}

#[test]
fn several_connections_keep_each_clients_order() {
    const ROUNDS: usize = 30;
    let servers = [RedisServer::start().unwrap(), RedisServer::start().unwrap()];
    let entries = [servers[0].entry(1, "a"), servers[1].entry(1, "b")];
    let proxy = start(&entries, &[("server_connections", "4")], 2);
    let addr = proxy.listens()[0].clone();
    let threads: Vec<_> = (0..8)
        .map(|me| {
            let mut client = Client::connect(addr.as_str()).unwrap();
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    pipeline_in_order(&mut client, me, round);
                }
                client // kept: a place that is given up would be taken by the next
            })
        })
        .collect();
    let clients: Vec<Client> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    assert_eq!(clients.len(), 8);
    for server in &servers {
        let count = connections(server).len();
        assert!((3..=8).contains(&count), "{count} connections for 8 clients, 4 a worker at most");
    }
}

/// Writes, counts and reads in one go; each reply follows from those before it.
fn pipeline_in_order(client: &mut Client, me: usize, round: usize) {
    let mut commands: Vec<Vec<String>> = Vec::new();
    let mut want = Vec::new();
    let mut say = |words: &[&str], reply: Value| {
        commands.push(words.iter().map(ToString::to_string).collect());
        want.push(reply);
    };
    let ok = || Value::Simple("OK".into());
    for n in 0..20 {
        let (text, count) = (format!("text:{me}:{}", n % 5), format!("count:{me}:{}", n % 3));
        let value = format!("{me}:{round}:{n}");
        let so_far = (round * 20 + n) / 3; // not what is asked, only a number that changes
        say(&["SET", &text, &value], ok());
        say(&["GET", &text], Value::bulk(&value));
        say(&["SET", &count, &so_far.to_string()], ok());
        say(&["INCR", &count], Value::Integer(so_far as i64 + 1));
        say(&["INCRBY", &count, "10"], Value::Integer(so_far as i64 + 11));
        say(
            &["MGET", &text, &count],
            Value::Array(vec![Value::bulk(&value), Value::bulk((so_far + 11).to_string())]),
        );
        say(&["DEL", &text, &count], Value::Integer(2));
        say(&["GET", &count], Value::Nil);
    }
    let replies = client.pipeline(&commands).unwrap();
    for ((reply, want), command) in replies.iter().zip(&want).zip(&commands) {
        assert_eq!(reply, want, "client {me}, round {round}: {command:?}");
    }
}

#[test]
fn preconnect_opens_all_connections_at_start() {
    let server = RedisServer::start_with(&["--requirepass", "secret"]).unwrap();
    let keys = [("redis_auth", "secret"), ("server_connections", "3"), ("preconnect", "true")];
    let proxy = start(&[server.entry(1, "a")], &keys, 2);
    let are_in = || {
        let lines = connections(&server);
        lines.len() == 6 && lines.iter().all(|line| line.contains("cmd=auth"))
    };
    assert!(poll_until(Duration::from_secs(5), are_in), "{:?}", connections(&server));
    drop(proxy);
    assert!(has_connections(&server, 0), "they go with the proxy");

    let proxy = start(&[server.entry(1, "a")], &keys[..2], 2);
    sleep(Duration::from_millis(200));
    assert_eq!(connections(&server).len(), 0, "without preconnect nobody is bothered");
    drop(proxy);
}

#[test]
fn preconnect_minds_no_server_that_is_away() {
    let (mut away, here) = (RedisServer::start().unwrap(), RedisServer::start().unwrap());
    away.kill().unwrap();
    let proxy =
        start(&[away.entry(1, "away"), here.entry(1, "here")], &[("preconnect", "true")], 1);
    assert!(has_connections(&here, 1));
    let mut client = proxy.client().unwrap();
    let mut served = |wanted: bool| {
        (0..1000).any(|n| {
            let key = format!("key:{n}");
            client.command(&["SET", &key, "v"]).unwrap().is_ok() == wanted
        })
    };
    assert!(served(true), "the server that is here serves");
    assert!(served(false), "the other's keys were asked for too");
}

#[test]
fn password_and_database_on_every_kind_of_socket() {
    let args = ["--requirepass", "secret words", "--unixsocket", "redis.sock"];
    let server = RedisServer::start_with(&args).unwrap();
    let unix = format!("{}:1 u", server.unix_socket().unwrap().display());
    for (entry, key) in [(server.entry(1, "t"), "over-tcp"), (unix, "over-unix")] {
        let keys = [("redis_auth", "\"secret words\""), ("redis_db", "5")];
        let proxy = start(&[entry], &keys, 2);
        for version in ["2", "3"] {
            let mut client = proxy.client().unwrap();
            let refused = client.command(&["SET", key, "x"]).unwrap();
            assert_eq!(refused, Value::Error("NOAUTH Authentication required.".into()));
            let hello = ["HELLO", version, "AUTH", "default", "secret words"];
            assert!(!client.command(&hello).unwrap().is_error());
            let reply = client.command(&["SET", key, version]).unwrap();
            assert!(reply.is_ok(), "{key} RESP{version}: {reply}");
            let mut direct = server.client().unwrap();
            assert!(direct.command(&["GET", key]).unwrap().is_nil(), "in db 0?");
            assert!(direct.command(&["SELECT", "5"]).unwrap().is_ok());
            assert_eq!(direct.command(&["GET", key]).unwrap(), Value::bulk(version));
        }
    }
}

#[test]
fn a_refused_password_is_told_and_ejects_nobody() {
    let server = RedisServer::start_with(&["--requirepass", "right"]).unwrap();
    let keys = [
        ("redis_auth", "wrong"),
        ("auto_eject_hosts", "true"),
        ("server_failure_limit", "1"),
        ("timeout", "500"),
    ];
    let proxy = start(&[server.entry(1, "a")], &keys, 1);
    let mut client = proxy.client().unwrap();
    assert!(client.command(&["AUTH", "wrong"]).unwrap().is_ok(), "our door knows this one");
    for _ in 0..10 {
        let text = client.command(&["GET", "k"]).unwrap().to_string();
        let begin = "(error) ERR the server refused the pool's password: WRONGPASS";
        assert!(text.starts_with(begin), "{text}");
        assert!(text.contains("(shard a, server ") && text.ends_with(", not sent"), "{text}");
        assert_eq!(client.command(&["PING"]).unwrap(), Value::Simple("PONG".into()));
        let info = client.command(&["INFO", "nuthatch"]).unwrap().text().unwrap();
        assert!(info.contains("shards_live:1"), "{info}");
        sleep(Duration::from_millis(20));
    }
    // Somebody puts the password right on the server: no restart of ours is needed.
    let mut direct = server.client().unwrap();
    assert!(direct.command(&["CONFIG", "SET", "requirepass", "wrong"]).unwrap().is_ok());
    let well = || client.command(&["SET", "k", "v"]).unwrap().is_ok();
    assert!(poll_until(Duration::from_secs(5), well));
}

#[test]
fn a_refused_database_is_told() {
    let server = RedisServer::start_with(&["--databases", "4"]).unwrap();
    let proxy = start(&[server.entry(1, "a")], &[("redis_db", "9")], 1);
    let mut client = proxy.client().unwrap();
    let text = client.command(&["GET", "k"]).unwrap().to_string();
    assert!(text.contains("refused our SELECT: ERR DB index is out of range"), "{text}");
    assert_eq!(client.command(&["PING"]).unwrap(), Value::Simple("PONG".into()));
}

#[test]
fn protocol_versions_have_their_own_lanes() {
    let server = RedisServer::start().unwrap();
    let proxy = start(&[server.entry(1, "a")], &[], 1);
    let (mut old, mut new) = (proxy.client().unwrap(), proxy.client().unwrap());
    assert!(!new.command(&["HELLO", "3"]).unwrap().is_error());
    for _ in 0..3 {
        assert!(!old.command(&["HSET", "h", "f", "1"]).unwrap().is_error());
        let pair = (Value::bulk("f"), Value::bulk("1"));
        let list = Value::Array(vec![pair.0.clone(), pair.1.clone()]);
        assert_eq!(old.command(&["HGETALL", "h"]).unwrap(), list);
        assert_eq!(new.command(&["HGETALL", "h"]).unwrap(), Value::Map(vec![pair]));
        assert_eq!(old.command(&["GET", "none"]).unwrap(), Value::Nil);
        assert_eq!(new.command(&["GET", "none"]).unwrap(), Value::Null);
    }
    let mut versions: Vec<String> = connections(&server)
        .iter()
        .filter_map(|line| line.split(' ').find(|field| field.starts_with("resp=")))
        .map(ToOwned::to_owned)
        .collect();
    versions.sort();
    assert_eq!(versions, ["resp=2", "resp=3"], "one connection of each");
}

#[test]
fn a_server_that_restarts_while_idle_costs_nobody_an_error() {
    let mut server = RedisServer::start().unwrap();
    let keys = [("timeout", "1000"), ("auto_eject_hosts", "true"), ("server_failure_limit", "1")];
    let proxy = start(&[server.entry(1, "a")], &keys, 2);
    let mut clients: Vec<Client> = (0..6).map(|_| proxy.client().unwrap()).collect();
    for _ in 0..3 {
        for client in &mut clients {
            let reply = client.command(&["SET", "k", "v"]).unwrap();
            assert!(reply.is_ok(), "{reply}");
        }
        server.restart().unwrap();
    }
    assert!(clients[0].command(&["SET", "k", "v"]).unwrap().is_ok());
}

#[test]
fn a_connection_cut_under_load_fails_only_what_was_on_it() {
    let server = RedisServer::start().unwrap();
    let proxy = start(&[server.entry(1, "a")], &[("timeout", "1000")], 1);
    let mut client = proxy.client().unwrap();
    let mut direct = server.client().unwrap();
    for round in 0..10 {
        let commands: Vec<Vec<String>> =
            (0..200).map(|n| vec!["SET".into(), format!("k{n}"), format!("{round}:{n}")]).collect();
        let mut bytes = Vec::new();
        for command in &commands {
            nuthatch_testbed::encode(command, &mut bytes);
        }
        client.send_raw(&bytes).unwrap();
        direct.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).unwrap();
        for n in 0..200 {
            let reply = client.recv().unwrap();
            let fine = reply.is_ok()
                || reply.to_string().contains("ERR unknown: the server closed the connection")
                || reply.to_string().contains("ERR Connection reset by peer")
                || reply.to_string().contains("ERR Broken pipe");
            assert!(fine, "round {round}, request {n}: {reply}");
            if reply.is_ok() {
                let value = direct.command(&["GET", &format!("k{n}")]).unwrap();
                assert_eq!(
                    value,
                    Value::bulk(format!("{round}:{n}")),
                    "acknowledged and not there"
                );
            }
        }
        assert!(client.command(&["SET", "k", "v"]).unwrap().is_ok());
    }
}

/// The first replies of a batch wait for the last only for a moment. Nothing else happens here that
/// could end their waiting, but for what a loop hears from its process once a second.
#[test]
fn a_batch_does_not_wait_for_a_server_that_stands_still() {
    let mut servers = [RedisServer::start().unwrap(), RedisServer::start().unwrap()];
    let entries = [servers[0].entry(1, "a"), servers[1].entry(1, "b")];
    let proxy = start(&entries, &[], 1);
    let mut client = Client::connect(proxy.listens()[0].as_str()).unwrap();
    let keys: Vec<String> = (0..50).map(|n| format!("key:{n}")).collect();
    for key in &keys {
        assert!(!client.command(&["SET", key, key]).unwrap().is_error());
    }
    let on = |server: &RedisServer| {
        let mut direct = server.client().unwrap();
        keys.iter().find(|key| direct.command(&["GET", key]).unwrap() != Value::Nil).unwrap()
    };
    let [quick, slow] = [on(&servers[0]), on(&servers[1])];
    servers[1].pause().unwrap();
    client.set_timeout(Duration::from_secs(5)).unwrap();
    let mut batch = Vec::new();
    encode(&["GET", quick], &mut batch);
    encode(&["GET", slow], &mut batch);
    let begun = Instant::now();
    client.send_raw(&batch).unwrap();
    assert_eq!(client.recv().unwrap(), Value::bulk(quick));
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    assert!(client.is_silent_for(Duration::from_millis(50)).unwrap());
    servers[1].resume().unwrap();
    assert_eq!(client.recv().unwrap(), Value::bulk(slow));
}
