//! 5.8: what servers may answer, and what becomes of the connection when they answer otherwise.

use crate::peer::Peer;
use crate::rows::Row;
use crate::stage::{Program, bytes_of, listen, state, talk};
use crate::{Alone, Case, Differs, Same, case};
use nuthatch_testbed::poll_until;
use std::time::Duration;

const INVALID: &str = "-ERR Invalid argument~(open), reconnects";

pub const CASES: &[Case] = &[
    case("5.8", "a status", Alone(|p| say(p, "+yes")), Same("+yes~(open)")),
    case("5.8", "an error", Alone(|p| say(p, "-WRONGTYPE_no")), Same("-WRONGTYPE no~(open)")),
    case("5.8", "a number", Alone(|p| say(p, ":-12")), Same(":-12~(open)")),
    case("5.8", "a bulk", Alone(|p| say(p, "$3~abc")), Same("$3~abc~(open)")),
    case("5.8", "an empty bulk", Alone(|p| say(p, "$0~")), Same("$0~~(open)")),
    case("5.8", "a null bulk", Alone(|p| say(p, "$-1")), Same("$-1~(open)")),
    case("5.8", "a null array", Alone(|p| say(p, "*-1")), Same("*-1~(open)")),
    case("5.8", "an empty array", Alone(|p| say(p, "*0")), Same("*0~(open)")),
    case(
        "5.8",
        "nested arrays with nulls of both kinds",
        Alone(|p| say(p, "*3~*2~:1~*1~$1~x~*-1~$-1")),
        Same("*3~*2~:1~*1~$1~x~*-1~$-1~(open)"),
    ),
    case(
        "5.8",
        "deep ones",
        Alone(|p| say(p, "*1~*1~*1~*1~*1~*1~*1~*1~*1~+x")),
        Same("*1~*1~*1~*1~*1~*1~*1~*1~*1~+x~(open)"),
    ),
    case("5.8", "a null of RESP3 is none", Alone(|p| say(p, "_")), Same(INVALID)),
    case(
        "5.8",
        "a boolean is none",
        Alone(|p| say(p, "#t")),
        Differs(Row::Served, INVALID, "#t~(open)"),
    ),
    case(
        "5.8",
        "a double is none",
        Alone(|p| say(p, ",1.5")),
        Differs(Row::Served, INVALID, ",1.5~(open)"),
    ),
    case(
        "5.8",
        "a map is none",
        Alone(|p| say(p, "%1~+a~+b")),
        Differs(Row::Served, INVALID, "%1~+a~+b~(open)"),
    ),
    case(
        "5.8",
        "a number with a plus is none",
        Alone(|p| say(p, ":+5")),
        Differs(Row::Served, INVALID, ":+5~(open)"),
    ),
    case("5.8", "words are none", Alone(|p| say(p, "HTTP/1.1_400")), Same(INVALID)),
    case("5.8", "-MOVED passes", Alone(|p| say(p, "-MOVED_1_h:1")), Same("-MOVED 1 h:1~(open)")),
    case("5.8", "-READONLY passes", Alone(|p| say(p, "-READONLY_x")), Same("-READONLY x~(open)")),
    case("5.8", "-MISCONF passes", Alone(|p| say(p, "-MISCONF_x")), Same("-MISCONF x~(open)")),
    case(
        "5.8",
        "-CLUSTERDOWN passes",
        Alone(|p| say(p, "-CLUSTERDOWN_x")),
        Same("-CLUSTERDOWN x~(open)"),
    ),
    case("5.8", "-BUSYKEY passes", Alone(|p| say(p, "-BUSYKEY_x")), Same("-BUSYKEY x~(open)")),
    case("5.8", "-oom passes", Alone(|p| say(p, "-oom_x")), Same("-oom x~(open)")),
    case(
        "5.8",
        "-OOM is a failure of the server",
        Alone(|p| say(p, "-OOM_x")),
        Differs(Row::Oom, INVALID, "-OOM x~(open)"),
    ),
    case(
        "5.8",
        "-BUSY too",
        Alone(|p| say(p, "-BUSY")),
        Differs(Row::Oom, INVALID, "-BUSY~(open)"),
    ),
    case(
        "5.8",
        "-LOADING too",
        Alone(|p| say(p, "-LOADING_x")),
        Differs(Row::Oom, INVALID, "-LOADING x~(open)"),
    ),
    case(
        "5.8",
        "and cuts everybody on its connection",
        Alone(cut),
        Differs(Row::Oom, "-ERR Invalid argument~ -ERR Invalid argument~", "-OOM x~ $5~one:k~"),
    ),
    case(
        "5.8",
        "a bad reply fails every request of its connection",
        Alone(bad_for_all),
        Same("-ERR Invalid argument~ -ERR Invalid argument~"),
    ),
    case(
        "5.8",
        "a reply nobody asked for closes the connection",
        Alone(unasked),
        Same("+yes~ $5~one:k~ on 2"),
    ),
];

/// One reply, and whether the next request finds another connection.
fn say(program: Program, text: &str) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[], &[peer.entry("one")]);
    let mut client = running.client();
    let mut seen = talk(&mut client, &format!("GET say:{text}"), 1);
    assert_eq!(talk(&mut client, "GET k", 1), "$5~one:k~(open)");
    if peer.accepted() == 2 {
        seen += ", reconnects";
    }
    seen
}

/// Another client's request waits behind the one that fails, on the same connection. The text of
/// the first is sent in one packet with it, so that the server answers both or neither.
fn behind(program: Program, text: &str, second: &str) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[], &[peer.entry("one")]);
    let mut client = running.client();
    client.send_raw(&bytes_of(&format!("GET say:{text} ; GET {second}"))).unwrap();
    let first = listen(&mut client, 1);
    format!("{first} {}", listen(&mut client, 1))
}

fn cut(program: Program) -> String {
    behind(program, "-OOM_x", "k")
}

fn bad_for_all(program: Program) -> String {
    behind(program, "?bad", "hush")
}

fn unasked(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[], &[peer.entry("one")]);
    let mut client = running.client();
    client.send_raw(&bytes_of("GET say:+yes~+more")).unwrap();
    let first = listen(&mut client, 1);
    assert_eq!(state(&mut client), "(open)");
    assert!(poll_until(Duration::from_secs(5), || peer.open() == 0), "the connection stays");
    client.send_raw(&bytes_of("GET k")).unwrap();
    let second = listen(&mut client, 1);
    format!("{first} {second} on {}", peer.accepted())
}
