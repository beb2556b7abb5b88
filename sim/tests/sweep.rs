//! A short sweep, and a test that the checks can fail.
#![allow(clippy::print_stderr)]

use nuthatch_sim::trace::Keep;
use nuthatch_sim::{Sabotage, run, run_sabotaged};

#[test]
fn seeds_hold() {
    // Only 20: without optimisation a seed takes a second. `cargo xtask check` runs 200, `test` 2,000.
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

/// Without this test, checks that find nothing would pass for every seed.
#[test]
fn deliberate_mistakes_are_found() {
    for sabotage in
        [Sabotage::SwapReplies, Sabotage::DropReply, Sabotage::DoubleWrite, Sabotage::WrongValue]
    {
        let found = (0..20).filter(|&seed| run_sabotaged(seed, sabotage).failure.is_some()).count();
        assert!(found >= 15, "{sabotage:?} was found in {found} of 20 runs");
    }
    // Only a few runs have a server that refuses a write.
    let took_over = (0..60).filter(|&seed| run(seed, Keep::Nothing).takeovers > 0);
    let found = |seed: &u64| run_sabotaged(*seed, Sabotage::RefusedWrite).failure.is_some();
    let found = took_over.filter(found).count();
    assert!(found >= 3, "writes done though refused were found in {found} of 60 runs");
}

/// In this seed a client never reads.
#[test]
fn a_client_that_never_reads_is_closed() {
    let outcome = run(700_027, Keep::Nothing);
    assert_eq!(outcome.failure, None);
    assert!(outcome.counters.clients_stalled > 0, "it has a client that never reads");
}
