//! Whole workers, the director, and toy servers and clients, under one seed.
//!
//! ```text
//!   clients ══ Net ══▶ Host(Worker) ══ Net ══▶ toys
//!      │                   ▲  │ reports           │
//!      │                mail  ▼                   │
//!      │             Control(Director)            │
//!      └──────────▶ Ledger: what was asked ◀──────┘ and what was done
//! ```
//!
//! A pool speaks Redis or memcached, as its seed has it: `redis.rs` and `memcached.rs` are what toy
//! servers know, `script.rs` and `script_memcache.rs` what clients ask, and the rest is the same.
//!
//! No socket, no clock, no thread: [`World`] owns a queue of events in virtual time,
//! and every choice comes from the seed. So a run that fails is run again by its number, and
//! hours of time-outs pass in milliseconds. The workers and the director are those that ship, driven as the loop
//! in `nuthatch::io` drives them.
//!
//! `cargo run --profile sim -p nuthatch-sim -- --seeds 2000` sweeps seeds.
#![forbid(unsafe_code)]

pub mod check;
mod client;
mod control;
mod dice;
mod echo;
mod faults;
mod host;
mod memcache;
mod memcached;
mod mood;
pub mod plan;
mod quiet;
mod redis;
mod resp;
mod script;
mod script_memcache;
mod toy;
pub mod trace;
mod transport;
pub mod world;

pub use toy::Sabotage;

use nuthatch_engine::proxy::Counters;
use plan::Plan;
use trace::{Keep, Trace};
use world::World;

/// How a run ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What did not hold.
    pub failure: Option<String>,
    pub trace_hash: u64,
    pub trace: Vec<String>,
    pub replies: u64,
    pub errors: u64,
    pub commands: u64,
    /// What the workers counted: proof that a sweep comes into every corner.
    pub counters: Counters,
    pub ejections: u64,
}

/// Runs one seed.
pub fn run(seed: u64, keep: Keep) -> Outcome {
    run_plan(Plan::new(seed), keep)
}

/// Runs one seed whose servers make a mistake now and then.
pub fn run_sabotaged(seed: u64, sabotage: Sabotage) -> Outcome {
    let mut plan = Plan::new(seed);
    plan.sabotage = Some(sabotage);
    run_plan(plan, Keep::Nothing)
}

fn run_plan(plan: Plan, keep: Keep) -> Outcome {
    let mut world = World::new(plan, Trace::new(keep));
    let guarded = std::panic::AssertUnwindSafe(|| world.run());
    if let Err(panic) = std::panic::catch_unwind(guarded) {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("a panic without words");
        world.ledger.failure = Some(format!("panic: {text}"));
    }
    Outcome {
        failure: world.ledger.failure.take(),
        trace_hash: world.ledger.trace.hash(),
        trace: std::mem::take(&mut world.ledger.trace.lines),
        replies: world.ledger.replies,
        errors: world.ledger.errors,
        commands: world.ledger.commands,
        counters: world.counters(),
        ejections: world.ejections(),
    }
}
