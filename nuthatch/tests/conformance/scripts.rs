//! 5.3 and 5.4: which key a request goes by, what is answered where the old one closed, and the
//! forms of EVAL. The table of commands itself is played by `commands_as_before`.

use crate::peer::Peer;
use crate::rows::Row;
use crate::stage::{Program, Three, bytes_of, listen, state, talk};
use crate::{Alone, Case, Differs, Same, Talk, Verdict, case};
use nuthatch_testbed::RedisServer;

const CLOSED: Verdict = Same("(closed)");

pub const CASES: &[Case] = &[
    case("5.4", "EVAL goes by its first key", Alone(|p| owner(p, "EVAL s 1 foo")), Same("b")),
    case("5.4", "and EVALSHA", Alone(|p| owner(p, "EVALSHA s 2 apple foo")), Same("alpha")),
    case(
        "5.4",
        "leading zeros pass, to a server that does not like them",
        Alone(zeros),
        Same("-ERR value is not an integer or out of range~(open)"),
    ),
    case("5.4", "zeros alone close", Talk("EVAL s 00 foo", 1), CLOSED),
    case(
        "5.4",
        "that numkeys fits the rest is left to the server",
        Alone(|p| owner(p, "EVAL s 9 foo")),
        Same("b"),
    ),
    case("5.4", "no key closes", Talk("EVAL s 0", 1), CLOSED),
    case("5.4", "0 keys with an argument close", Talk("EVAL s 0 foo", 1), CLOSED),
    case("5.4", "a number that is none closes", Talk("EVAL s x foo", 1), CLOSED),
    case("5.4", "a negative number closes", Talk("EVAL s -1 foo", 1), CLOSED),
    case("5.4", "an empty number closes", Talk("=*4~$4~EVAL~$1~s~$0~~$3~foo~", 1), CLOSED),
    case("5.4", "a number without a key closes", Talk("EVAL s 1", 1), CLOSED),
    case("5.4", "EVALSHA without keys closes", Talk("EVALSHA s 0 foo", 1), CLOSED),
    case(
        "5.3",
        "FCALL closes",
        Talk("FCALL f 0", 1),
        Differs(Row::Served, "(closed)", "+OK~(open)"),
    ),
    case(
        "5.4",
        "digits at the end of a buffer close in 0.5.0",
        Alone(at_buffer_end),
        Differs(Row::ScriptAtBufferEnd, "some lengths close", "all lengths are served"),
    ),
    case(
        "5.3",
        "ZDIFF routes by its number of keys",
        Alone(|p| owner(p, "ZDIFF 1 foo")),
        Differs(Row::Numkeys, "gamma-delta", "b"),
    ),
    case(
        "5.3",
        "SUNION goes whole to the owner of its first key",
        Alone(|p| owner(p, "SUNION apple foo a")),
        Same("alpha"),
    ),
    case("5.3", "PFMERGE likewise", Alone(|p| owner(p, "PFMERGE foo apple a")), Same("b")),
    case(
        "5.3",
        "EXISTS is not split",
        Alone(exists),
        Differs(Row::Exists, ":3~(open) b", ":3~(open) b alpha gamma-delta"),
    ),
    case(
        "5.3",
        "COMMAND goes to the owner of `placeholder`",
        Alone(command),
        Differs(Row::Command, "forwarded", "answered"),
    ),
    case(
        "5.3",
        "LOLWUT goes to the owner of `placeholder`",
        Alone(|p| owner(p, "LOLWUT VERSION 5")),
        Same("gamma-delta"),
    ),
    case(
        "5.3",
        "PING x closes",
        Talk("PING x", 1),
        Differs(Row::TodaysClients, "(closed)", "$1~x~(open)"),
    ),
    case(
        "5.3",
        "SELECT closes",
        Talk("SELECT 0", 1),
        Differs(Row::TodaysClients, "(closed)", "+OK~(open)"),
    ),
    case(
        "5.3",
        "CLIENT closes",
        Talk("CLIENT SETNAME me", 1),
        Differs(Row::TodaysClients, "(closed)", "+OK~(open)"),
    ),
    case(
        "5.3",
        "HELLO closes",
        Alone(hello),
        Differs(Row::TodaysClients, "(closed)", "answered (open)"),
    ),
    case(
        "5.3",
        "COMMAND with an argument that we do not know closes",
        Talk("MOVE foo 1", 1),
        CLOSED,
    ),
    case("5.3", "KEYS closes", Talk("KEYS *", 1), CLOSED),
    case("5.3", "MULTI closes", Talk("MULTI", 1), CLOSED),
    case("5.3", "GET without a key closes", Talk("GET", 1), CLOSED),
    case("5.3", "GET with two closes", Talk("GET foo bar", 1), CLOSED),
    case("5.3", "MSET with an odd number closes", Talk("MSET foo 1 bar", 1), CLOSED),
    case("5.3", "PUBLISH closes", Talk("PUBLISH foo bar", 1), CLOSED),
    case("5.3", "BLPOP closes", Talk("BLPOP foo 1", 1), CLOSED),
    case(
        "5.3",
        "XADD closes",
        Talk("XADD foo * a b", 1),
        Differs(Row::Served, "(closed)", "+OK~(open)"),
    ),
    case("5.3", "FLUSHALL closes", Talk("FLUSHALL", 1), CLOSED),
    case("5.3", "SHUTDOWN closes", Talk("SHUTDOWN", 1), CLOSED),
];

/// Who hears of a request; that its bytes are those that were sent is looked at too.
fn owner(program: Program, words: &str) -> String {
    let three = Three::start(program, &[]);
    let seen = talk(&mut three.client(), words, 1);
    let sent = crate::stage::shown(&bytes_of(words));
    let mut owners = Vec::new();
    for (peer, name) in three.peers.iter().zip(crate::stage::NAMES) {
        if peer.heard() == [sent.as_str()] {
            owners.push(name);
        }
    }
    if owners.len() == 1 && seen.ends_with("(open)") {
        return owners[0].to_owned();
    }
    format!("{seen} {}", three.heard())
}

fn zeros(program: Program) -> String {
    let server = RedisServer::start().unwrap();
    let running = program.pool(&[], &[server.entry(1, "one")]);
    talk(&mut running.client(), "EVAL return_1 001 foo", 1)
}

fn exists(program: Program) -> String {
    let three = Three::start(program, &[]);
    let seen = talk(&mut three.client(), "EXISTS foo apple a", 1);
    let heard: Vec<&str> = three
        .peers
        .iter()
        .zip(crate::stage::NAMES)
        .filter(|(peer, _)| !peer.heard().is_empty())
        .map(|(_, name)| name)
        .collect();
    format!("{seen} {}", heard.join(" "))
}

fn command(program: Program) -> String {
    let three = Three::start(program, &[]);
    let mut client = three.client();
    client.send_raw(&bytes_of("COMMAND")).unwrap();
    let reply = listen(&mut client, 1);
    match three.peers[2].heard_text().as_str() {
        "*1~$7~COMMAND~" if reply == "+OK~" => "forwarded".to_owned(),
        "" if reply.starts_with('*') && reply.len() > 1000 => "answered".to_owned(),
        other => format!("{reply} {other}"),
    }
}

fn hello(program: Program) -> String {
    let three = Three::start(program, &[]);
    let mut client = three.client();
    client.send_raw(&bytes_of("HELLO 2")).unwrap();
    let reply = listen(&mut client, 1);
    if reply.starts_with('*') { format!("answered {}", state(&mut client)) } else { reply }
}

/// A request a script length, so that the digits meet every place of a buffer of 512.
fn at_buffer_end(program: Program) -> String {
    let peer = Peer::named("one");
    let running = program.pool_with(&[], &[peer.entry("one")], &["-m", "512"]);
    let served = (380..460)
        .filter(|len| {
            let words = format!("EVAL {} 12 foo", "s".repeat(*len));
            !talk(&mut running.client(), &words, 1).contains("closed")
        })
        .count();
    if served == 80 { "all lengths are served".to_owned() } else { "some lengths close".to_owned() }
}
