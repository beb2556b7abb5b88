//! Simulation of whole workers and the director, with simulated servers and clients. One seed decides
//! everything.
//!
//! ```text
//!   clients ══ Net ══▶ Host(Worker) ══ Net ══▶ toys
//!      │                   ▲  │ reports           │
//!      │                mail  ▼                   │
//!      │             Control(Director)            │
//!      └──────────▶ Ledger: requests sent ◀───────┘ and commands executed
//! ```
//!
//! A *toy* is a simulated server process. The seed decides whether a pool speaks Redis or memcached.
//! `redis.rs` and `memcached.rs` have the commands of the toys, `script.rs` and `script_memcache.rs`
//! the requests of the clients. Redis' transactions are in `multi.rs` and `script_transactions.rs`, its
//! messages in `listen.rs` and `script_messages.rs`, and its commands that wait in `lists.rs` and
//! `script_lists.rs`. Pools with replicas have `failover.rs`, `watching.rs` in place of
//! `nuthatch::control::watch`, and `script_registers.rs`. All other files serve both protocols.
//!
//! There is no socket, clock or thread. [`World`] owns a queue of events in virtual time, and every
//! choice comes from the seed. So the seed of a failed run repeats it, and hours of timeouts pass in
//! milliseconds. The workers and the director are the code that ships. They are driven as the loop in
//! `nuthatch::io` drives them.
//!
//! `cargo run --profile sim -p nuthatch-sim -- --seeds 2000` sweeps seeds.
#![forbid(unsafe_code)]

mod block_checks;
mod blocks;
pub mod check;
mod client;
mod control;
mod dataset;
mod dice;
mod ears;
mod echo;
mod element_checks;
mod elements;
mod expect;
mod failover;
mod faults;
mod groups;
mod host;
mod lineage;
mod lineage_checks;
mod listen;
mod listening;
mod lists;
mod login;
mod memcache;
mod memcached;
mod message_checks;
mod messages;
mod multi;
pub mod plan;
mod plan_failover;
mod promises;
mod quiet;
mod redis;
mod replicas;
mod resp;
mod roles;
mod scanner;
mod script;
mod script_lists;
mod script_memcache;
mod script_messages;
mod script_registers;
mod script_transactions;
mod server_state;
mod topics;
mod toy;
pub mod trace;
mod transaction_replies;
mod transactions;
mod transport;
mod waiters;
mod watch;
mod watching;
mod wire_checks;
mod wires;
pub mod world;

pub use toy::Sabotage;

use nuthatch_engine::proxy::Counters;
use plan::Plan;
use trace::{Keep, Trace};
use world::World;

/// How a run ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The first check that failed.
    pub failure: Option<String>,
    pub trace_hash: u64,
    pub trace: Vec<String>,
    pub replies: u64,
    pub errors: u64,
    pub commands: u64,
    /// The workers' counters. They show whether a sweep reaches every case.
    pub counters: Counters,
    pub ejections: u64,
    /// How often another server became the primary of a shard.
    pub takeovers: u64,
    /// Requests whose way to a server of a shard with replicas was looked at.
    pub on_wires: u64,
}

impl Outcome {
    /// Adds the numbers of another run.
    pub fn add(&mut self, other: &Outcome) {
        self.replies += other.replies;
        self.errors += other.errors;
        self.commands += other.commands;
        self.counters.add(&other.counters);
        self.ejections += other.ejections;
        self.takeovers += other.takeovers;
        self.on_wires += other.on_wires;
    }
}

/// Runs one seed.
pub fn run(seed: u64, keep: Keep) -> Outcome {
    run_plan(Plan::new(seed), keep)
}

/// Runs one seed whose servers make deliberate mistakes.
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
            .unwrap_or("a panic without a text");
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
        takeovers: world.replicas.takeovers,
        on_wires: world.replicas.wires.checked,
    }
}
