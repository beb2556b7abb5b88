//! Makes the topology. A process has one director, and only the director counts epochs.
//!
//! ```text
//!   reports, probes ──▶ health      which servers are out   ┐
//!   primaries ────────▶ kind        which server is primary ├──▶ the pool's topology
//!   answers ──────────▶ questions   what all can do         ┘        │ if it changed
//!                                                                    ▼
//!   workers ◀── control ◀── Wish::Publish ◀──────────── the next epoch, all pools in it
//!      └─────▶ handle_follow ──▶ followed: the epoch that every worker has reached
//! ```
//!
//! Several sources change the topology at the same time: a server fails while another server becomes a
//! shard's primary. Each source reports only what it knows. The director keeps all reports, makes the
//! topology from all of them, and publishes one epoch for each change. So no source can undo the change
//! of another one, and workers follow one number.
//!
//! Ids are given out once. A pool's id is never used for another pool, and a server's id never for
//! another shard or address. If an address comes back to its shard, it gets its old id, so its counters
//! go on. So a late report, mail or answer to a probe may name a server that has left, but never a wrong
//! one.
//!
//! The director does no I/O: `control` calls `handle_*`, carries out every [`Wish`], and calls
//! [`Director::handle_deadline`] in time.

use super::ability::{Ability, Common, Questions};
use super::health::{Health, Verdict};
use super::kinds::fixed;
use super::report::{Change, Report, Wish};
use super::snapshot::{PoolTopology, Replica, Server, ShardState, Snapshot};
use super::spec::{Address, Eject, PoolSpec, Protocol};
use crate::base::{Epoch, PoolId, ServerId, ShardId, Time, WorkerId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// See the head of this file.
pub struct Director {
    epoch: Epoch,
    pools: BTreeMap<PoolId, DirectedPool>,
    /// The id of the next pool.
    next_pool: u16,
    /// Indexed by worker: the last epoch that it acknowledged.
    followed: Vec<Epoch>,
    wishes: VecDeque<Wish>,
}

struct DirectedPool {
    /// The topology that was published last.
    topology: Arc<PoolTopology>,
    /// Every server that the pool ever had, with its first shard. The index is the server's id, so the
    /// list only grows.
    known: Vec<(ShardId, Address)>,
    /// Indexed by shard.
    primaries: Vec<ServerId>,
    /// Indexed by shard, each sorted by id: replicas, and whether their data is recent enough.
    replicas: Vec<Vec<Replica>>,
    health: Health,
    questions: Questions,
}

impl Director {
    /// The first epoch: the pools in the order of the file, with all shards live. `workers` is the
    /// number of workers that begin with it.
    pub fn new(specs: &[Arc<PoolSpec>], workers: usize) -> Director {
        let mut director = Director {
            epoch: Epoch(1),
            pools: BTreeMap::new(),
            next_pool: 0,
            followed: vec![Epoch(1); workers],
            wishes: VecDeque::new(),
        };
        for spec in specs {
            director.add(spec);
        }
        director
    }

    /// The only place where a pool gets its id.
    fn add(&mut self, spec: &Arc<PoolSpec>) {
        let id = PoolId(self.next_pool);
        self.next_pool += 1;
        self.pools.insert(id, DirectedPool::new(spec));
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        let pools = self.pools.iter().map(|(&id, pool)| (id, Arc::clone(&pool.topology)));
        Arc::new(Snapshot::new(self.epoch, pools))
    }

    // ---- health --------------------------------------------------------------------------

    pub fn handle_report(&mut self, report: Report, now: Time) {
        let Report { pool: id, server, sight } = report;
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        pool.questions.ask_again(server, now);
        pool.health.handle_report(server, sight, now);
        self.take_verdicts(id, now);
    }

    /// The answer to a [`Wish::Probe`]: `ready` when the server answered PING and is not loading.
    pub fn handle_probe(&mut self, id: PoolId, server: ServerId, ready: bool, now: Time) {
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        if ready {
            pool.questions.ask_again(server, now);
        }
        pool.health.handle_probe(server, ready, now);
        self.take_verdicts(id, now);
    }

    /// Whether every server of the pool is out or fails.
    pub fn is_dark(&self, pool: PoolId) -> bool {
        self.pools.get(&pool).is_some_and(|pool| pool.health.is_dark())
    }

    /// Takes the decisions of health.
    fn take_verdicts(&mut self, id: PoolId, now: Time) {
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        while let Some(verdict) = pool.health.poll_verdict() {
            match verdict {
                Verdict::Watch(server) => self.wishes.push_back(Wish::Watch { pool: id, server }),
                Verdict::Probe(server) => self.wishes.push_back(Wish::Probe { pool: id, server }),
                Verdict::Changed(server, change) => {
                    let note = |shard| Wish::Note { pool: id, shard, server, change };
                    self.wishes.extend(pool.shard_of(server).map(note));
                }
            }
        }
        self.publish_if_changed(id, now);
    }

    // ---- primaries -----------------------------------------------------------------------

    /// A shard's primary is at this address now.
    pub fn handle_primary(&mut self, id: PoolId, shard: ShardId, address: &Address, now: Time) {
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        let Some(&before) = pool.primaries.get(shard.index()) else {
            return;
        };
        if pool.known[before.index()].1 == *address {
            return;
        }
        let Some(server) = pool.id_of(shard, address) else {
            return; // all 65,536 ids are used: the shard keeps its primary
        };
        // The old primary may return as a replica. Control reports it then.
        pool.replicas[shard.index()].retain(|replica| replica.server != server);
        let from = std::mem::replace(&mut pool.primaries[shard.index()], server);
        pool.handle_servers(now);
        if pool.topology.spec.failover.is_some() {
            self.wishes.push_back(Wish::Note {
                pool: id,
                shard,
                server,
                change: Change::Switched { from },
            });
        }
        self.note_resp3(id, shard);
        self.publish_if_changed(id, now);
    }

    /// A shard's replicas are at these addresses now; `true`: the data of this one is recent enough to be
    /// read.
    pub fn handle_replicas(
        &mut self,
        id: PoolId,
        shard: ShardId,
        replicas: &[(Address, bool)],
        now: Time,
    ) {
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        let Some(&primary) = pool.primaries.get(shard.index()) else {
            return;
        };
        let found = replicas.iter().filter_map(|(address, is_good)| {
            let server = pool.id_of(shard, address)?;
            Some(Replica { server, is_good: *is_good })
        });
        let mut found: Vec<Replica> = found.filter(|it| it.server != primary).collect();
        found.sort_unstable_by_key(|replica| replica.server);
        found.dedup_by_key(|replica| replica.server);
        if pool.replicas[shard.index()] == found {
            return;
        }
        pool.replicas[shard.index()] = found;
        pool.handle_servers(now);
        self.note_resp3(id, shard);
        self.publish_if_changed(id, now);
    }

    // ---- what servers can do -------------------------------------------------------------

    /// A client of the pool waits for what its servers can do.
    pub fn handle_wanted(&mut self, pool: PoolId, now: Time) {
        if let Some(pool) = self.pools.get_mut(&pool) {
            pool.questions.handle_wanted(now);
        }
    }

    /// The answer to a [`Wish::Ask`]; `None` if there was none.
    pub fn handle_ability(
        &mut self,
        id: PoolId,
        server: ServerId,
        ability: Option<Ability>,
        now: Time,
    ) {
        let Some(pool) = self.pools.get_mut(&id) else {
            return;
        };
        let Some(shard) = pool.shard_of(server) else {
            return; // a server that is no longer in the topology
        };
        pool.questions.handle_answer(server, ability, now);
        self.note_resp3(id, shard);
        self.publish_if_changed(id, now);
    }

    /// Notes for the log if the pool lost RESP3, or has it again, because of this shard's server.
    fn note_resp3(&mut self, id: PoolId, shard: ShardId) {
        let pool = &self.pools[&id];
        let change = match (pool.topology.common.resp3, pool.questions.common().resp3) {
            (None | Some(true), Some(false)) => Change::Resp2Only,
            (Some(false), Some(true)) => Change::Resp3Again,
            _ => return,
        };
        let server = pool.primaries[shard.index()];
        self.wishes.push_back(Wish::Note { pool: id, shard, server, change });
    }

    // ---- epochs --------------------------------------------------------------------------

    /// Publishes a new topology if the pool differs from the published one.
    fn publish_if_changed(&mut self, id: PoolId, now: Time) {
        let Some(next) = self.pools.get(&id).and_then(|pool| pool.next_topology(now)) else {
            return;
        };
        if let Some(pool) = self.pools.get_mut(&id) {
            pool.topology = Arc::new(next);
        }
        self.epoch = self.epoch.next();
        if cfg!(debug_assertions) {
            self.check_invariants();
        }
        let snapshot = self.snapshot();
        self.wishes.push_back(Wish::Publish(snapshot));
    }

    /// A worker routes by this epoch now.
    pub fn handle_follow(&mut self, worker: WorkerId, epoch: Epoch) {
        if let Some(followed) = self.followed.get_mut(worker.index()) {
            *followed = epoch.max(*followed);
        }
    }

    /// The lowest epoch that a worker follows.
    pub fn followed(&self) -> Epoch {
        self.followed.iter().copied().min().unwrap_or(self.epoch)
    }

    // ---- time and wishes -----------------------------------------------------------------

    /// Call when [`Director::deadline`] has come.
    pub fn handle_deadline(&mut self, now: Time) {
        let ids: Vec<PoolId> = self.pools.keys().copied().collect();
        for id in ids {
            if let Some(pool) = self.pools.get_mut(&id) {
                let ask = |server| Wish::Ask { pool: id, server };
                self.wishes.extend(pool.questions.take_due(now).map(ask));
                pool.health.handle_deadline(now);
                self.take_verdicts(id, now);
            }
        }
    }

    pub fn deadline(&self) -> Option<Time> {
        let of_pool = |pool: &DirectedPool| {
            let machines = pool.health.deadline().into_iter().chain(pool.questions.deadline());
            machines.chain(pool.hold_deadline()).min()
        };
        self.pools.values().filter_map(of_pool).min()
    }

    pub fn poll_wish(&mut self) -> Option<Wish> {
        self.wishes.pop_front()
    }

    /// Panics if the director's state is inconsistent.
    pub fn check_invariants(&self) {
        for (id, pool) in &self.pools {
            assert!(id.0 < self.next_pool, "a pool's id was given out");
            let topology = &pool.topology;
            for shard in &topology.shards {
                assert!(topology.server(shard.primary).is_some(), "a primary is in the list");
                assert!(shard.replicas.is_sorted_by_key(|replica| replica.server));
                for replica in &shard.replicas {
                    assert!(topology.server(replica.server).is_some(), "so is a replica");
                    assert_ne!(replica.server, shard.primary, "a server has one role");
                }
            }
            assert!(topology.servers.is_sorted_by_key(|server| server.id));
            for server in &topology.servers {
                assert_eq!(
                    server.address,
                    pool.known[server.id.index()].1,
                    "an id has one address"
                );
            }
            let servers = topology.servers.iter().map(|server| server.id);
            assert!(servers.eq(pool.health.servers()), "health knows the servers in use");
        }
        assert!(self.followed() <= self.epoch, "no worker is ahead");
    }
}

impl DirectedPool {
    fn new(spec: &Arc<PoolSpec>) -> DirectedPool {
        let first = fixed::primaries(spec);
        let primaries: Vec<ServerId> = first.iter().map(|server| server.id).collect();
        let asked = primaries.iter().copied().filter(|_| spec.protocol == Protocol::Redis);
        let mut questions = Questions::new(asked);
        if spec.failover.is_some() {
            // A Valkey has words of its own for a server that is no primary any more.
            questions.handle_wanted(Time::ZERO);
        }
        let states = vec![ShardState::Live; first.len()];
        let topology = fixed::topology(spec, &first, &states);
        let shards = (0..).map(ShardId);
        DirectedPool {
            topology: Arc::new(PoolTopology { common: questions.common(), ..topology }),
            known: shards.zip(first.into_iter().map(|server| server.address)).collect(),
            health: Health::new(spec, primaries.iter().copied()),
            replicas: vec![Vec::new(); primaries.len()],
            primaries,
            questions,
        }
    }

    /// The primaries or replicas have changed.
    fn handle_servers(&mut self, now: Time) {
        let servers = self.servers();
        let is_replica = |id: &ServerId| !self.primaries.contains(id);
        let replicas = servers.iter().copied().filter(is_replica).collect();
        self.health.handle_servers(&servers, replicas);
        if self.topology.spec.protocol == Protocol::Redis {
            self.questions.handle_servers(&servers, now);
        }
    }

    /// When the first shard that is out has been waited for long enough.
    fn hold_deadline(&self) -> Option<Time> {
        let shards = self.primaries.iter().zip(&self.topology.shards);
        let waits = shards.filter(|(_, shard)| shard.state == ShardState::Live);
        waits.filter_map(|(&primary, _)| self.down_at(primary)).min()
    }

    /// When this primary, which is out, counts as down: requests have waited for another one.
    fn down_at(&self, primary: ServerId) -> Option<Time> {
        let spec = &self.topology.spec;
        let since = self.health.out_since(primary).filter(|_| spec.eject != Eject::Off)?;
        Some(since.plus_ms(u64::from(spec.hold_ms())))
    }

    /// The id of this shard's server at this address: the id that it had, or a new one. Two shards never
    /// share an id, so each has an upstream of its own and the parts of one request never mix. `None` if
    /// all ids are used.
    fn id_of(&mut self, shard: ShardId, address: &Address) -> Option<ServerId> {
        let known = self.known.iter().position(|(of, known)| *of == shard && known == address);
        if let Some(at) = known {
            return Some(ServerId(at as u16));
        }
        let id = ServerId(u16::try_from(self.known.len()).ok()?);
        self.known.push((shard, address.clone()));
        Some(id)
    }

    /// The servers in use, sorted by id.
    fn servers(&self) -> Vec<ServerId> {
        let replicas = self.replicas.iter().flatten().map(|replica| replica.server);
        let mut servers: Vec<ServerId> = self.primaries.iter().copied().chain(replicas).collect();
        servers.sort_unstable();
        servers
    }

    /// The shard of a server in use.
    fn shard_of(&self, server: ServerId) -> Option<ShardId> {
        let is_of = |&at: &usize| {
            self.primaries[at] == server || self.replicas[at].iter().any(|it| it.server == server)
        };
        (0..self.primaries.len()).find(is_of).map(|at| ShardId(at as u16))
    }

    /// The next topology. `None` if it equals the published one.
    fn next_topology(&self, now: Time) -> Option<PoolTopology> {
        let spec = &self.topology.spec;
        let common: Common = self.questions.common();
        let out = match spec.eject {
            Eject::Remap => ShardState::Ejected,
            Eject::FailFast => ShardState::Down,
            Eject::Off => ShardState::Live,
        };
        let state = |&server: &ServerId| {
            let is_down = self.down_at(server).is_some_and(|at| at <= now);
            if is_down { out } else { ShardState::Live }
        };
        let server = |&id: &ServerId| {
            let (_, address) = &self.known[id.index()];
            Server { id, address: address.clone() }
        };
        let before = &self.topology;
        let is_good = |it: &Replica| it.is_good && !self.health.is_out(it.server);
        let judged = |it: &Replica| Replica { is_good: is_good(it), ..*it };
        let states: Vec<ShardState> = self.primaries.iter().map(state).collect();
        let mut shards = before.shards.clone();
        for (at, shard) in shards.iter_mut().enumerate() {
            (shard.primary, shard.state) = (self.primaries[at], states[at]);
            shard.replicas = self.replicas[at].iter().map(judged).collect();
        }
        if common == before.common && shards == before.shards {
            return None;
        }
        // A ring costs a hash for each of its points, so it is made again only if a shard joins or leaves.
        let is_same_ring = before.shards.iter().map(|shard| shard.state).eq(states.iter().copied());
        let next = if is_same_ring {
            PoolTopology::clone(before)
        } else {
            let primaries: Vec<Server> = self.primaries.iter().map(server).collect();
            fixed::topology(spec, &primaries, &states)
        };
        let servers = self.servers().iter().map(server).collect();
        Some(PoolTopology { shards, servers, common, ..next })
    }
}

#[cfg(test)]
#[path = "director_tests.rs"]
mod tests;
