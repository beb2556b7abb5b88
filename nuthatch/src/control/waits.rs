//! The log lines for shards without a primary: one when requests begin to wait, and one when all go on.
//!
//! Each upstream of each worker says when its requests wait and when they wait no more. A shard waits as long as
//! one of them does.

use nuthatch_engine::base::{PoolId, ServerId, ShardId, Time, WorkerId};
use nuthatch_engine::proxy::Waited;
use nuthatch_engine::topology::Snapshot;
use std::collections::{BTreeMap, BTreeSet};

/// An upstream, in the whole process.
pub type At = (WorkerId, u32);

#[derive(Default)]
pub struct Waits {
    shards: BTreeMap<(PoolId, ShardId), Wait>,
}

#[derive(Default)]
struct Wait {
    /// Upstreams whose requests wait.
    at: BTreeSet<At>,
    /// The first line was written.
    is_told: bool,
    since: Time,
    served: usize,
    failed: usize,
    longest_ms: u64,
}

/// What is known when no request waits any more.
#[derive(PartialEq, Eq, Debug)]
struct Ended {
    shard: ShardId,
    served: usize,
    failed: usize,
    longest_ms: u64,
}

impl Waits {
    /// Requests wait at an upstream. `may_tell`: whether a line may be written now.
    pub fn begin(
        &mut self,
        snapshot: &Snapshot,
        (pool, server): (PoolId, ServerId),
        at: At,
        now: Time,
        may_tell: impl FnOnce() -> bool,
    ) {
        let Some((topology, shard)) =
            snapshot.pool(pool).and_then(|topology| Some((topology, topology.shard_of(server)?)))
        else {
            return;
        };
        let wait = self.shards.entry((pool, shard)).or_default();
        if wait.at.is_empty() {
            wait.since = now;
        }
        // An upstream without requests never says that it goes on: what is older than a wait may be is over.
        let hold_ms = u64::from(topology.spec.hold_ms());
        let is_stale = wait.since.plus_ms(2 * hold_ms) < now;
        if is_stale {
            *wait = Wait { since: now, ..Wait::default() };
        }
        wait.at.insert(at);
        if !wait.is_told && may_tell() {
            wait.is_told = true;
            let (pool, name) = (&*topology.spec.name, &*topology.shard(shard).name);
            let server = topology.server(server).map(|it| it.address.to_string());
            tracing::warn!(
                pool,
                shard = name,
                server,
                hold_ms,
                "the shard has no primary now: its requests wait"
            );
        }
    }

    /// Requests wait no more at an upstream.
    pub fn end(&mut self, snapshot: &Snapshot, pool: PoolId, at: At, waited: &Waited) {
        let Some((Ended { shard, served, failed, longest_ms }, true)) =
            self.take_end(pool, at, waited)
        else {
            return;
        };
        let Some(topology) = snapshot.pool(pool) else {
            return;
        };
        let of_shard = topology.shard(shard);
        let (pool, shard) = (&*topology.spec.name, &*of_shard.name);
        let server = topology.server(of_shard.primary).map(|it| it.address.to_string());
        if failed == 0 {
            tracing::info!(
                pool,
                shard,
                server,
                requests = served,
                waited_ms = longest_ms,
                "the requests that waited go on"
            );
        } else {
            tracing::warn!(
                pool,
                shard,
                server,
                requests = served,
                requests_failed = failed,
                waited_ms = longest_ms,
                "requests have waited for a primary in vain"
            );
        }
    }

    /// If it was the last upstream: the sum over all, and whether the first line was written.
    fn take_end(&mut self, pool: PoolId, at: At, waited: &Waited) -> Option<(Ended, bool)> {
        // Its server may have left the topology since, so it is looked for.
        let (&key, wait) =
            self.shards.iter_mut().find(|((of, _), wait)| *of == pool && wait.at.contains(&at))?;
        wait.at.remove(&at);
        let sum = if waited.is_served { &mut wait.served } else { &mut wait.failed };
        *sum += waited.requests;
        wait.longest_ms = wait.longest_ms.max(waited.waited_ms);
        if !wait.at.is_empty() {
            return None;
        }
        let wait = self.shards.remove(&key)?;
        let Wait { served, failed, longest_ms, is_told, .. } = wait;
        Some((Ended { shard: key.1, served, failed, longest_ms }, is_told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_waits_until_its_last_upstream_goes_on() {
        let (pool, shard) = (PoolId(0), ShardId(1));
        let mut waits = Waits::default();
        let at = [(WorkerId(0), 3), (WorkerId(1), 3)];
        let wait = Wait { at: at.into(), is_told: true, ..Wait::default() };
        waits.shards.insert((pool, shard), wait);
        let waited = |requests, is_served| Waited { requests, waited_ms: 10, is_served };
        assert_eq!(waits.take_end(pool, (WorkerId(1), 4), &waited(9, true)), None);
        assert_eq!(waits.take_end(pool, at[1], &waited(2, true)), None);
        let ended = Ended { shard, served: 2, failed: 5, longest_ms: 10 };
        assert_eq!(waits.take_end(pool, at[0], &waited(5, false)), Some((ended, true)));
        assert!(waits.shards.is_empty());
    }
}
