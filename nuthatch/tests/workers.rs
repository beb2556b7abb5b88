//! Several workers are one proxy: clients spread evenly, one topology, and every kind of address.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, their helpers included")]

use nuthatch_testbed::{
    Client, Folder, Nuthatch, Process, Proxy, RedisServer, Value, free_port, poll_until, pool_yaml,
};
use std::collections::BTreeMap;
use std::net::{Ipv6Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The fields of the proxy's INFO, as the client's worker sees them.
fn info(client: &mut Client) -> BTreeMap<String, String> {
    let text = client.command(&["INFO", "nuthatch"]).unwrap().text().unwrap();
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(field, value)| (field.to_owned(), value.to_owned()))
        .collect()
}

fn start(entries: &[String], keys: &[(&str, &str)], workers: u16) -> Proxy {
    let mut all = vec![("redis", "true")];
    all.extend_from_slice(keys);
    let yaml = pool_yaml("p", free_port(), &all, entries);
    Nuthatch::start(&yaml, &["-w", &workers.to_string()]).unwrap()
}

/// How many of these clients each worker has.
fn by_worker(clients: &mut [Client]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for client in clients {
        *counts.entry(info(client)["worker"].clone()).or_default() += 1;
    }
    counts
}

fn serves(client: &mut Client) {
    assert!(client.command(&["SET", "k", "v"]).unwrap().is_ok());
    assert_eq!(client.command(&["GET", "k"]).unwrap(), Value::bulk("v"));
}

#[test]
fn a_hundred_clients_spread_over_two_workers() {
    let server = RedisServer::start().unwrap();
    for keys in [&[][..], &[("reuseport", "true")]] {
        let proxy = start(&[server.entry(1, "")], keys, 2);
        let mut clients: Vec<Client> = (0..50).map(|_| proxy.client().unwrap()).collect();
        clients.iter_mut().for_each(serves);
        // Others take the place of some that leave; those must be seen gone before they count.
        clients.drain(..20);
        sleep(Duration::from_millis(200));
        clients.extend((0..70).map(|_| proxy.client().unwrap()));
        clients.iter_mut().for_each(serves);
        let counts = by_worker(&mut clients);
        assert_eq!(counts.values().sum::<usize>(), 100);
        assert!(counts.values().all(|&n| n <= 55), "{keys:?}: {counts:?}");
    }
}

#[test]
fn no_two_workers_keep_to_different_rings() {
    const WORKERS: usize = 8;
    let mut servers: Vec<RedisServer> = (0..3).map(|_| RedisServer::start().unwrap()).collect();
    let entries: Vec<String> =
        servers.iter().enumerate().map(|(at, s)| s.entry(1, &format!("s{at}"))).collect();
    let keys = [
        ("timeout", "300"),
        ("auto_eject_hosts", "true"),
        ("server_failure_limit", "2"),
        ("server_retry_timeout", "400"),
    ];
    let proxy = start(&entries, &keys, WORKERS as u16);
    let mut watchers: BTreeMap<String, Client> = BTreeMap::new();
    let mut spares: Vec<Client> = Vec::new();
    for _ in 0..20 * WORKERS {
        // All stay until each worker has one: among few clients a worker keeps those it accepts.
        let mut client = proxy.client().unwrap();
        let worker = info(&mut client)["worker"].clone();
        if let Some(spare) = watchers.insert(worker, client) {
            spares.push(spare);
        }
        if watchers.len() == WORKERS {
            break;
        }
    }
    assert_eq!(watchers.len(), WORKERS, "a worker that gets nobody");
    let mut writer = proxy.client().unwrap();
    let key = (0..1000)
        .map(|n| format!("k{n}"))
        .find(|key| {
            assert!(writer.command(&["SET", key, "v"]).unwrap().is_ok());
            let held = servers[0].client().unwrap().command(&["EXISTS", key]).unwrap();
            held == Value::Integer(1)
        })
        .unwrap();

    for round in 0..3 {
        servers[0].kill().unwrap();
        let spread = change(&mut watchers, |client| {
            // A request for a dead server now and then, so that there is something to decide.
            let _ = client.command(&["GET", &key]).unwrap();
        });
        let states: Vec<_> =
            watchers.values_mut().map(|c| info(c)["shards_live"].clone()).collect();
        assert!(states.iter().all(|live| live == "2"), "round {round}: {states:?}");
        println!("round {round}: out within {spread:?} of each other");

        servers[0].restart().unwrap();
        let spread = change(&mut watchers, |_| {});
        println!("round {round}: back within {spread:?} of each other");
    }
}

/// Waits for the next epoch on all workers. The time between the first that shows it and the last
/// must be short; how the machine kept *us* waiting in the meantime is not theirs to answer for,
/// so each look is timed from its sending: what a worker says is at least that new.
fn change(watchers: &mut BTreeMap<String, Client>, mut poke: impl FnMut(&mut Client)) -> Duration {
    let epoch = |client: &mut Client| info(client)["epoch"].parse::<u64>().unwrap();
    let before = epoch(watchers.values_mut().next().unwrap());
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut first_seen: Option<Instant> = None;
    loop {
        assert!(Instant::now() < deadline, "no new epoch");
        let mut stale_since_seen = Duration::ZERO;
        let mut all = true;
        for client in watchers.values_mut() {
            let asked = Instant::now();
            if epoch(client) > before {
                first_seen.get_or_insert_with(Instant::now);
                continue;
            }
            all = false;
            if let Some(first) = first_seen {
                stale_since_seen = stale_since_seen.max(asked.saturating_duration_since(first));
            }
            poke(client);
        }
        assert!(
            stale_since_seen < Duration::from_millis(100),
            "a worker keeps to its old ring {stale_since_seen:?} after another has the new one"
        );
        if let (true, Some(first)) = (all, first_seen) {
            return first.elapsed();
        }
        if first_seen.is_none() {
            sleep(Duration::from_millis(2));
        }
    }
}

#[test]
fn unix_sockets_on_both_sides() {
    let server = RedisServer::start_with(&["--unixsocket", "redis.sock"]).unwrap();
    let folder = Folder::new().unwrap();
    let socket = folder.path().join("proxy.sock");
    let yaml = format!(
        "p:\n  listen: {} 0640\n  redis: true\n  servers:\n    - {}:1 alpha\n",
        socket.display(),
        server.unix_socket().unwrap().display()
    );
    // Twice: the second one finds the first one's file and takes its place.
    for _ in 0..2 {
        let proxy = Nuthatch::start(&yaml, &["-w", "2"]).unwrap();
        let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "{mode:o}");
        let mut clients: Vec<Client> = (0..10).map(|_| proxy.client().unwrap()).collect();
        clients.iter_mut().for_each(serves);
        assert!(by_worker(&mut clients).values().all(|&n| n <= 7));
        let about = clients[0].command(&["CLIENT", "INFO"]).unwrap().text().unwrap();
        assert!(about.contains("addr=unix"), "{about}");
    }
}

#[test]
fn a_missing_unix_socket_is_named() {
    let folder = Folder::new().unwrap();
    let path = folder.path().join("nobody.sock");
    let entry = format!("{}:1 alpha", path.display());
    for (manners, exact) in [("modern", false), ("twemproxy", true)] {
        let proxy = start(std::slice::from_ref(&entry), &[("manners", manners)], 1);
        let reply = proxy.client().unwrap().command(&["GET", "k"]).unwrap();
        let want = "(error) ERR No such file or directory";
        assert!(reply.to_string().starts_with(want), "{reply}");
        assert_eq!(reply.to_string() == want, exact, "{reply}");
    }
}

#[test]
fn names_are_resolved_and_what_does_not_resolve_is_told() {
    let server = RedisServer::start().unwrap();
    let entry = format!("localhost:{}:1 named", server.port());
    let proxy = start(&[entry], &[], 2);
    let mut clients: Vec<Client> = (0..4).map(|_| proxy.client().unwrap()).collect();
    clients.iter_mut().for_each(serves);

    // `.invalid` never resolves (RFC 2606); how soon the system says so is its own affair.
    let keys = [("connect_timeout_ms", "3000")];
    let proxy = start(&["no-such-host.invalid:6379:1 ghost".into()], &keys, 1);
    let mut client = proxy.client().unwrap();
    let text = client.command(&["GET", "k"]).unwrap().to_string();
    let known = ["(error) ERR Host is down", "(error) MASTERDOWN Connection timed out"];
    assert!(known.iter().any(|k| text.starts_with(k)), "{text}");
    assert_eq!(client.command(&["PING"]).unwrap(), Value::Simple("PONG".into()));
}

#[test]
fn ipv6_on_both_sides() {
    let port = free_port();
    if TcpListener::bind((Ipv6Addr::LOCALHOST, port)).is_err() {
        println!("no IPv6 loopback here: passed over");
        return;
    }
    let server = RedisServer::start_with(&["--bind", "127.0.0.1 ::1"]).unwrap();
    for (listen, entry) in [
        (format!("::1:{port}"), format!("::1:{}:1 plain", server.port())),
        (format!("'[::1]:{port}'"), format!("'[::1]:{}:1 bracketed'", server.port())),
    ] {
        let yaml = format!("p:\n  listen: {listen}\n  redis: true\n  servers:\n    - {entry}\n");
        let proxy = Nuthatch::start(&yaml, &["-w", "2"]).unwrap();
        serves(&mut proxy.client().unwrap());
    }
}

/// Each client leaves in another way.
fn come_and_go(proxy: &Proxy, count: usize) {
    for n in 0..count {
        let mut client = proxy.client().unwrap();
        match n % 4 {
            0 => serves(&mut client),
            1 => assert!(client.command(&["QUIT"]).unwrap().is_ok()),
            // Gone before its answer comes, and gone without a word.
            2 => client.send(&["GET", "k"]).unwrap(),
            _ => {}
        }
    }
}

#[test]
fn short_connections_leave_nothing_behind() {
    let server = RedisServer::start().unwrap();
    let mut proxy = start(&[server.entry(1, "")], &[], 2);
    // What a proxy that has seen traffic keeps anyway.
    come_and_go(&proxy, 300);
    let Some(files) = settled(proxy.process()) else {
        println!("no /proc here: passed over");
        return;
    };
    let rss = proxy.process().rss_kib().unwrap();
    come_and_go(&proxy, 2000);
    let all_closed = poll_until(Duration::from_secs(5), || {
        proxy.process().open_files().is_some_and(|now| now <= files)
    });
    assert!(all_closed, "{:?} files, {files} before", proxy.process().open_files());
    let after = proxy.process().rss_kib().unwrap();
    println!("{files} files; {rss} KiB before, {after} KiB after 2,000 connections");
    assert!(after < rss + 1024, "{rss} KiB before, {after} KiB after");
    serves(&mut proxy.client().unwrap());
}

/// The open files of a process once their number stands still.
fn settled(process: &Process) -> Option<usize> {
    let mut last = process.open_files()?;
    poll_until(Duration::from_secs(3), || {
        sleep(Duration::from_millis(100));
        let now = process.open_files().unwrap_or(last);
        std::mem::replace(&mut last, now) == now
    });
    Some(last)
}
