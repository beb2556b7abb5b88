//! The seeded scheduler: one queue of events, and one clock that jumps to the next event.
//!
//! ```text
//!   load, faults ──▶ faults end ──▶ 15 s: all answered ──▶ 135 s: last round, no error ──▶ leave
//! ```
//!
//! Events of the same time happen in a random order.

use crate::check::Ledger;
use crate::client::{Client, Habits, Leaves, Reads};
use crate::control::{Control, MAIL_MS_MAX, Task};
use crate::dice::Dice;
use crate::groups::{self, Group};
use crate::host::{Event as HostEvent, Host, Wish};
use crate::memcached::Cache;
use crate::plan::{self, Fault, Plan};
use crate::redis::Redis;
use crate::replicas::Replicas;
use crate::script::{self, Script};
use crate::server_state::ServerState;
use crate::toy::{Store, Toy};
use crate::trace::Trace;
use crate::transport::{EndId, Net, Owner};
use crate::watch::Heard;
use nuthatch_engine::base::{PoolId, ServerId, Time, WorkerId};
use nuthatch_engine::proxy::{ConnId, Counters, Identity, Order, Worker};
use nuthatch_engine::topology::{Ability, Eject, PoolSpec, Protocol, Release, Report};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) enum Event {
    Wake(EndId),
    Turn(usize),
    Order(usize, Order),
    Report(Report),
    Health,
    ProbeAnswer { pool: PoolId, server: ServerId, ready: bool },
    Ask { pool: PoolId, server: ServerId, toy: usize },
    Wanted(PoolId),
    Failover(groups::Step),
    Heard(usize, Heard),
    AskAnswer { pool: PoolId, server: ServerId, answers: bool },
    Probe { pool: PoolId, server: ServerId, toy: usize },
    Connect { worker: usize, conn: ConnId, toy: usize },
    Refused { worker: usize, conn: ConnId },
    Fault(Fault),
    Recover(usize),
    Arrive,
    EndFaults,
    Feed,
    CheckAnswered,
    LastRound,
    Leave,
    Over,
}

pub struct World {
    pub(crate) plan: Plan,
    pub(crate) now: Time,
    pub(crate) dice: Dice,
    pub(crate) net: Net,
    pub(crate) toys: Vec<Toy>,
    /// Each pool's toys: one for each shard, then the spares.
    pub(crate) servers: Vec<Vec<usize>>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) replicas: Replicas,
    /// When the last mail comes to each worker.
    mailed: BTreeMap<usize, Time>,
    pub(crate) clients: Vec<Client>,
    pub(crate) control: Control,
    pub(crate) pools: Vec<script::Pool>,
    pub ledger: Ledger,
    queue: BTreeMap<(Time, u64), Event>,
    health_at: Option<Time>,
    /// Connections made in the current second, by worker and toy.
    pub(crate) connects: BTreeMap<(usize, usize), (u64, usize)>,
    /// When the last message from one worker to another arrives.
    pub(crate) mail: BTreeMap<(usize, usize), Time>,
    pub(crate) faults_over: bool,
    /// All clients have their replies.
    pub(crate) is_last_round: bool,
    over: bool,
}

impl World {
    pub fn new(plan: Plan, trace: Trace) -> World {
        let mut dice = Dice::new(plan.seed ^ 0x5eed);
        let control = Control::new(&plan.pools, plan.workers);
        let (mut toys, mut servers, mut pools) = (Vec::new(), Vec::new(), Vec::new());
        for (index, spec) in plan.pools.iter().enumerate() {
            let ids = (0..groups::toys_of(spec, plan.spares)).map(|_| {
                let store = match spec.protocol {
                    Protocol::Redis => Store::Redis(Box::new(Redis::new(
                        toys.len(),
                        spec.redis_auth.as_deref(),
                        spec.redis_db,
                    ))),
                    Protocol::Memcache => Store::Memcached(Cache::default()),
                };
                let mut toy = Toy::new(toys.len(), store);
                toy.sabotage = plan.sabotage;
                toys.push(toy);
                toys.len() - 1
            });
            servers.push(ids.collect());
            let topology = control.pool(index).clone();
            let (spec, calm) = (spec.clone(), plan.calm);
            let flows_from = plan.stream.bytes_min;
            pools.push(script::Pool { index, spec, topology, calm, flows_from });
        }
        let hosts = (0..plan.workers)
            .map(|at| {
                let id = WorkerId(at as u16);
                let mut worker = Worker::new(id, dice.bits(), &control.current);
                worker.set_flow_bounds(plan.stream);
                let workers = plan.workers as u16;
                worker.set_identity(Arc::new(Identity { workers, ..Identity::default() }));
                let stall_ms = |spec: &Arc<PoolSpec>| u64::from(spec.serves.client_stall_ms);
                Host::new(at, worker, plan.pools.iter().map(stall_ms).collect())
            })
            .collect();
        let mut world = World {
            now: Time::from_ms(1_000),
            net: Net::new(dice.fork()),
            dice,
            toys,
            servers,
            hosts,
            replicas: Replicas::default(),
            mailed: BTreeMap::new(),
            clients: Vec::new(),
            control,
            pools,
            ledger: Ledger::new(trace),
            queue: BTreeMap::new(),
            health_at: None,
            connects: BTreeMap::new(),
            mail: BTreeMap::new(),
            faults_over: false,
            is_last_round: false,
            over: false,
            plan,
        };
        let pools = world.servers.iter().enumerate();
        world.ledger.messages.pools = pools.flat_map(|(at, toys)| vec![at; toys.len()]).collect();
        world.ledger.messages.is_reliable = world.plan.calm;
        world.prepare();
        world
    }

    fn prepare(&mut self) {
        let load_ms = self.plan.load_ms;
        for _ in 0..self.plan.clients {
            let at = self.dice.range(0, load_ms * 3 / 4);
            self.after_ms(at, Event::Arrive);
        }
        for (at, fault) in std::mem::take(&mut self.plan.faults) {
            self.after_ms(at, Event::Fault(fault));
        }
        self.prepare_groups();
        for worker in 0..self.hosts.len() {
            self.plan_turn(worker, self.now);
        }
        self.after_ms(load_ms, Event::EndFaults);
    }

    pub(crate) fn at(&mut self, time: Time, event: Event) {
        // A random number orders events of the same time.
        let mut order = self.dice.bits();
        while self.queue.contains_key(&(time, order)) {
            order = order.wrapping_add(1);
        }
        self.queue.insert((time, order), event);
    }

    pub(crate) fn after_ms(&mut self, ms: u64, event: Event) {
        self.at(self.now.plus_ms(ms), event);
    }

    pub(crate) fn after_us(&mut self, low: u64, high: u64, event: Event) {
        let us = self.dice.range(low, high);
        self.at(Time(self.now.0 + us * 1_000), event);
    }

    /// Plans a turn of the worker at `at`, or up to 200 us later.
    fn plan_turn(&mut self, worker: usize, at: Time) {
        let at = Time(at.max(self.now).0 + self.dice.range(0, 200_000));
        let host = &mut self.hosts[worker];
        if host.turn_at.is_none_or(|planned| at < planned) {
            host.turn_at = Some(at);
            self.at(at, Event::Turn(worker));
        }
    }

    /// Runs to the end or to the first failure.
    pub fn run(&mut self) {
        while !self.over && self.ledger.failure.is_none() {
            let Some(((time, _), event)) = self.queue.pop_first() else {
                return self.ledger.fail("no event is left, but the run is not over".into());
            };
            self.now = time;
            self.handle(event);
            for (at, end) in std::mem::take(&mut self.net.wakes) {
                self.at(at.max(self.now), Event::Wake(end));
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Wake(end) => self.wake(end),
            Event::Turn(worker) => {
                if self.hosts[worker].turn_at == Some(now) {
                    self.turn(worker);
                }
            }
            Event::Order(worker, order) => {
                self.hosts[worker].events.push(HostEvent::Order(order));
                self.plan_turn(worker, now);
            }
            Event::Report(report) => {
                self.ledger.trace.note(now, || format!("{report:?}"));
                self.wake_watch(report);
                self.control.handle_report(report, now);
                self.run_tasks();
            }
            Event::Health => {
                self.health_at = None;
                self.control.handle_deadline(now);
                self.run_tasks();
            }
            Event::Probe { pool, server, toy } => {
                let toy = &self.toys[toy];
                let ready = toy.state == ServerState::Up && !toy.trouble.loading;
                let silent = matches!(toy.state, ServerState::Stopped | ServerState::Unreachable);
                let us = if silent { 300_000 } else { 2_000 };
                self.after_us(us / 2, us, Event::ProbeAnswer { pool, server, ready });
            }
            Event::ProbeAnswer { pool, server, ready } => {
                self.ledger.trace.note(now, || format!("probe of {pool:?} {server:?}: {ready}"));
                self.control.handle_probe(pool, server, ready, now);
                self.run_tasks();
            }
            Event::Wanted(pool) => {
                self.control.handle_wanted(pool, now);
                self.run_tasks();
            }
            Event::Ask { pool, server, toy } => {
                let state = self.toys[toy].state;
                let silent = matches!(state, ServerState::Stopped | ServerState::Unreachable);
                let us = if silent { 300_000 } else { 2_000 };
                let answers = state == ServerState::Up;
                self.after_us(us / 2, us, Event::AskAnswer { pool, server, answers });
            }
            Event::AskAnswer { pool, server, answers } => {
                let redis = Some(Release([7, 0, 15]));
                let ability = answers.then_some(Ability { resp3: true, redis, valkey: None });
                self.control.handle_ability(pool, server, ability, now);
                self.run_tasks();
            }
            Event::Failover(step) => self.failover_step(step),
            Event::Heard(pool, heard) => self.heard(pool, heard),
            Event::Connect { worker, conn, toy } => self.connect(worker, conn, toy),
            Event::Refused { worker, conn } => {
                self.hosts[worker].events.push(HostEvent::Refused { conn });
                self.plan_turn(worker, now);
            }
            Event::Fault(fault) => self.fault(fault),
            Event::Recover(toy) => self.recover(toy),
            Event::Arrive => {
                let habits = plan::habits(&mut self.dice);
                self.arrive(habits, None, None);
            }
            Event::EndFaults => self.end_faults(),
            Event::Feed => self.feed(),
            Event::CheckAnswered => self.check_answered(),
            Event::LastRound => self.last_round(),
            Event::Leave => self.leave(),
            Event::Over => {
                self.over = true;
                self.check_end();
            }
        }
    }

    fn wake(&mut self, end: EndId) {
        if self.net.is_closed(end) {
            return;
        }
        match self.net.owner(end) {
            Owner::Client(client) => {
                let client = &mut self.clients[client];
                client.handle_wake(&mut self.net, &mut self.ledger, self.now);
            }
            Owner::Server(toy) => {
                let toy = &mut self.toys[toy];
                let (net, dice) = (&mut self.net, &mut self.dice);
                toy.handle_wake(end, self.now, net, dice, &mut self.ledger);
            }
            Owner::Worker(worker) => {
                self.hosts[worker].events.push(HostEvent::Wake(end));
                self.plan_turn(worker, self.now);
            }
        }
    }

    fn turn(&mut self, worker: usize) {
        let now = self.now;
        let host = &mut self.hosts[worker];
        host.turn_at = None;
        let wishes = host.turn(&mut self.net, &mut self.dice, now);
        self.check_wires(worker);
        let host = &self.hosts[worker].worker;
        for at in host.held_until().into_iter().chain(host.deadline()) {
            self.plan_turn(worker, at);
        }
        for wish in wishes {
            match wish {
                Wish::Closed { end } => self.note_closed(worker, end),
                Wish::Excuse { end } => {
                    self.ledger
                        .check(!self.plan.calm, || "a client was cut off in a calm run".into());
                    if let Owner::Client(client) = self.net.owner(end) {
                        self.clients[client].disturbed = true;
                    }
                }
                Wish::Report(report) => self.after_us(0, 20_000, Event::Report(report)),
                Wish::AskServers(pool) => self.after_us(0, 20_000, Event::Wanted(pool)),
                // No delay: messages of one worker keep their order.
                Wish::Follow(epoch) => self.control.handle_follow(worker, epoch),
                Wish::Send { to, message } => {
                    self.ledger
                        .trace
                        .note(now, || format!("worker {worker} to {to:?}: {message:?}"));
                    self.send(worker, to, &message);
                }
                Wish::Connect { conn, pool, server } => {
                    let toy = self.toy_of(pool, server);
                    let slow = !self.plan.calm && !self.faults_over && self.dice.percent(10);
                    let us = if slow { 400_000 } else { 2_000 };
                    self.after_us(10, us, Event::Connect { worker, conn, toy });
                }
            }
        }
        self.ledger.trace.note(now, || format!("turn of worker {worker}"));
        self.check_epochs();
    }

    fn connect(&mut self, worker: usize, conn: ConnId, toy: usize) {
        match self.toys[toy].state {
            ServerState::Unreachable => {}
            ServerState::Dead => self.after_us(10, 1_000, Event::Refused { worker, conn }),
            ServerState::Up | ServerState::Stopped | ServerState::ClosesAtOnce => {
                self.check_connect_rate(worker, toy);
                let (there, mut back) = self.qualities();
                if self.toys[toy].state == ServerState::ClosesAtOnce {
                    back.latency_us = 0;
                }
                let (own, server) =
                    self.net.open(Owner::Worker(worker), Owner::Server(toy), there, back);
                self.ledger
                    .trace
                    .note(self.now, || format!("{conn:?} of {worker} is {own:?} to {toy}"));
                self.toys[toy].accept(server);
                if self.toys[toy].state == ServerState::ClosesAtOnce {
                    self.toys[toy].close_at_once(server, &mut self.net, self.now);
                }
                self.hosts[worker].events.push(HostEvent::Connected { conn, end: own });
                self.plan_turn(worker, self.now);
            }
        }
    }

    fn qualities(&mut self) -> (crate::transport::Quality, crate::transport::Quality) {
        let calm = self.plan.calm;
        (plan::quality(&mut self.dice, calm), plan::quality(&mut self.dice, calm))
    }

    /// Adds a client. `None`: a random worker or pool.
    pub(crate) fn arrive(&mut self, habits: Habits, worker: Option<usize>, pool: Option<usize>) {
        let id = self.clients.len();
        let worker = worker.unwrap_or_else(|| self.dice.index(self.plan.workers));
        let pool = pool.unwrap_or_else(|| self.dice.index(self.pools.len()));
        let (there, back) = self.qualities();
        let (own, end) = self.net.open(Owner::Client(id), Owner::Worker(worker), there, back);
        self.ledger.trace.note(self.now, || format!("client {id} {own:?} at {worker}: {habits:?}"));
        let script = Script::new(id, self.pools[pool].clone());
        let dice = self.dice.fork();
        self.clients.push(Client::new(id, own, habits, script, dice));
        let event = HostEvent::Accept { end, pool: PoolId(pool as u16), id: id as u64 + 1 };
        self.hosts[worker].events.push(event);
        self.plan_turn(worker, self.now);
        self.net.wake(self.now, own);
    }

    /// Runs the tasks of `control`, and plans its next deadline.
    pub(crate) fn run_tasks(&mut self) {
        while let Some(task) = self.control.poll(self.now) {
            match task {
                Task::Publish => self.publish(),
                Task::Watch(pool, server) => {
                    for worker in 0..self.hosts.len() {
                        let order = Order::Watch { pool, server };
                        self.after_us(0, MAIL_MS_MAX * 1_000, Event::Order(worker, order));
                    }
                }
                Task::Probe(pool, server) => {
                    let toy = self.toy_of(pool, server);
                    self.after_us(0, 5_000, Event::Probe { pool, server, toy });
                }
                Task::Ask(pool, server) => {
                    let toy = self.toy_of(pool, server);
                    self.after_us(0, 5_000, Event::Ask { pool, server, toy });
                }
            }
        }
        if let Some(at) = self.control.deadline()
            && self.health_at.is_none_or(|planned| at < planned)
        {
            self.health_at = Some(at);
            self.at(at.max(self.now), Event::Health);
        }
    }

    fn toy_of(&self, pool: PoolId, server: ServerId) -> usize {
        self.servers[pool.index()][self.control.toy(pool, server)]
    }

    /// Mails the current snapshot.
    fn publish(&mut self) {
        let out = self.control.out();
        self.ledger.trace.note(self.now, || {
            let of = |group: &Group| {
                (group.pool, group.shard, self.control.primary(group.pool, group.shard))
            };
            let primaries: Vec<_> = self.replicas.groups.iter().map(of).collect();
            format!("epoch {:?}, out: {out:?}, {primaries:?}", self.control.current.epoch)
        });
        for &((pool, _), _) in &out {
            if self.plan.pools[pool].eject == Eject::Remap {
                self.ledger.uncertain.insert(pool);
            }
        }
        let servers = &self.servers;
        self.ledger.out.retain(|&shard, outage| {
            out.iter().any(|&(s, toy)| s == shard && servers[shard.0][toy] == outage.server)
        });
        for worker in 0..self.hosts.len() {
            let order = Order::Follow(self.control.current.clone());
            self.mail(worker, order);
        }
    }

    /// Mails a worker what it must hear in this order.
    pub(crate) fn mail(&mut self, worker: usize, order: Order) {
        let us = self.dice.range(0, MAIL_MS_MAX * 1_000 - 1_000);
        let last = self.mailed.entry(worker).or_default();
        *last = Time(self.now.0 + us * 1_000).max(*last);
        let at = *last;
        self.at(at, Event::Order(worker, order));
    }

    /// The sum of all workers' counters.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for host in &self.hosts {
            for pool in 0..self.pools.len() {
                sum.add(&host.worker.counters(PoolId(pool as u16)));
            }
        }
        sum
    }

    pub fn ejections(&self) -> u64 {
        self.control.ejections
    }

    /// A client that reads everything and stays.
    pub(crate) fn plain_habits() -> Habits {
        Habits {
            pipeline: 100,
            quota: 0,
            pace_us: 0,
            reads: Reads::Eagerly,
            leaves: Leaves::Stays,
            inline: false,
            resp3_after: None,
            value_bytes_max: 100,
        }
    }
}
