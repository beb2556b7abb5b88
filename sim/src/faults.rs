//! Faults, recovery from them, and the end of a run.

use crate::check::Ledger;
use crate::client::{Leaves, Reads};
use crate::plan::Fault;
use crate::server_state::{ServerState, Trouble};
use crate::transport::{EndId, Owner};
use crate::world::{Event, World};
use nuthatch_engine::base::limits::CLIENT_STALL_MS;

/// From the end of the faults until every client that reads must have its replies.
const ANSWER_MS: u64 = 15_000;

/// From the end of the faults until the last round. By then a client that never reads is closed. That
/// takes its stall time twice: when faults end, the capacity of the network grows and no event reports
/// it. So the last write before the close finds room, as it may in a kernel. The room is full at once,
/// and the write after the second stall time finds none.
const LAST_ROUND_MS: u64 = 2 * CLIENT_STALL_MS as u64 + ANSWER_MS;

impl World {
    pub(crate) fn fault(&mut self, fault: Fault) {
        if self.faults_over {
            return;
        }
        let now = self.now;
        self.ledger.trace.note(now, || format!("{fault:?}"));
        match fault {
            Fault::Kill { server, back_ms, data_lost, in_order } => {
                let toy = &mut self.toys[server];
                toy.state = ServerState::Dead;
                for end in toy.ends() {
                    toy.close(end, &mut self.net, now, !in_order);
                }
                toy.restart();
                if data_lost {
                    if let Some(data) = toy.data() {
                        self.ledger.lineage.replace(&data.log, &[]);
                    }
                    toy.lose_data();
                    self.mark_uncertain(server);
                }
                self.after_ms(back_ms, Event::Recover(server));
            }
            Fault::Stop { server, back_ms } => {
                self.toys[server].state = ServerState::Stopped;
                self.after_ms(back_ms, Event::Recover(server));
            }
            Fault::Unreachable { server, back_ms } => {
                self.toys[server].state = ServerState::Unreachable;
                self.after_ms(back_ms, Event::Recover(server));
            }
            Fault::CloseAtOnce { server, back_ms } => {
                self.toys[server].state = ServerState::ClosesAtOnce;
                self.after_ms(back_ms, Event::Recover(server));
            }
            Fault::Slow { server, service_us, back_ms } => {
                self.toys[server].service_us = service_us;
                self.after_ms(back_ms, Event::Recover(server));
            }
            Fault::Loading { server, back_ms } => {
                self.toys[server].trouble.loading = true;
                self.after_ms(back_ms, Event::Recover(server));
            }
            Fault::OutOfMemory { server, back_ms } => {
                self.toys[server].trouble.out_of_memory = true;
                self.after_ms(back_ms, Event::Recover(server));
            }
            Fault::Unsolicited { server } => {
                if let Some(end) = self.any(&self.toys[server].ends()) {
                    self.toys[server].send_unsolicited(end, &mut self.net, now);
                }
            }
            Fault::FlushScripts { server } => self.toys[server].lose_scripts(),
            Fault::CloseIdle { server } => {
                for end in self.toys[server].idle_ends() {
                    self.toys[server].close(end, &mut self.net, now, false);
                }
            }
            Fault::CloseAny { server } => {
                if let Some(end) = self.any(&self.toys[server].ends()) {
                    self.toys[server].close(end, &mut self.net, now, false);
                }
            }
            Fault::ResetUpstream => {
                if let Some(end) = self.any_upstream() {
                    self.net.reset_both(end, now);
                }
            }
            Fault::ResetClient => {
                if let Some(end) = self.any_client() {
                    self.net.reset_both(end, now);
                }
            }
            Fault::StallUpstream { ms } => {
                if let Some(end) = self.any_upstream() {
                    let end = if self.dice.percent(50) { end } else { end.peer() };
                    self.net.stall(end, now.plus_ms(ms));
                }
            }
            Fault::StallClient { ms } => {
                if let Some(end) = self.any_client() {
                    let end = if self.dice.percent(50) { end } else { end.peer() };
                    self.net.stall(end, now.plus_ms(ms));
                }
            }
            Fault::OfGroup(fault) => self.inject_group_fault(fault),
            Fault::Move { pool, shard } => {
                let shards = self.plan.pools[pool].shards.len();
                // Each shard has its own two servers: the one in the file and a spare.
                let is_plain = self.plan.pools[pool].failover.is_none();
                if is_plain && shard < self.plan.spares {
                    let (home, spare) = (shard, shards + shard);
                    let to = if self.control.is_in_use(pool, home) { spare } else { home };
                    self.ledger.uncertain.insert(pool);
                    self.control.handle_move(pool, shard, to, now);
                    self.run_tasks();
                }
            }
        }
    }

    fn any(&mut self, ends: &[EndId]) -> Option<EndId> {
        if ends.is_empty() { None } else { Some(ends[self.dice.index(ends.len())]) }
    }

    fn any_upstream(&mut self) -> Option<EndId> {
        // Those with a state are few.
        let watch: Vec<_> = self.toys.iter().flat_map(crate::toy::Toy::ends_with_state).collect();
        if !watch.is_empty() && self.dice.percent(50) {
            return self.any(&watch).map(EndId::peer);
        }
        let ends: Vec<_> = self.hosts.iter().flat_map(super::host::Host::upstream_ends).collect();
        self.any(&ends)
    }

    fn any_client(&mut self) -> Option<EndId> {
        let ends: Vec<_> =
            self.clients.iter().filter(|client| !client.is_closed()).map(|c| c.end).collect();
        let end = self.any(&ends)?;
        if let Owner::Client(client) = self.net.owner(end) {
            self.clients[client].disturbed = true;
        }
        Some(end)
    }

    fn mark_uncertain(&mut self, toy: usize) {
        let pool = self.servers.iter().position(|toys| toys.contains(&toy));
        self.ledger.uncertain.extend(pool);
    }

    /// Ends all faults of a server.
    pub(crate) fn recover(&mut self, server: usize) {
        let toy = &mut self.toys[server];
        self.ledger.trace.note(self.now, || format!("server {server} recovers"));
        toy.state = ServerState::Up;
        toy.trouble = Trouble { is_replica: toy.trouble.is_replica, ..Trouble::default() };
        toy.service_us = 300;
        for end in toy.ends() {
            self.net.wake(self.now, end);
        }
    }

    /// Ends all faults. From now on every request must get its reply.
    pub(crate) fn end_faults(&mut self) {
        self.faults_over = true;
        self.net.make_good();
        for server in 0..self.toys.len() {
            self.recover(server);
        }
        for client in &mut self.clients {
            client.stop_asking();
            self.net.wake(self.now, client.end);
        }
        self.feed();
        self.after_ms(ANSWER_MS, Event::CheckAnswered);
        self.after_ms(LAST_ROUND_MS, Event::LastRound);
    }

    /// Somebody pushes elements at the servers, once a second, so that no client waits for ever, also one that never
    /// reads and goes on after a minute. Nothing is pushed
    /// for clients that are gone: `check_answered` looks for connections that wait for them.
    pub(crate) fn feed(&mut self) {
        if self.is_last_round {
            return;
        }
        for toy in 0..self.toys.len() {
            for waiter in self.toys[toy].waiters() {
                let is_here = self.is_here(waiter.tag);
                if waiter.until.is_none()
                    && is_here
                    && let Some(key) = waiter.keys.first()
                {
                    let chance = (&mut self.net, &mut self.dice);
                    self.toys[toy].push(key, chance, self.now, &mut self.ledger);
                }
            }
        }
        self.after_ms(1_000, Event::Feed);
    }

    /// Whether the client that sent this request is connected.
    fn is_here(&self, tag: u64) -> bool {
        let client = self.ledger.client_of(tag).and_then(|client| self.clients.get(client));
        client.is_some_and(|client| !client.is_closed())
    }

    /// Every client has its replies now. None waits for an unrelated deadline.
    pub(crate) fn check_answered(&mut self) {
        check_clients(&mut self.ledger, &self.clients, "15 s after the faults");
        self.ledger.check_messages("15 s after the faults");
        for toy in 0..self.toys.len() {
            for waiter in self.toys[toy].waiters() {
                let is_here = self.is_here(waiter.tag);
                self.ledger.check(is_here, || {
                    format!(
                        "server {toy} would pop an element for a client that is gone: {waiter:?}"
                    )
                });
            }
        }
    }

    /// Clients that stayed, and a new client for each worker and pool, send requests. None may fail.
    pub(crate) fn last_round(&mut self) {
        self.is_last_round = true;
        self.check_nothing_waits();
        self.ledger.messages.is_reliable = true;
        for worker in 0..self.hosts.len() {
            for pool in 0..self.pools.len() {
                self.arrive(World::plain_habits(), Some(worker), Some(pool));
            }
        }
        for client in &mut self.clients {
            let stays = client.habits.leaves == Leaves::Stays;
            if client.is_open() && stays && client.habits.reads != Reads::Never {
                client.final_round(&mut self.ledger, self.now);
                self.net.wake(self.now, client.end);
            }
        }
        self.after_ms(5_000, Event::Leave);
    }

    fn check_nothing_waits(&mut self) {
        let out = self.control.out();
        self.ledger.check(out.is_empty(), || format!("still out: {out:?}"));
        let ledger = &mut self.ledger;
        check_clients(ledger, &self.clients, "before the last round");
        for host in &self.hosts {
            let backlog = host.worker.backlog();
            ledger.check(backlog.is_empty(), || {
                format!("something still waits: {}", host.describe())
            });
        }
    }

    /// All clients leave.
    pub(crate) fn leave(&mut self) {
        check_clients(&mut self.ledger, &self.clients, "after the last round");
        self.ledger.check_messages("after the last round");
        for client in &mut self.clients {
            client.leave(&mut self.net, &mut self.ledger, self.now);
        }
        self.after_ms(3_000, Event::Over);
    }

    /// No client is left, no worker keeps anything, and no server outside the topology has a connection.
    pub(crate) fn check_end(&mut self) {
        let ledger = &mut self.ledger;
        for host in &self.hosts {
            let (clients, backlog) = (host.worker.clients(), host.worker.backlog());
            ledger.check(clients == 0, || format!("{clients} clients at {}", host.index));
            ledger.check(backlog.is_empty(), || format!("at the end: {}", host.describe()));
            let holds = host.worker.holdings();
            ledger.check(holds.is_empty(), || format!("at the end {} holds {holds:?}", host.index));
        }
        for (pool, toys) in self.servers.iter().enumerate() {
            for (number, &toy) in toys.iter().enumerate() {
                let gone = !self.control.is_in_use(pool, number);
                let ends = self.toys[toy].ends();
                ledger.check(!gone || ends.is_empty(), || {
                    format!("server {toy} left the topology and still has {ends:?}")
                });
                let (topics, waiters) = (self.toys[toy].topics(), self.toys[toy].waiters());
                ledger.check(topics.is_empty() && waiters.is_empty(), || {
                    format!("server {toy} is asked for {topics:?} and {waiters:?} by nobody")
                });
                let busy = self.toys[toy].busy_ends();
                ledger.check(busy.is_empty(), || {
                    format!("server {toy} is in a transaction or watches keys for nobody: {busy:?}")
                });
            }
        }
        self.check_groups();
        self.check_counters();
    }

    /// Counters have the number of increments that were done. Those with an unknown outcome may be in it.
    fn check_counters(&mut self) {
        for ((pool, key), counter) in std::mem::take(&mut self.ledger.blocks.counters) {
            if self.ledger.uncertain.contains(&pool) {
                continue;
            }
            let counts = self.servers[pool].iter().map(|&toy| self.toys[toy].count(&key));
            let count = counts.max().unwrap_or(0);
            let most = counter.asked - counter.given_up;
            self.ledger.check((counter.done..=most).contains(&count), || {
                format!("{} is {count} after {counter:?}", key.escape_ascii())
            });
        }
    }
}

fn check_clients(ledger: &mut Ledger, clients: &[crate::client::Client], when: &str) {
    for client in clients {
        let excused = client.is_closed() || client.disturbed && !client.is_open();
        let never_reads = client.habits.reads == Reads::Never;
        ledger.check(excused || never_reads || client.owed() == 0, || {
            format!(
                "{when} client {} ({:?}) is still owed {:?}",
                client.id,
                client.habits,
                client.oldest()
            )
        });
    }
}
