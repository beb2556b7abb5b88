//! What a pool promises for its servers is true of them: the protocol, the version, the password.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

use nuthatch_testbed::{
    Answer, Client, FakeServer, Nutcracker, Nuthatch, Proxy, RedisServer, Value, find_program,
    find_program_or_skip, free_port, poll_until, pool_yaml,
};
use std::process::Command;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(10);
/// A server that does not know HELLO, as any before Redis 6.
const OLD: [&str; 3] = ["--rename-command", "HELLO", ""];

fn start(keys: &[(&str, &str)], servers: &[String]) -> Proxy {
    let mut all = vec![("redis", "true")];
    all.extend_from_slice(keys);
    Nuthatch::start(&pool_yaml("pool", free_port(), &all, servers), &[]).unwrap()
}

fn hello_3(client: &mut Client) -> Value {
    client.command(&["HELLO", "3"]).unwrap()
}

fn text(value: &Value) -> String {
    match value {
        Value::Error(text) => text.clone(),
        other => other.text().unwrap_or_else(|| format!("{other:?}")),
    }
}

/// Whether a map has this value.
fn tells(map: &Value, wanted: &str) -> bool {
    let Value::Map(pairs) = map else { return false };
    pairs.iter().any(|(_, value)| text(value) == wanted)
}

fn version_told(client: &mut Client) -> String {
    let info = text(&client.command(&["INFO", "server"]).unwrap());
    let line = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
    line.unwrap_or_default().to_owned()
}

#[test]
fn one_server_without_hello_makes_clients_fall_back() {
    if find_program_or_skip("redis-server").is_none() {
        return;
    }
    let servers = [RedisServer::start().unwrap(), RedisServer::start_with(&OLD).unwrap()];
    let mut proxy = start(&[], &servers.each_ref().map(|server| server.entry(1, "")));
    // The first thing that the first client says, right after the start.
    let mut client = proxy.client().unwrap();
    let refused = text(&hello_3(&mut client));
    assert!(refused.starts_with("NOPROTO ") && refused.contains("unknown command"), "{refused}");
    for key in 0..20 {
        assert!(client.command(&["SET", &format!("key:{key}:x"), "1"]).unwrap().is_ok());
    }
    assert!(!client.command(&["HELLO", "2"]).unwrap().is_error());
    let told = |log: &str| log.matches("does not know HELLO 3").count();
    assert!(poll_until(SOON, || told(&proxy.process().log()) >= 1));
    assert_eq!(told(&proxy.process().log()), 1);
}

#[test]
fn an_old_proxy_as_a_server_makes_clients_fall_back() {
    if find_program("nutcracker").is_none() {
        return;
    }
    let server = RedisServer::start().unwrap();
    let port = free_port();
    let yaml = pool_yaml("inner", port, &[("redis", "true")], &[server.entry(1, "")]);
    let _inner = Nutcracker::start(&yaml).unwrap();
    let proxy = start(&[], &[format!("127.0.0.1:{port}:1 inner")]);
    let mut client = proxy.client().unwrap();
    assert!(text(&hello_3(&mut client)).starts_with("NOPROTO "));
    assert!(client.command(&["SET", "k", "v"]).unwrap().is_ok());
}

#[test]
fn a_pool_rises_and_falls_with_its_servers() {
    if find_program_or_skip("redis-server").is_none() {
        return;
    }
    let stays = RedisServer::start().unwrap();
    let mut changes = RedisServer::start_with(&OLD).unwrap();
    let port = changes.port();
    let proxy = start(&[], &[stays.entry(1, "a"), changes.entry(1, "b")]);
    let mut client = proxy.client().unwrap();
    assert!(hello_3(&mut client).is_error());
    // A request to each, so that there are connections whose end is noticed.
    let touch = |client: &mut Client| {
        for key in 0..20 {
            client.command(&["SET", &format!("key:{key}:x"), "1"]).unwrap();
        }
    };
    touch(&mut client);
    changes.kill().unwrap();
    let mut changes = RedisServer::start_on(port, &[]).unwrap();
    assert!(
        poll_until(SOON, || !hello_3(&mut proxy.client().unwrap()).is_error()),
        "it knows HELLO now, and the pool is not told"
    );
    let mut modern = proxy.client().unwrap();
    assert!(!hello_3(&mut modern).is_error());
    touch(&mut modern);
    changes.kill().unwrap();
    let _old_again = RedisServer::start_on(port, &OLD).unwrap();
    assert!(poll_until(SOON, || hello_3(&mut proxy.client().unwrap()).is_error()));
    // A client that speaks RESP3 would be refused by that server at each request: it is closed, and can
    // fall back.
    assert!(poll_until(SOON, || modern.command(&["PING"]).is_err()));
    assert!(client.command(&["PING"]).is_ok(), "one that speaks RESP2 stays");
}

#[test]
fn the_version_is_the_lowest_of_the_servers() {
    if find_program_or_skip("redis-server").is_none() {
        return;
    }
    let server = RedisServer::start().unwrap();
    let its_own = version_told(&mut server.client().unwrap());
    let proxy = start(&[], &[server.entry(1, "")]);
    let mut client = proxy.client().unwrap();
    let greeting = hello_3(&mut client);
    assert!(tells(&greeting, &its_own), "{greeting:?} is not of {its_own}");
    assert_eq!(version_told(&mut client), its_own);
    // An impostor answers like Redis 6.2.1: RESP3, and older than the real one.
    let hello = "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n6.2.1\r\n";
    let info = "$23\r\nredis_version:6.2.1\r\n\r\n\r\n";
    let older = FakeServer::start(Answer::Bytes(format!("{hello}{info}").into_bytes())).unwrap();
    let proxy = start(&[], &[server.entry(1, ""), older.entry(1, "")]);
    let mut client = proxy.client().unwrap();
    assert!(!hello_3(&mut client).is_error());
    assert_eq!(version_told(&mut client), "6.2.1");
}

#[test]
fn a_server_that_is_silent_holds_hello_up_for_no_longer_than_a_connection_may_take() {
    let silent = FakeServer::start(Answer::Silence).unwrap();
    let proxy = start(&[("connect_timeout_ms", "300")], &[silent.entry(1, "")]);
    let mut client = proxy.client().unwrap();
    let mut other = proxy.client().unwrap();
    client.send(&["HELLO", "3"]).unwrap();
    let since = Instant::now();
    assert!(!other.command(&["PING"]).unwrap().is_error(), "others do not wait");
    let refused = text(&client.recv().unwrap());
    assert!(refused.starts_with("LOADING no server of pool 'pool'"), "{refused}");
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    assert!(!client.command(&["HELLO", "2"]).unwrap().is_error());
}

#[test]
fn servers_that_come_after_the_proxy_are_asked() {
    if find_program_or_skip("redis-server").is_none() {
        return;
    }
    let port = free_port();
    let proxy = start(&[], &[format!("127.0.0.1:{port}:1 late")]);
    assert!(text(&hello_3(&mut proxy.client().unwrap())).starts_with("LOADING "));
    let _late = RedisServer::start_on(port, &[]).unwrap();
    assert!(poll_until(SOON, || !hello_3(&mut proxy.client().unwrap()).is_error()));
}

/// A set-up that twemproxy's maintainers recommended: the password at the proxy only.
#[test]
fn a_password_at_the_proxy_alone_is_enough() {
    if find_program_or_skip("redis-server").is_none() {
        return;
    }
    let servers = [RedisServer::start().unwrap(), RedisServer::start().unwrap()];
    let entries = servers.each_ref().map(|server| server.entry(1, ""));
    for manners in ["modern", "twemproxy"] {
        let keys = [("redis_auth", "open sesame"), ("redis_db", "3"), ("manners", manners)];
        let mut proxy = start(&keys, &entries);
        for resp3 in [false, true] {
            let mut client = proxy.client().unwrap();
            assert!(text(&client.command(&["GET", "a"]).unwrap()).starts_with("NOAUTH"));
            assert!(client.command(&["AUTH", "open sesame"]).unwrap().is_ok());
            if resp3 {
                assert!(!hello_3(&mut client).is_error());
            }
            for key in 0..20 {
                assert!(client.command(&["SET", &format!("key:{key}:x"), "1"]).unwrap().is_ok());
            }
        }
        for server in &servers {
            let mut direct = server.client().unwrap();
            direct.command(&["SELECT", "3"]).unwrap();
            assert!(matches!(direct.command(&["DBSIZE"]).unwrap(), Value::Integer(1..)));
        }
        let told = |log: &str| log.matches("the server has no password").count();
        assert!(poll_until(SOON, || told(&proxy.process().log()) >= 2));
        let log = proxy.process().log();
        assert_eq!(told(&log), 2, "{log}");
        assert!(!log.contains("sesame"), "{log}");
    }
    // `verify` goes on too, and says it.
    let yaml = pool_yaml("p", 1, &[("redis", "true"), ("redis_auth", "open")], &entries);
    let file = std::env::temp_dir().join(format!("nuthatch-open-{}.yml", std::process::id()));
    std::fs::write(&file, yaml).unwrap();
    let done =
        Command::new(Nuthatch::binary().unwrap()).arg("verify").arg("-c").arg(&file).output();
    std::fs::remove_file(&file).unwrap();
    let said = String::from_utf8(done.unwrap().stdout).unwrap();
    assert!(said.contains("no password is set at") && !said.contains("cannot be asked"), "{said}");
}

#[test]
fn a_wrong_password_is_told_as_whose_it_is() {
    if find_program("nutcracker").is_none() {
        return;
    }
    let server = RedisServer::start_with(&["--requirepass", "right"]).unwrap();
    let entries = [server.entry(1, "")];
    let keys = [("redis", "true"), ("redis_auth", "wrong")];
    let mut answers = Vec::new();
    let old = Nutcracker::start(&pool_yaml("p", free_port(), &keys, &entries)).unwrap();
    let twemproxy = start(&[("redis_auth", "wrong"), ("manners", "twemproxy")], &entries);
    let mut modern = start(&[("redis_auth", "wrong")], &entries);
    for proxy in [&old, &twemproxy, &modern] {
        let mut client = proxy.client().unwrap();
        assert!(client.command(&["AUTH", "wrong"]).unwrap().is_ok());
        answers.push(text(&client.command(&["GET", "k"]).unwrap()));
    }
    assert_eq!(answers[1], answers[0], "as the old one");
    assert!(answers[0].starts_with("NOAUTH "), "{}", answers[0]);
    let ours = &answers[2];
    assert!(ours.starts_with("ERR the server refused the pool's password: WRONGPASS"), "{ours}");
    assert!(ours.ends_with(", not sent"), "{ours}");
    let is_logged = || modern.process().log().contains("the server refused the pool's password");
    assert!(poll_until(SOON, is_logged));
}

/// What libraries read from INFO without looking whether it is there.
#[test]
fn info_has_what_clients_read() {
    if find_program_or_skip("redis-server").is_none() {
        return;
    }
    let server = RedisServer::start().unwrap();
    let proxy = start(&[], &[server.entry(1, "")]);
    let mut client = proxy.client().unwrap();
    let ours = text(&client.command(&["INFO"]).unwrap());
    let theirs = text(&server.client().unwrap().command(&["INFO"]).unwrap());
    let value = |info: &str, name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in {info}")).to_owned()
    };
    for same in
        ["redis_version", "redis_mode", "os", "arch_bits", "role", "cluster_enabled", "loading"]
    {
        assert_eq!(value(&ours, same), value(&theirs, same), "{same}");
    }
    let port = proxy.listens()[0].rsplit(':').next().unwrap();
    assert_eq!(value(&ours, "tcp_port"), port);
    assert_eq!(value(&ours, "connected_clients"), "1");
    assert_eq!(value(&ours, "run_id").len(), 40);
    for number in
        ["uptime_in_seconds", "used_memory", "maxmemory", "process_id", "connected_slaves"]
    {
        value(&ours, number).parse::<u64>().unwrap();
    }
    // Every field of ours but those of our own section is one that the server has, too.
    let common = ours.split("# Nuthatch").next().unwrap();
    for line in common.lines().filter(|line| line.contains(':')) {
        let name = line.split(':').next().unwrap();
        assert!(theirs.contains(&format!("{name}:")) || name == "nuthatch_version", "{name}");
    }
    let replication = text(&client.command(&["INFO", "REPLICATION"]).unwrap());
    assert!(replication.starts_with("# Replication\r\nrole:master\r\n"), "{replication}");
    assert!(!replication.contains("# Server"), "{replication}");
    let two = text(&client.command(&["info", "CLUSTER", "server"]).unwrap());
    assert!(two.starts_with("# Server\r\n") && two.contains("\r\n\r\n# Cluster\r\n"), "{two}");
    assert_eq!(text(&client.command(&["INFO", "nothing"]).unwrap()), "");
}

/// Servers whose clients do not want to know see the connections that they saw behind twemproxy.
#[test]
fn servers_are_not_asked_before_a_client_wants_to_know() {
    if find_program_or_skip("redis-server").is_none() {
        return;
    }
    let server = RedisServer::start().unwrap();
    let mut direct = server.client().unwrap();
    let mut connections = || {
        let stats = text(&direct.command(&["INFO", "stats"]).unwrap());
        let line = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        line.unwrap().parse::<u32>().unwrap()
    };
    let before = connections();
    let yaml = pool_yaml("pool", free_port(), &[("redis", "true")], &[server.entry(1, "")]);
    let proxy = Nuthatch::start(&yaml, &["-w", "1"]).unwrap();
    let mut client = proxy.client().unwrap();
    assert!(client.command(&["SET", "k", "v"]).unwrap().is_ok());
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(connections(), before + 1, "the one that the request went over");
    assert!(!hello_3(&mut client).is_error());
    assert_eq!(connections(), before + 2, "and now it was asked");
}
