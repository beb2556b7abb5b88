//! What workers promise to each other and to servers: mail in order, epochs in time, few connections.

use crate::check::Outage;
use crate::control::MAIL_MS_MAX;
use crate::transport::{EndId, Owner};
use crate::world::{Event, World};
use nuthatch_engine::base::{Time, WorkerId};
use nuthatch_engine::proxy::{FlowBounds, Message, Order, Workers};
use nuthatch_engine::topology::Eject;

impl World {
    /// Mails a message of a worker. Messages from one worker to another arrive in order.
    pub(crate) fn send(&mut self, worker: usize, to: Workers, message: &Message) {
        for at in 0..self.hosts.len() {
            if !to.has(WorkerId(at as u16), WorkerId(worker as u16)) {
                continue;
            }
            let time = Time(self.now.0 + self.dice.range(0, 500_000));
            let last = self.mail.entry((worker, at)).or_insert(Time::ZERO);
            *last = time.max(Time(last.0 + 1));
            let time = *last;
            self.at(time, Event::Order(at, Order::Read(message.clone())));
        }
    }

    /// A worker must not reconnect in a tight loop to a server that closes every connection.
    pub(crate) fn check_connect_rate(&mut self, worker: usize, toy: usize) {
        let pool = self.servers.iter().position(|toys| toys.contains(&toy)).unwrap_or(0);
        let spec = &self.plan.pools[pool];
        // With ejection, each readmission ends the pause between attempts.
        if spec.eject != Eject::Off {
            return;
        }
        // Flowing requests and replies have connections of their own. Some of those are not kept.
        let flows = self.plan.stream.bytes_min < FlowBounds::default().bytes_min;
        // There are three lanes, and connections that wait for clients. A lane with requests that may wait
        // for another primary tries again soon.
        let lanes = if spec.failover.is_some() { 8 } else { 3 };
        let most = 20 * lanes * usize::from(spec.server_connections) * if flows { 4 } else { 1 };
        let (second, made) = self.connects.entry((worker, toy)).or_default();
        if *second != self.now.as_ms() / 1_000 {
            (*second, *made) = (self.now.as_ms() / 1_000, 0);
        }
        *made += 1;
        let made = *made;
        self.ledger.check(made <= most, || {
            format!("worker {worker} made {made} connections to server {toy} in a second")
        });
    }

    /// A connection that listened or waited for a client that has ended this does not count: the next client that
    /// listens may have another.
    pub(crate) fn note_closed(&mut self, worker: usize, end: EndId) {
        let Owner::Server(toy) = self.net.owner(end.peer()) else { return };
        if self.toys[toy].ends_with_state().contains(&end.peer())
            && let Some((_, made)) = self.connects.get_mut(&(worker, toy))
        {
            *made = made.saturating_sub(1);
        }
    }

    /// All workers follow the current epoch in time and acknowledge it. From then on a shard that is
    /// out in it gets no request.
    pub(crate) fn check_epochs(&mut self) {
        let epoch = self.control.current.epoch;
        let (followed, late_from) =
            (self.control.followed(), self.control.published_at.plus_ms(MAIL_MS_MAX + 1));
        let behind = self.hosts.iter().find(|host| host.worker.epoch() != epoch);
        if let Some(host) = behind {
            let (index, late) = (host.index, self.now > late_from);
            self.ledger.check(!late, || format!("worker {index} is behind epoch {epoch:?}"));
            self.ledger.check(followed < epoch, || format!("{index} did not follow {followed:?}"));
            return;
        }
        self.ledger.check(followed == epoch, || {
            format!("all workers follow {epoch:?}, and have acknowledged {followed:?}")
        });
        for (shard, toy) in self.control.out() {
            let server = self.servers[shard.0][toy];
            let since = self.now;
            self.ledger.out.entry(shard).or_insert(Outage { since, server });
        }
    }
}
