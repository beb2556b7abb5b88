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
use std::sync::atomic::{AtomicU64, Ordering};

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

/// Runs the seeds on all cores. Returns the sum of the outcomes, or a seed that failed and why.
fn sweep(flags: &Flags) -> Result<Outcome, (u64, String)> {
    let end = flags.from + flags.seeds;
    let next = AtomicU64::new(flags.from);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = (cores as u64).min(flags.seeds).max(1);
    let part = || {
        let mut sum = Outcome::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return Ok(sum);
            }
            let outcome = run(seed, flags.keep);
            for line in &outcome.trace {
                println!("{line}");
            }
            if let Some(failure) = outcome.failure {
                // The others stop.
                next.store(end, Ordering::Relaxed);
                return Err((seed, failure));
            }
            sum.add(&outcome);
        }
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|_| scope.spawn(part)).collect();
        let mut sum = Outcome::default();
        for part in parts {
            let failed = |_| (flags.from, "the sweep itself panicked".to_owned());
            sum.add(&part.join().map_err(failed)??);
        }
        Ok(sum)
    })
}

fn main() -> ExitCode {
    let Some(flags) = flags() else {
        println!("usage: nuthatch-sim [--seeds N] [--from N] [--seed N] [--trace]");
        return ExitCode::from(2);
    };
    let sum = match sweep(&flags) {
        Ok(sum) => sum,
        Err((seed, failure)) => {
            // It may contain a large value.
            println!("seed {seed}: {failure:.4000}");
            println!("cargo run --profile sim -p nuthatch-sim -- --seed {seed} --trace");
            return ExitCode::FAILURE;
        }
    };
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
