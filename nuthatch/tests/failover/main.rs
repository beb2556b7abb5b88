//! Pools with replicas, with real servers and real Sentinels: what clients see while primaries die, hand over,
//! stand still and come back.
//!
//! ```text
//!   clients ──▶ proxy ──▶ primary ──▶ replicas     killed, stopped, promoted, demoted
//!      │          └─────▶ 3 Sentinels               killed, stopped, closed by a password
//!      └── each write has a value that was never used before; the history of each key is judged
//! ```
//!
//! ```text
//!   cluster.rs     servers, Sentinels and the proxy in front of them
//!   crowd.rs       clients that write and read, through the proxy or after the Sentinels themselves
//!   history.rs     what they may see: no value that was never written, none that comes back, no loss
//!                  but of what the replica cannot have had
//!   takeovers.rs   a primary is killed, replaced, stopped; twice; with a replica that cannot be told
//!   guards.rs      Sentinels that are dead, that want a password, that allow no SUBSCRIBE
//!   roles.rs       without Sentinels: the servers' own words
//!   states.rs      transactions, watches, blocked commands, subscriptions, cursors and scripts
//!   reads.rs       reads by replicas: spread, dead ones, empty ones, late ones
//!   losses.rs      acknowledged writes over a death, with and without a proxy
//!   partitions.rs  the network between two hosts is gone
//! ```
//!
//! `NUTHATCH_FAILOVER_ROUNDS=20` repeats each takeover so many times, on new servers.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, their helpers included")]

mod cluster;
mod crowd;
mod guards;
mod history;
mod losses;
#[cfg(target_os = "linux")]
mod partitions;
#[path = "../programs/mod.rs"]
mod programs;
mod reads;
mod roles;
mod states;
mod takeovers;
#[path = "../world/mod.rs"]
mod world;

use nuthatch_testbed::Release;
use std::env;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// How often a takeover is played.
fn rounds() -> u32 {
    let text = env::var("NUTHATCH_FAILOVER_ROUNDS");
    text.map_or(1, |text| text.parse().expect("NUTHATCH_FAILOVER_ROUNDS is no number"))
}

/// The server of Valkey 9.1. `None`: it is not installed, and may be missing.
fn valkey() -> Option<PathBuf> {
    programs::target().map(|target| Release::Valkey91.program(&target).unwrap())
}

/// Stories that mostly wait, each with servers of its own. All are told to the end; then those that failed fail
/// the test.
fn beside_each_other(stories: &[(&str, fn())]) {
    let failed: Vec<&str> = thread::scope(|scope| {
        let told = stories.iter().map(|(name, story)| (*name, scope.spawn(story)));
        let told: Vec<_> = told.collect();
        told.into_iter().filter_map(|(name, it)| it.join().is_err().then_some(name)).collect()
    });
    assert!(failed.is_empty(), "failed, as said above: {failed:?}");
}

fn sleep_ms(ms: u64) {
    thread::sleep(Duration::from_millis(ms));
}
