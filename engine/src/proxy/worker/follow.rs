//! Orders of control: a newer snapshot, and what it says about servers.

use super::Worker;
use crate::base::{PoolId, ServerId};
use crate::protocol::resp::Version;
use crate::proxy::link::action::{Action, Note, Order};
use crate::proxy::link::upstream::duty::Duty;
use crate::proxy::pubsub::hub::Ground;
use crate::proxy::pubsub::messages;
use crate::topology::{Common, ShardState, Snapshot};
use std::sync::Arc;

impl Worker {
    /// Carries out an order of control.
    pub fn handle_order(&mut self, order: &Order) {
        self.check_phase();
        match order {
            Order::Read(message) => self.read(message),
            Order::Follow(snapshot) => self.follow(snapshot),
            Order::Watch { pool, server } => self.watch(*pool, *server),
            Order::CaughtUp { pool, at } => {
                if let Some(pool) = self.pools.get_mut(pool.index()) {
                    pool.caught_up_at = *at;
                }
            }
            Order::ShutDown => self.shut_down(),
            Order::TrimMemory => self.turn.trim_memory(),
        }
    }

    /// Follows a newer topology, between two events.
    fn follow(&mut self, snapshot: &Snapshot) {
        if snapshot.epoch <= self.turn.epoch {
            return;
        }
        self.turn.epoch = snapshot.epoch;
        let (mut learned, mut changed) = (Vec::new(), Vec::new());
        // A pool that is no longer in the snapshot is left as it is: its clients go on with the
        // topology that it had last.
        for (id, topology) in snapshot.pools() {
            let Some(pool) = self.pools.get_mut(id.index()) else {
                self.add_pool(id, topology);
                continue;
            };
            if Arc::ptr_eq(&pool.topology, topology) {
                continue;
            }
            let before = pool.follow(topology);
            changed.push(id);
            if before.common != topology.common {
                learned.push((pool.id, before.common, topology.common));
            }
            if topology.spec.failover.is_some() {
                self.follow_primaries(id, &before);
                self.leave_bad_replicas(id);
            }
            let pool = &self.pools[id.index()];
            for upstream in self.upstreams.iter_mut().filter(|up| up.pool() == pool.id) {
                let server = upstream.server();
                let reads = pool.lane_key(upstream.lane()).read_only;
                let is_there = topology.server(server).is_some() && topology.serves(server, reads);
                if !upstream.is_leaving() {
                    upstream.follow(is_there);
                }
                if !is_there && matches!(upstream.duty(), Duty::Spare { .. }) {
                    upstream.close(&mut self.turn);
                }
                let now = topology.state_of(server);
                if now == Some(ShardState::Live) && now != before.state_of(server) {
                    upstream.failures.forgive(self.turn.now);
                }
            }
        }
        for id in changed {
            let Worker { pools, upstreams, turn, .. } = self;
            let confirmed = Ground { pool: &mut pools[id.index()], upstreams, turn }.follow();
            messages::confirm_all(&mut self.clients, &mut self.turn, &confirmed);
        }
        for at in 0..self.upstreams.len() {
            self.settle_upstream(at);
        }
        for (pool, before, now) in learned {
            self.handle_common(pool, before, now);
        }
        self.turn.actions.push_back(Action::Follow { epoch: snapshot.epoch });
    }

    /// Reports the next reply that any upstream of this server gets, one to come included.
    fn watch(&mut self, pool: PoolId, server: ServerId) {
        self.pools[pool.index()].watch(server);
        for upstream in &mut self.upstreams {
            if upstream.pool() == pool && upstream.server() == server {
                upstream.failures.watch();
            }
        }
    }

    /// What is known of a pool's servers has changed.
    fn handle_common(&mut self, pool: PoolId, before: Common, now: Common) {
        let Worker { clients, turn, .. } = self;
        if now.settled && !before.settled {
            for client in clients.values_mut().filter(|client| client.pool() == pool) {
                client.end_wait(turn, true);
            }
        }
        if now.resp3 != Some(false) || before.resp3 == Some(false) {
            return;
        }
        let mut uploading = Vec::new();
        for client in clients.values_mut().filter(|client| client.pool() == pool) {
            if client.settings.version != Version::Resp3 || !client.is_open() {
                continue;
            }
            let (peer, why) = (client.origin().peer, "a server of its pool speaks no RESP3");
            let note = Note::ClientRefused { pool, peer, why, command: None };
            turn.actions.push_back(Action::Note(note));
            // The rest of its request would never be read.
            if client.upload().is_some() {
                uploading.push(client.key());
            } else {
                client.finish(turn, true);
            }
        }
        for key in uploading {
            self.close_client(key);
        }
    }
}
