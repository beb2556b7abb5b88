//! The stats port on real servers: right and fresh numbers, for every kind of reader, and `/ready`
//! as a load balancer needs it. Whose members the documents have is in `collectors.rs`.
//!
//! `NUTHATCH_BLESS=1 cargo test -p nuthatch` writes the reference page anew.
#![allow(clippy::unwrap_used, reason = "tests, their helpers included")]

mod collectors;
mod foreign;
mod socket;

use nuthatch_testbed::{
    Client, Nutcracker, Nuthatch, Proxy, RedisServer, Value, encode, find_program, free_port,
    poll_until, pool_yaml,
};
use serde_json::Value as Json;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SOON: Duration = Duration::from_secs(5);

#[test]
fn the_reference_page_is_up_to_date() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/stats.md");
    let text = nuthatch::admin::reference();
    if std::env::var_os("NUTHATCH_BLESS").is_some() {
        std::fs::write(&page, &text).unwrap();
    }
    let recorded = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(recorded == text, "out of date; NUTHATCH_BLESS=1 writes it anew. It would be:\n{text}");
}

#[test]
fn counters_are_right_and_fresh_at_once() {
    for workers in ["1", "4"] {
        let stage = Stage::new(2, &[], workers);
        let before = stage.stats();
        let mut clients: Vec<Client> = (0..8).map(|_| stage.proxy.client().unwrap()).collect();
        let mut sent = 0;
        for n in 0..200 {
            let command = ["SET".to_owned(), format!("key:{n}"), "x".repeat(n)];
            let mut bytes = Vec::new();
            encode(&command, &mut bytes);
            sent += bytes.len() as u64;
            assert!(clients[n % 8].command(&command).unwrap().is_ok());
        }
        let after = stage.stats();
        assert_eq!(stage.sum(&after, "requests"), 200, "{workers} workers");
        assert_eq!(stage.sum(&after, "request_bytes"), sent);
        assert_eq!(stage.sum(&after, "responses"), 200);
        assert_eq!(stage.sum(&after, "response_bytes"), 200 * "+OK\r\n".len() as u64);
        assert_eq!(stage.sum(&after, "in_queue") + stage.sum(&after, "out_queue"), 0);
        let grown = |name: &str, now: &Json| {
            now["p"][name].as_u64().unwrap() - before["p"][name].as_u64().unwrap()
        };
        assert_eq!(grown("client_connections", &after), 8);
        let connections = stage.sum(&after, "server_connections");
        assert!((2..=8).contains(&connections), "{connections}");
        for name in ["total_connections", "curr_connections"] {
            let grown = after[name].as_u64().unwrap() - before[name].as_u64().unwrap();
            assert_eq!(grown, 8 + connections, "{name}");
        }

        let mut mget = vec!["MGET".to_owned()];
        mget.extend((0..20).map(|n| format!("key:{n}")));
        assert!(matches!(clients[0].command(&mget).unwrap(), Value::Array(all) if all.len() == 20));
        assert!(clients[1].command(&["NONESUCH"]).unwrap().is_error());
        assert!(clients[1].command(&["PING"]).is_ok(), "it stays");
        drop(clients);
        let last = stage.stats();
        assert_eq!(grown("fragments", &last), 2);
        assert_eq!(stage.sum(&last, "requests"), 202);
        assert_eq!(grown("requests_refused", &last), 1);
        assert_eq!(grown("client_connections", &last), 0);
        assert_eq!(grown("client_eof", &last), 8);
        assert_eq!(grown("client_err", &last), 0);
        assert_eq!(last["nuthatch_workers"].as_u64().unwrap().to_string(), workers);
    }
}

#[test]
fn queues_are_seen_while_a_server_stands_still() {
    let mut stage = Stage::new(1, &[], "1");
    let mut client = stage.proxy.client().unwrap();
    // Its window opens with each reply.
    for _ in 0..150 {
        assert!(client.command(&["SET", "k", "v"]).unwrap().is_ok());
    }
    stage.servers[0].pause().unwrap();
    let mut gets = Vec::new();
    for _ in 0..5 {
        encode(&["GET", "k"], &mut gets);
    }
    client.send_raw(&gets).unwrap();
    assert!(poll_until(SOON, || stage.sum(&stage.stats(), "out_queue") == 5));
    let stats = stage.stats();
    assert_eq!(stage.sum(&stats, "out_queue_bytes"), gets.len() as u64);
    assert_eq!(stage.sum(&stats, "in_queue") + stage.sum(&stats, "in_queue_bytes"), 0);

    // More than the sockets between us hold, in requests that are not large enough to flow.
    let value = "x".repeat(120 * 1024);
    let mut sets = Vec::new();
    for _ in 0..120 {
        encode(&["SET", "big", &value], &mut sets);
    }
    client.send_raw(&sets).unwrap();
    let all = (gets.len() + sets.len()) as u64;
    assert!(poll_until(SOON, || {
        let stats = stage.stats();
        stage.sum(&stats, "in_queue_bytes") + stage.sum(&stats, "out_queue_bytes") == all
    }));
    let stats = stage.stats();
    assert_eq!(stage.sum(&stats, "in_queue") + stage.sum(&stats, "out_queue"), 125);
    assert!(stage.sum(&stats, "in_queue") > 0 && stage.sum(&stats, "out_queue") >= 5);

    stage.servers[0].resume().unwrap();
    for _ in 0..125 {
        client.recv().unwrap();
    }
    let stats = stage.stats();
    for name in ["in_queue", "in_queue_bytes", "out_queue", "out_queue_bytes"] {
        assert_eq!(stage.sum(&stats, name), 0, "{name}");
    }
}

#[test]
fn a_server_that_stands_still_counts_as_timed_out() {
    let mut stage = Stage::new(1, &[("timeout", "200")], "1");
    let mut client = stage.proxy.client().unwrap();
    assert!(client.command(&["SET", "k", "v"]).unwrap().is_ok());
    stage.servers[0].pause().unwrap();
    assert!(client.command(&["GET", "k"]).unwrap().is_error());
    let stats = stage.stats();
    assert_eq!(stage.sum(&stats, "server_timedout"), 1);
    assert_eq!(stats["p"]["forward_error"], 1);
    stage.servers[0].resume().unwrap();
}

#[test]
fn forward_error_counts_requests_not_their_parts() {
    // Known of nutcracker 0.5.0, and measured here if it is installed.
    let keys = [("redis", "true")];
    let nobody =
        [format!("127.0.0.1:{}:1 a", free_port()), format!("127.0.0.1:{}:1 b", free_port())];
    let mut proxies = Vec::new();
    if find_program("nutcracker").is_some() {
        proxies.push(Nutcracker::start(&pool_yaml("p", free_port(), &keys, &nobody)).unwrap());
    }
    proxies.push(Nuthatch::start(&pool_yaml("p", free_port(), &keys, &nobody), &[]).unwrap());
    for proxy in &proxies {
        let mut client = proxy.client().unwrap();
        let mut del = vec!["DEL".to_owned()];
        del.extend((0..100).map(|n| format!("key:{n}")));
        assert!(client.command(&del).unwrap().is_error());
        let counted = poll_until(SOON, || {
            // nutcracker hands its numbers over when something happens.
            drop(proxy.client());
            let stats: Json = serde_json::from_str(&proxy.stats().unwrap()).unwrap();
            stats["p"]["forward_error"] == 1
                && stats["p"]["a"]["server_err"] == 1
                && stats["p"]["b"]["requests"] == 1
        });
        assert!(counted, "{}", proxy.stats().unwrap());
    }
}

/// As by default. No client is needed for it to be ready again: a load balancer sends none.
#[test]
fn without_ejection_ready_follows_the_servers_too() {
    let mut stage = Stage::new(2, &[], "2");
    let ready = |stage: &Stage| stage.http("GET /ready HTTP/1.1\r\n\r\n");
    assert_eq!(ready(&stage).0, 200);
    for server in &mut stage.servers {
        server.kill().unwrap();
    }
    assert_eq!(ready(&stage).0, 200, "nobody has asked yet");
    let mut client = stage.proxy.client().unwrap();
    let asked_until = |stage: &Stage, client: &mut Client, wanted: u16| {
        let mut n = 0;
        poll_until(SOON, || {
            n += 1;
            let _ = client.command(&["GET", &format!("k{n}")]).unwrap();
            ready(stage).0 == wanted
        })
    };
    assert!(asked_until(&stage, &mut client, 503));
    let reason = ready(&stage).1;
    assert!(reason.contains("every server fails in pool") && reason.contains('p'), "{reason}");
    stage.servers[1].restart().unwrap();
    assert!(poll_until(SOON, || ready(&stage).0 == 200), "one of them answers");
    assert!(poll_until(SOON, || stage.proxy.process().log().contains("server answers again")));
    // The other is not asked for the sake of /ready: clients' requests find out.
    stage.servers[0].restart().unwrap();
    assert_eq!(ready(&stage).0, 200);
}

#[test]
fn ejections_are_counted_and_ready_follows_them() {
    let keys = [
        ("auto_eject_hosts", "true"),
        ("server_failure_limit", "1"),
        ("server_retry_timeout", "500"),
    ];
    let mut stage = Stage::new(2, &keys, "2");
    assert_eq!(stage.http("GET /ready HTTP/1.1\r\n\r\n").0, 200);
    let since = micros();
    stage.servers[0].kill().unwrap();
    stage.until_ejected(1);
    let stats = stage.stats();
    let at = stats["p"]["s0"]["server_ejected_at"].as_u64().unwrap();
    assert!((since..=micros()).contains(&at), "{at}");
    assert_eq!(stats["p"]["s0"]["server_live"], 0);
    assert_eq!(stats["p"]["s1"]["server_live"], 1);
    assert_eq!(stats["p"]["s1"]["server_ejected_at"], 0);
    assert_eq!(stage.http("GET /ready HTTP/1.1\r\n\r\n").0, 200, "the other shard serves");

    stage.servers[1].kill().unwrap();
    stage.until_ejected(2);
    let (status, body) = stage.http("GET /ready HTTP/1.1\r\n\r\n");
    assert_eq!(status, 503);
    let body: Json = serde_json::from_str(&body).unwrap();
    assert_eq!(body["ready"], false);
    assert!(body["reason"].as_str().unwrap().contains("\"p\""), "{body}");
    assert_eq!(stage.http("GET /live HTTP/1.1\r\n\r\n").0, 200);

    for server in &mut stage.servers {
        server.restart().unwrap();
    }
    assert!(poll_until(SOON, || stage.http("GET /ready HTTP/1.1\r\n\r\n").0 == 200));
    assert!(poll_until(SOON, || stage.sum(&stage.stats(), "server_live") == 2));
    let stats = stage.stats();
    assert_eq!(stats["p"]["server_ejects"], 2);
    assert_eq!(stats["p"]["s0"]["server_ejected_at"].as_u64(), Some(at), "of the last ejection");
}

#[test]
fn http_is_spoken_to_those_who_speak_it() {
    let stage = Stage::new(1, &[], "1");
    let (status, body) = stage.http("GET /?x HTTP/1.1\r\nHost: here\r\n\r\n");
    assert_eq!(status, 200);
    let bare = serde_json::from_str::<Json>(&body).unwrap();
    assert_eq!(bare["service"], "nutcracker");
    assert_eq!(bare["p"]["s0"]["server_live"], Json::Null);
    let (status, body) = stage.http("GET /stats HTTP/1.1\r\nHost: here\r\n\r\n");
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<Json>(&body).unwrap()["p"]["s0"]["server_live"], 1);
    assert_eq!(stage.http("HEAD / HTTP/1.0\r\n\r\n"), (200, String::new()));
    assert_eq!(stage.http("GET /none HTTP/1.1\r\n\r\n").0, 404);
    assert_eq!(stage.http("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc").0, 405);
    let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(10_000));
    assert_eq!(stage.http(&endless).0, 431);
    if find_program("curl").is_some() {
        let url = format!("http://127.0.0.1:{}/stats", stage.proxy.stats_port());
        let got = Command::new("curl").args(["-sf", "--max-time", "5", &url]).output().unwrap();
        assert!(got.status.success());
        let stats: Json = serde_json::from_slice(&got.stdout).unwrap();
        assert_eq!(stats["p"]["s0"]["server_live"], 1);
    }
}

#[test]
fn plain_readers_get_the_bare_document_and_soon() {
    let stage = Stage::new(1, &[], "1");
    let silent = Instant::now();
    let text = stage.proxy.stats().unwrap();
    assert!(silent.elapsed() < Duration::from_millis(600), "{:?}", silent.elapsed());
    assert!(text.starts_with("{\"service\":") && text.ends_with("}\n"));
    for words in ["", "\n", "stats\r\n", "GET /\r\n"] {
        let mut stream = stage.reader();
        stream.write_all(words.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("{\"service\":"), "{words:?}: {text}");
    }
}

#[test]
fn many_readers_are_served_beside_stuck_ones() {
    let stage = Stage::new(1, &[], "2");
    let mut stuck: Vec<TcpStream> = (0..20).map(|_| stage.reader()).collect();
    for stream in stuck.iter_mut().take(10) {
        stream.write_all(b"GET / HTTP/1.1\r\nHost").unwrap();
    }
    let port = stage.proxy.stats_port();
    let since = Instant::now();
    let readers: Vec<_> = (0..50)
        .map(|_| {
            thread::spawn(move || {
                let mut client = Client::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
                let text = client.recv_to_end().unwrap();
                serde_json::from_slice::<Json>(&text).unwrap()["p"]["s0"]["requests"].as_u64()
            })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.join().unwrap(), Some(0));
    }
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    let mut client = stage.proxy.client().unwrap();
    assert_eq!(client.command(&["PING"]).unwrap(), Value::Simple("PONG".into()));
}

#[test]
fn names_may_hold_quotes() {
    let server = RedisServer::start().unwrap();
    let entry = server.entry(1, "we\"ird\\");
    let yaml = pool_yaml("\"a \\\"b\\\"\"", free_port(), &[("redis", "true")], &[entry]);
    let proxy = Nuthatch::start(&yaml, &["-w", "1"]).unwrap();
    let stats: Json = serde_json::from_str(&proxy.stats_extended().unwrap()).unwrap();
    assert_eq!(stats["a \"b\""]["we\"ird\\"]["server_live"], 1);
}

#[test]
fn a_taken_port_is_told_with_its_cure() {
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, free_port())).unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let folder = nuthatch_testbed::Folder::new().unwrap();
    let file = folder.path().join("p.yml");
    let servers = ["127.0.0.1:1:1".to_owned()];
    std::fs::write(&file, pool_yaml("p", free_port(), &[("redis", "true")], &servers)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_nuthatch"))
        .args(["-a", "127.0.0.1", "-s", &port, "-c"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&port) && text.contains("stats port") && text.contains("-s"), "{text}");
}

/// Servers `s0`, `s1`, ... and a proxy with one pool `p` before them.
struct Stage {
    servers: Vec<RedisServer>,
    proxy: Proxy,
}

impl Stage {
    fn new(servers: usize, keys: &[(&str, &str)], workers: &str) -> Stage {
        let servers: Vec<RedisServer> =
            (0..servers).map(|_| RedisServer::start().unwrap()).collect();
        let entry = |(at, server): (usize, &RedisServer)| server.entry(1, &format!("s{at}"));
        let entries: Vec<String> = servers.iter().enumerate().map(entry).collect();
        let mut all = vec![("redis", "true")];
        all.extend(keys);
        let yaml = pool_yaml("p", free_port(), &all, &entries);
        let proxy = Nuthatch::start(&yaml, &["-w", workers, "-i", "1000"]).unwrap();
        let stage = Stage { servers, proxy };
        // The connection that found the proxy ready may still be counted.
        assert!(poll_until(SOON, || stage.stats()["p"]["client_connections"] == 0));
        stage
    }

    fn stats(&self) -> Json {
        serde_json::from_str(&self.proxy.stats_extended().unwrap()).unwrap()
    }

    /// A server's number, added up over all servers.
    fn sum(&self, stats: &Json, name: &str) -> u64 {
        let of = |at| stats["p"][format!("s{at}")][name].as_u64().unwrap();
        (0..self.servers.len()).map(of).sum()
    }

    fn reader(&self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.proxy.stats_port())).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    /// Status and body.
    fn http(&self, request: &str) -> (u16, String) {
        let mut stream = self.reader();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let length = head.split("Content-Length: ").nth(1).unwrap().lines().next().unwrap();
        if !request.starts_with("HEAD") {
            assert_eq!(length.parse(), Ok(body.len()));
        }
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Asks for keys until so many ejections have been counted.
    fn until_ejected(&self, ejections: u64) {
        let mut client = self.proxy.client().unwrap();
        assert!(poll_until(SOON, || {
            for n in 0..20 {
                client.command(&["GET", &format!("key:{n}")]).unwrap();
            }
            self.stats()["p"]["server_ejects"] == ejections
        }));
    }
}

fn micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}
