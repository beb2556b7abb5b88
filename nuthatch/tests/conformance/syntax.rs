//! 5.2: what a request may look like.

use crate::peer::Peer;
use crate::rows::Row;
use crate::stage::{Program, Three, bytes_of, listen, talk};
use crate::{Alone, Case, Differs, Same, Talk, case};
use nuthatch_testbed::{Client, RedisServer, poll_until};
use std::time::Duration;

const CLOSED: crate::Verdict = Same("(closed)");

pub const CASES: &[Case] = &[
    case(
        "5.2",
        "an inline command closes",
        Talk("=PING~", 1),
        Differs(Row::Served, "(closed)", "+PONG~(open)"),
    ),
    case(
        "5.2",
        "an inline command with arguments closes",
        Talk("=GET foo~", 1),
        Differs(Row::Served, "(closed)", "$5~b:foo~(open)"),
    ),
    case(
        "5.2",
        "*0 closes",
        Talk("=*0~ ; PING", 1),
        Differs(Row::Served, "(closed)", "+PONG~(open)"),
    ),
    case(
        "5.2",
        "*-1 closes",
        Talk("=*-1~ ; PING", 1),
        Differs(Row::Served, "(closed)", "+PONG~(open)"),
    ),
    case("5.2", "$-1 for a key closes", Talk("=*2~$3~GET~$-1~", 1), CLOSED),
    case("5.2", "$-1 for a value closes", Talk("=*3~$3~SET~$3~foo~$-1~", 1), CLOSED),
    case("5.2", "$-1 for a name closes", Talk("=*1~$-1~", 1), CLOSED),
    case("5.2", "an empty name closes", Talk("=*1~$0~~", 1), CLOSED),
    case("5.2", "a bare LF after the count closes", Talk("=*1\n$4~PING~", 1), CLOSED),
    case("5.2", "a bare LF after a length closes", Talk("=*2~$3~GET~$3\nfoo~", 1), CLOSED),
    case("5.2", "a first byte other than * closes", Talk("=$4~PING~", 1), CLOSED),
    case("5.2", "so do + and blanks", Talk("=+PING~", 1), CLOSED),
    case("5.2", "a blank before the star closes", Talk("= *1~$4~PING~", 1), CLOSED),
    case("5.2", "an element that is no bulk closes", Talk("=*2~$3~GET~:3~", 1), CLOSED),
    case("5.2", "a count that is no number closes", Talk("=*x~$4~PING~", 1), CLOSED),
    case("5.2", "a value longer than it said closes", Talk("=*2~$3~GET~$3~fooo~", 1), CLOSED),
    case("5.2", "a value's length without digits closes", Talk("=*3~$3~SET~$3~foo~$~~", 1), CLOSED),
    case(
        "5.2",
        "leading zeros are accepted and forwarded as they came",
        Alone(leading_zeros),
        Differs(
            Row::Rewritten,
            "$5~b:foo~(open) *02~$03~GET~$003~foo~ /  / ",
            "$5~b:foo~(open) *2~$3~GET~$3~foo~ /  / ",
        ),
    ),
    case(
        "5.2",
        "names match in any case, and go as they came",
        Alone(any_case),
        Same("$5~b:foo~(open) *2~$3~gEt~$3~foo~ /  / "),
    ),
    case("5.2", "PING in any case", Talk("piNG", 1), Same("+PONG~(open)")),
    case("5.2", "a key may be empty", Talk("=*2~$3~GET~$0~~", 1), Same("$6~alpha:~(open)")),
    case("5.2", "an argument may be empty", Talk("=*3~$3~SET~$3~foo~$0~~", 1), Same("+OK~(open)")),
    case(
        "5.2",
        "a key must be shorter than a buffer of 512: 463 bytes",
        Alone(|program| key_of(program, 463, &["-m", "512"])),
        Same("served"),
    ),
    case(
        "5.2",
        "one more closes",
        Alone(|program| key_of(program, 464, &["-m", "512"])),
        Differs(Row::KeyLength, "(closed)", "served"),
    ),
    case(
        "5.2",
        "by default 16335 bytes",
        Alone(|program| key_of(program, 16335, &[])),
        Same("served"),
    ),
    case(
        "5.2",
        "by default one more closes",
        Alone(|program| key_of(program, 16336, &[])),
        Differs(Row::KeyLength, "(closed)", "served"),
    ),
    case("5.2", "values have no such limit", Alone(long_value), Same("+OK~ 300000 bytes back")),
    case(
        "5.2",
        "a key's length without digits poisons the server's connection",
        Alone(empty_length),
        Differs(
            Row::EmptyLength,
            "$8~one:slow~ -ERR Protocol error: invalid bulk length~ neighbour harmed",
            "$8~one:slow~ (closed) neighbour served",
        ),
    ),
];

fn leading_zeros(program: Program) -> String {
    let three = Three::start(program, &[]);
    let seen = talk(&mut three.client(), "=*02~$03~GET~$003~foo~", 1);
    format!("{seen} {}", three.heard())
}

fn any_case(program: Program) -> String {
    let three = Three::start(program, &[]);
    let seen = talk(&mut three.client(), "gEt foo", 1);
    format!("{seen} {}", three.heard())
}

fn key_of(program: Program, len: usize, args: &[&str]) -> String {
    let peer = Peer::named("one");
    let running = program.pool_with(&[], &[peer.entry("one")], args);
    let key = "k".repeat(len);
    let seen = talk(&mut running.client(), &format!("SET {key} v"), 1);
    if seen == "+OK~(open)" { "served".to_owned() } else { seen }
}

fn long_value(program: Program) -> String {
    let server = RedisServer::start().unwrap();
    let running = program.pool(&[], &[server.entry(1, "one")]);
    let mut client: Client = running.client();
    let value = "v".repeat(300_000);
    client.send(&["SET", "k", &value]).unwrap();
    let stored = listen(&mut client, 1);
    let back = client.command(&["GET", "k"]).unwrap().text().unwrap_or_default();
    format!("{stored} {} bytes back", if back == value { back.len() } else { 0 })
}

/// The server is slow with a first request, so that the bad one and the neighbour's meet on the
/// connection that they share.
fn empty_length(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[], &[peer.entry("one")]);
    let [mut first, mut client, mut neighbour] = [(); 3].map(|()| running.client());
    first.send_raw(&bytes_of("GET slow")).unwrap();
    assert!(poll_until(Duration::from_secs(5), || !peer.heard().is_empty()));
    client.send_raw(&bytes_of("=*2~$3~GET~$~~")).unwrap();
    std::thread::sleep(Duration::from_millis(150));
    neighbour.send_raw(&bytes_of("GET k")).unwrap();
    // The old one mostly tells it of the close, and at times leaves it without an answer.
    neighbour.set_timeout(Duration::from_secs(2)).unwrap();
    let [one, two, three] =
        [&mut first, &mut client, &mut neighbour].map(|client| listen(client, 1));
    let harm = if three == "$5~one:k~" { "served" } else { "harmed" };
    format!("{one} {two} neighbour {harm}")
}
