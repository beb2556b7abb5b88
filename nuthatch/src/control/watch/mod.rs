//! Watches the servers of pools with replicas: who is primary, and which replicas can be read.
//!
//! ```text
//!   sentinels.rs ── events, answers ──▶ kinds::sentinel ─┐
//!   roles.rs     ── INFO of servers ──▶ kinds::replicated ├──▶ ToControl::Primary, Replicas ──▶ director
//!                                                         ┘
//! ```
//!
//! A task for each pool. It decides nothing: the machines of the engine do. A worker that finds a primary
//! dead or demoted makes the task ask at once.

mod names;
mod roles;
mod sentinels;
mod told;

use crate::io::{Clock, ToControl, Watched, Why};
use nuthatch_engine::base::{PoolId, ShardId};
use nuthatch_engine::topology::kinds::nearest::Nearest;
use nuthatch_engine::topology::kinds::replicated::{Fault, ReplicaView, Replicated};
use nuthatch_engine::topology::kinds::sentinel::{SentinelWish, Sentinels};
use nuthatch_engine::topology::{Address, AfterWrite, Failover, PoolSpec, Reads, Sight};
use sentinels::{Heard, PAUSE, PERIOD};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use told::{Line, Told};

/// The task of each pool with replicas, to be woken.
#[derive(Default)]
pub struct Watches {
    pools: BTreeMap<PoolId, Arc<Wake>>,
}

/// Wakes a pool's task.
#[derive(Default)]
struct Wake {
    notify: Notify,
    /// A primary said that it is none.
    is_demoted: AtomicBool,
}

impl Watches {
    /// Begins to watch a pool, if it has replicas. Call it on control's runtime.
    pub fn begin(
        &mut self,
        pool: PoolId,
        spec: &Arc<PoolSpec>,
        own: &UnboundedSender<ToControl>,
        clock: Clock,
    ) {
        let Some(failover) = &spec.failover else {
            return;
        };
        let wake = Arc::new(Wake::default());
        self.pools.insert(pool, Arc::clone(&wake));
        let watch = Watch::new(pool, Arc::clone(spec), Arc::clone(failover), own.clone(), clock);
        tokio::spawn(watch.run(wake));
    }

    /// A worker saw something of a server of this pool that may mean another primary.
    pub fn wake(&self, pool: PoolId, sight: Sight) {
        if let Some(wake) = self.pools.get(&pool).filter(|_| sight != Sight::Answered) {
            if sight == Sight::NoPrimary {
                wake.is_demoted.store(true, Ordering::Relaxed);
            }
            wake.notify.notify_one();
        }
    }
}

/// Nothing is planned.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(365 * 24 * 3_600)
}

struct Watch {
    pool: PoolId,
    spec: Arc<PoolSpec>,
    failover: Arc<Failover>,
    own: UnboundedSender<ToControl>,
    clock: Clock,
    sentinels: Sentinels,
    /// Indexed by shard.
    shards: Vec<Replicated>,
    /// Indexed by shard.
    told: Vec<Told>,
    /// Wakes each Sentinel's task.
    askers: Vec<Arc<Notify>>,
    heard: UnboundedSender<Heard>,
    inbox: UnboundedReceiver<Heard>,
    /// Answers of servers are awaited.
    is_looking: bool,
    nearest: Nearest,
    looked_at: Instant,
    /// When servers are asked next.
    look_at: Instant,
}

impl Watch {
    fn new(
        pool: PoolId,
        spec: Arc<PoolSpec>,
        failover: Arc<Failover>,
        own: UnboundedSender<ToControl>,
        clock: Clock,
    ) -> Watch {
        let primaries = spec.shards.iter().map(|shard| shard.address.clone());
        let shards = spec.shards.iter().map(|shard| {
            // With Sentinels the file's replicas tell zones only.
            let replicas: Vec<Address> = if failover.sentinels.is_empty() {
                shard.replicas.iter().map(|replica| replica.address.clone()).collect()
            } else {
                Vec::new()
            };
            Replicated::new(failover.lag, shard.address.clone(), &replicas)
        });
        let (heard, inbox) = unbounded_channel();
        Watch {
            pool,
            sentinels: Sentinels::new(&failover.sentinels, primaries),
            shards: shards.collect(),
            told: spec.shards.iter().map(|_| Told::default()).collect(),
            spec,
            failover,
            own,
            clock,
            askers: Vec::new(),
            heard,
            inbox,
            is_looking: false,
            nearest: Nearest::default(),
            looked_at: Instant::now(),
            look_at: far(),
        }
    }

    /// Whether servers themselves are asked.
    fn asks_servers(&self) -> bool {
        self.failover.sentinels.is_empty() || self.failover.reads != Reads::Primary
    }

    async fn run(mut self, wake: Arc<Wake>) {
        if self.asks_servers() {
            self.look_at = Instant::now();
        }
        loop {
            self.carry_out();
            let look = tokio::time::sleep_until(self.look_at);
            tokio::select! {
                heard = self.inbox.recv() => match heard {
                    Some(heard) => self.handle(heard),
                    None => return,
                },
                () = wake.notify.notified() => {
                    for asker in &self.askers {
                        asker.notify_one();
                    }
                    let is_demoted = wake.is_demoted.swap(false, Ordering::Relaxed);
                    if is_demoted || self.asks_servers() {
                        self.look_soon();
                    }
                }
                () = look, if !self.is_looking => {
                    self.looked_at = Instant::now();
                    self.look_at =
                        if self.asks_servers() { self.looked_at + PERIOD } else { far() };
                    self.look();
                }
            }
            if self.own.is_closed() {
                return;
            }
        }
    }

    fn look_soon(&mut self) {
        self.look_at = self.look_at.min(self.looked_at + PAUSE);
    }

    /// Asks all servers what they are.
    fn look(&mut self) {
        self.is_looking = true;
        let asked = self.shards.iter().map(|shard| {
            let replicas = shard.servers().filter(|it| *it != shard.primary()).cloned();
            (replicas.collect(), shard.primary().clone())
        });
        let (asked, spec, heard) = (asked.collect(), Arc::clone(&self.spec), self.heard.clone());
        let clock = self.clock;
        tokio::spawn(async move {
            let sights = roles::ask_all(&spec, asked, clock).await;
            let _ = heard.send(Heard::Sights(sights));
        });
    }

    fn handle(&mut self, heard: Heard) {
        match heard {
            Heard::Claims(from, claims) => {
                for (shard, claim) in claims {
                    self.sentinels.handle_claim(from, shard, &claim);
                    self.tell_watched(shard);
                }
            }
            Heard::Event => {
                for asker in &self.askers {
                    asker.notify_one();
                }
            }
            Heard::Role { shard, address, epoch, is_primary } => {
                self.sentinels.handle_role(shard, &address, epoch, is_primary);
            }
            Heard::Sights(sights) => {
                self.is_looking = false;
                self.take_sights(sights);
            }
        }
    }

    fn take_sights(&mut self, sights: Vec<roles::OfShard>) {
        let now = self.clock.now();
        let were_split: Vec<bool> = self.shards.iter().map(Replicated::is_split).collect();
        for (at, of_shard) in sights.into_iter().enumerate() {
            for (address, us) in &of_shard.latencies_us {
                self.nearest.handle_answer(address, *us);
            }
            self.shards[at].handle_sights(of_shard.sights, of_shard.asked_at, now);
        }
        // Before a replica is read that was not read before: it may be behind the others.
        self.tell_caught_up();
        for (at, was_split) in were_split.into_iter().enumerate() {
            let shard = &self.shards[at];
            if let Some(to) = shard.handed_over().filter(|_| !self.failover.sentinels.is_empty()) {
                self.sentinels.handle_handover(ShardId(at as u16), &to);
            }
            let shard = &mut self.shards[at];
            if self.failover.sentinels.is_empty() {
                let next = shard.next_primary();
                if shard.is_split() && !was_split {
                    let (pool, name) = (&*self.spec.name, &*self.spec.shards[at].name);
                    let primary = shard.primary().to_string();
                    tracing::warn!(
                        pool,
                        shard = name,
                        following = primary,
                        "two servers of a shard say that they are primaries; we stay with ours \
                         until it is gone or a replica"
                    );
                }
                if let Some(next) = next {
                    let why = shard.handed_over().map_or(Why::OwnRole, |_| Why::HandedOver);
                    shard.follow(next.clone());
                    self.tell_primary(ShardId(at as u16), next, why);
                }
            }
            self.tell_replicas(ShardId(at as u16));
        }
    }

    fn tell_caught_up(&self) {
        if self.failover.after_write == AfterWrite::Auto {
            let at = self.shards.iter().filter_map(Replicated::caught_up_at).min();
            if let Some(at) = at {
                let _ = self.own.send(ToControl::CaughtUp { pool: self.pool, at });
            }
        }
    }

    /// Whether the file says that this server is in the proxy's zone.
    fn is_in_zone(&self, shard: ShardId, address: &Address) -> bool {
        let replicas = &self.spec.shards[shard.index()].replicas;
        let zone =
            replicas.iter().find(|it| it.address == *address).and_then(|it| it.zone.as_ref());
        zone.is_some() && zone == self.failover.zone.as_ref()
    }

    fn tell_primary(&self, shard: ShardId, address: Address, why: Why) {
        let _ = self.own.send(ToControl::Primary { pool: self.pool, shard, address, why });
    }

    fn tell_replicas(&mut self, shard: ShardId) {
        let of_shard = &self.shards[shard.index()];
        let mut replicas = of_shard.replicas();
        if self.failover.reads == Reads::Nearest {
            let is_near = |address: &Address| self.is_in_zone(shard, address);
            replicas = self.nearest.choose(of_shard.primary(), &replicas, is_near);
        }
        let told = &mut self.told[shard.index()];
        if told.replicas != replicas {
            told.replicas.clone_from(&replicas);
            let _ = self.own.send(ToControl::Replicas { pool: self.pool, shard, replicas });
        }
        self.tell_watched(shard);
    }

    /// Tells the stats port and the log how the servers of a shard are.
    fn tell_watched(&mut self, shard: ShardId) {
        let of_shard = &self.shards[shard.index()];
        let mut replicas = of_shard.views();
        if !self.asks_servers() {
            // They have been asked for another reason, and once.
            for it in &mut replicas {
                let (address, fault) = (it.address.clone(), Some(Fault::NotWanted));
                *it = ReplicaView { address, sight: None, lag_bytes: None, lag_s: None, fault };
            }
        }
        let epoch = self.sentinels.primary(shard).1;
        let watched = Watched { epoch, is_split: of_shard.is_split(), replicas };
        let told = &mut self.told[shard.index()];
        let lines = told.lines(&watched.replicas, std::time::Instant::now());
        let (pool, name) = (&*self.spec.name, &*self.spec.shards[shard.index()].name);
        for line in lines {
            match line {
                Line::Bad(address, fault) => {
                    let (server, why) = (address.to_string(), fault.text());
                    tracing::warn!(pool, shard = name, server, why, "a replica cannot be read");
                }
                Line::GoodAgain(address) => {
                    let server = address.to_string();
                    tracing::info!(pool, shard = name, server, "a replica can be read again");
                }
            }
        }
        if told.watched != watched {
            told.watched.clone_from(&watched);
            let _ = self.own.send(ToControl::Watched { pool: self.pool, shard, watched });
        }
    }

    /// What the Sentinels' machine wishes.
    fn carry_out(&mut self) {
        while let Some(wish) = self.sentinels.poll_wish() {
            match wish {
                SentinelWish::AskRole { shard, address, epoch } => {
                    let (spec, heard) = (Arc::clone(&self.spec), self.heard.clone());
                    tokio::spawn(async move {
                        let is_primary = roles::is_primary(&spec, &address).await;
                        let _ = heard.send(Heard::Role { shard, address, epoch, is_primary });
                    });
                }
                SentinelWish::Primary { shard, address, epoch, is_handover } => {
                    let why = if is_handover { Why::HandedOver } else { Why::Sentinels { epoch } };
                    self.shards[shard.index()].follow(address.clone());
                    self.tell_primary(shard, address, why);
                }
                SentinelWish::Replicas { shard, replicas } => {
                    let of_shard = &mut self.shards[shard.index()];
                    let primary = of_shard.primary().clone();
                    of_shard.set_servers(primary, &replicas);
                    self.tell_replicas(shard);
                    if self.asks_servers() {
                        // One that has not been asked is not read.
                        self.look_soon();
                    }
                }
                SentinelWish::Ask(id, address) => {
                    let wake = Arc::new(Notify::new());
                    self.askers.push(Arc::clone(&wake));
                    let sentinel =
                        sentinels::Sentinel::new(&self.spec, id, address, &self.failover);
                    sentinel.begin(&wake, &self.heard);
                }
            }
        }
    }
}
