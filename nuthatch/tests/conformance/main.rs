//! Twemproxy's observable behaviour, case by case: what docs and source of nutcracker 0.5.0 say,
//! and what was seen of it, played against the real program and against ours under its name.
//!
//! ```text
//!   a case: section, statement ─▶ nutcracker 0.5.0            ─▶ what was seen ─┐ the very text
//!                              ─▶ nuthatch, as `nutcracker`   ─▶ what was seen ─┘ of the case
//! ```
//!
//! A case is a short story and the text that must come of it. [`Same`](Verdict::Same) is one text
//! for both; [`Differs`](Verdict::Differs) names the row of our table of decisions (`rows.rs`) and
//! gives a text for each, so that a difference that vanishes fails as one that appears does.
//! Statements that another test plays already stand in `elsewhere.rs`. Sections are those of our specification of twemproxy: 1 configuration, 2
//! command line, 5 requests and replies, 6 connections, 7 stats.
//!
//! Texts are written with `~` for a line end; see `stage.rs` for the small language of requests,
//! `peer.rs` for the servers.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod auth;
mod counts;
mod ejection;
mod elsewhere;
mod errors;
mod flow;
mod links;
mod memcache;
mod peer;
mod program;
mod replies;
mod rows;
mod scripts;
mod signals;
mod split;
mod stage;
mod syntax;

use nuthatch_testbed::find_program;
use rows::{ROWS, Row, Seen, UNLISTED};
use stage::Program;
use std::fmt::Write;
use std::thread;

/// A statement, how it is played, and what must be seen.
pub struct Case {
    section: &'static str,
    says: &'static str,
    play: Play,
    verdict: Verdict,
}

pub enum Play {
    /// On a proxy (and more) of its own.
    Alone(fn(Program) -> String),
    /// One client's words to the three servers of `stage::Three`, and how many replies to wait for.
    Talk(&'static str, usize),
    /// The same to a pool of memcached servers.
    Lines(&'static str, usize),
}

pub enum Verdict {
    /// Both show this.
    Same(&'static str),
    /// By this decision of ours: the old one's text, then ours.
    Differs(Row, &'static str, &'static str),
}

use Play::{Alone, Lines, Talk};
use Verdict::{Differs, Same};

/// A case in one line.
const fn case(section: &'static str, says: &'static str, play: Play, verdict: Verdict) -> Case {
    Case { section, says, play, verdict }
}

/// Cases side by side; most of them wait rather than work.
const ABREAST: usize = 4;

const SECTIONS: [&[Case]; 12] = [
    flow::CASES,
    syntax::CASES,
    scripts::CASES,
    split::CASES,
    auth::CASES,
    replies::CASES,
    memcache::CASES,
    errors::CASES,
    links::CASES,
    ejection::CASES,
    counts::CASES,
    program::CASES,
];

/// Plays every case of a section on both and compares.
fn play(cases: &[Case]) {
    if find_program("nutcracker").is_none() {
        eprintln!("nutcracker is not installed: nothing to compare with");
        return;
    }
    let mut wrong = String::new();
    for some in cases.chunks(ABREAST) {
        let seen: Vec<[String; 2]> = thread::scope(|scope| {
            let playing: Vec<_> = some
                .iter()
                .map(|case| {
                    [Program::Old, Program::New]
                        .map(|program| scope.spawn(move || case.seen(program)))
                })
                .collect();
            let told = |seen: thread::ScopedJoinHandle<'_, String>| {
                seen.join().unwrap_or_else(|_| "(the story broke off)".to_owned())
            };
            playing.into_iter().map(|both| both.map(told)).collect()
        });
        for (case, [old, new]) in some.iter().zip(seen) {
            let (want_old, want_new) = case.wanted();
            if old != want_old || new != want_new {
                let _ = writeln!(
                    wrong,
                    "{} {}\n  old:  {old}\n  want: {want_old}\n  new:  {new}\n  want: {want_new}",
                    case.section, case.says
                );
            }
        }
    }
    assert!(wrong.is_empty(), "other than the specification has it:\n{wrong}");
}

impl Case {
    fn seen(&self, program: Program) -> String {
        match self.play {
            Alone(story) => story(program),
            Talk(words, replies) => {
                let three = stage::Three::start(program, &[]);
                stage::talk(&mut three.client(), words, replies)
            }
            Lines(words, replies) => memcache::lines(program, words, replies),
        }
    }

    fn wanted(&self) -> (&str, &str) {
        match self.verdict {
            Same(text) => (text, text),
            Differs(_, old, new) => (old, new),
        }
    }
}

#[test]
fn section_5_1_the_general_flow() {
    play(flow::CASES);
}

#[test]
fn section_5_2_the_syntax_of_requests() {
    play(syntax::CASES);
}

#[test]
fn section_5_3_and_5_4_commands_and_scripts() {
    play(scripts::CASES);
}

#[test]
fn section_5_5_splitting_and_merging() {
    play(split::CASES);
}

#[test]
fn section_5_6_and_5_7_passwords_and_databases() {
    play(auth::CASES);
}

#[test]
fn section_5_8_replies_of_servers() {
    play(replies::CASES);
}

#[test]
fn section_5_9_memcached() {
    play(memcache::CASES);
}

#[test]
fn section_5_10_the_texts_of_errors() {
    play(errors::CASES);
}

#[test]
fn section_6_connections_and_timeouts() {
    play(links::CASES);
}

#[test]
fn section_6_ejection() {
    play(ejection::CASES);
}

#[test]
fn section_7_stats() {
    play(counts::CASES);
}

#[test]
fn sections_1_and_2_the_program() {
    play(program::CASES);
}

/// Every decision that can be seen is met by a case, and no case excuses itself otherwise.
#[test]
fn the_differences_are_the_table() {
    let met: Vec<Row> = SECTIONS
        .iter()
        .flat_map(|cases| cases.iter())
        .filter_map(|case| match case.verdict {
            Differs(row, ..) => Some(row),
            Same(_) => None,
        })
        .collect();
    for (row, says, seen) in ROWS {
        assert_eq!(met.contains(row), *seen == Seen::Here, "{row:?}: {says}");
    }
    for (at, (row, ..)) in ROWS.iter().enumerate() {
        assert!(ROWS[..at].iter().all(|(other, ..)| other != row), "{row:?} twice");
    }
    for (row, says) in UNLISTED {
        assert!(met.contains(row), "{row:?}, no longer to be seen: {says}");
        eprintln!("not in the table: {says}");
    }
    let listed = ROWS.iter().map(|row| row.0).chain(UNLISTED.iter().map(|row| row.0));
    let listed: Vec<Row> = listed.collect();
    assert!(met.iter().all(|row| listed.contains(row)));
}

/// What is said to be played elsewhere is there.
#[test]
fn the_other_tests_exist() {
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (statement, file, test) in elsewhere::PLAYED {
        let text = std::fs::read_to_string(tests.join(file)).unwrap_or_default();
        assert!(text.contains(&format!("fn {test}(")), "{statement}: no {test} in {file}");
    }
}
