//! A pool whose servers are those of its file: twemproxy's kind. Each shard has one server, and
//! only its state changes.

use crate::base::{ServerId, ShardId};
use crate::routing::{Member, Router};
use crate::topology::{Common, PoolSpec, PoolTopology, Server, Shard, ShardState};

/// The topology of `spec` with its shards in the given states (one a shard), whose servers have not
/// been asked yet.
pub fn topology(spec: &PoolSpec, states: &[ShardState]) -> PoolTopology {
    assert_eq!(states.len(), spec.shards.len(), "one state a shard");
    let members: Vec<Member<'_>> = spec
        .shards
        .iter()
        .enumerate()
        .map(|(at, shard)| Member {
            shard: ShardId(at as u16),
            name: &shard.name,
            weight: shard.weight,
        })
        .collect();
    let in_ring = |shard: ShardId| states[shard.index()] != ShardState::Ejected;
    PoolTopology {
        router: Router::new(spec.hash, spec.hash_tag, spec.distribution, &members, in_ring),
        shards: spec
            .shards
            .iter()
            .zip(states)
            .enumerate()
            .map(|(at, (shard, &state))| Shard {
                name: shard.name.clone(),
                weight: shard.weight,
                primary: ServerId(at as u16),
                state,
            })
            .collect(),
        servers: spec
            .shards
            .iter()
            .enumerate()
            .map(|(at, shard)| Server { id: ServerId(at as u16), address: shard.address.clone() })
            .collect(),
        common: Common::default(),
    }
}
