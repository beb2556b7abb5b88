//! The topology at one moment: immutable, shared by `Arc`, numbered by an epoch.

use super::ability::Common;
use super::spec::Address;
use crate::base::{Epoch, ServerId, ShardId};
use crate::routing::Router;
use std::sync::Arc;

/// Every pool's topology. Pools that did not change share their `Arc` with the epoch before.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub epoch: Epoch,
    pub pools: Vec<Arc<PoolTopology>>,
}

#[derive(Clone, Debug)]
pub struct PoolTopology {
    /// Key to shard. Ejected shards are not in its ring.
    pub router: Router,
    /// Indexed by [`ShardId`].
    pub shards: Vec<Shard>,
    /// Servers in use, sorted by id. An id is never given to another address.
    pub servers: Vec<Server>,
    /// What is true of all servers that have answered.
    pub common: Common,
}

#[derive(Clone, Debug)]
pub struct Shard {
    pub name: Box<str>,
    pub weight: u32,
    pub primary: ServerId,
    pub state: ShardState,
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

impl PoolTopology {
    pub fn shard(&self, id: ShardId) -> &Shard {
        &self.shards[id.index()]
    }

    pub fn server(&self, id: ServerId) -> Option<&Server> {
        self.servers.binary_search_by_key(&id, |server| server.id).ok().map(|at| &self.servers[at])
    }
}
