//! What goes wrong, how it is mended, and the end of a run.

use crate::check::Ledger;
use crate::client::{Leaves, Reads};
use crate::mood::{Mood, Trouble};
use crate::plan::Fault;
use crate::transport::{EndId, Owner};
use crate::world::{Event, World};
use nuthatch_engine::base::limits::CLIENT_STALL_MS;

/// Long enough for a client that reads.
const SETTLE_MS: u64 = 15_000;

/// Longer than a client may leave a full socket untouched. It has its time twice: at the drain the
/// network grows without a word, so the last try finds room, as it may in a kernel. The room is full
/// again at once, and a try after that finds none.
const DRAIN_MS: u64 = 2 * CLIENT_STALL_MS as u64 + SETTLE_MS;

impl World {
    pub(crate) fn fault(&mut self, fault: Fault) {
        if self.draining {
            return;
        }
        let now = self.now;
        self.ledger.trace.note(now, || format!("{fault:?}"));
        match fault {
            Fault::Kill { server, back_ms, data_lost, in_order } => {
                let toy = &mut self.toys[server];
                toy.mood = Mood::Dead;
                for end in toy.ends() {
                    toy.hang_up(end, &mut self.net, now, !in_order);
                }
                if data_lost {
                    toy.lose_data();
                    self.unsettle(server);
                }
                self.after_ms(back_ms, Event::Recover(server));
            }
            Fault::Stop { server, back_ms } => {
                self.toys[server].mood = Mood::Stopped;
                self.after_ms(back_ms, Event::Recover(server));
            }
            Fault::Silence { server, back_ms } => {
                self.toys[server].mood = Mood::Silent;
                self.after_ms(back_ms, Event::Recover(server));
            }
            Fault::Curtness { server, back_ms } => {
                self.toys[server].mood = Mood::Curt;
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
            Fault::Babble { server } => {
                if let Some(end) = self.any(&self.toys[server].ends()) {
                    self.toys[server].babble(end, &mut self.net, now);
                }
            }
            Fault::CloseIdle { server } => {
                for end in self.toys[server].idle_ends() {
                    self.toys[server].hang_up(end, &mut self.net, now, false);
                }
            }
            Fault::CloseAny { server } => {
                if let Some(end) = self.any(&self.toys[server].ends()) {
                    self.toys[server].hang_up(end, &mut self.net, now, false);
                }
            }
            Fault::CutUpstream => {
                if let Some(end) = self.any_upstream() {
                    self.net.cut(end, now);
                }
            }
            Fault::CutClient => {
                if let Some(end) = self.any_client() {
                    self.net.cut(end, now);
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
            Fault::Move { pool, shard } => {
                let shards = self.plan.pools[pool].shards.len();
                // Its own spare or the one it has in the file; never another shard's.
                if shard < self.plan.spares {
                    let (home, spare) = (shard, shards + shard);
                    let to = if self.control.is_in_use(pool, home) { spare } else { home };
                    self.ledger.unsettled.insert(pool);
                    self.control.handle_move(pool, shard, to, now);
                    self.run_errands();
                }
            }
        }
    }

    fn any(&mut self, ends: &[EndId]) -> Option<EndId> {
        if ends.is_empty() { None } else { Some(ends[self.dice.index(ends.len())]) }
    }

    fn any_upstream(&mut self) -> Option<EndId> {
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

    fn unsettle(&mut self, toy: usize) {
        let pool = self.servers.iter().position(|toys| toys.contains(&toy));
        self.ledger.unsettled.extend(pool);
    }

    /// A server is well again.
    pub(crate) fn recover(&mut self, server: usize) {
        let toy = &mut self.toys[server];
        self.ledger.trace.note(self.now, || format!("server {server} recovers"));
        toy.mood = Mood::Well;
        toy.trouble = Trouble::default();
        toy.service_us = 300;
        for end in toy.ends() {
            self.net.wake(self.now, end);
        }
    }

    /// Faults are over, and what is owed will be paid.
    pub(crate) fn drain(&mut self) {
        self.draining = true;
        self.net.be_fair();
        for server in 0..self.toys.len() {
            self.recover(server);
        }
        for client in &mut self.clients {
            client.calm_down();
            self.net.wake(self.now, client.end);
        }
        self.after_ms(SETTLE_MS, Event::Settled);
        self.after_ms(DRAIN_MS, Event::LastRound);
    }

    /// Nobody waits for a deadline that has nothing to do with what it waits for.
    pub(crate) fn check_settled(&mut self) {
        check_clients(&mut self.ledger, &self.clients, "soon after the drain");
    }

    /// Those that stayed, and a new client at every worker and pool, are all answered well.
    pub(crate) fn last_round(&mut self) {
        self.check_drained();
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

    fn check_drained(&mut self) {
        let out = self.control.out();
        self.ledger.check(out.is_empty(), || format!("still out: {out:?}"));
        let ledger = &mut self.ledger;
        check_clients(ledger, &self.clients, "after the drain");
        for host in &self.hosts {
            let backlog = host.worker.backlog();
            ledger.check(backlog.is_empty(), || format!("not drained: {}", host.describe()));
        }
    }

    /// All clients go.
    pub(crate) fn leave(&mut self) {
        check_clients(&mut self.ledger, &self.clients, "after the last round");
        for client in &mut self.clients {
            client.leave(&mut self.net, self.now);
        }
        self.after_ms(3_000, Event::Over);
    }

    /// Nobody is left, nothing is kept, and no server that left the topology has a connection.
    pub(crate) fn check_end(&mut self) {
        let ledger = &mut self.ledger;
        for host in &self.hosts {
            let (clients, backlog) = (host.worker.clients(), host.worker.backlog());
            ledger.check(clients == 0, || format!("{clients} clients at {}", host.index));
            ledger.check(backlog.is_empty(), || format!("at the end: {}", host.describe()));
        }
        for (pool, toys) in self.servers.iter().enumerate() {
            for (number, &toy) in toys.iter().enumerate() {
                let gone = !self.control.is_in_use(pool, number);
                let ends = self.toys[toy].ends();
                ledger.check(!gone || ends.is_empty(), || {
                    format!("server {toy} left the topology and still has {ends:?}")
                });
            }
        }
    }
}

fn check_clients(ledger: &mut Ledger, clients: &[crate::client::Client], when: &str) {
    for client in clients {
        let excused = client.is_closed() || client.disturbed && !client.is_open();
        let deaf = client.habits.reads == Reads::Never;
        ledger.check(excused || deaf || client.owed() == 0, || {
            format!(
                "{when} client {} ({:?}) is still owed {:?}",
                client.id,
                client.habits,
                client.oldest()
            )
        });
    }
}
