//! The state of the process, which control publishes for the stats port, and the mailboxes to ask for
//! the rest. Control writes it when something changes, and never waits for a reader.
//!
//! Wall-clock times are added here: the engine has only its own clock.

use super::shards::Shards;
use crate::io::Mailbox;
use nuthatch_engine::base::{PoolId, ShardId};
use nuthatch_engine::topology::Snapshot;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// The state that only control knows.
#[derive(Clone, Debug)]
pub struct Standing {
    pub snapshot: Arc<Snapshot>,
    /// Of each pool that is in the snapshot.
    pub pools: BTreeMap<PoolId, PoolStanding>,
    /// The process is shutting down: no new client should come.
    pub shutting_down: bool,
}

/// A pool's ejections since the start, and its shards.
#[derive(Clone, Debug)]
pub struct PoolStanding {
    pub ejects: u64,
    /// Since when all its servers are out or fail.
    pub dark_since: Option<Instant>,
    pub shards: Shards,
}

impl Standing {
    pub fn new(snapshot: Arc<Snapshot>) -> Standing {
        let (first, pools) = (Arc::clone(&snapshot), BTreeMap::new());
        let mut standing = Standing { snapshot: first, pools, shutting_down: false };
        standing.handle_snapshot(snapshot);
        standing
    }

    /// The topology of a new epoch. A pool that is new in it had no ejection yet.
    pub(super) fn handle_snapshot(&mut self, snapshot: Arc<Snapshot>) {
        for (id, pool) in snapshot.pools() {
            self.pools.entry(id).or_insert_with(|| PoolStanding {
                ejects: 0,
                dark_since: None,
                shards: Shards::new(pool.shards.len()),
            });
            if let Some(standing) = self.pools.get_mut(&id) {
                standing.shards.learn(pool);
            }
        }
        self.snapshot = snapshot;
    }

    pub(super) fn note_ejection(&mut self, pool: PoolId, shard: ShardId) {
        let Some(pool) = self.pools.get_mut(&pool) else {
            return;
        };
        pool.ejects += 1;
        pool.shards.note_ejection(shard);
    }
}

/// What the stats port needs of the running proxy.
#[derive(Clone)]
pub struct View {
    /// Indexed by worker.
    pub workers: Arc<Vec<Mailbox>>,
    /// Listening sockets of the pools.
    pub listeners: usize,
    pub standing: watch::Receiver<Standing>,
}
