//! A short sweep, and proof that the checks can fail.
#![allow(clippy::print_stderr)]

use nuthatch_sim::trace::Keep;
use nuthatch_sim::{Sabotage, run, run_sabotaged};

#[test]
fn seeds_hold() {
    // Few: without optimisation a seed takes a second. `cargo xtask check` runs 200, `test` 2,000.
    for seed in 0..20 {
        let outcome = run(seed, Keep::Nothing);
        assert_eq!(
            outcome.failure, None,
            "cargo run --profile sim -p nuthatch-sim -- --seed {seed} --trace"
        );
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 1_000..1_010 {
        let (once, again) = (run(seed, Keep::Hash), run(seed, Keep::Hash));
        assert_eq!(once.trace_hash, again.trace_hash, "seed {seed}");
        assert_eq!(once.replies, again.replies);
    }
    assert_ne!(run(1, Keep::Hash).trace_hash, run(2, Keep::Hash).trace_hash);
}

/// A checker that notices nothing would hold for every seed.
#[test]
fn mistakes_made_on_purpose_are_noticed() {
    for sabotage in
        [Sabotage::SwapReplies, Sabotage::DropReply, Sabotage::DoubleWrite, Sabotage::WrongValue]
    {
        let noticed =
            (0..20).filter(|&seed| run_sabotaged(seed, sabotage).failure.is_some()).count();
        assert!(noticed >= 15, "{sabotage:?} was noticed in {noticed} of 20 runs");
    }
}

/// Each has clients that never read, and a network that takes more of their replies when their time is
/// nearly over. Such a client is closed after twice its time.
#[test]
fn a_late_network_gives_a_deaf_client_its_time_once_more() {
    for seed in [700_403, 700_835] {
        let outcome = run(seed, Keep::Nothing);
        assert_eq!(outcome.failure, None, "seed {seed}");
        assert!(outcome.counters.clients_stalled > 0, "seed {seed} has clients that never read");
    }
}
