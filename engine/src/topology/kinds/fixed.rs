//! A pool whose primaries are in its file, as in twemproxy. Each shard has one server, and only its
//! state changes.

use crate::base::{ServerId, ShardId};
use crate::command::cursor;
use crate::routing::{Member, Router};
use crate::topology::{Common, PoolSpec, PoolTopology, Server, Shard, ShardSpec, ShardState};
use std::sync::Arc;

/// The primaries in the file, one for each shard. Two shards may have the same address; then each has a
/// server of its own.
pub fn primaries(spec: &PoolSpec) -> Vec<Server> {
    let server = |(at, shard): (usize, &ShardSpec)| Server {
        id: ServerId(at as u16),
        address: shard.address.clone(),
    };
    spec.shards.iter().enumerate().map(server).collect()
}

/// The topology of `spec`, with one primary and one state for each shard. Its servers have not been
/// asked yet what they can do.
pub fn topology(spec: &Arc<PoolSpec>, primaries: &[Server], states: &[ShardState]) -> PoolTopology {
    assert_eq!(primaries.len(), spec.shards.len(), "one primary a shard");
    let shards = spec.shards.iter().zip(primaries).zip(states);
    let mut servers = primaries.to_vec();
    servers.sort_unstable_by_key(|server| server.id);
    PoolTopology {
        router: router(spec, states),
        scan_ids: cursor::ids(spec.shards.iter().map(|shard| &*shard.name)),
        shards: shards
            .map(|((shard, primary), &state)| Shard {
                name: shard.name.clone(),
                weight: shard.weight,
                primary: primary.id,
                replicas: Vec::new(),
                state,
            })
            .collect(),
        servers,
        common: Common::default(),
        spec: Arc::clone(spec),
    }
}

/// The router of a pool whose shards have these states.
pub fn router(spec: &PoolSpec, states: &[ShardState]) -> Router {
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
    Router::new(spec.hash, spec.hash_tag, spec.distribution, &members, in_ring)
        .with_colocate(spec.colocate.clone())
}
