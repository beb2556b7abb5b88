//! Requests of memcached's protocol.

use super::*;
use crate::command::memcache::{COMMANDS, Command, Verb};
use crate::protocol::memcache::KEY_BYTES_MAX;
use crate::protocol::memcache::request::{Parsed, Progress, parse};

fn pool(manners: Manners) -> Asked {
    Asked::of(Protocol::Memcache, manners)
}

/// The plan of a line, and of its block where one follows. `LONG` stands for a key that is too long.
fn whole(asked: &Asked, line: &str) -> String {
    let long = "k".repeat(KEY_BYTES_MAX + 1);
    let mut bytes = format!("{line}\r\n").replace("LONG", &long).into_bytes();
    if let Ok(Parsed::Incomplete { .. }) = parse(&bytes, &mut Progress::default()) {
        bytes.extend_from_slice(b"\r\n");
    }
    match parse(&bytes, &mut Progress::default()) {
        Ok(Parsed::Request(request)) => asked.decide(Head::Line(&request)),
        other => panic!("{line}: {other:?}"),
    }
}

fn begun(asked: &Asked, line: &str) -> String {
    asked.decide(Head::LineBegun { line: line.as_bytes() })
}

#[test]
fn a_line_with_one_key_is_forwarded() {
    let rows = [
        ("set b 0 0 1\r\nx", "forward set shard1", "="),
        ("set b 0 0 1 noreply\r\nx", "forward set shard1 Mute", "="),
        ("cas a 0 0 1 7\r\nx", "forward cas shard0", "="),
        ("incr b 1", "forward incr shard1", "="),
        ("delete a noreply", "forward delete shard0 Mute", "="),
        ("  touch  a 0 ", "forward touch shard0", "="),
    ];
    check(&rows, pool, whole);
}

#[test]
fn meta_commands_have_flags() {
    let line_feed = "refuse CLIENT_ERROR a key with a line feed is not returned: it could be taken \
                     for a line | counted";
    let rows = [
        ("mg b v", "forward mg shard1 Meta", "="),
        ("mg b v q", "forward mg shard1 Quiet", "="),
        ("ms b 1 q\r\nx", "forward ms shard1 Quiet", "="),
        // `YQ==` is `a`, `Yg==` is `b`, and `YQo=` is `a` with a line feed.
        ("mg YQ== b", "forward mg shard0 Meta", "="),
        ("mg YQ== v", "forward mg shard1 Meta", "="),
        ("ms Yg== 1 b\r\nx", "forward ms shard1 Meta", "="),
        ("mg YQo= b", "forward mg shard0 Meta", "="),
        ("mg YQo= k", "forward mg shard1 Meta", "="),
        ("mg YQo= b k", line_feed, "refuse | counted | closes: mg"),
        ("ms YQo= 1 b k\r\nx", line_feed, "refuse | counted | closes: ms"),
        ("me YQo= b", line_feed, "refuse | counted | closes: me"),
    ];
    check(&rows, pool, whole);
}

#[test]
fn retrievals_are_cut_by_owner() {
    let error = "refuse ERROR | counted";
    let format = "refuse CLIENT_ERROR bad command line format | counted";
    let rows = [
        ("get b", "forward get shard1", "="),
        ("get a c a", "forward get shard0", "="),
        ("gets a b  a", "fan out gets to 0 1 0, Items Read", "="),
        ("gat 9 b", "forward gat shard1", "="),
        ("gats 9 a b", "fan out gats to 0 1, Items Write", "="),
        ("gat 9", "forward gat shard0", "="),
        ("get", error, "refuse | counted | closes: get"),
        ("gat", error, "refuse | counted | closes: gat"),
        ("get LONG", format, "refuse | counted | closes: get"),
        ("get a b LONG", format, "refuse | counted | closes: get"),
    ];
    check(&rows, pool, whole);
}

#[test]
fn some_lines_go_to_every_server() {
    let rows = [
        ("flush_all", "fan out flush_all to all, First Write", "="),
        ("flush_all 10 noreply", "fan out flush_all to all, First Write Mute", "="),
        ("verbosity 1", "fan out verbosity to all, First Write", "="),
        ("verbosity", "refuse ERROR | counted", "refuse | counted | closes: verbosity"),
        ("stats", "fan out stats to all, Stats Read", "="),
        ("stats items", "fan out stats to all, Stats Read", "="),
        ("stats settings", "fan out stats to all, Settings Read", "="),
        ("stats conns noreply", "fan out stats to all, Settings Read", "="),
    ];
    check(&rows, pool, whole);
}

#[test]
fn some_lines_are_answered_here() {
    let rows = [
        ("version", "local Version", "="),
        ("quit", "local Quit", "="),
        ("mn", "local Noop", "="),
        (
            "shutdown",
            "refuse CLIENT_ERROR shutdown is not served here: it concerns one server, ask that one \
             | counted",
            "refuse | counted | closes: shutdown",
        ),
    ];
    check(&rows, pool, whole);
}

#[test]
fn lines_that_are_no_command_are_refused() {
    let error = "refuse ERROR | counted";
    let unknown = "refuse | counted | closes: unknown command";
    let http = "refuse | counted | closes: an HTTP client";
    let rows = [
        ("nosuch a", error, unknown),
        ("GET a", error, unknown),
        ("", error, unknown),
        ("  ", error, unknown),
        ("POST /", http, "="),
        ("PUT / HTTP/1.1", http, "="),
        ("Host: x", http, "="),
    ];
    check(&rows, pool, whole);
}

#[test]
fn bad_words_are_refused_and_noreply_is_silent() {
    let error = "refuse ERROR | counted";
    let format = "refuse CLIENT_ERROR bad command line format | counted";
    let silent = "refuse | counted";
    let rows = [
        ("delete", error, "refuse | counted | closes: delete"),
        ("incr b", error, "refuse | counted | closes: incr"),
        ("mg", error, "refuse | counted | closes: mg"),
        ("delete LONG", format, "refuse | counted | closes: delete"),
        ("delete LONG noreply", silent, "refuse | counted | closes: delete"),
        ("mg LONG q", format, "refuse | counted | closes: mg"),
    ];
    check(&rows, pool, whole);
}

#[test]
fn bad_blocks_are_refused_and_noreply_is_silent() {
    let error = "refuse ERROR | counted";
    let format = "refuse CLIENT_ERROR bad command line format | counted";
    let chunk = "refuse CLIENT_ERROR bad data chunk | counted";
    let large = "refuse SERVER_ERROR object too large for cache | counted";
    let silent = "refuse | counted";
    let closes = "refuse | counted | closes: set";
    let rows = [
        ("set a 0 0", error, closes),
        ("set a 0 noreply", error, closes),
        ("set a 0 0 1 noreply more", error, closes),
        ("set a 0 0 x", format, closes),
        ("set LONG 0 0 1", format, closes),
        ("set LONG 0 0 1 noreply", silent, closes),
        ("set a 0 0 1\r\nxyz", chunk, closes),
        ("set a 0 0 1 noreply\r\nxyz", silent, closes),
        ("set a 0 0 2000000000", large, closes),
        ("set a 0 0 2000000000 noreply", silent, closes),
        ("ms a", format, "refuse | counted | closes: ms"),
        ("ms", error, "refuse | counted | closes: ms"),
        ("ms a x noreply", format, "refuse | counted | closes: ms"),
    ];
    check(&rows, pool, whole);
}

#[test]
fn a_plan_names_the_shard_that_is_out() {
    let rows = [
        ("get a", "forward get down shard0", "="),
        ("get a b", "fan out get to 0 1, Items Read", "="),
        ("mg a", "forward mg down shard0 Meta", "="),
        ("stats", "fan out stats to all, Stats Read", "="),
    ];
    check(&rows, |manners| pool(manners).with_states([ShardState::Down, ShardState::Live]), whole);
    let rows = [
        ("get a", "forward get nowhere", "="),
        ("get a b", "forward get nowhere", "="),
        (
            "get a LONG",
            "refuse CLIENT_ERROR bad command line format | counted",
            "refuse | counted | closes: get",
        ),
        ("delete a", "forward delete nowhere", "="),
        ("flush_all", "fan out flush_all to all, First Write", "="),
    ];
    check(&rows, |manners| pool(manners).with_states([ShardState::Ejected; 2]), whole);
}

// ---- every row ---------------------------------------------------------------------------

/// The shortest request of this row. Its key is `b`, of shard 1.
fn request(row: &Command) -> String {
    let key = if let Verb::Retrieve { first } = row.verb { usize::from(first) } else { 1 };
    let mut words = vec![row.name];
    words.resize(key.min(usize::from(row.words_min)), "0");
    if matches!(row.verb, Verb::Forward | Verb::Retrieve { .. } | Verb::Meta { .. }) {
        words.push("b");
    }
    words.resize(words.len().max(row.words_min.into()), "0");
    words.join(" ")
}

#[test]
fn the_verb_decides_the_kind_of_the_plan() {
    for row in &COMMANDS {
        let name = row.name;
        let intent = if row.writes { "Write" } else { "Read" };
        let modern = match row.verb {
            Verb::Forward | Verb::Retrieve { .. } => format!("forward {name} shard1"),
            Verb::Meta { .. } => format!("forward {name} shard1 Meta"),
            Verb::All(join) => format!("fan out {name} to all, {join:?} {intent}"),
            Verb::Local(local) => format!("local {local:?}"),
            Verb::Refused => format!("refuse {} | counted", texts::memcache_not_served(name)),
        };
        let closes = format!("refuse | counted | closes: {name}");
        let twemproxy = if row.verb == Verb::Refused { &closes } else { "=" };
        check(&[(&request(row), &modern, twemproxy)], pool, whole);
    }
}

/// If a line flows before its block, it flows to where the whole request goes.
#[test]
fn a_line_flows_where_the_whole_request_goes() {
    let stored = ["set", "add", "replace", "append", "prepend"];
    let mut lines: Vec<String> = stored.map(|name| format!("{name} b 0 0 1")).into();
    lines.extend(stored.map(|name| format!("{name} a 0 0 1 noreply")));
    lines.extend(["cas b 0 0 1 7", "cas b 0 0 1 7 noreply"].map(str::to_owned));
    lines.extend(
        ["ms b 1", "ms b 1 q", "ms Yg== 1 b", "ms Yg== 1 k", " ms  Yg== 1 q b"].map(str::to_owned),
    );
    for states in [[ShardState::Live; 2], [ShardState::Live, ShardState::Down]] {
        for (line, manners) in lines.iter().flat_map(|line| BOTH.map(|manners| (line, manners))) {
            let asked = pool(manners).with_states(states);
            let whole = whole(&asked, &format!("{line}\r\nx"));
            assert!(whole.starts_with("forward "), "{line}: {whole}");
            assert_eq!(begun(&asked, line), whole, "{line} under {manners:?}");
        }
    }
    for line in ["ms YQo= 1 b", "ms YQo= 1 b k", "nosuch"] {
        assert_eq!(begun(&pool(Manners::Modern), line), "when whole", "{line}");
    }
}
