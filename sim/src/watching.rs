//! The stand-in for `nuthatch::control::watch`: asks Sentinels and servers, and feeds the machines of the
//! engine that decide.
//!
//! Answers are late, and one Sentinel at a time may be cut off. The answers of one Sentinel keep their order.

use crate::control::address;
use crate::groups::{SENTINELS, Step};
use crate::server_state::ServerState;
use crate::watch::{Heard, OfShard, Watch};
use crate::world::{Event, World};
use nuthatch_engine::base::{PoolId, ShardId, Time};
use nuthatch_engine::proxy::Order;
use nuthatch_engine::topology::kinds::replicated::{Replicated, SeenReplica, Sight};
use nuthatch_engine::topology::kinds::sentinel::{Claim, SentinelId, SentinelWish, Sentinels};
use nuthatch_engine::topology::{Address, AfterWrite, Reads, Report};
use std::collections::BTreeMap;

const PERIOD_MS: u64 = 1_000;
const PAUSE_MS: u64 = 100;

impl World {
    /// Begins to watch a pool.
    pub(crate) fn watch(&mut self, pool: usize) {
        let spec = self.plan.pools[pool].clone();
        let Some(failover) = &spec.failover else { return };
        let has_sentinels = !failover.sentinels.is_empty();
        let shards = spec.shards.iter().map(|shard| {
            let replicas: Vec<Address> =
                shard.replicas.iter().map(|it| it.address.clone()).collect();
            let known = if has_sentinels { &[][..] } else { &replicas };
            Replicated::new(failover.lag, shard.address.clone(), known)
        });
        let watch = Watch {
            has_sentinels,
            asks_servers: !has_sentinels || failover.reads != Reads::Primary,
            sentinels: Sentinels::new(
                &failover.sentinels,
                spec.shards.iter().map(|shard| shard.address.clone()),
            ),
            shards: shards.collect(),
            told: vec![Vec::new(); spec.shards.len()],
            look_at: None,
            looked_at: Time::ZERO,
            is_looking: false,
            woken_at: Time::ZERO,
            is_cut: [false; SENTINELS],
            last: [Time::ZERO; SENTINELS],
            beliefs: BTreeMap::new(),
        };
        let looks = watch.asks_servers;
        if has_sentinels {
            for sentinel in 0..SENTINELS {
                let ask = Heard::Ask { sentinel, again: true };
                self.after_ms(1 + sentinel as u64, Event::Heard(pool, ask));
            }
        }
        self.replicas.watches.insert(pool, watch);
        if looks {
            self.plan_look(pool, self.now.plus_ms(1));
        }
    }

    /// A worker saw something that may mean another primary.
    pub(crate) fn wake_watch(&mut self, report: Report) {
        use nuthatch_engine::topology::Sight as Seen;
        let (pool, now) = (report.pool.index(), self.now);
        let Some(watch) = self.replicas.watches.get_mut(&pool) else { return };
        if report.sight == Seen::Answered {
            return;
        }
        let (has_sentinels, last) = (watch.has_sentinels, watch.woken_at);
        let looks = report.sight == Seen::NoPrimary || watch.asks_servers;
        let look_at = watch.looked_at.plus_ms(PAUSE_MS).max(now);
        if has_sentinels && last.plus_ms(PAUSE_MS) <= now {
            let at = now.plus_ms(PAUSE_MS / 2);
            watch.woken_at = at;
            for sentinel in 0..SENTINELS {
                let ask = Heard::Ask { sentinel, again: false };
                self.at(at, Event::Heard(pool, ask));
            }
        }
        if looks {
            self.plan_look(pool, look_at);
        }
    }

    fn plan_look(&mut self, pool: usize, at: Time) {
        let Some(watch) = self.replicas.watches.get_mut(&pool) else { return };
        if watch.look_at.is_none_or(|planned| at < planned) {
            watch.look_at = Some(at);
            self.at(at, Event::Heard(pool, Heard::Look));
        }
    }

    pub(crate) fn cut_sentinel(&mut self, pool: usize, sentinel: usize, ms: u64) {
        let Some(watch) = self.replicas.watches.get_mut(&pool) else { return };
        if watch.is_cut == [false; SENTINELS] {
            watch.is_cut[sentinel] = true;
            self.after_ms(ms, Event::Failover(Step::EndCut { pool, sentinel }));
        }
    }

    pub(crate) fn end_cut(&mut self, pool: usize, sentinel: usize) {
        if let Some(watch) = self.replicas.watches.get_mut(&pool) {
            watch.is_cut[sentinel] = false;
        }
    }

    pub(crate) fn heard(&mut self, pool: usize, heard: Heard) {
        let now = self.now;
        match heard {
            Heard::Look => self.look(pool),
            Heard::Sights(asked_at, sights) => {
                self.ledger.trace.note(now, || format!("sights {sights:?}"));
                let Some(watch) = self.replicas.watches.get_mut(&pool) else { return };
                watch.is_looking = false;
                let again = watch.asks_servers.then(|| watch.looked_at.plus_ms(PERIOD_MS));
                self.take_sights(pool, asked_at, sights);
                if let Some(at) = again {
                    self.plan_look(pool, at.max(now));
                }
            }
            Heard::Ask { sentinel, again } => {
                if again {
                    let ask = Heard::Ask { sentinel, again };
                    self.after_ms(PERIOD_MS - 37 * sentinel as u64, Event::Heard(pool, ask));
                }
                let claims = self.claims(pool, sentinel);
                let is_late = !self.faults_over && self.dice.percent(20);
                let us = self.dice.range(100, if is_late { 700_000 } else { 20_000 });
                let Some(watch) = self.replicas.watches.get_mut(&pool) else { return };
                if watch.is_cut[sentinel] {
                    return;
                }
                let at = Time(now.0 + us * 1_000).max(Time(watch.last[sentinel].0 + 1));
                watch.last[sentinel] = at;
                self.at(at, Event::Heard(pool, Heard::Claims(sentinel, claims)));
            }
            Heard::Claims(sentinel, claims) => {
                self.ledger.trace.note(now, || format!("Sentinel {sentinel}: {claims:?}"));
                if let Some(watch) = self.replicas.watches.get_mut(&pool) {
                    for (claim, shard) in claims.iter().zip(0..) {
                        let from = SentinelId(sentinel as u16);
                        watch.sentinels.handle_claim(from, ShardId(shard), claim);
                    }
                }
            }
            Heard::AskRole { shard, address, epoch } => {
                let toy = &self.toys[self.toy_at(pool, &address)];
                let is_primary = toy.state == ServerState::Up && !toy.trouble.is_replica;
                let role = Heard::Role { shard, address, epoch, is_primary };
                self.after_us(100, 20_000, Event::Heard(pool, role));
            }
            Heard::Role { shard, address, epoch, is_primary } => {
                if let Some(watch) = self.replicas.watches.get_mut(&pool) {
                    watch.sentinels.handle_role(shard, &address, epoch, is_primary);
                }
            }
        }
        self.carry_out(pool);
        self.run_tasks();
    }

    fn toy_at(&self, pool: usize, address: &Address) -> usize {
        let Address::Tcp { port, .. } = address else { return 0 };
        self.servers[pool][usize::from(*port) - 1]
    }

    fn address_of(&self, pool: usize, toy: usize) -> Address {
        address(toy - self.servers[pool][0])
    }

    /// What a Sentinel says of all shards now.
    fn claims(&mut self, pool: usize, sentinel: usize) -> Vec<Claim> {
        let in_tilt = !self.faults_over && self.dice.percent(2);
        let of_pool = self.replicas.groups.iter().filter(|group| group.pool == pool);
        let claim = of_pool.map(|group| {
            let (epoch, primary) = group.claims[sentinel];
            let others = group.toys.iter().filter(|toy| **toy != primary);
            Claim {
                epoch,
                primary: self.address_of(pool, primary),
                in_tilt,
                replicas: Some(others.map(|&toy| self.address_of(pool, toy)).collect()),
                sentinels: None,
            }
        });
        claim.collect()
    }

    /// Asks all servers what they are.
    fn look(&mut self, pool: usize) {
        let now = self.now;
        let Some(watch) = self.replicas.watches.get_mut(&pool) else { return };
        if watch.look_at != Some(now) {
            return;
        }
        watch.look_at = None;
        if std::mem::replace(&mut watch.is_looking, true) {
            return;
        }
        watch.looked_at = now;
        let asked: Vec<Vec<Address>> = watch
            .shards
            .iter()
            .map(|shard| {
                let replicas = shard.servers().filter(|it| *it != shard.primary());
                replicas.chain([shard.primary()]).cloned().collect()
            })
            .collect();
        let sights = asked.into_iter().map(|of_shard| {
            let sight = |address: Address| {
                let sight = self.sight(self.toy_at(pool, &address));
                (address, sight)
            };
            of_shard.into_iter().map(sight).collect()
        });
        let sights = Heard::Sights(now, sights.collect());
        let us = if self.faults_over { 5_000 } else { 300_000 };
        self.after_us(100, us, Event::Heard(pool, sights));
    }

    /// What INFO of this server says.
    fn sight(&self, toy: usize) -> Option<Sight> {
        let it = &self.toys[toy];
        let group = &self.replicas.groups[*self.ledger.lineage.group_of.get(&toy)?];
        if it.state != ServerState::Up {
            return None;
        }
        let offset = it.data().map_or(0, |data| data.log.len() as u64);
        if it.trouble.is_replica {
            return Some(Sight::Replica {
                offset,
                link_is_up: group.attached.contains(&toy)
                    && self.toys[group.primary].state == ServerState::Up,
                is_syncing: false,
                is_loading: it.trouble.loading,
            });
        }
        let is_its = |other: &&usize| {
            toy == group.primary && **other != toy && group.attached.contains(other)
        };
        let replicas = group.toys.iter().filter(is_its).map(|&other| SeenReplica {
            address: self.address_of(group.pool, other),
            is_online: self.toys[other].state == ServerState::Up,
            lag_s: 0,
        });
        Some(Sight::Primary { offset, replicas: replicas.collect() })
    }

    fn take_sights(&mut self, pool: usize, asked_at: Time, sights: Vec<OfShard>) {
        let now = self.now;
        let Some(watch) = self.replicas.watches.get_mut(&pool) else { return };
        let shards = sights.len();
        for (shard, of_shard) in watch.shards.iter_mut().zip(sights) {
            shard.handle_sights(of_shard, asked_at, now);
        }
        self.tell_caught_up(pool);
        for at in 0..shards {
            let Some(watch) = self.replicas.watches.get_mut(&pool) else { return };
            let shard = &mut watch.shards[at];
            if watch.has_sentinels {
                if let Some(to) = shard.handed_over() {
                    watch.sentinels.handle_handover(ShardId(at as u16), &to);
                }
            } else if let Some(next) = shard.next_primary() {
                let servers: Vec<Address> = shard.servers().cloned().collect();
                shard.set_servers(next.clone(), &servers);
                self.control.handle_primary(pool, at, &next, now);
            }
            self.tell_replicas(pool, at);
        }
    }

    /// In its order with the snapshots, as mail comes.
    fn tell_caught_up(&mut self, pool: usize) {
        let Some(watch) = self.replicas.watches.get(&pool) else { return };
        let after = self.plan.pools[pool].failover.as_ref().map(|it| it.after_write);
        let at = watch.shards.iter().filter_map(Replicated::caught_up_at).min();
        if let (Some(AfterWrite::Auto), Some(at)) = (after, at) {
            for worker in 0..self.hosts.len() {
                let order = Order::CaughtUp { pool: PoolId(pool as u16), at };
                self.mail(worker, order);
            }
        }
    }

    fn tell_replicas(&mut self, pool: usize, shard: usize) {
        let Some(watch) = self.replicas.watches.get_mut(&pool) else { return };
        let replicas = watch.shards[shard].replicas();
        if watch.told[shard] != replicas {
            self.control.handle_replicas(pool, shard, &replicas, self.now);
            watch.told[shard] = replicas;
        }
    }

    /// What the Sentinels' machine wishes.
    fn carry_out(&mut self, pool: usize) {
        while let Some(wish) =
            self.replicas.watches.get_mut(&pool).and_then(|watch| watch.sentinels.poll_wish())
        {
            match wish {
                SentinelWish::AskRole { shard, address, epoch } => {
                    let ask = Heard::AskRole { shard, address, epoch };
                    self.after_us(100, 20_000, Event::Heard(pool, ask));
                }
                SentinelWish::Primary { shard, address, epoch, .. } => {
                    let Some(watch) = self.replicas.watches.get_mut(&pool) else { return };
                    let of_shard = &mut watch.shards[shard.index()];
                    let servers: Vec<Address> = of_shard.servers().cloned().collect();
                    of_shard.set_servers(address.clone(), &servers);
                    let belief = (epoch, address.clone());
                    let before = watch.beliefs.insert(shard.index(), belief);
                    self.ledger.check(before.is_none_or(|(at, _)| at <= epoch), || {
                        format!("{shard:?} of pool {pool} goes back to epoch {epoch}")
                    });
                    self.control.handle_primary(pool, shard.index(), &address, self.now);
                }
                SentinelWish::Replicas { shard, replicas } => {
                    let Some(watch) = self.replicas.watches.get_mut(&pool) else { return };
                    let of_shard = &mut watch.shards[shard.index()];
                    let primary = of_shard.primary().clone();
                    of_shard.set_servers(primary, &replicas);
                    self.tell_replicas(pool, shard.index());
                }
                SentinelWish::Ask(..) => {}
            }
        }
    }
}
