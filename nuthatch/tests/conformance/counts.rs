//! 7: the counters after traffic that is known.

use crate::peer::Peer;
use crate::rows::Row;
use crate::stage::{Program, Running, Three, bytes_of, listen, talk};
use crate::{Alone, Case, Differs, Same, case};
use nuthatch_testbed::{Client, RedisServer};
use std::fmt::Write;
use std::thread::sleep;
use std::time::Duration;

pub const CASES: &[Case] = &[
    case(
        "7",
        "requests, replies and their bytes; AUTH and SELECT of the proxy do not count",
        Alone(traffic),
        Same(
            "server_eof 0 server_err 0 server_timedout 0 server_connections 1 requests 3 \
             request_bytes 67 responses 3 response_bytes 21 in_queue 0 in_queue_bytes 0 \
             out_queue 0 out_queue_bytes 0",
        ),
    ),
    case(
        "7",
        "split ones count once a part",
        Alone(parts),
        Same("b 1 1, alpha 1 1, gamma-delta 0 0"),
    ),
    case("7", "fragments is never raised", Alone(fragments), Differs(Row::Stats, "0", "2")),
    case("7", "what is outstanding", Alone(outstanding), Same("out_queue 2 out_queue_bytes 46")),
    case("7", "ends of connections to servers", Alone(ends), Same("eof 1 err 1 timedout 1")),
    case(
        "7",
        "ends of clients: a refused request is an error",
        Alone(clients),
        Same("eof +1 err +1 clients +0"),
    ),
    case("7", "clients now", Alone(gauge), Same("+3")),
    case("7", "errors made by the proxy", Alone(forward_errors), Same("forward_error 3")),
    case("7", "connections of all kinds", Alone(connections), Same("total +4 now +4")),
    case("7", "the numbers are old", Alone(fresh), Differs(Row::Stats, "old", "fresh")),
    case(
        "7",
        "over a Unix socket the gauge stays at 0",
        Alone(unix_gauge),
        Differs(Row::Stats, "0", "1"),
    ),
    case(
        "7",
        "an HTTP client gets the document without a status line",
        Alone(http),
        Differs(Row::Http, "{\"service\":", "HTTP/1.1 200"),
    ),
    case("7", "-i 0 spins", Alone(spin), Differs(Row::Stats, "spins", "rests")),
];

const SERVER: [&str; 12] = [
    "server_eof",
    "server_err",
    "server_timedout",
    "server_connections",
    "requests",
    "request_bytes",
    "responses",
    "response_bytes",
    "in_queue",
    "in_queue_bytes",
    "out_queue",
    "out_queue_bytes",
];

fn server(running: &Running, client: &mut Client, names: &[&str]) -> String {
    let stats = running.stats(client);
    let mut text = String::new();
    for name in names {
        let _ = write!(text, "{name} {} ", stats["p"]["one"][name]);
    }
    text.trim_end().to_owned()
}

fn traffic(program: Program) -> String {
    let peer = Peer::named("one");
    let keys = [("redis_db", "3")];
    let running = program.pool(&keys, &[peer.entry("one")]);
    let mut client = running.client();
    // 27, 20 and 19 bytes there; 5, 11 and 5 back.
    for (words, reply) in
        [("SET k v", "+OK~(open)"), ("GET k", "$5~one:k~(open)"), ("TTL k", "+OK~(open)")]
    {
        assert_eq!(talk(&mut client, words, 1), reply);
    }
    server(&running, &mut client, &SERVER)
}

fn parts(program: Program) -> String {
    let three = Three::start(program, &[]);
    let mut client = three.client();
    let _ = talk(&mut client, "MGET foo apple bar", 1);
    let stats = three.running.stats(&mut client);
    crate::stage::NAMES
        .map(|name| {
            let server = &stats["p"][name];
            format!("{name} {} {}", server["requests"], server["responses"])
        })
        .join(", ")
}

fn fragments(program: Program) -> String {
    let three = Three::start(program, &[]);
    let mut client = three.client();
    let _ = talk(&mut client, "MGET foo apple bar", 1);
    three.running.stats(&mut client)["p"]["fragments"].to_string()
}

fn outstanding(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[], &[peer.entry("one")]);
    let (mut client, mut other) = (running.client(), running.client());
    client.send_raw(&bytes_of("GET hush ; GET hush")).unwrap();
    assert!(client.is_silent_for(Duration::from_millis(100)).unwrap());
    server(&running, &mut other, &["out_queue", "out_queue_bytes"])
}

fn ends(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[("timeout", "300")], &[peer.entry("one")]);
    let mut client = running.client();
    for key in ["shut", "reset", "hush"] {
        let _ = talk(&mut client, &format!("GET {key}"), 1);
    }
    server(&running, &mut client, &["server_eof", "server_err", "server_timedout"])
        .replace("server_", "")
}

fn clients(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[], &[peer.entry("one")]);
    let mut client = running.client();
    let before = running.stats(&mut client);
    assert_eq!(talk(&mut running.client(), "PING", 1), "+PONG~(open)");
    assert_eq!(talk(&mut running.client(), "BOGUS", 1), "(closed)");
    sleep(Duration::from_millis(300));
    let after = running.stats(&mut client);
    let grown =
        |name: &str| after["p"][name].as_i64().unwrap() - before["p"][name].as_i64().unwrap();
    format!(
        "eof +{} err +{} clients +{}",
        grown("client_eof"),
        grown("client_err"),
        grown("client_connections")
    )
}

fn gauge(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[], &[peer.entry("one")]);
    let mut client = running.client();
    let before = running.stats(&mut client)["p"]["client_connections"].as_i64().unwrap();
    let mut more = [(); 3].map(|()| running.client());
    for one in &mut more {
        assert_eq!(talk(one, "PING", 1), "+PONG~(open)");
    }
    let after = running.stats(&mut client)["p"]["client_connections"].as_i64().unwrap();
    format!("+{}", after - before)
}

fn forward_errors(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[], &[peer.entry("one")]);
    let mut client = running.client();
    client.send_raw(&bytes_of("GET hush ; GET shut")).unwrap();
    let _ = listen(&mut client, 2);
    let _ = talk(&mut client, "GET reset", 1);
    format!("forward_error {}", running.stats(&mut client)["p"]["forward_error"])
}

/// Three clients and a server.
fn connections(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[], &[peer.entry("one")]);
    let mut client = running.client();
    let before = running.stats(&mut client);
    let mut more = [(); 3].map(|()| running.client());
    for one in &mut more {
        assert_eq!(talk(one, "GET k", 1), "$5~one:k~(open)");
    }
    let after = running.stats(&mut client);
    let grown = |name: &str| after[name].as_i64().unwrap() - before[name].as_i64().unwrap();
    format!("total +{} now +{}", grown("total_connections"), grown("curr_connections"))
}

fn fresh(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[], &[peer.entry("one")]);
    let mut client = running.client();
    for _ in 0..10 {
        let _ = talk(&mut client, "GET k", 1);
    }
    let stats: serde_json::Value = serde_json::from_str(&running.proxy.stats().unwrap()).unwrap();
    if stats["p"]["one"]["requests"] == 10 { "fresh".to_owned() } else { "old".to_owned() }
}

fn unix_gauge(program: Program) -> String {
    let redis = RedisServer::start_with(&["--unixsocket", "redis.sock"]).unwrap();
    let entry = format!("{}:1 one", redis.unix_socket().unwrap().display());
    let running = program.pool(&[], &[entry]);
    let mut client = running.client();
    assert_eq!(talk(&mut client, "SET k v", 1), "+OK~(open)");
    running.stats(&mut client)["p"]["one"]["server_connections"].to_string()
}

fn http(program: Program) -> String {
    let running = program.pool(&[], &["127.0.0.1:1:1 one".to_owned()]);
    let mut client = Client::connect(("127.0.0.1", running.proxy.stats_port())).unwrap();
    client.send_raw(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let text = client.recv_some().unwrap();
    String::from_utf8_lossy(&text[..text.len().min(if text[0] == b'H' { 12 } else { 11 })])
        .into_owned()
}

fn spin(program: Program) -> String {
    let peer = Peer::named("one");
    let mut running = program.pool_with(&[], &[peer.entry("one")], &["-i", "0"]);
    let ticks = |running: &mut Running| running.process().cpu_ticks().unwrap_or(0);
    let before = ticks(&mut running);
    sleep(Duration::from_millis(800));
    // A core would be 80; a busy machine may give a spinning program a part of it.
    let spins = ticks(&mut running) - before > 12;
    if spins { "spins".to_owned() } else { "rests".to_owned() }
}
