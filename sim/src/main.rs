//! Runs seeds until one fails, and then prints the command that repeats it.
//!
//! ```text
//! cargo run --profile sim -p nuthatch-sim -- --seeds 2000 [--from N]
//! cargo run --profile sim -p nuthatch-sim -- --seed N --trace
//! ```
#![allow(clippy::print_stdout, reason = "it prints its result")]

use nuthatch_engine::proxy::COUNTERS;
use nuthatch_sim::trace::Keep;
use nuthatch_sim::{Outcome, run};
use std::process::ExitCode;

struct Flags {
    from: u64,
    seeds: u64,
    keep: Keep,
}

fn flags() -> Option<Flags> {
    let mut flags = Flags { from: 0, seeds: 200, keep: Keep::Nothing };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--trace" {
            flags.keep = Keep::Lines;
            continue;
        }
        let number = words.next()?.parse().ok()?;
        match word.as_str() {
            "--seeds" => flags.seeds = number,
            "--from" => flags.from = number,
            "--seed" => (flags.from, flags.seeds) = (number, 1),
            _ => return None,
        }
    }
    Some(flags)
}

fn main() -> ExitCode {
    let Some(flags) = flags() else {
        println!("usage: nuthatch-sim [--seeds N] [--from N] [--seed N] [--trace]");
        return ExitCode::from(2);
    };
    let mut sum = Outcome::default();
    for seed in flags.from..flags.from + flags.seeds {
        let outcome = run(seed, flags.keep);
        for line in &outcome.trace {
            println!("{line}");
        }
        if let Some(failure) = outcome.failure {
            // It may contain a large value.
            println!("seed {seed}: {failure:.4000}");
            println!("cargo run --profile sim -p nuthatch-sim -- --seed {seed} --trace");
            return ExitCode::FAILURE;
        }
        sum.replies += outcome.replies;
        sum.errors += outcome.errors;
        sum.commands += outcome.commands;
        sum.counters.add(&outcome.counters);
        sum.ejections += outcome.ejections;
        sum.takeovers += outcome.takeovers;
        sum.on_wires += outcome.on_wires;
    }
    let Outcome { replies, errors, commands, ejections, takeovers, on_wires, .. } = sum;
    println!(
        "{} seeds held: {replies} replies, {errors} of them errors, {commands} commands at servers, \
         {ejections} ejections; {takeovers} takeovers, {on_wires} requests to shards with replicas",
        flags.seeds
    );
    for row in &COUNTERS {
        println!("{:>12} {}", (row.read)(&sum.counters), row.name);
    }
    ExitCode::SUCCESS
}
