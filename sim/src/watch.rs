//! What is known of the Sentinels and servers of a pool with replicas. `watching.rs` asks them.

use crate::groups::SENTINELS;
use nuthatch_engine::base::{ShardId, Time};
use nuthatch_engine::topology::Address;
use nuthatch_engine::topology::kinds::replicated::{Replicated, Sight};
use nuthatch_engine::topology::kinds::sentinel::{Claim, Sentinels};
use std::collections::BTreeMap;

pub type OfShard = Vec<(Address, Option<Sight>)>;

pub enum Heard {
    Look,
    /// The answers of all servers, and when the primaries were asked.
    Sights(Time, Vec<OfShard>),
    /// `again`: it is the turn of this Sentinel, once a second.
    Ask {
        sentinel: usize,
        again: bool,
    },
    Claims(usize, Vec<Claim>),
    AskRole {
        shard: ShardId,
        address: Address,
        epoch: u64,
    },
    Role {
        shard: ShardId,
        address: Address,
        epoch: u64,
        is_primary: bool,
    },
}

pub struct Watch {
    pub has_sentinels: bool,
    pub asks_servers: bool,
    pub sentinels: Sentinels,
    pub shards: Vec<Replicated>,
    pub told: Vec<Vec<(Address, bool)>>,
    /// When the servers are asked next, and when they were asked last.
    pub look_at: Option<Time>,
    pub looked_at: Time,
    pub is_looking: bool,
    /// When all Sentinels were asked for a cause.
    pub woken_at: Time,
    pub is_cut: [bool; SENTINELS],
    /// When the last answer of each arrives.
    pub last: [Time; SENTINELS],
    /// The epoch of the last belief of each shard, and the primary.
    pub beliefs: BTreeMap<usize, (u64, Address)>,
}
