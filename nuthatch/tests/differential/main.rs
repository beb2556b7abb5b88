//! The answer through three shards is the answer of one server: for every routed row of the
//! command table, with generated arguments, in RESP2 and RESP3.
//!
//! ```text
//!                    ┌▶ nuthatch ─▶ three redis-servers ─┐
//!   rows, words ─────┤                                   ├─▶ the same bytes, or a rule in
//!   (from a seed)    └▶ one redis-server ────────────────┘   differences.rs says why not
//! ```
//!
//! A round is one connection to each side: every row in turn, in another order each time, a scene
//! or two of each, sent one by one or in pipelines, and cut anywhere on the way to nuthatch. At the
//! end of the rounds the three servers together must hold what the lone one holds.
//!
//! `grammar.rs` and `words.rs` make requests of the lines in `rows.rs`, `table.rs` tells what the
//! command table knows of them; `compare.rs` applies the
//! rules of `differences.rs`; `pair.rs` has the servers, `contents.rs` looks into them. The first
//! words of a connection are in `handshake.rs`, what is refused in `refused.rs`.
//!
//! `NUTHATCH_DIFF_SEED` and `NUTHATCH_DIFF_ROUNDS` run other conversations, or more.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod compare;
mod contents;
mod differences;
mod grammar;
mod handshake;
mod pair;
#[path = "../programs/mod.rs"]
mod programs;
mod refused;
mod rows;
mod table;
mod words;

use compare::{Replies, same};
use grammar::{Part, Request, scene};
use nuthatch_testbed::Release;
use pair::{Pair, Protocol};
use programs::target;
use std::collections::BTreeSet;
use std::env;
use std::fmt::Write;
use table::{has_one_owner, routed, row_name};
use words::{SCRIPTS, Words};

const SEED: u64 = 3;
/// Some 700 requests each.
const ROUNDS: usize = 60;
/// How much of a request or reply a failure shows.
const SHOWN: usize = 600;

#[test]
fn three_shards_answer_as_one_server() {
    let answered = compare(&Pair::start(), rows::ROWS, "three_shards");
    // A row of which every request is refused would compare nothing but errors.
    let names = routed().into_iter().map(|row| row.name);
    let silent: Vec<&str> = names.filter(|name| !answered.contains(name)).collect();
    let expected = [
        "acl",
        "client",
        "cluster",
        "config",
        "fcall",
        "fcall_ro",
        "function",
        "function|delete",
        "function|kill",
        "function|load",
        "function|restore",
        "latency",
        "latency|graph",
        "memory",
        "module",
        "object",
        "pubsub",
        "script",
        "script|kill",
        "slowlog",
        "xgroup",
        "xinfo",
    ];
    let is_short = env_number("NUTHATCH_DIFF_ROUNDS").is_some_and(|rounds| rounds < ROUNDS as u64);
    assert!(is_short || silent == expected, "only errors from {silent:?}");
}

#[test]
fn three_valkeys_answer_as_one() {
    let Some(target) = target() else { return };
    let rows = [rows::ROWS, rows::NEWER].concat();
    let answered =
        compare(&Pair::start_release(Release::Valkey91, &target), &rows, "three_valkeys");
    let silent: Vec<_> = rows::NEWER.iter().filter(|(row, _)| !answered.contains(row)).collect();
    assert!(silent.is_empty(), "only errors from {silent:?}");
}

#[test]
fn one_shard_answers_as_one_server() {
    compare(&Pair::start_one(), rows::ROWS, "one_shard");
}

/// Returns the names of the rows of which a request was answered without an error.
fn compare(
    pair: &Pair,
    rows: &[(&'static str, &'static str)],
    test: &str,
) -> BTreeSet<&'static str> {
    let seed = env_number("NUTHATCH_DIFF_SEED").unwrap_or(SEED);
    let rounds = env_number("NUTHATCH_DIFF_ROUNDS").map_or(ROUNDS, |n| n as usize);
    let mut words = Words::new(seed, shas(pair));
    let lines: Vec<(&str, Part)> =
        rows.iter().map(|(row, line)| (*row, grammar::parse(line))).collect();
    let unknown = grammar::parse(rows::UNKNOWN);
    let again = format!(
        "again: NUTHATCH_DIFF_SEED={seed} NUTHATCH_DIFF_ROUNDS={rounds} \
         cargo test -p nuthatch --test differential {test}"
    );
    let (mut asked, mut answered) = (0, BTreeSet::new());
    for round in 0..rounds {
        let protocol = if round % 2 == 0 { Protocol::Resp2 } else { Protocol::Resp3 };
        let mut talk = pair.talk(protocol);
        let mut scenes = scenes(&lines, &unknown, &mut words);
        while !scenes.is_empty() {
            let batch = batch(&mut scenes, &mut words);
            asked += batch.len();
            let place = format!("seed {seed}, round {round}, {protocol:?}, request {asked}");
            match talk.ask_all(&batch, &mut words) {
                Ok(replies) => check(&batch, &replies, &mut words, &mut answered)
                    .unwrap_or_else(|what| panic!("{place}\n{what}\n{again}")),
                Err(e) => panic!("{place}\n{e}\n{}\n{again}", list(&batch)),
            }
        }
    }
    let mut shards: Vec<_> = pair.shards.iter().map(|s| s.client().unwrap()).collect();
    let keys = contents::compare(&mut shards, &mut pair.lone.client().unwrap())
        .unwrap_or_else(|what| panic!("seed {seed}: after {asked} requests\n{what}\n{again}"));
    assert!(keys > 20 || rounds < 5, "only {keys} keys are left to compare");
    answered
}

#[test]
fn every_routed_row_has_a_line() {
    let routed: BTreeSet<&str> = routed().iter().map(|row| row.name).collect();
    let with_line: BTreeSet<&str> = rows::ROWS.iter().map(|(row, _)| *row).collect();
    let missing: Vec<_> = routed.difference(&with_line).collect();
    assert!(missing.is_empty(), "no line in rows.rs for {missing:?}");
    let surplus: Vec<_> = with_line.difference(&routed).collect();
    assert!(surplus.is_empty(), "lines in rows.rs for what is not routed: {surplus:?}");
    assert_eq!(with_line.len(), rows::ROWS.len(), "two lines for one row");
    for (row, ..) in differences::RULES {
        assert!(routed.contains(row), "a rule for {row}, which is not routed");
    }
}

/// The scripts' hashes, as the lone server works them out.
fn shas(pair: &Pair) -> Vec<Vec<u8>> {
    let mut lone = pair.lone.client().unwrap();
    let mut sha = |text: &str| {
        let reply = lone.command(&["EVAL", "return redis.sha1hex(ARGV[1])", "0", text]).unwrap();
        reply.as_bytes().unwrap().to_vec()
    };
    SCRIPTS.iter().map(|(_, text)| sha(text)).collect()
}

/// A round's scenes, in random order.
fn scenes(lines: &[(&str, Part)], unknown: &Part, words: &mut Words) -> Vec<Vec<Request>> {
    let mut scenes = Vec::new();
    for (row, line) in lines {
        for _ in 0..3 {
            // A scene that would be refused for its keys makes way for another.
            let fits = (0..20).find_map(|_| {
                let mut scene = scene(line, words);
                for request in &mut scene {
                    let name = row.split('|').next().unwrap();
                    if request.args[0].eq_ignore_ascii_case(name.as_bytes()) {
                        request.spoil(words);
                    }
                }
                scene.iter().all(|request| has_one_owner(&request.args)).then_some(scene)
            });
            scenes.push(fits.unwrap_or_else(|| panic!("no request of {row} has one owner")));
        }
    }
    scenes.push(scene(unknown, words));
    for at in (1..scenes.len()).rev() {
        scenes.swap(at, words.below(at + 1));
    }
    scenes
}

/// Takes some scenes off the end.
fn batch(scenes: &mut Vec<Vec<Request>>, words: &mut Words) -> Vec<Request> {
    let count = if words.one_in(2) { 1 } else { 1 + words.below(40) };
    let rest = scenes.len().saturating_sub(count);
    scenes.drain(rest..).flatten().filter(|request| !has_two_replies(&request.args)).collect()
}

/// Valkey 9.1 answers a line break in FUNCTION LIST with two lines. We refuse it.
fn has_two_replies(args: &[Vec<u8>]) -> bool {
    row_name(args) == Some("function|list")
        && args.iter().flatten().any(|&byte| byte == b'\r' || byte == b'\n')
}

fn check(
    requests: &[Request],
    replies: &[Replies],
    words: &mut Words,
    answered: &mut BTreeSet<&'static str>,
) -> Result<(), String> {
    for (at, (request, pair)) in requests.iter().zip(replies).enumerate() {
        let before = at.checked_sub(1).map(|before| &replies[before]);
        if !same(&request.args, pair, before) {
            let from = at.saturating_sub(3);
            return Err(format!(
                "{}\n  through nuthatch: {}\n  one server:       {}",
                list(&requests[from..=at]),
                shown(&pair.ours),
                shown(&pair.theirs)
            ));
        }
        let is_error = pair.theirs.starts_with(b"-");
        if let (false, Some(name)) = (is_error, row_name(&request.args)) {
            answered.insert(name);
        }
        let is_dump = request.args[0].eq_ignore_ascii_case(b"DUMP");
        if is_dump && pair.theirs.len() > 5 && !is_error {
            // Both get the lone server's, or they would drift apart by what may differ.
            let payload = compare::value(&pair.theirs).as_bytes().unwrap_or_default().to_vec();
            words.payloads.push(payload);
        }
    }
    Ok(())
}

fn list(requests: &[Request]) -> String {
    let mut text = String::new();
    for request in requests.iter().rev().take(40).rev() {
        let words: Vec<String> =
            request.args.iter().map(|arg| format!("\"{}\"", arg.escape_ascii())).collect();
        let _ = writeln!(text, "  {}", shown(words.join(" ").as_bytes()));
    }
    text
}

fn shown(bytes: &[u8]) -> String {
    if bytes.len() <= SHOWN {
        return bytes.escape_ascii().to_string();
    }
    format!("{} ... ({} bytes)", bytes[..SHOWN].escape_ascii(), bytes.len())
}

fn env_number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}?")))
}
