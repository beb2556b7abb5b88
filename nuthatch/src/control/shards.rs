//! What is known of the shards of a pool: who serves them since when, and how their replicas are.

use crate::io::{Watched, Why};
use nuthatch_engine::base::{ServerId, ShardId};
use nuthatch_engine::topology::PoolTopology;
use std::time::{SystemTime, UNIX_EPOCH};

/// A shard's state, beside what the topology says.
#[derive(Clone, Debug)]
pub struct ShardStanding {
    /// Microseconds since the epoch of its last ejection, or 0.
    pub ejected_at_us: u64,
    /// The same of the moment when its primary became its primary for us.
    pub since_us: u64,
    pub switches: u64,
    pub last_switch: Option<LastSwitch>,
    /// In pools with replicas: what was heard of its servers last.
    pub watched: Watched,
}

/// The last time that a shard got another primary.
#[derive(Clone, Debug)]
pub struct LastSwitch {
    pub at_us: u64,
    pub from: String,
    pub to: String,
    pub why: Why,
}

/// The shards of a pool.
#[derive(Clone, Debug)]
pub struct Shards {
    /// Indexed by shard.
    pub all: Vec<ShardStanding>,
    /// Indexed by server: the shard of each that was ever in use. Servers that have left have counted, too.
    owners: Vec<Option<ShardId>>,
}

impl Shards {
    pub fn new(count: usize) -> Shards {
        let first = ShardStanding {
            ejected_at_us: 0,
            since_us: now_us(),
            switches: 0,
            last_switch: None,
            watched: Watched::default(),
        };
        Shards { all: vec![first; count], owners: Vec::new() }
    }

    /// Learns the servers of this topology. Ids are given out once, so nothing is ever unlearned.
    pub(super) fn learn(&mut self, topology: &PoolTopology) {
        for server in &topology.servers {
            let at = server.id.index();
            if self.owners.len() <= at {
                self.owners.resize(at + 1, None);
            }
            self.owners[at] = self.owners[at].or_else(|| topology.shard_of(server.id));
        }
    }

    /// All servers that this shard ever had.
    pub fn servers(&self, shard: ShardId) -> impl Iterator<Item = ServerId> {
        let owners = self.owners.iter().enumerate();
        let of_shard = owners.filter(move |(_, owner)| **owner == Some(shard));
        of_shard.map(|(at, _)| ServerId(at as u16))
    }

    pub(super) fn note_ejection(&mut self, shard: ShardId) {
        self.all[shard.index()].ejected_at_us = now_us();
    }

    pub(super) fn note_switch(&mut self, shard: ShardId, from: String, to: String, why: Why) {
        let of_shard = &mut self.all[shard.index()];
        let at_us = now_us();
        of_shard.switches += 1;
        of_shard.since_us = at_us;
        of_shard.last_switch = Some(LastSwitch { at_us, from, to, why });
    }
}

fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}
