//! The topology at one moment: immutable, shared by `Arc`, numbered by an epoch.
//!
//! A [`PoolId`] is a name, not a position in a list: if a pool is removed, no later pool gets its id. So
//! an id in a counter, a log line or a mail never means another pool. A pool's topology also holds
//! its spec, so a snapshot needs no list of specs beside it.

use super::ability::Common;
use super::spec::{Address, PoolSpec};
use crate::base::{Epoch, PoolId, ServerId, ShardId};
use crate::routing::Router;
use std::sync::Arc;

/// Every pool's topology. A pool that did not change shares its `Arc` with the previous epoch.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub epoch: Epoch,
    /// Sorted by id.
    pools: Vec<(PoolId, Arc<PoolTopology>)>,
}

#[derive(Clone, Debug)]
pub struct PoolTopology {
    pub spec: Arc<PoolSpec>,
    /// Finds the shard of a key. Ejected shards are not in its ring.
    pub router: Router,
    /// Indexed by [`ShardId`].
    pub shards: Vec<Shard>,
    /// For each shard its number in the cursors of SCAN, which follows from its name.
    pub scan_ids: Vec<u16>,
    /// Servers in use, sorted by id.
    pub servers: Vec<Server>,
    /// What is true of all servers that have answered.
    pub common: Common,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shard {
    pub name: Box<str>,
    pub weight: u32,
    pub primary: ServerId,
    /// Its other servers, sorted by id.
    pub replicas: Vec<Replica>,
    pub state: ShardState,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replica {
    pub server: ServerId,
    /// Its data is not far behind the primary's, and it answers.
    pub is_good: bool,
}

#[derive(Clone, Debug)]
pub struct Server {
    pub id: ServerId,
    pub address: Address,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShardState {
    /// In the ring, requests go to its primary.
    Live,
    /// Out of the ring: its keys have other owners for now (`eject: remap`).
    Ejected,
    /// In the ring, but its requests fail at once (`eject: fail_fast`).
    Down,
}

impl Snapshot {
    pub fn new(
        epoch: Epoch,
        pools: impl IntoIterator<Item = (PoolId, Arc<PoolTopology>)>,
    ) -> Snapshot {
        let mut pools: Vec<_> = pools.into_iter().collect();
        pools.sort_unstable_by_key(|&(id, _)| id);
        Snapshot { epoch, pools }
    }

    pub fn pool(&self, id: PoolId) -> Option<&Arc<PoolTopology>> {
        let at = self.pools.binary_search_by_key(&id, |&(id, _)| id).ok()?;
        Some(&self.pools[at].1)
    }

    /// All pools, sorted by id.
    pub fn pools(&self) -> impl Iterator<Item = (PoolId, &Arc<PoolTopology>)> {
        self.pools.iter().map(|(id, pool)| (*id, pool))
    }
}

impl PoolTopology {
    pub fn shard(&self, id: ShardId) -> &Shard {
        &self.shards[id.index()]
    }

    pub fn server(&self, id: ServerId) -> Option<&Server> {
        self.servers.binary_search_by_key(&id, |server| server.id).ok().map(|at| &self.servers[at])
    }
}
