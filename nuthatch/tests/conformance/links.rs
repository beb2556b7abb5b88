//! 6: connections to servers, and what `timeout` does.

use crate::peer::Peer;
use crate::rows::Row;
use crate::stage::{Program, bytes_of, listen, talk};
use crate::{Alone, Case, Differs, Same, case};
use nuthatch_testbed::{free_port, poll_until};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(5);

pub const CASES: &[Case] = &[
    case("6", "connections are made lazily", Alone(lazily), Same("0, then 1")),
    case(
        "6",
        "the first requests use a connection each, up to server_connections",
        Alone(several),
        Differs(Row::Connections, "1 2 3 3 3", "1 1 1 1 1"),
    ),
    case(
        "6",
        "preconnect makes one, whatever server_connections",
        Alone(preconnect),
        Differs(Row::Connections, "1", "3"),
    ),
    case(
        "6",
        "a server that is away at preconnect does not stop the start",
        Alone(preconnect_away),
        Same("+PONG~(open)"),
    ),
    case(
        "6",
        "all requests of a connection that dies fail alike, and nothing is sent again",
        Alone(all_fail),
        Same("-ERR unknown~-ERR unknown~-ERR unknown~ on 1, then $5~one:k~(open) on 2"),
    ),
    case(
        "6",
        "an idle connection that is closed is made anew at the next request",
        Alone(idle_close),
        Same("$5~one:k~(open) $5~one:k~(open) on 2"),
    ),
    case(
        "6",
        "without ejection a dead server fails each request",
        Alone(dead),
        Same("-ERR Connection refused~-ERR Connection refused~-ERR Connection refused~"),
    ),
    case(
        "6",
        "a timeout takes younger requests of the connection with it",
        Alone(young),
        Differs(
            Row::Timeout,
            "-ERR Connection timed out~-ERR Connection timed out~ the young one early",
            "-ERR Connection timed out~-ERR Connection timed out~ the young one in its time",
        ),
    ),
    case(
        "6",
        "a timeout of 0 waits for ever",
        Alone(|p| patience(p, &[("timeout", "0")])),
        Same("silent"),
    ),
    case("6", "and no timeout too", Alone(|p| patience(p, &[])), Same("silent")),
    case(
        "6",
        "with 60 files and a server the 27th client is closed at once",
        Alone(files),
        Same("26 served, the next (closed)"),
    ),
    case(
        "6",
        "a request whose client is gone runs its time",
        Alone(of_the_gone),
        Same("1 timed out"),
    ),
];

fn lazily(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[], &[peer.entry("one")]);
    let mut client = running.client();
    assert_eq!(talk(&mut client, "PING", 1), "+PONG~(open)");
    let before = peer.accepted();
    talk(&mut client, "GET k", 1);
    format!("{before}, then {}", peer.accepted())
}

fn several(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[("server_connections", "3")], &[peer.entry("one")]);
    let mut client = running.client();
    let counts = (0..5).map(|_| {
        talk(&mut client, "GET k", 1);
        peer.accepted().to_string()
    });
    counts.collect::<Vec<_>>().join(" ")
}

fn preconnect(program: Program) -> String {
    let peer = Peer::named("one");
    let keys = [("preconnect", "true"), ("server_connections", "3")];
    let _running = program.pool(&keys, &[peer.entry("one")]);
    assert!(poll_until(SOON, || peer.accepted() > 0));
    // The others would come now.
    poll_until(Duration::from_millis(500), || peer.accepted() == 3);
    peer.accepted().to_string()
}

fn preconnect_away(program: Program) -> String {
    let entry = format!("127.0.0.1:{}:1 one", free_port());
    let running = program.pool(&[("preconnect", "true")], &[entry]);
    talk(&mut running.client(), "PING", 1)
}

fn all_fail(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[], &[peer.entry("one")]);
    let mut client = running.client();
    client.send_raw(&bytes_of("GET hush1 ; GET hush2 ; GET shut")).unwrap();
    let failed = listen(&mut client, 3);
    let on = peer.accepted();
    assert_eq!(peer.heard().len(), 3, "nothing twice");
    let next = talk(&mut client, "GET k", 1);
    format!("{failed} on {on}, then {next} on {}", peer.accepted())
}

fn idle_close(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[], &[peer.entry("one")]);
    let mut client = running.client();
    let first = talk(&mut client, "GET k", 1);
    peer.hang_up();
    // Neither learns of it before its loop has turned.
    std::thread::sleep(Duration::from_millis(200));
    let second = talk(&mut client, "GET k", 1);
    format!("{first} {second} on {}", peer.accepted())
}

fn dead(program: Program) -> String {
    let entry = format!("127.0.0.1:{}:1 one", free_port());
    let running = program.pool(&[], &[entry]);
    let mut client = running.client();
    let mut seen = String::new();
    for _ in 0..3 {
        client.send_raw(&bytes_of("GET k")).unwrap();
        seen += &listen(&mut client, 1);
    }
    seen
}

/// The second request is sent when the first has waited for half of its time.
fn young(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[("timeout", "2000")], &[peer.entry("one")]);
    let mut client = running.client();
    client.send_raw(&bytes_of("GET hush1")).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    client.send_raw(&bytes_of("GET hush2")).unwrap();
    let since = Instant::now();
    let seen = listen(&mut client, 2);
    let early = since.elapsed() < Duration::from_millis(1500);
    format!("{seen} the young one {}", if early { "early" } else { "in its time" })
}

fn patience(program: Program, keys: &[(&str, &str)]) -> String {
    let peer = Peer::named("one");
    let running = program.pool(keys, &[peer.entry("one")]);
    let mut client = running.client();
    client.send_raw(&bytes_of("GET hush")).unwrap();
    let silent = client.is_silent_for(Duration::from_millis(700)).unwrap();
    if silent { "silent".to_owned() } else { listen(&mut client, 1) }
}

/// Clients one after the other, until one is not served.
fn files(program: Program) -> String {
    let peer = Peer::named("one");
    let mut running = program.pool_limited("60", &[peer.entry("one")]);
    // Whoever looked whether it serves must have been let go first.
    assert_eq!(talk(&mut running.client(), "PING", 1), "+PONG~(open)");
    std::thread::sleep(Duration::from_millis(100));
    let mut clients = Vec::new();
    for served in 0..60 {
        let mut client = running.client();
        client.set_timeout(Duration::from_millis(600)).unwrap();
        let seen = talk(&mut client, "GET k", 1);
        if seen != "$5~one:k~(open)" {
            return format!("{served} served, the next {seen}");
        }
        clients.push(client);
    }
    let _ = running.process();
    "60 served".to_owned()
}

fn of_the_gone(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[("timeout", "300")], &[peer.entry("one")]);
    let mut client = running.client();
    client.send_raw(&bytes_of("GET hush")).unwrap();
    assert!(poll_until(SOON, || !peer.heard().is_empty()));
    drop(client);
    let mut other = running.client();
    let mut count = 0;
    poll_until(SOON, || {
        count = running.stats(&mut other)["p"]["one"]["server_timedout"].as_u64().unwrap_or(0);
        count > 0
    });
    format!("{count} timed out")
}
