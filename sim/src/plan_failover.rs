//! The plan of pools with replicas: their settings, and when and how their primaries are replaced.

use crate::control::address;
use crate::dice::Dice;
use crate::groups::{GroupFault, How, SENTINELS, Times, replicas_of};
use nuthatch_engine::topology::{
    Address, AfterWrite, Eject, Failover, Manners, PoolSpec, Reads, ReplicaSpec,
};
use std::sync::Arc;

/// Some pools have replicas. The other choices of a seed do not depend on it.
pub fn add_replicas(spec: &mut PoolSpec, dice: &mut Dice) {
    if !dice.percent(35) || spec.manners == Manners::Twemproxy {
        return;
    }
    let shards = spec.shards.len();
    for (at, shard) in spec.shards.iter_mut().enumerate() {
        let replica = |number| ReplicaSpec { address: address(number), zone: None };
        shard.replicas = replicas_of(shards, at).map(replica).collect();
    }
    let reads = dice.pick(&[
        Reads::Primary,
        Reads::Primary,
        Reads::Primary,
        Reads::PreferReplica,
        Reads::Replica,
        Reads::Nearest,
    ]);
    let mut failover = Failover::plain(dice.pick(&[100, 1_000, 3_000]), reads);
    if dice.percent(70) {
        let sentinel = |at| Address::Tcp { host: "sentinel".into(), port: at as u16 + 1 };
        failover.sentinels = (0..SENTINELS).map(sentinel).collect();
    }
    if dice.percent(60) {
        failover.after_write = AfterWrite::Auto;
    }
    spec.eject = Eject::Off;
    spec.failover = Some(Arc::new(failover));
}

/// What happens to pools with replicas, and when. And whether nothing else happens in this run: then more is
/// certain.
pub fn faults(
    dice: &mut Dice,
    load_ms: u64,
    pools: &[Arc<PoolSpec>],
) -> (bool, Vec<(u64, GroupFault)>) {
    let mut faults = Vec::new();
    let is_alone = pools.iter().any(|pool| pool.failover.is_some()) && dice.percent(50);
    for (pool, spec) in pools.iter().enumerate().filter(|(_, spec)| spec.failover.is_some()) {
        for _ in 0..dice.range(1, 6) {
            let how = match dice.range(0, 5) {
                0 | 1 => How::Kill { load_ms: dice.range(0, 400) },
                2 => How::Stop,
                3 => How::Split,
                _ => How::HandOver,
            };
            let times = Times {
                back_ms: dice.range(1, 1_500),
                vote_ms: dice.range(1, 400),
                late_ms: dice.pick(&[5, 100, 1_000]),
            };
            let shard = dice.index(spec.shards.len());
            faults.push((dice.range(0, load_ms), GroupFault::Failover { pool, shard, how, times }));
        }
        if dice.percent(30) {
            let (sentinel, ms) = (dice.index(SENTINELS), dice.range(10, 2_000));
            faults.push((dice.range(0, load_ms), GroupFault::CutSentinel { pool, sentinel, ms }));
        }
    }
    (is_alone, faults)
}
