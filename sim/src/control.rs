//! The simulated control plane: the director that ships, and mail to the workers. Each mail takes up
//! to 100 ms, a different time to each worker.
//!
//! Toy number `n` of a pool has port `n + 1`. The director gives ids to addresses, so a server's
//! address gives its toy.

use nuthatch_engine::base::{Epoch, PoolId, ServerId, ShardId, Time, WorkerId};
use nuthatch_engine::topology::{
    Ability, Address, Change, Director, PoolSpec, PoolTopology, Report, ShardState, Snapshot, Wish,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A worker reads a mail at most this long after it was sent, the wait for its turn included.
pub const MAIL_MS_MAX: u64 = 100;

pub struct Control {
    director: Director,
    /// For each server that was ever in a topology, the number of its toy in its pool.
    toys: BTreeMap<(PoolId, ServerId), usize>,
    /// The snapshot that was published last.
    pub current: Arc<Snapshot>,
    pub published_at: Time,
    pub ejections: u64,
}

/// A task for the world.
pub enum Task {
    Publish,
    Watch(PoolId, ServerId),
    Probe(PoolId, ServerId),
    Ask(PoolId, ServerId),
}

/// The address of the toy with this number in its pool.
pub fn address(toy: usize) -> Address {
    Address::Tcp { host: "toy".into(), port: toy as u16 + 1 }
}

impl Control {
    pub fn new(specs: &[Arc<PoolSpec>], workers: usize) -> Control {
        let director = Director::new(specs, workers);
        let current = director.snapshot();
        let (toys, published_at, ejections) = (BTreeMap::new(), Time::ZERO, 0);
        let mut control = Control { director, toys, current, published_at, ejections };
        control.learn_toys();
        control
    }

    fn learn_toys(&mut self) {
        for (pool, topology) in self.current.pools() {
            for server in &topology.servers {
                if let Address::Tcp { port, .. } = server.address {
                    self.toys.insert((pool, server.id), usize::from(port) - 1);
                }
            }
        }
    }

    /// The number of a server's toy in its pool.
    pub fn toy(&self, pool: PoolId, server: ServerId) -> usize {
        self.toys[&(pool, server)]
    }

    pub fn pool(&self, pool: usize) -> &Arc<PoolTopology> {
        self.current.pool(PoolId(pool as u16)).expect("pools are never removed")
    }

    /// Whether this toy of the pool is in the pool's topology.
    pub fn is_in_use(&self, pool: usize, toy: usize) -> bool {
        let id = PoolId(pool as u16);
        self.pool(pool).servers.iter().any(|server| self.toy(id, server.id) == toy)
    }

    pub fn deadline(&self) -> Option<Time> {
        self.director.deadline()
    }

    pub fn handle_deadline(&mut self, now: Time) {
        self.director.handle_deadline(now);
    }

    pub fn handle_report(&mut self, report: Report, now: Time) {
        self.director.handle_report(report, now);
    }

    pub fn handle_probe(&mut self, pool: PoolId, server: ServerId, ready: bool, now: Time) {
        self.director.handle_probe(pool, server, ready, now);
    }

    pub fn handle_wanted(&mut self, pool: PoolId, now: Time) {
        self.director.handle_wanted(pool, now);
    }

    pub fn handle_ability(
        &mut self,
        pool: PoolId,
        server: ServerId,
        ability: Option<Ability>,
        now: Time,
    ) {
        self.director.handle_ability(pool, server, ability, now);
    }

    /// Makes another toy the primary of a shard.
    pub fn handle_move(&mut self, pool: usize, shard: usize, toy: usize, now: Time) {
        let (pool, shard) = (PoolId(pool as u16), ShardId(shard as u16));
        self.director.handle_primary(pool, shard, &address(toy), now);
    }

    pub fn handle_primary(&mut self, pool: usize, shard: usize, address: &Address, now: Time) {
        let (pool, shard) = (PoolId(pool as u16), ShardId(shard as u16));
        self.director.handle_primary(pool, shard, address, now);
    }

    pub fn handle_replicas(
        &mut self,
        pool: usize,
        shard: usize,
        replicas: &[(Address, bool)],
        now: Time,
    ) {
        let (pool, shard) = (PoolId(pool as u16), ShardId(shard as u16));
        self.director.handle_replicas(pool, shard, replicas, now);
    }

    /// The number of the toy that is the primary of a shard in the current topology.
    pub fn primary(&self, pool: usize, shard: usize) -> usize {
        self.toy(PoolId(pool as u16), self.pool(pool).shards[shard].primary)
    }

    pub fn handle_follow(&mut self, worker: usize, epoch: Epoch) {
        self.director.handle_follow(WorkerId(worker as u16), epoch);
    }

    /// The epoch that all workers have acknowledged.
    pub fn followed(&self) -> Epoch {
        self.director.followed()
    }

    pub fn poll(&mut self, now: Time) -> Option<Task> {
        self.director.check_invariants();
        loop {
            match self.director.poll_wish()? {
                Wish::Publish(snapshot) => {
                    self.current = snapshot;
                    self.published_at = now;
                    self.learn_toys();
                    return Some(Task::Publish);
                }
                Wish::Watch { pool, server } => return Some(Task::Watch(pool, server)),
                Wish::Probe { pool, server } => return Some(Task::Probe(pool, server)),
                Wish::Ask { pool, server } => return Some(Task::Ask(pool, server)),
                Wish::Note { change, .. } => {
                    self.ejections += u64::from(matches!(change, Change::Ejected { .. }));
                }
            }
        }
    }

    /// Shards that are out in the current snapshot, with their primaries' toys.
    pub fn out(&self) -> Vec<((usize, u16), usize)> {
        let mut out = Vec::new();
        for (id, pool) in self.current.pools() {
            for (shard, number) in pool.shards.iter().zip(0..) {
                if shard.state != ShardState::Live {
                    out.push(((id.index(), number), self.toy(id, shard.primary)));
                }
            }
        }
        out
    }
}
