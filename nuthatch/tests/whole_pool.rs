//! Commands about the whole pool, with real servers: SCAN while keys come and go and a shard is replaced,
//! failures that name the shard, scripts that survive a restart, databases, fences, clients of all workers.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod programs;

use nuthatch_testbed::{
    Client, Nuthatch, Proxy, RedisServer, Release, Value, free_port, poll_until, pool_yaml,
};
use programs::target;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A replica gets its data at once, not after 5 seconds.
const AT_ONCE: [&str; 2] = ["--repl-diskless-sync-delay", "0"];

struct Pool {
    servers: Vec<RedisServer>,
    proxy: Proxy,
}

impl Pool {
    fn start(keys: &[(&str, &str)]) -> Pool {
        let servers: Vec<_> = (0..3).map(|_| RedisServer::start_with(&AT_ONCE).unwrap()).collect();
        let names = ["alpha", "beta", "gamma"];
        let entries: Vec<_> =
            servers.iter().zip(names).map(|(server, name)| server.entry(1, name)).collect();
        let all = [&[("redis", "true"), ("hash_tag", "\"{}\"")], keys].concat();
        let proxy = Nuthatch::start(&pool_yaml("whole", free_port(), &all, &entries), &["-w", "2"]);
        Pool { servers, proxy: proxy.unwrap() }
    }

    fn client(&self) -> Client {
        self.proxy.client().unwrap()
    }
}

fn text(reply: &Value) -> String {
    reply.to_string()
}

fn error(client: &mut Client, words: &[&str]) -> String {
    let reply = client.command(words).unwrap();
    assert!(reply.is_error(), "{words:?}: {reply}");
    text(&reply).trim_start_matches("(error) ").to_owned()
}

/// One step of SCAN.
fn step(client: &mut Client, cursor: &str, more: &[&str]) -> Result<(String, Vec<String>), String> {
    let reply = client.command(&[&["SCAN", cursor], more].concat()).unwrap();
    if reply.is_error() {
        return Err(text(&reply));
    }
    let parts = reply.items().unwrap();
    let keys = parts[1].items().unwrap().iter().map(|key| key.text().unwrap()).collect();
    Ok((parts[0].text().unwrap(), keys))
}

fn scan(client: &mut Client, more: &[&str]) -> BTreeSet<String> {
    let (mut cursor, mut seen) = ("0".to_owned(), BTreeSet::new());
    for _ in 0..100_000 {
        let (next, keys) = step(client, &cursor, more).unwrap();
        assert!(next.parse::<u64>().unwrap() < 1 << 53, "{next}");
        seen.extend(keys);
        if next == "0" {
            return seen;
        }
        cursor = next;
    }
    panic!("a scan without an end");
}

fn fill(client: &mut Client, prefix: &str, count: usize) -> BTreeSet<String> {
    let keys: BTreeSet<String> = (0..count).map(|n| format!("{prefix}{n}")).collect();
    for key in &keys {
        assert!(client.command(&["SET", key, "1"]).unwrap().is_ok());
    }
    keys
}

#[test]
fn scan_finds_every_key_that_stays() {
    let pool = Pool::start(&[]);
    let mut client = pool.client();
    let stays = fill(&mut client, "stays:", 3_000);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = pool.client();
            let mut n = 0u64;
            // Tables grow and shrink meanwhile.
            while !is_over.load(Ordering::Relaxed) {
                let name = format!("goes:{}", n % 20_000);
                let word = if (n / 20_000).is_multiple_of(2) {
                    vec!["SET", &name, "1"]
                } else {
                    vec!["DEL", &name]
                };
                assert!(!client.command(&word).unwrap().is_error());
                n += 1;
            }
        });
        let mut scanner = pool.client();
        for count in ["1", "10", "1000"] {
            let seen = scan(&mut scanner, &["COUNT", count, "MATCH", "stays:*"]);
            assert_eq!(seen, stays, "COUNT {count}");
        }
        is_over.store(true, Ordering::Relaxed);
    });
    // A literal tag needs its owner only.
    for n in 0..20 {
        assert!(client.command(&["SET", &format!("{{tag}}{n}"), "1"]).unwrap().is_ok());
    }
    assert_eq!(scan(&mut client, &["MATCH", "{tag}*", "COUNT", "1000"]).len(), 20);
    assert_eq!(scan(&mut client, &["TYPE", "hash"]).len(), 0);
}

#[test]
fn scan_begins_a_shard_again_when_another_server_has_it() {
    let mut pool = Pool::start(&[]);
    let mut client = pool.client();
    let keys = fill(&mut client, "key:", 600);
    for victim in 0..3 {
        let mut cursor = "0".to_owned();
        let mut seen = BTreeSet::new();
        let mut steps = 0;
        loop {
            let (next, found) = step(&mut client, &cursor, &["COUNT", "7"]).unwrap();
            seen.extend(found);
            cursor = next;
            steps += 1;
            if cursor == "0" {
                break;
            }
            // In the middle of some shard, this one or another, its replica takes over.
            if steps % 25 == 10 && steps < 100 {
                replace(&mut pool.servers[victim]);
                assert!(poll_until(Duration::from_secs(5), || {
                    client.command(&["DBSIZE"]).unwrap().as_int() == Some(600)
                }));
            }
        }
        assert_eq!(seen, keys, "shard {victim} was replaced");
    }
}

/// Another process with the same data, on the same port: its tables have another order.
fn replace(server: &mut RedisServer) {
    let replica_of = |port: u16| -> Vec<String> {
        let words = ["--replicaof", "127.0.0.1", &port.to_string()].map(str::to_owned);
        AT_ONCE.map(str::to_owned).into_iter().chain(words).collect()
    };
    let args = replica_of(server.port());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let replica = RedisServer::start_with(&args).unwrap();
    let mut of_replica = replica.client().unwrap();
    let in_sync = |client: &mut Client| {
        let info = client.command(&["INFO", "replication"]).unwrap().text().unwrap();
        info.contains("master_link_status:up")
    };
    assert!(poll_until(Duration::from_secs(10), || in_sync(&mut of_replica)));
    let port = server.port();
    server.kill().unwrap();
    let args = replica_of(replica.port());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    *server = RedisServer::start_on(port, &args).unwrap();
    let mut client = server.client().unwrap();
    assert!(of_replica.command(&["REPLICAOF", "NO", "ONE"]).unwrap().is_ok());
    assert!(poll_until(Duration::from_secs(10), || in_sync(&mut client)));
    assert!(client.command(&["REPLICAOF", "NO", "ONE"]).unwrap().is_ok());
}

#[test]
fn a_shard_that_is_down_is_named() {
    let mut pool = Pool::start(&[("timeout", "1000")]);
    let mut client = pool.client();
    fill(&mut client, "key:", 300);
    // A cursor in the middle of each shard.
    let (mut cursor, mut cursors) = ("0".to_owned(), Vec::new());
    loop {
        cursor = step(&mut client, &cursor, &["COUNT", "20"]).unwrap().0;
        if cursor == "0" {
            break;
        }
        cursors.push(cursor.clone());
    }
    pool.servers[1].kill().unwrap();
    for words in [&["KEYS", "*"][..], &["DBSIZE"], &["RANDOMKEY"]] {
        assert!(error(&mut client, words).contains("(shard beta, server "), "{words:?}");
    }
    let flush = error(&mut client, &["FLUSHDB"]);
    assert!(
        flush.contains("shard beta") && flush.ends_with("; done on shards alpha, gamma"),
        "{flush}"
    );
    // INFO still answers for the pool.
    let info = client.command(&["INFO"]).unwrap().text().unwrap();
    assert!(info.contains("role:master") && info.contains("shards:3"), "{info}");
    let failed: Vec<&String> =
        cursors.iter().filter(|cursor| step(&mut client, cursor, &[]).is_err()).collect();
    assert!(
        !failed.is_empty() && failed.len() < cursors.len(),
        "{} of {}",
        failed.len(),
        cursors.len()
    );
    for cursor in &failed {
        let what = step(&mut client, cursor, &[]).unwrap_err();
        assert!(what.contains("MASTERDOWN") && what.contains("(shard beta, server "), "{what}");
    }
    pool.servers[1].restart().unwrap();
    assert!(poll_until(Duration::from_secs(5), || step(&mut client, failed[0], &[]).is_ok()));
    for server in &mut pool.servers {
        server.kill().unwrap();
    }
    // Of the keys we know nothing, of the pool we do.
    assert!(error(&mut client, &["INFO", "keyspace"]).starts_with("MASTERDOWN"));
    assert!(client.command(&["INFO"]).unwrap().text().unwrap().contains("role:master"));
}

#[test]
fn random_keys_are_fair() {
    let pool = Pool::start(&[]);
    let mut client = pool.client();
    // 300 keys on one shard, and 30 spread over all.
    let owner = |n: usize| format!("{{a}}{n}");
    for n in 0..300 {
        assert!(client.command(&["SET", &owner(n), "1"]).unwrap().is_ok());
    }
    fill(&mut client, "other:", 30);
    let drawn: Vec<String> =
        (0..2_000).map(|_| client.command(&["RANDOMKEY"]).unwrap().text().unwrap()).collect();
    let others = drawn.iter().filter(|key| key.starts_with("other:")).count();
    // 30 of 330 keys: 182 of 2,000; a fair choice of shards would give some 1,300.
    assert!((60..400).contains(&others), "{others}");
    assert!(client.command(&["FLUSHALL", "ASYNC"]).unwrap().is_ok());
    assert!(client.command(&["RANDOMKEY"]).unwrap().is_nil());
}

#[test]
fn scripts_survive_restarts_and_flushes() {
    let mut pool = Pool::start(&[]);
    let mut client = pool.client();
    let sha = client.command(&["SCRIPT", "LOAD", "return redis.call('INCR', KEYS[1])"]).unwrap();
    let sha = sha.text().unwrap();
    // By another worker's client, too, and on every shard.
    let mut clients: Vec<Client> = (0..8).map(|_| pool.client()).collect();
    let call = |clients: &mut Vec<Client>, round: i64| {
        for (at, client) in clients.iter_mut().enumerate() {
            for n in 0..12 {
                let reply = client.command(&["EVALSHA", &sha, "1", &format!("{at}:{n}")]).unwrap();
                assert_eq!(reply.as_int(), Some(round), "{reply}");
            }
        }
    };
    call(&mut clients, 1);
    for server in &pool.servers {
        assert!(server.client().unwrap().command(&["SCRIPT", "FLUSH"]).unwrap().is_ok());
    }
    call(&mut clients, 2);
    for server in &mut pool.servers {
        server.restart().unwrap();
    }
    let mut ready = pool.client();
    let all_up = || ready.command(&["DBSIZE"]).unwrap().as_int() == Some(0);
    assert!(poll_until(Duration::from_secs(5), all_up));
    call(&mut clients, 1);
    // A pipeline on new connections keeps its order.
    for server in &mut pool.servers {
        server.restart().unwrap();
    }
    assert!(poll_until(Duration::from_secs(5), || {
        ready.command(&["DBSIZE"]).unwrap().as_int() == Some(0)
    }));
    let mut piped = pool.client();
    for n in 0..50 {
        let key = format!("piped:{n}");
        piped.send(&["EVALSHA", &sha, "1", &key]).unwrap();
        piped.send(&["SET", &key, "7"]).unwrap();
        piped.send(&["GET", &key]).unwrap();
    }
    for n in 0..50 {
        assert_eq!(piped.recv().unwrap().as_int(), Some(1), "{n}");
        assert!(piped.recv().unwrap().is_ok());
        assert_eq!(piped.recv().unwrap().text().as_deref(), Some("7"));
    }
    // An answer in the words of NOSCRIPT is the script's own: it is not called twice.
    let forged =
        "redis.call('INCR', KEYS[1]) return redis.error_reply('NOSCRIPT No matching script.')";
    let forged = client.command(&["SCRIPT", "LOAD", forged]).unwrap().text().unwrap();
    assert!(error(&mut client, &["EVALSHA", &forged, "1", "forged"]).starts_with("NOSCRIPT"));
    assert_eq!(client.command(&["GET", "forged"]).unwrap().text().as_deref(), Some("1"));
    assert!(client.command(&["SCRIPT", "FLUSH"]).unwrap().is_ok());
    assert!(error(&mut client, &["EVALSHA", &sha, "1", "gone"]).starts_with("NOSCRIPT"));
}

#[test]
fn functions_are_on_all_shards() {
    let pool = Pool::start(&[]);
    let mut client = pool.client();
    let code =
        "#!lua name=lib\nredis.register_function('f', function(keys, args) return keys[1] end)";
    assert_eq!(client.command(&["FUNCTION", "LOAD", code]).unwrap().text().as_deref(), Some("lib"));
    for n in 0..12 {
        let key = format!("key:{n}");
        let reply = client.command(&["FCALL", "f", "1", &key]).unwrap();
        assert_eq!(reply.text().as_deref(), Some(&*key));
    }
    let dump = client.command(&["FUNCTION", "DUMP"]).unwrap().as_bytes().unwrap().to_vec();
    assert!(
        error(&mut client, &["FUNCTION", "LOAD", code])
            .starts_with("ERR Library 'lib' already exists")
    );
    assert!(client.command(&["FUNCTION", "DELETE", "lib"]).unwrap().is_ok());
    assert!(error(&mut client, &["FCALL", "f", "1", "key"]).starts_with("ERR Function not found"));
    let restore = [&b"FUNCTION"[..], b"RESTORE", &dump];
    assert!(client.command(&restore).unwrap().is_ok());
    assert_eq!(client.command(&["FCALL", "f", "1", "k"]).unwrap().text().as_deref(), Some("k"));
}

#[test]
fn databases_are_apart() {
    let pool = Pool::start(&[]);
    let mut client = pool.client();
    fill(&mut client, "zero:", 30);
    assert!(client.command(&["SELECT", "9"]).unwrap().is_ok());
    assert_eq!(client.command(&["DBSIZE"]).unwrap().as_int(), Some(0));
    fill(&mut client, "nine:", 20);
    // In one write: the request behind SELECT does not overtake those before it.
    for words in
        [&["SET", "last", "1"][..], &["MOVE", "last", "3"], &["SELECT", "3"], &["GET", "last"]]
    {
        client.send(words).unwrap();
    }
    assert!(client.recv().unwrap().is_ok());
    assert_eq!(client.recv().unwrap().as_int(), Some(1));
    assert!(client.recv().unwrap().is_ok());
    assert_eq!(client.recv().unwrap().text().as_deref(), Some("1"));
    let info = client.command(&["INFO", "keyspace"]).unwrap().text().unwrap();
    for line in ["db0:keys=30,", "db9:keys=20,", "db3:keys=1,"] {
        assert!(info.contains(line), "{info}");
    }
    assert!(client.command(&["FLUSHDB"]).unwrap().is_ok());
    let info = client.command(&["INFO", "keyspace"]).unwrap().text().unwrap();
    assert!(info.contains("db9:keys=20,") && !info.contains("db3:"), "{info}");
    for bad in ["-1", "16", "2147483647"] {
        assert_eq!(error(&mut client, &["SELECT", bad]), "ERR DB index is out of range");
    }
    // The words of a server.
    let over = error(&mut client, &["SELECT", "2147483648"]);
    assert_eq!(over, "ERR value is out of range, value must between -2147483648 and 2147483647");
    // Only `redis_db` is written: only that one.
    let one = Pool::start(&[("redis_db", "5")]);
    let mut client = one.client();
    assert!(client.command(&["SELECT", "5"]).unwrap().is_ok());
    assert!(error(&mut client, &["SELECT", "0"]).contains("serves database 5 only"));
}

#[test]
fn fences_and_unknown_commands() {
    let shut = Pool::start(&[]);
    let mut client = shut.client();
    assert!(error(&mut client, &["SAVE"]).contains("`admin_commands: allow`"));
    assert!(client.command(&["CONFIG", "SET", "notify-keyspace-events", "KEA"]).unwrap().is_ok());
    for server in &shut.servers {
        let got = server.client().unwrap().command(&["CONFIG", "GET", "notify-keyspace-events"]);
        assert_eq!(got.unwrap().items().unwrap()[1].text().as_deref(), Some("AKE"));
    }
    assert!(error(&mut client, &["NOSUCH", "key"]).starts_with("ERR unknown command 'NOSUCH'"));
    let open = Pool::start(&[("admin_commands", "allow"), ("unknown_commands", "first_key")]);
    let mut client = open.client();
    assert!(client.command(&["CONFIG", "SET", "maxmemory", "100mb"]).unwrap().is_ok());
    for server in &open.servers {
        let got = server.client().unwrap().command(&["CONFIG", "GET", "maxmemory"]).unwrap();
        assert_eq!(got.items().unwrap()[1].text().as_deref(), Some("104857600"));
    }
    // The server judges it; but what would take the connection is still unknown.
    assert!(error(&mut client, &["NOSUCH", "key"]).starts_with("ERR unknown command 'NOSUCH'"));
    assert!(error(&mut client, &["MONITOR", "key"]).starts_with("ERR unknown command 'MONITOR'"));
    assert!(error(&mut client, &["SHUTDOWN", "key"]).contains("is not served by the proxy"));
    let calls: i64 = open
        .servers
        .iter()
        .map(|server| {
            let info =
                server.client().unwrap().command(&["INFO", "stats"]).unwrap().text().unwrap();
            let line =
                info.lines().find_map(|line| line.strip_prefix("total_error_replies:")).unwrap();
            line.trim().parse::<i64>().unwrap()
        })
        .sum();
    assert_eq!(calls, 1, "only NOSUCH came to a server");
}

#[test]
fn clients_of_all_workers_are_seen() {
    let pool = Pool::start(&[]);
    let mut client = pool.client();
    let mut others: Vec<Client> = (0..20).map(|_| pool.client()).collect();
    for (at, other) in others.iter_mut().enumerate() {
        assert!(other.command(&["CLIENT", "SETNAME", &format!("other-{at}")]).unwrap().is_ok());
    }
    let list = client.command(&["CLIENT", "LIST"]).unwrap().text().unwrap();
    assert_eq!(list.matches(" name=other-").count(), 20, "{list}");
    let id = others[7].command(&["CLIENT", "ID"]).unwrap().as_int().unwrap().to_string();
    let one = client.command(&["CLIENT", "LIST", "ID", &id]).unwrap().text().unwrap();
    assert!(one.contains(" name=other-7 ") && one.lines().count() == 1, "{one}");
    let address = one.split(' ').find_map(|word| word.strip_prefix("addr=")).unwrap().to_owned();
    assert!(client.command(&["CLIENT", "KILL", &address]).unwrap().is_ok());
    assert!(error(&mut client, &["CLIENT", "KILL", &address]).starts_with("ERR No such client"));
    assert!(others[7].command(&["PING"]).is_err());
    let killed = client.command(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
    assert_eq!(killed.as_int(), Some(19), "itself it spares");
    assert!(client.command(&["PING"]).is_ok());
    // A pause holds all workers' clients, and writes only if that was asked.
    let mut others: Vec<Client> = (0..6).map(|_| pool.client()).collect();
    assert!(client.command(&["CLIENT", "PAUSE", "400", "WRITE"]).unwrap().is_ok());
    let began = Instant::now();
    for other in &mut others {
        assert!(!other.command(&["GET", "x"]).unwrap().is_error());
    }
    assert!(began.elapsed() < Duration::from_millis(200));
    for other in &mut others {
        assert!(other.command(&["SET", "x", "1"]).unwrap().is_ok());
    }
    assert!(began.elapsed() >= Duration::from_millis(390), "{:?}", began.elapsed());
    // Replies that nobody wants, in the middle of a pipeline.
    let words: [&[&str]; 7] = [
        &["CLIENT", "REPLY", "OFF"],
        &["SET", "quiet", "1"],
        &["MGET", "a", "b", "c", "d"],
        &["CLIENT", "REPLY", "ON"],
        &["CLIENT", "REPLY", "SKIP"],
        &["INCR", "quiet"],
        &["GET", "quiet"],
    ];
    for words in words {
        client.send(words).unwrap();
    }
    assert!(client.recv().unwrap().is_ok(), "of ON");
    assert_eq!(client.recv().unwrap().text().as_deref(), Some("2"));
}

#[test]
fn no_touch_needs_servers_that_know_it() {
    let pool = Pool::start(&[]);
    let mut client = pool.client();
    let refusal = error(&mut client, &["CLIENT", "NO-TOUCH", "ON"]);
    assert_eq!(refusal, "ERR unknown subcommand 'NO-TOUCH'. Try CLIENT HELP.");
    assert!(client.command(&["SET", "x", "1"]).unwrap().is_ok());

    let Some(target) = target() else { return };
    let server = RedisServer::start_release(Release::Valkey91, &target, &[]).unwrap();
    let entries = [server.entry(1, "alpha")];
    let yaml = pool_yaml("valkey", free_port(), &[("redis", "true")], &entries);
    let proxy = Nuthatch::start(&yaml, &[]).unwrap();
    let mut client = proxy.client().unwrap();
    assert!(client.command(&["SET", "x", "1"]).unwrap().is_ok());
    assert!(client.command(&["CLIENT", "NO-TOUCH", "ON"]).unwrap().is_ok());
    assert_eq!(client.command(&["GET", "x"]).unwrap().text().as_deref(), Some("1"));
    let clients = server.client().unwrap().command(&["CLIENT", "LIST"]).unwrap().text().unwrap();
    let flags = |line: &str| line.split(" flags=").nth(1)?.split(' ').next().map(str::to_owned);
    assert!(clients.lines().filter_map(flags).any(|flags| flags.contains('T')), "{clients}");
}
