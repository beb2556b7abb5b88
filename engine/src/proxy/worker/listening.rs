//! Pub/sub from the worker's side: lost connections of hubs, slow subscribers, clients that leave.

use super::Worker;
use crate::base::slab::Key;
use crate::proxy::carry::Exchange;
use crate::proxy::link::action::{Action, ConnId, Note};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::client::Client;
use crate::proxy::pubsub::hub::Ground;
use crate::proxy::pubsub::{messages, requests};

impl Worker {
    /// A hub's connection has brought something, or is lost: then it is connected again as soon as it may be.
    #[cold]
    pub(super) fn settle_hub(&mut self, at: usize) {
        let Worker { pools, upstreams, turn, clients, .. } = self;
        let upstream = &upstreams[at];
        let pool = &mut pools[upstream.pool().index()];
        if upstream.is_connected() {
            let slow = std::mem::take(&mut pool.hub.slow);
            if !pool.hub.refused.is_empty() {
                Ground { pool, upstreams, turn }.end_refused();
            }
            return self.close_slow_subscribers(slow);
        }
        messages::lose(pool, clients, turn, upstream.server());
        self.turn.wake_at(self.upstreams[at].failures.retry_at());
    }

    /// Connects a hub's connection again, if it may. Gives one up whose server owes a confirmation for too long.
    pub(super) fn hub_deadline(&mut self, at: usize) {
        let Worker { pools, upstreams, turn, .. } = self;
        let upstream = &upstreams[at];
        let (pool, server) = (&mut pools[upstream.pool().index()], upstream.server());
        if !upstream.is_connected() {
            if upstream.failures.may_connect(turn.now) {
                Ground { pool, upstreams, turn }.reopen(server);
            }
            return;
        }
        let oldest = pool.hub.links.get(&server).and_then(|link| link.owed.front());
        let until =
            oldest.zip(pool.spec.timeout_ms).map(|(owed, ms)| owed.since.plus_ms(ms.into()));
        match until {
            Some(until) if until <= turn.now => {
                let key = upstream.key();
                self.upstream_down(key, &Cause::TimedOut, true);
            }
            Some(until) => turn.wake_at(until),
            None => {}
        }
    }

    fn close_slow_subscribers(&mut self, slow: Vec<Key>) {
        for key in slow {
            let Some(client) = self.clients.get_mut(key) else {
                continue;
            };
            let (pool, conn, peer) = (client.pool(), ConnId::Client(key), client.origin().peer);
            let unread_bytes = client.unread_bytes();
            client.leave_by_error();
            let note = Note::ClientStalled { pool, conn, peer, unread_bytes };
            self.turn.actions.push_back(Action::Note(note));
            self.turn.counters[pool.index()].subscribers_slow += 1;
            self.close_client(key);
        }
    }

    /// A client is gone that listened.
    pub(super) fn end_listening(&mut self, client: &mut Client) {
        let Worker { pools, upstreams, turn, .. } = self;
        let pool = &mut pools[client.pool().index()];
        requests::end_all(&mut Exchange { client, pool, upstreams, turn });
    }
}
