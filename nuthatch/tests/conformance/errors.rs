//! 5.10: the text for each cause, to the byte.

use crate::peer::Peer;
use crate::stage::{Program, talk};
use crate::{Alone, Case, Same, case};
use nuthatch_testbed::free_port;
use std::time::Duration;

pub const CASES: &[Case] = &[
    case("5.10", "the server refuses", Alone(refused), Same("-ERR Connection refused~(open)")),
    case(
        "5.10",
        "all servers ejected",
        Alone(all_ejected),
        Same("-ERR Connection refused~(open) -ERR Connection refused~(open) on 1"),
    ),
    case(
        "5.10",
        "the connection is reset",
        Alone(|p| key(p, "reset")),
        Same("-ERR Connection reset by peer~(open)"),
    ),
    case("5.10", "the server closes", Alone(|p| key(p, "shut")), Same("-ERR unknown~(open)")),
    case(
        "5.10",
        "the time is over",
        Alone(|p| key(p, "hush")),
        Same("-ERR Connection timed out~(open)"),
    ),
    case(
        "5.10",
        "the name does not resolve",
        Alone(|p| entry(p, "no-such-host.invalid:6379:1 one")),
        Same("-ERR Host is down~(open)"),
    ),
    case(
        "5.10",
        "the Unix socket is missing",
        Alone(|p| entry(p, "/tmp/no-such-folder/one.sock:1 one")),
        Same("-ERR No such file or directory~(open)"),
    ),
    case("5.10", "a bad reply", Alone(|p| key(p, "say:?")), Same("-ERR Invalid argument~(open)")),
];

fn entry(program: Program, entry: &str) -> String {
    let running = program.pool(&[("timeout", "4000")], &[entry.to_owned()]);
    talk(&mut running.client(), "GET k", 1)
}

fn refused(program: Program) -> String {
    entry(program, &format!("127.0.0.1:{}:1 one", free_port()))
}

fn key(program: Program, key: &str) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[("timeout", "300")], &[peer.entry("one")]);
    talk(&mut running.client(), &format!("GET {key}"), 1)
}

/// The second request is refused without an attempt.
fn all_ejected(program: Program) -> String {
    let peer = Peer::named("one");
    let keys = [
        ("auto_eject_hosts", "true"),
        ("server_failure_limit", "1"),
        ("server_retry_timeout", "60000"),
    ];
    let running = program.pool(&keys, &[peer.entry("one")]);
    let mut client = running.client();
    // The first closes the connection and is the failure.
    let _ = talk(&mut client, "GET reset", 1);
    // Ours ejects in another thread, a moment later.
    std::thread::sleep(Duration::from_millis(150));
    let seen = talk(&mut client, "GET k", 1);
    let again = talk(&mut client, "GET k", 1);
    format!("{seen} {again} on {}", peer.accepted())
}
