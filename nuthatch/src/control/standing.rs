//! How things stand, published by control for whoever looks (the stats port does), and whom to
//! ask for the rest. Control writes it when something changes and never waits for a reader.
//!
//! Wall-clock time is stamped here: the engine has only its own clock.

use crate::io::Mailbox;
use nuthatch_engine::base::{PoolId, ShardId};
use nuthatch_engine::topology::{PoolSpec, Snapshot};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// What control alone knows.
#[derive(Clone, Debug)]
pub struct Standing {
    pub snapshot: Arc<Snapshot>,
    /// Indexed by pool.
    pub pools: Vec<PoolStanding>,
    /// The process is ending: no new client should come.
    pub draining: bool,
}

/// A pool's ejections since the start.
#[derive(Clone, Debug)]
pub struct PoolStanding {
    pub ejects: u64,
    /// Every server of it is out or fails.
    pub dark: bool,
    /// Indexed by shard: microseconds since the epoch of its last ejection, or 0.
    pub ejected_at_us: Vec<u64>,
}

impl Standing {
    pub fn new(snapshot: Arc<Snapshot>) -> Standing {
        let pools = snapshot
            .pools
            .iter()
            .map(|pool| PoolStanding {
                ejects: 0,
                dark: false,
                ejected_at_us: vec![0; pool.shards.len()],
            })
            .collect();
        Standing { snapshot, pools, draining: false }
    }

    pub(super) fn note_ejection(&mut self, pool: PoolId, shard: ShardId) {
        let pool = &mut self.pools[pool.index()];
        pool.ejects += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        pool.ejected_at_us[shard.index()] = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
    }
}

/// Everything that one who looks at the running proxy is given.
#[derive(Clone)]
pub struct View {
    /// Indexed by pool.
    pub specs: Vec<Arc<PoolSpec>>,
    /// Indexed by worker.
    pub workers: Arc<Vec<Mailbox>>,
    /// Listening sockets of the pools.
    pub listeners: usize,
    pub standing: watch::Receiver<Standing>,
}
