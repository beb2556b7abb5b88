//! Random conversations with state: what several clients are answered through a pool is what one server
//! answers them.
//!
//! ```text
//!                         ┌▶ nuthatch, three shards ─┐
//!   a conversation ───────┼▶ nuthatch, one shard ────┼─▶ the same bytes, or a row in
//!   (from a seed,         └▶ one redis-server ───────┘   differences.rs says why not
//!    or from a file)
//! ```
//!
//! Two to four clients take steps, one after the other: each waits for its replies before the next takes a
//! step, so the outcome is determined. A step is a pipeline, cut anywhere into writes, or a client that
//! leaves and comes again. What clients begin (transactions, watched keys, databases, versions of the
//! protocol) goes on over their steps.
//!
//! What clients publish reaches those who listen at any time, so messages are put aside and compared when a step is
//! over that may have published some (`messages.rs`). Servers and workers are asked before that, so that nothing is on
//! the way any more (`barrier.rs`).
//!
//! Most conversations tie their keys together with a hash tag. Some spread them over the shards of a pool with
//! `transactions: per_shard`. Some have commands about the whole pool inside of a transaction, which a pool of
//! one shard serves alone.
//!
//! `conversation.rs` has the steps and their text, `generate.rs` makes them of a seed and `templates.rs`, `sides.rs`
//! has the servers and takes the steps, `talker.rs` is one client, `compare.rs` applies `differences.rs`, `shrink.rs` makes a failure short.
//! A further kind of step is a variant of `Kind`: its text, how it is taken, and who makes it.
//!
//! `NUTHATCH_CONVERSATIONS` is how many to run, 300 without it; 10,000 are the long run. `NUTHATCH_CONVERSATION_SEED` gives
//! other ones. `NUTHATCH_CONVERSATION` names a file with one, as a failure prints it. Those in
//! `nuthatch/testdata/conversations` are run first: each shows a mistake that was made once.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod barrier;
mod compare;
mod conversation;
mod differences;
mod generate;
mod messages;
mod shrink;
mod sides;
mod talker;
mod templates;

use conversation::Conversation;
use sides::{Difference, Sides};
use std::env;
use std::fs;
use std::path::PathBuf;

const SEED: u64 = 1;
const COUNT: u64 = 300;
/// A conversation that should do something: this many EXECs were answered with an array, on the average.
const EXECS_MIN: usize = 1;
/// And so many messages were delivered.
const MESSAGES_MIN: usize = 1;

#[test]
fn conversations_are_those_with_one_server() {
    let sides = Sides::start();
    let seed = env_number("NUTHATCH_CONVERSATION_SEED").unwrap_or(SEED);
    let count = env_number("NUTHATCH_CONVERSATIONS").unwrap_or(COUNT);
    let (mut execs, mut messages) = (0, 0);
    for number in 0..count {
        let conversation = generate::conversation(seed, number);
        match sides.hold(&conversation) {
            Ok(done) => {
                execs += done.execs;
                messages += done.messages;
            }
            Err(what) => {
                fail(&sides, &conversation, &what, &format!("seed {seed}, number {number}"))
            }
        }
    }
    println!("{count} conversations: {execs} transactions, {messages} messages");
    assert!(
        execs >= EXECS_MIN * count as usize,
        "only {execs} transactions in {count} conversations"
    );
    assert!(
        messages >= MESSAGES_MIN * count as usize,
        "only {messages} messages in {count} conversations"
    );
    sides.check_servers_at_rest().unwrap();
}

#[test]
fn conversations_that_failed_once() {
    let named = env::var("NUTHATCH_CONVERSATION").ok().map(PathBuf::from);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/conversations");
    let files = named.map_or_else(
        || fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect(),
        |file| vec![file],
    );
    let sides = Sides::start();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let conversation =
            Conversation::parse(&text).unwrap_or_else(|what| panic!("{}: {what}", file.display()));
        sides.clear();
        if let Err(what) = sides.hold(&conversation) {
            panic!("{}: {what}", file.display());
        }
    }
}

/// What waits for the end of a transaction here and not at a server, or is refused.
#[test]
fn differences_inside_a_transaction_hold() {
    let sides = Sides::start();
    let wrong = differences::check_inside(&sides);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_conversation_is_its_text() {
    for number in 0..50 {
        let conversation = generate::conversation(SEED, number);
        let text = conversation.to_string();
        let again = Conversation::parse(&text).unwrap_or_else(|what| panic!("{what}\n{text}"));
        assert_eq!(again.to_string(), text);
        assert_eq!(again.steps, conversation.steps, "{text}");
    }
}

fn fail(sides: &Sides, conversation: &Conversation, what: &Difference, which: &str) -> ! {
    let short = shrink::shrink(sides, conversation, &what.sign);
    sides.clear();
    let again = sides.hold(&short).err();
    let again = again.map_or_else(|| "the short one does not fail".into(), |it| it.text);
    panic!(
        "{which}: {what}\n\nthe same in short: {again}\n\n{short}\n\
         again: write this to a file, and NUTHATCH_CONVERSATION=FILE cargo test -p nuthatch --test conversations \
         failed_once"
    );
}

fn env_number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}?")))
}
