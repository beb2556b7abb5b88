//! Shards with replicas. A *group* is the servers of a shard: its primary and its replicas.

use nuthatch_engine::topology::PoolSpec;
use std::collections::BTreeSet;

pub const REPLICAS: usize = 2;
pub const SENTINELS: usize = 3;

/// How a primary is replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// Its process dies. It comes back as a primary that loads its data.
    Kill { load_ms: u64 },
    /// It stops, and comes back as a primary.
    Stop,
    /// It only cannot be reached by the Sentinels.
    Split,
    /// It hands over to a replica that has all its data. No connection is closed.
    HandOver,
}

/// The times of a failover.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Until the old primary is back.
    pub back_ms: u64,
    /// Until Sentinels vote.
    pub vote_ms: u64,
    /// From the promotion until the old primary is demoted, and until the last Sentinel knows the new one.
    pub late_ms: u64,
}

/// What happens to a pool with replicas.
#[derive(Clone, Copy, Debug)]
pub enum GroupFault {
    Failover {
        pool: usize,
        shard: usize,
        how: How,
        times: Times,
    },
    /// A Sentinel is not heard for a while.
    CutSentinel {
        pool: usize,
        sentinel: usize,
        ms: u64,
    },
}

/// A moment of a failover.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Copy(usize),
    /// The process is there again, and loads its data.
    Start(usize),
    Vote {
        group: usize,
        times: Times,
    },
    Promote {
        group: usize,
        epoch: u64,
        leader: usize,
        times: Times,
    },
    Demote(usize),
    Learn {
        group: usize,
        sentinel: usize,
        epoch: u64,
        primary: usize,
    },
    EndCut {
        pool: usize,
        sentinel: usize,
    },
}

pub struct Group {
    pub pool: usize,
    pub shard: usize,
    pub toys: Vec<usize>,
    pub primary: usize,
    /// Replicas that have found this primary.
    pub attached: BTreeSet<usize>,
    pub epoch: u64,
    /// Indexed by Sentinel: the epoch and the primary that it shows.
    pub claims: [(u64, usize); SENTINELS],
}

/// How many toys a pool has.
pub fn toys_of(spec: &PoolSpec, spares: usize) -> usize {
    let shards = spec.shards.len();
    if spec.failover.is_some() { shards * (1 + REPLICAS) } else { shards + spares }
}

/// The numbers of the replicas of a shard, within the pool.
pub fn replicas_of(shards: usize, shard: usize) -> impl Iterator<Item = usize> {
    (0..REPLICAS).map(move |at| shards + shard * REPLICAS + at)
}
