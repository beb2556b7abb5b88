//! What a run knows of its transactions. `block_checks.rs` has the checks:
//!
//! All commands of a transaction carry its tag. A *block* is what one server executes of it, from MULTI to
//! EXEC.
//!
//! - A block is whole: its commands come in order, none is missing, and no other request comes between.
//! - A transaction that its client was told is given up (EXECABORT, null, DISCARD) is never executed.
//! - No update of a counter is lost. Clients increment it by WATCH, GET, MULTI, SET and EXEC only. So its
//!   server may execute `SET n` only when the value is `n - 1`. In the end the value is at least the number
//!   of increments that succeeded. Increments with an unknown outcome may be in it.

use std::collections::{BTreeMap, BTreeSet};

/// An argument with a tag, and its owner while all shards are live.
pub type Piece = (Vec<u8>, Option<u16>);

/// A transaction as its client sends it.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    pub pieces: Vec<Piece>,
    /// It may be cut into a block for each shard.
    pub per_shard: bool,
    /// The owners in `pieces` are the owners during the whole run.
    pub has_owners: bool,
}

/// The increments of a counter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    pub asked: u64,
    pub done: u64,
    /// Not executed, and their clients know it.
    pub given_up: u64,
}

#[derive(Default)]
pub struct Blocks {
    pub sent: BTreeMap<u64, Sent>,
    /// By tag and first argument.
    pub executed: BTreeSet<(u64, Vec<u8>)>,
    /// Tags whose first block was executed.
    pub begun: BTreeSet<u64>,
    pub given_up: BTreeSet<u64>,
    /// Tags whose EXEC a server answered with null.
    pub nulls: BTreeSet<u64>,
    /// By pool and key.
    pub counters: BTreeMap<(usize, Vec<u8>), Counter>,
}

/// The key of a counter begins with this.
pub const COUNTER: &str = "ctr:";

/// The number in the value of a counter.
pub fn count_of(value: &[u8]) -> u64 {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
}
