//! At the bounds: clients, files, memory.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod stand;

use nuthatch_testbed::{
    Client, Folder, Process, RedisServer, Value, find_program, find_program_or_skip, poll_until,
    pool_yaml,
};
use stand::{PATIENCE, Stand};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Started under a limit of open files, soft and hard.
fn under_limit(stand: &Stand, files: &str, more: &[&str]) -> Option<Process> {
    named_under_limit("nuthatch", stand, files, more)
}

fn named_under_limit(name: &str, stand: &Stand, files: &str, more: &[&str]) -> Option<Process> {
    let prlimit = find_program_or_skip("prlimit")?;
    let place = Folder::new().unwrap();
    fs::copy(stand.path("pools.yml"), place.path().join("pools.yml")).unwrap();
    let mut args = vec![format!("--nofile={files}"), stand.path(name).display().to_string()];
    args.extend(stand.flags(more));
    let mut process = Process::start(&prlimit, args, place).unwrap();
    let address = stand.address();
    process.wait_ready(PATIENCE, || TcpStream::connect(address).is_ok()).unwrap();
    Some(process)
}

fn soft_limit(process: &Process) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{}/limits", process.pid())).ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[test]
fn a_pool_has_as_many_clients_as_it_says() {
    let keys = [("client_connections", "3")];
    let stand = Stand::with_keys("127.0.0.1:1:1", &keys);
    let process = stand.serve("nuthatch", &["-w", "2"]);
    let ping = |client: &mut Client| client.command(&["PING"]);
    // The one that asked whether it listens may not be gone yet.
    let mut clients = Vec::new();
    assert!(poll_until(PATIENCE, || {
        let mut client = Client::connect(stand.address()).unwrap();
        if ping(&mut client).is_ok_and(|reply| reply == Value::Simple("PONG".into())) {
            clients.push(client);
        }
        clients.len() == 3
    }));
    let mut refused = Client::connect(stand.address()).unwrap();
    let told = refused.recv_to_end().unwrap();
    assert_eq!(String::from_utf8_lossy(&told), "-ERR max number of clients reached\r\n");
    let said = "clients refused: client_connections reached";
    assert!(poll_until(PATIENCE, || process.log().contains(said)), "{}", process.log());
    clients.pop();
    assert!(poll_until(PATIENCE, || {
        let mut client = Client::connect(stand.address()).unwrap();
        ping(&mut client).is_ok_and(|reply| reply == Value::Simple("PONG".into()))
    }));
    // The name nutcracker keeps what nutcracker did: none.
    let stand = Stand::with_keys("127.0.0.1:1:1", &keys);
    let _process = stand.serve("nutcracker", &[]);
    let mut clients: Vec<Client> =
        (0..6).map(|_| Client::connect(stand.address()).unwrap()).collect();
    assert!(clients.iter_mut().all(|client| ping(client).is_ok()));
}

/// One that leaves and one that comes within a turn of the loop may share a place there.
#[test]
fn clients_that_come_and_go_at_once_are_counted_out() {
    const ROOM: usize = 20;
    let stand = Stand::with_keys("127.0.0.1:1:1", &[("client_connections", "20")]);
    let _process = stand.serve("nuthatch", &["-w", "1"]);
    let address = stand.address();
    thread::scope(|scope| {
        for _ in 0..ROOM / 2 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let mut client = Client::connect(address).unwrap();
                    // Refused or reset while the one before is not seen gone: so much the better.
                    let _ = client.send_raw(b"PING\r\nQUIT\r\n");
                    let _ = client.recv_to_end();
                }
            });
        }
    });
    // As many as ever find room at once.
    let mut clients = Vec::new();
    assert!(poll_until(PATIENCE, || {
        let mut client = Client::connect(address).unwrap();
        if client.command(&["PING"]).is_ok_and(|reply| reply == Value::Simple("PONG".into())) {
            clients.push(client);
        }
        clients.len() == ROOM
    }));
}

#[test]
fn the_limit_of_files_is_raised_or_complained_of() {
    let stand = Stand::with_keys("127.0.0.1:1:1", &[("client_connections", "200")]);
    let Some(process) = under_limit(&stand, "64:4096", &["-w", "1"]) else { return };
    // One server, two lanes; a listener; queue and waker; the margin; the clients.
    assert_eq!(soft_limit(&process), Some(2 + 1 + 2 + 64 + 200));
    assert!(!process.log().contains("too low"), "{}", process.log());

    let stand = Stand::idle();
    let Some(process) = under_limit(&stand, "64:100", &["-w", "1"]) else { return };
    assert_eq!(soft_limit(&process), Some(100));
    let log = process.log();
    assert!(
        log.contains("limit of open files is too low") && log.contains("LimitNOFILE="),
        "{log}"
    );
}

/// They come all at once, before anybody has asked for anything, so before there is a connection
/// to a server.
#[test]
fn a_crowd_leaves_files_for_servers_and_for_statistics() {
    let servers = [RedisServer::start().unwrap(), RedisServer::start().unwrap()];
    let farewells = [("nuthatch", "-ERR max number of clients reached\r\n"), ("nutcracker", "")];
    for (name, farewell) in farewells {
        let stand = Stand::idle();
        let entries: Vec<String> = servers.iter().map(|server| server.entry(1, "")).collect();
        let yaml = pool_yaml("alpha", stand.port, &[("redis", "true")], &entries);
        fs::write(stand.path("pools.yml"), yaml).unwrap();
        let Some(process) = named_under_limit(name, &stand, "60:60", &["-w", "1"]) else { return };
        let mut crowd: Vec<Client> =
            (0..120).map(|_| Client::connect(stand.address()).unwrap()).collect();
        let mut last = crowd.pop().unwrap();
        assert_eq!(String::from_utf8_lossy(&last.recv_to_end().unwrap()), farewell, "{name}");
        for n in 0..50 {
            let reply = crowd[0].command(&["SET", &format!("k{n}"), "v"]).unwrap();
            assert!(reply.is_ok(), "{name}: {reply}");
        }
        for client in &mut crowd[..20] {
            assert_eq!(client.command(&["GET", "k7"]).unwrap(), Value::bulk("v"), "{name}");
        }
        let live = http_get(stand.stats_port, "/live");
        assert!(live.starts_with("HTTP/1.1 200 "), "{name}: {live}");
        // Readers who read nothing take no file from servers either.
        let idle: Vec<TcpStream> = (0..100)
            .map(|_| TcpStream::connect(("127.0.0.1", stand.stats_port)).unwrap())
            .collect();
        assert_eq!(crowd[0].command(&["GET", "k7"]).unwrap(), Value::bulk("v"), "{name}");
        drop(idle);
        let log = process.log();
        assert!(log.contains("clients refused: the limit of open files"), "{name}: {log}");
        assert!(!log.contains("cannot accept"), "{name}: {log}");
        assert!(log.lines().count() < 20, "{name}: {log}");
        drop(crowd);
        assert!(poll_until(PATIENCE, || {
            let mut client = Client::connect(stand.address()).unwrap();
            client.command(&["GET", "k7"]).is_ok_and(|reply| reply == Value::bulk("v"))
        }));
    }
}

fn http_get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The limit is lowered behind its back, since what it shares out it does not run out of.
#[test]
fn without_a_free_file_it_waits_and_does_not_spin() {
    let server = RedisServer::start().unwrap();
    let stand = Stand::new(&server.entry(1, ""));
    let Some(process) = under_limit(&stand, "200:200", &["-w", "1"]) else { return };
    let mut first = Client::connect(stand.address()).unwrap();
    assert!(first.command(&["SET", "k", "v"]).unwrap().is_ok());
    let files = process.open_files().unwrap();
    let lower = Command::new(find_program("prlimit").unwrap())
        .args(["--pid", &process.pid().to_string(), &format!("--nofile={0}:{0}", files + 10)])
        .status();
    assert!(lower.unwrap().success());
    let crowd: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(stand.address()).unwrap()).collect();
    assert!(poll_until(PATIENCE, || process.log().contains("cannot accept clients")));
    let ticks = process.cpu_ticks().unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        assert_eq!(first.command(&["GET", "k"]).unwrap(), Value::bulk("v"), "others are served");
        thread::sleep(Duration::from_millis(100));
    }
    // The stats port has no file for a reader either, and does not fill the log with it.
    let _readers: Vec<TcpStream> =
        (0..3).map(|_| TcpStream::connect(("127.0.0.1", stand.stats_port)).unwrap()).collect();
    thread::sleep(Duration::from_secs(1));
    let said = process.log().matches("cannot accept a reader").count();
    assert_eq!(said, 1, "{}", process.log());
    let used = process.cpu_ticks().unwrap() - ticks;
    assert!(used < 90, "{used} ticks of 300: it spins");
    let said = process.log().matches("cannot accept clients").count();
    assert!(said <= 3, "{said} times");
    drop(crowd);
    assert!(poll_until(PATIENCE, || {
        Client::connect(stand.address()).is_ok_and(|mut client| {
            client.set_timeout(Duration::from_secs(1)).unwrap();
            client.command(&["PING"]).is_ok()
        })
    }));
}

#[test]
fn memory_comes_back_after_a_burst() {
    let server = RedisServer::start().unwrap();
    let stand = Stand::new(&server.entry(1, ""));
    let process = stand.serve("nuthatch", &["-w", "2"]);
    let Some(_) = process.rss_kib() else { return };
    let mut client = Client::connect(stand.address()).unwrap();
    let value = vec![b'x'; 1 << 20];
    assert!(client.command(&[b"SET".as_slice(), b"k", &value]).unwrap().is_ok());
    assert!(client.command(&["GET", "k"]).is_ok());
    let before = process.rss_kib().unwrap();
    // Clients that ask for much and read late.
    let many = vec![vec!["GET", "k"]; 8];
    let mut crowd: Vec<Client> =
        (0..50).map(|_| Client::connect(stand.address()).unwrap()).collect();
    for client in &mut crowd {
        let mut bytes = Vec::new();
        for command in &many {
            nuthatch_testbed::encode(command, &mut bytes);
        }
        client.send_raw(&bytes).unwrap();
    }
    thread::sleep(Duration::from_millis(500));
    let peak = process.rss_kib().unwrap();
    for client in &mut crowd {
        for _ in &many {
            assert_eq!(client.recv().unwrap().as_bytes().unwrap().len(), value.len());
        }
    }
    drop(crowd);
    let room = 16 * 1024;
    let mut after = 0;
    poll_until(Duration::from_secs(90), || {
        after = process.rss_kib().unwrap();
        after < before + room
    });
    assert!(after < before + room, "{before} KiB before, {peak} in the burst, {after} after");
}
