//! The control plane of the toy world: carries out what `Health` wishes, by mail that takes its
//! time (below 100 ms, to each worker another), and moves shards to other servers on its own.
//!
//! `Health` knows the servers of the file. When a shard's primary has moved, reports about the
//! new one are told to `Health` as reports about the shard's old name, and its snapshots are
//! overlaid with the moves: the epochs that workers see are counted here.

use nuthatch_engine::base::{Epoch, PoolId, ServerId, Time};
use nuthatch_engine::topology::health::{Change, Health, Report, Wish};
use nuthatch_engine::topology::{
    Ability, Address, PoolSpec, PoolTopology, Server, ShardState, Snapshot,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Mail is never older than this when it is read, turn included.
pub const MAIL_MS_MAX: u64 = 100;

pub struct Control {
    health: Health,
    /// The primary of each pool's shards, where it is not the file's.
    moved: BTreeMap<(u16, u16), ServerId>,
    epoch: Epoch,
    /// What workers were told last.
    pub current: Arc<Snapshot>,
    pub published_at: Time,
    pub ejections: u64,
}

/// What the world is to do.
pub enum Errand {
    Publish,
    Watch(PoolId, ServerId),
    Probe { pool: PoolId, known_as: ServerId, server: ServerId },
    Ask { pool: PoolId, known_as: ServerId, server: ServerId },
}

impl Control {
    pub fn new(specs: &[Arc<PoolSpec>]) -> Control {
        let health = Health::new(specs);
        let current = health.snapshot();
        Control {
            health,
            moved: BTreeMap::new(),
            epoch: current.epoch,
            current,
            published_at: Time::ZERO,
            ejections: 0,
        }
    }

    pub fn deadline(&self) -> Option<Time> {
        self.health.deadline()
    }

    pub fn handle_deadline(&mut self, now: Time) {
        self.health.handle_deadline(now);
    }

    pub fn handle_report(&mut self, mut report: Report, now: Time) {
        let pool = &self.current.pools[report.pool.index()];
        // A server that is no longer in the topology is nobody's.
        if let Some(shard) = pool.shards.iter().position(|s| s.primary == report.server) {
            report.server = ServerId(shard as u16);
            self.health.handle_report(report, now);
        }
    }

    pub fn handle_probe(&mut self, pool: PoolId, known_as: ServerId, ready: bool, now: Time) {
        self.health.handle_probe(pool, known_as, ready, now);
    }

    pub fn handle_wanted(&mut self, pool: PoolId, now: Time) {
        self.health.handle_wanted(pool, now);
    }

    pub fn handle_ability(
        &mut self,
        pool: PoolId,
        known_as: ServerId,
        ability: Option<Ability>,
        now: Time,
    ) {
        self.health.handle_ability(pool, known_as, ability, now);
    }

    /// Makes another server the primary of a shard.
    pub fn handle_move(&mut self, pool: u16, shard: u16, to: ServerId, now: Time) {
        self.moved.insert((pool, shard), to);
        self.publish(now);
    }

    pub fn poll(&mut self, now: Time) -> Option<Errand> {
        match self.health.poll_wish()? {
            Wish::Publish(_) => {
                self.publish(now);
                Some(Errand::Publish)
            }
            Wish::Watch { pool, server } => Some(Errand::Watch(pool, self.primary(pool, server))),
            Wish::Probe { pool, server } => {
                let known_as = server;
                Some(Errand::Probe { pool, known_as, server: self.primary(pool, server) })
            }
            Wish::Ask { pool, server: known_as } => {
                Some(Errand::Ask { pool, known_as, server: self.primary(pool, known_as) })
            }
            Wish::Note { change, .. } => {
                self.ejections += u64::from(matches!(change, Change::Ejected { .. }));
                self.poll(now)
            }
        }
    }

    fn primary(&self, pool: PoolId, known_as: ServerId) -> ServerId {
        self.moved.get(&(pool.0, known_as.0)).copied().unwrap_or(known_as)
    }

    fn publish(&mut self, now: Time) {
        self.epoch = self.epoch.next();
        let snapshot = self.health.snapshot();
        let pools =
            snapshot.pools.iter().enumerate().map(|(at, pool)| self.overlay(at as u16, pool));
        self.current = Arc::new(Snapshot { epoch: self.epoch, pools: pools.collect() });
        self.published_at = now;
    }

    fn overlay(&self, at: u16, pool: &Arc<PoolTopology>) -> Arc<PoolTopology> {
        let mut pool = PoolTopology::clone(pool);
        for (shard, to) in pool.shards.iter_mut().zip(0..) {
            if let Some(&server) = self.moved.get(&(at, to)) {
                shard.primary = server;
            }
        }
        let mut ids: Vec<ServerId> = pool.shards.iter().map(|shard| shard.primary).collect();
        ids.sort_unstable();
        pool.servers = ids
            .into_iter()
            .map(|id| Server { id, address: Address::Tcp { host: "toy".into(), port: id.0 + 1 } })
            .collect();
        Arc::new(pool)
    }

    /// Shards that are out in the current snapshot, with their primaries.
    pub fn out(&self) -> Vec<((usize, u16), ServerId)> {
        let mut out = Vec::new();
        for (at, pool) in self.current.pools.iter().enumerate() {
            for (shard, number) in pool.shards.iter().zip(0..) {
                if shard.state != ShardState::Live {
                    out.push(((at, number), shard.primary));
                }
            }
        }
        out
    }
}
