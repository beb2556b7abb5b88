//! 5.9: memcached, its text protocol as twemproxy knew it.
//!
//! Requests stand as they are sent, `~` being a line end. The servers' answers name them, as with
//! Redis; what a key may ask of them is told in `line_answer`.

use crate::peer::{Peer, Said};
use crate::rows::Row;
use crate::stage::{NAMES, Program, Running, shown, three_entries};
use crate::{Alone, Case, Differs, Lines, Same, Verdict, case};
use nuthatch_testbed::{Client, free_port, is_timeout, poll_until, pool_yaml};
use std::thread::sleep;
use std::time::Duration;

const CLOSED: Verdict = Same("(closed)");
const STORED: Verdict = Same("STORED~(open)");

pub const CASES: &[Case] = &[
    case("5.9", "get", Lines("get foo~", 1), Same("VALUE foo 0 5~b:foo~END~(open)")),
    case("5.9", "gets", Lines("gets a~", 1), Same("VALUE a 0 13 1~gamma-delta:a~END~(open)")),
    case("5.9", "set", Lines("set foo 0 0 1~x~", 1), STORED),
    case("5.9", "add, of another server", Lines("add apple 1 2 0~~", 1), STORED),
    case("5.9", "replace", Lines("replace foo 0 0 2~~~", 1), STORED),
    case("5.9", "append", Lines("append foo 0 0 1~x~", 1), STORED),
    case("5.9", "prepend", Lines("prepend foo 0 0 1~x~", 1), STORED),
    case("5.9", "cas", Lines("cas foo 0 0 1 17~x~", 1), STORED),
    case("5.9", "incr", Lines("incr foo 5~", 1), Same("5~(open)")),
    case("5.9", "decr", Lines("decr foo 5~", 1), Same("5~(open)")),
    case("5.9", "a - before a number is let through", Lines("incr foo -5~", 1), Same("5~(open)")),
    case("5.9", "touch", Lines("touch foo 0~", 1), Same("TOUCHED~(open)")),
    case("5.9", "touch in the past", Lines("touch foo -1~", 1), Same("TOUCHED~(open)")),
    case("5.9", "delete", Lines("delete foo~", 1), Same("DELETED~(open)")),
    case(
        "5.9",
        "delete with a time closes",
        Lines("delete foo 0~", 1),
        Differs(Row::Served, "(closed)", "DELETED~(open)"),
    ),
    case(
        "5.9",
        "version is forwarded to the owner of `placeholder`",
        Lines("version~", 1),
        Differs(Row::Version, "VERSION gamma-delta~(open)", "VERSION 1.6.18 nuthatch-~(open)"),
    ),
    case(
        "5.9",
        "quit closes, no reply",
        Lines("get foo~quit~get foo~", 2),
        Same("VALUE foo 0 5~b:foo~END~(closed)"),
    ),
    case(
        "5.9",
        "noreply has no reply",
        Alone(|program| heard(program, "set foo 0 0 1 noreply~x~get foo~", 1)),
        Differs(
            Row::Fenced,
            "VALUE foo 0 5~b:foo~END~(open) set foo 0 0 1 noreply~x~ get foo~ /  / ",
            "VALUE foo 0 5~b:foo~END~(open) set foo 0 0 1 noreply~x~ version~ get foo~ /  / ",
        ),
    ),
    case(
        "5.9",
        "noreply, and another word, closes",
        Lines("set foo 0 0 1 noreply x~v~", 1),
        CLOSED,
    ),
    case(
        "5.9",
        "noreply that cannot be sent vanishes",
        Alone(vanishes),
        Same("VALUE apple 0 11~alpha:apple~END~(open)"),
    ),
    case("5.9", "noreply has no timer", Alone(no_timer), Same("(silence)")),
    case("5.9", "upper case closes", Lines("GET foo~", 1), CLOSED),
    case("5.9", "an empty line closes", Lines("~", 1), CLOSED),
    case("5.9", "get without a key closes", Lines("get~", 1), CLOSED),
    case("5.9", "so does get and blanks", Lines("get  ~", 1), CLOSED),
    case(
        "5.9",
        "the binary protocol closes",
        Lines("\u{80}\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 1),
        CLOSED,
    ),
    case(
        "5.9",
        "gat closes",
        Lines("gat 0 foo~", 1),
        Differs(Row::Served, "(closed)", "VALUE foo 0 5~b:foo~END~(open)"),
    ),
    case(
        "5.9",
        "gats closes",
        Lines("gats 0 foo~", 1),
        Differs(Row::Served, "(closed)", "VALUE foo 0 5 1~b:foo~END~(open)"),
    ),
    case(
        "5.9",
        "flush_all closes",
        Lines("flush_all~", 1),
        Differs(Row::Served, "(closed)", "OK~(open)"),
    ),
    case(
        "5.9",
        "verbosity closes",
        Lines("verbosity 1~", 1),
        Differs(Row::Served, "(closed)", "OK~(open)"),
    ),
    case(
        "5.9",
        "stats closes",
        Lines("stats~", 1),
        Differs(Row::Served, "(closed)", "STAT pid 1~END~(open)"),
    ),
    case(
        "5.9",
        "mg closes",
        Lines("mg foo v~", 1),
        Differs(Row::Served, "(closed)", "VA 5~b:foo~(open)"),
    ),
    case(
        "5.9",
        "ms closes",
        Lines("ms foo 1~x~", 1),
        Differs(Row::Served, "(closed)", "HD~(open)"),
    ),
    case("5.9", "me closes", Lines("me foo~", 1), Differs(Row::Served, "(closed)", "HD~(open)")),
    case("5.9", "mn closes", Lines("mn~", 1), Differs(Row::Served, "(closed)", "MN~(open)")),
    case("5.9", "what nobody knows closes", Lines("bogus foo~", 1), CLOSED),
    case("5.9", "so does what speaks of one server", Lines("shutdown~", 1), CLOSED),
    case(
        "5.9",
        "blanks: several, leading, at the end, all sent as they came",
        Alone(|program| heard(program, "  get   foo  ~", 1)),
        Same("VALUE foo 0 5~b:foo~END~(open)   get   foo  ~ /  / "),
    ),
    case(
        "5.9",
        "only a blank separates: a tab is part of a key",
        Alone(|program| heard(program, "get a\tb~", 1)),
        Same("VALUE a\\tb 0 15~gamma-delta:a\\tb~END~(open)  /  / get a\\tb~"),
    ),
    case(
        "5.9",
        "a line ended by bare LF is never complete",
        Alone(bare_lf),
        Differs(Row::BareLf, "(silence)", "VALUE foo 0 5~b:foo~END~(open)"),
    ),
    case(
        "5.9",
        "a key has 250 bytes at most",
        Alone(|program| key_of(program, 250)),
        Same("served"),
    ),
    case("5.9", "one more closes", Alone(|program| key_of(program, 251)), CLOSED),
    case(
        "5.9",
        "numbers may have any length",
        Lines("set foo 99999999999 0 1~x~", 1),
        Differs(Row::Numbers, "STORED~(open)", "(closed)"),
    ),
    case(
        "5.9",
        "a negative exptime closes",
        Lines("set foo 0 -1 1~x~", 1),
        Differs(Row::Served, "(closed)", "STORED~(open)"),
    ),
    case("5.9", "flags that are no number close", Lines("set foo x 0 1~x~", 1), CLOSED),
    case("5.9", "a negative length closes", Lines("set foo 0 0 -1~x~", 1), CLOSED),
    case("5.9", "a unique that is no number closes", Lines("cas foo 0 0 1 x~x~", 1), CLOSED),
    case("5.9", "data longer than it said closes", Lines("set foo 0 0 1~xx~", 1), CLOSED),
    case("5.9", "data without CRLF closes", Lines("set foo 0 0 1~x\n\n", 1), CLOSED),
    case(
        "5.9",
        "one key goes as it came",
        Alone(|program| heard(program, "get foo~", 1)),
        Same("VALUE foo 0 5~b:foo~END~(open) get foo~ /  / "),
    ),
    case(
        "5.9",
        "several are grouped by server, a blank before the line end; repeats kept; in order",
        Alone(|program| heard(program, "get foo apple foo bar~", 1)),
        Differs(
            Row::Rewritten,
            "VALUE foo 0 5~b:foo~VALUE apple 0 11~alpha:apple~VALUE foo 0 5~b:foo~VALUE bar 0 \
             5~b:bar~END~(open) get foo foo bar ~ / get apple ~ / ",
            "VALUE foo 0 5~b:foo~VALUE apple 0 11~alpha:apple~VALUE foo 0 5~b:foo~VALUE bar 0 \
             5~b:bar~END~(open) get foo foo bar~ / get apple~ / ",
        ),
    ),
    case(
        "5.9",
        "with missing keys the order can differ from the request's",
        Lines("get miss foo apple bar~", 1),
        Differs(
            Row::Order,
            "VALUE foo 0 5~b:foo~VALUE bar 0 5~b:bar~VALUE apple 0 11~alpha:apple~END~(open)",
            "VALUE foo 0 5~b:foo~VALUE apple 0 11~alpha:apple~VALUE bar 0 5~b:bar~END~(open)",
        ),
    ),
    case(
        "5.9",
        "a part that fails: its error, and the client is closed",
        Alone(a_part_fails),
        Differs(
            Row::MgetCloses,
            "SERVER_ERROR Connection refused~(closed)",
            "SERVER_ERROR Connection refused~(open)",
        ),
    ),
    case(
        "5.9",
        "a part that is answered by an error: Invalid argument, and the client is closed",
        Lines("get foo say:ERROR say:CLIENT_ERROR^x apple a~", 1),
        Differs(
            Row::MgetCloses,
            "SERVER_ERROR Invalid argument~(closed)",
            "SERVER_ERROR Invalid argument~(open)",
        ),
    ),
    case(
        "5.9",
        "if every part fails at once: closed without a reply",
        Alone(all_parts_fail),
        Differs(Row::MgetCloses, "(closed)", "SERVER_ERROR Connection refused~(open)"),
    ),
    case("5.9", "NOT_STORED", Lines("delete say:NOT_STORED~", 1), Same("NOT_STORED~(open)")),
    case("5.9", "EXISTS", Lines("delete say:EXISTS~", 1), Same("EXISTS~(open)")),
    case("5.9", "NOT_FOUND", Lines("delete say:NOT_FOUND~", 1), Same("NOT_FOUND~(open)")),
    case("5.9", "END", Lines("get say:END~", 1), Same("END~(open)")),
    case("5.9", "ERROR", Lines("get say:ERROR~", 1), Same("ERROR~(open)")),
    case("5.9", "CLIENT_ERROR", Lines("get say:CLIENT_ERROR^x~", 1), Same("CLIENT_ERROR x~(open)")),
    case("5.9", "SERVER_ERROR", Lines("get say:SERVER_ERROR^x~", 1), Same("SERVER_ERROR x~(open)")),
    case(
        "5.9",
        "what is no reply is a protocol error",
        Lines("get say:+OK~", 1),
        Same("SERVER_ERROR Invalid argument~(open)"),
    ),
];

/// Three servers that speak lines.
struct Three {
    running: Running,
    peers: [Peer; 3],
}

impl Three {
    fn start(program: Program) -> Three {
        Three::with_ports(program, |port, _| port, &[])
    }

    /// With other ports in the file than those of the servers.
    fn with_ports(program: Program, port: fn(u16, usize) -> u16, keys: &[(&str, &str)]) -> Three {
        let peers = NAMES.map(|name| Peer::lines(move |words| line_answer(name, words)));
        let ports = [0, 1, 2].map(|at| port(peers[at].port(), at));
        let yaml = pool_yaml("p", free_port(), keys, &three_entries(ports));
        Three { running: program.start(&yaml, &[]), peers }
    }

    fn talk(&self, words: &str, replies: usize) -> String {
        talk(&mut self.running.client(), words, replies)
    }
}

/// One client's words, and so many replies.
pub fn lines(program: Program, words: &str, replies: usize) -> String {
    Three::start(program).talk(words, replies)
}

fn talk(client: &mut Client, words: &str, replies: usize) -> String {
    // As bytes, for the first one of the binary protocol.
    let bytes: Vec<u8> = words.replace('~', "\r\n").chars().map(|c| c as u8).collect();
    if client.send_raw(&bytes).is_err() {
        return "(closed)".to_owned();
    }
    let mut text = String::new();
    for _ in 0..replies {
        match client.recv_text() {
            Ok(reply) if reply.starts_with(b"VERSION 1.6.18 nuthatch-") => {
                text += "VERSION 1.6.18 nuthatch-~";
            }
            Ok(reply) => text += &shown(&reply),
            Err(error) => return text + end(&error),
        }
    }
    text + state(client)
}

fn state(client: &mut Client) -> &'static str {
    match client.ask("get state-of-things~".replace('~', "\r\n")) {
        Ok(_) => "(open)",
        Err(error) => end(&error),
    }
}

fn end(error: &std::io::Error) -> &'static str {
    if is_timeout(error) { "(silence)" } else { "(closed)" }
}

fn heard(program: Program, words: &str, replies: usize) -> String {
    let three = Three::start(program);
    let seen = three.talk(words, replies);
    let heard = three.peers.each_ref().map(|peer| {
        let lines = peer.heard().into_iter().filter(|line| !line.contains("state-of-things"));
        lines.collect::<Vec<_>>().join(" ")
    });
    format!("{seen} {}", heard.join(" / "))
}

fn key_of(program: Program, len: usize) -> String {
    let key = "k".repeat(len);
    let seen = lines(program, &format!("set {key} 0 0 1~x~"), 1);
    if seen == "STORED~(open)" { "served".to_owned() } else { seen }
}

fn bare_lf(program: Program) -> String {
    let three = Three::start(program);
    let mut client = three.running.client();
    client.send_raw(b"get foo\n").unwrap();
    client.set_timeout(Duration::from_millis(700)).unwrap();
    match client.recv_text() {
        Ok(reply) => shown(&reply) + state(&mut client),
        Err(error) => end(&error).to_owned(),
    }
}

/// Its owner is not there.
fn vanishes(program: Program) -> String {
    let three =
        Three::with_ports(program, |port, at| if at == 0 { free_port() } else { port }, &[]);
    let mut client = three.running.client();
    client.send_raw(b"set foo 0 0 1 noreply\r\nx\r\n").unwrap();
    sleep(Duration::from_millis(50));
    client.send_raw(b"get apple\r\n").unwrap();
    let seen = shown(&client.recv_text().unwrap());
    seen + if client.is_silent_for(Duration::from_millis(50)).unwrap() { "(open)" } else { "more" }
}

/// A server that never answers, and a `timeout`.
fn no_timer(program: Program) -> String {
    let three = Three::with_ports(program, |port, _| port, &[("timeout", "100")]);
    let mut client = three.running.client();
    client.send_raw(b"set hush 0 0 1 noreply\r\nx\r\n").unwrap();
    assert!(poll_until(Duration::from_secs(5), || three
        .peers
        .iter()
        .any(|peer| !peer.heard().is_empty())));
    let silent = client.is_silent_for(Duration::from_millis(400)).unwrap();
    if silent { "(silence)".to_owned() } else { shown(&client.recv_some().unwrap()) }
}

fn a_part_fails(program: Program) -> String {
    let three =
        Three::with_ports(program, |port, at| if at == 0 { free_port() } else { port }, &[]);
    three.talk("get apple foo~", 1).replace("(silence)", "(open)")
}

/// All are ejected, by a failure each.
fn all_parts_fail(program: Program) -> String {
    let keys = [("auto_eject_hosts", "true"), ("server_failure_limit", "1"), ("timeout", "2000")];
    let three = Three::with_ports(program, |_, _| free_port(), &keys);
    let mut client = three.running.client();
    for key in ["foo", "apple", "a", "foo", "apple", "a"] {
        let reply = client.ask(format!("get {key}\r\n")).unwrap();
        assert!(reply.starts_with(b"SERVER_ERROR Connection refused"));
    }
    client.send_raw(b"get apple foo a\r\n").unwrap();
    match client.recv_text() {
        // Whatever is asked next fails too; that it is answered is what counts.
        Ok(reply) => shown(&reply) + state(&mut client),
        Err(error) => end(&error).to_owned(),
    }
}

/// What a small server of this name says. `say:TEXT` is answered with the text, `^` being a
/// blank, `hush` with nothing, `miss` is not there.
fn line_answer(name: &str, words: &[String]) -> Said {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let first = match word(0) {
        "gat" | "gats" => 2,
        _ => 1,
    };
    let keys = words.get(first..).unwrap_or_default();
    if let Some(text) = keys.iter().find_map(|key| key.strip_prefix("say:")) {
        return Said::Reply(text.replace('^', " ") + "\r\n");
    }
    if word(1) == "hush" || word(words.len() - 1) == "noreply" {
        return Said::Nothing;
    }
    let item = |key: &String| {
        let text = format!("{name}:{key}");
        let unique = if word(0).ends_with('s') { " 1" } else { "" };
        format!("VALUE {key} 0 {}{unique}\r\n{text}\r\n", text.len())
    };
    Said::Reply(match word(0) {
        "get" | "gets" | "gat" | "gats" => {
            keys.iter().filter(|key| !key.starts_with("miss")).map(item).collect::<String>()
                + "END\r\n"
        }
        "incr" | "decr" => "5\r\n".to_owned(),
        "touch" => "TOUCHED\r\n".to_owned(),
        "delete" => "DELETED\r\n".to_owned(),
        "version" => format!("VERSION {name}\r\n"),
        "flush_all" | "verbosity" => "OK\r\n".to_owned(),
        "stats" => "STAT pid 1\r\nEND\r\n".to_owned(),
        "mg" => {
            let text = format!("{name}:{}", word(1));
            format!("VA {}\r\n{text}\r\n", text.len())
        }
        "ms" | "me" => "HD\r\n".to_owned(),
        "mn" => "MN\r\n".to_owned(),
        _ => "STORED\r\n".to_owned(),
    })
}
