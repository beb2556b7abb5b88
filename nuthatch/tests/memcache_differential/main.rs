//! The answer through three memcacheds is the answer of one: for generated conversations in the
//! text and the meta protocol, good ones and bad ones.
//!
//! ```text
//!                     ┌▶ nuthatch ─▶ three memcacheds ─┐
//!   conversations ────┤                                ├─▶ the same bytes, but for what
//!   (from a seed)     └▶ one memcached ────────────────┘   differences.rs masks, and why
//! ```
//!
//! A conversation is one connection to each side. Its requests go out one by one or in batches,
//! to nuthatch cut at any byte. As a request may be answered by silence, or by as many errors as
//! there are lines in what was meant to be its data, nobody counts replies: behind each batch goes
//! a *mark*, a request whose answer is like no other, and all that comes before it is compared.
//! A side that closes instead must not be alone in that.
//!
//! `requests.rs` makes them, `bad.rs` the bad ones, `pair.rs` has the two sides, `compare.rs` masks. What we answer
//! differently on purpose is asked by name (`answers.rs`); what is too large, in `large.rs`.
//!
//! `NUTHATCH_DIFF_SEED` and `NUTHATCH_DIFF_ROUNDS` run other conversations, or more.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test, its helpers included")]

mod answers;
mod bad;
mod compare;
mod differences;
mod large;
mod pair;
mod requests;

use compare::masked;
use differences::Cut;
use pair::Pair;
use requests::{Batch, Maker};
use std::env;

const SEED: u64 = 1;
/// Conversations, of some fifty requests each.
const ROUNDS: u64 = 150;
/// How much of a batch or a reply a failure shows.
const SHOWN: usize = 400;

#[test]
fn three_servers_answer_as_one() {
    play(1);
}

#[test]
fn three_servers_behind_two_workers_answer_as_one() {
    play(2);
}

fn play(workers: u16) {
    let seed = env_number("NUTHATCH_DIFF_SEED").unwrap_or(SEED);
    let rounds = env_number("NUTHATCH_DIFF_ROUNDS").unwrap_or(ROUNDS);
    let mut pair = Pair::start(workers);
    let mut maker = Maker::new(seed * 1000 + u64::from(workers));
    let (mut asked, mut said, mut closed) = (0, 0, 0);
    for round in 0..rounds {
        let mut talk = pair.talk();
        for batch in maker.conversation() {
            asked += batch.requests.len();
            let heard = talk.ask(&batch, &mut maker);
            let [ours, theirs] = [masked(&heard.ours.bytes), masked(&heard.theirs.bytes)];
            let same = ours == theirs && heard.ours.closed == heard.theirs.closed;
            let alike = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
            let from = alike.saturating_sub(SHOWN / 4);
            let log = if same { String::new() } else { pair.proxy.process().log() };
            assert!(
                same,
                "{log}seed {seed}, round {round}, {workers} workers, byte {alike}\n{}\n  through nuthatch: {}\n  \
                 one server:       {}\nagain: NUTHATCH_DIFF_SEED={seed} cargo test -p nuthatch \
                 --test memcache_differential",
                list(&batch),
                shown(&ours[from..], heard.ours.closed),
                shown(&theirs[from..], heard.theirs.closed),
            );
            said += heard.theirs.bytes.len();
            if heard.theirs.closed {
                closed += 1;
                break;
            }
        }
    }
    assert!(maker.cuts.contains(&Cut::LongKey) && maker.cuts.contains(&Cut::Held));
    println!(
        "{asked} requests in {rounds} conversations, {said} bytes of replies, {closed} closed"
    );
    assert!(asked as u64 > rounds * 5 && said as u64 > rounds * 100, "that was little");
}

fn list(batch: &Batch) -> String {
    let lines: Vec<String> =
        batch.requests.iter().map(|request| format!("  {}", shown(request, false))).collect();
    lines.join("\n")
}

fn shown(bytes: &[u8], closed: bool) -> String {
    let end = if closed { " (closed)" } else { "" };
    if bytes.len() <= SHOWN {
        return format!("\"{}\"{end}", bytes.escape_ascii());
    }
    format!("\"{} ...\" ({} bytes){end}", bytes[..SHOWN].escape_ascii(), bytes.len())
}

fn env_number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}?")))
}
