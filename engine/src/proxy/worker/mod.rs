//! A worker: its clients, its upstreams, and what happens to them.
//!
//! One turn of the loop: any number of `handle_*`, then [`Worker::end_turn`], then the flush, then
//! the actions, until there is neither. Nothing is written before the flush, so a turn costs each connection one write
//! however many requests or replies it carried.

mod count;
mod deadlines;
mod dispatch;
mod down;
mod drain;
mod flow;
mod follow;
mod gather;
mod intake;
pub mod invariants;
mod refusals;
mod replies_in;

use crate::base::limits::{CLIENT_HOARD_STALL_MS, LINGER_MS};
use crate::base::slab::{Key, Slab};
use crate::base::{Epoch, PoolId, Time, WorkerId};
use crate::protocol::resp::Version;
use crate::proxy::link::action::{Action, ConnId, Identity, Reading};
use crate::proxy::link::bounds::FlowBounds;
use crate::proxy::link::cause::Cause;
use crate::proxy::link::client::settings::Settings;
use crate::proxy::link::client::{Client, ClientState, Origin};
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::pool::Pool;
use crate::proxy::measure::counters::Counters;
use crate::topology::{PoolTopology, Snapshot};
use std::net::SocketAddr;
use std::sync::Arc;

/// See the module's head.
pub struct Worker {
    /// Indexed by [`PoolId`].
    pools: Vec<Pool>,
    clients: Slab<Client>,
    upstreams: Vec<Upstream>,
    turn: Turn,
    /// The first turn has begun, and preconnected what is to be.
    has_begun: bool,
    /// No new client is taken, and no new request.
    shutting_down: bool,
}

impl Worker {
    /// A worker for the snapshot's pools. `seed` feeds jitter and the `random` distribution.
    pub fn new(id: WorkerId, seed: u64, snapshot: &Snapshot) -> Worker {
        let (pools, upstreams, clients) = (Vec::new(), Vec::new(), Slab::default());
        let turn = Turn::new(id, snapshot.epoch, seed);
        let mut worker =
            Worker { pools, clients, upstreams, turn, has_begun: false, shutting_down: false };
        for (id, topology) in snapshot.pools() {
            worker.add_pool(id, topology);
        }
        worker
    }

    /// Ids are indices here, since each request looks its pool up. They are dense: the director gives
    /// them out one after the other, and a pool stays in the snapshots until every worker has
    /// followed one that has it.
    fn add_pool(&mut self, id: PoolId, topology: &Arc<PoolTopology>) {
        assert_eq!(id.index(), self.pools.len(), "pools come in the order of their ids");
        self.turn.counters.push(Counters::default());
        let mut pool = Pool::new(id, Arc::clone(topology));
        if self.has_begun && pool.spec.preconnect {
            pool.preconnect(&mut self.upstreams, &mut self.turn);
        }
        self.pools.push(pool);
    }

    /// For simulation and stories, which have no megabytes to spare.
    pub fn set_flow_bounds(&mut self, bounds: FlowBounds) {
        self.turn.flow_bounds = bounds;
    }

    /// For INFO; without it the process stays unnamed.
    pub fn set_identity(&mut self, identity: Arc<Identity>) {
        self.turn.identity = identity;
    }

    pub fn id(&self) -> WorkerId {
        self.turn.worker
    }

    pub fn epoch(&self) -> Epoch {
        self.turn.epoch
    }

    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// Counters of a pool; `client_connections` is a gauge.
    pub fn counters(&self, pool: PoolId) -> Counters {
        self.turn.counters[pool.index()]
    }

    /// Once at the beginning of each turn; all that is handled in it happens at `now`.
    pub fn begin_turn(&mut self, now: Time) {
        debug_assert!(now >= self.turn.now, "time never goes back");
        self.turn.now = now;
        if self.held_until().is_some() {
            self.turn.dirty_upstreams.extend(self.turn.held_upstreams.drain(..));
            self.turn.dirty_clients.extend(self.turn.held_clients.drain(..));
        }
        self.turn.held_until = Time::NEVER;
        self.turn.has_newcomer = false;
        if !self.has_begun {
            self.has_begun = true;
            for pool in self.pools.iter_mut().filter(|pool| pool.spec.preconnect) {
                pool.preconnect(&mut self.upstreams, &mut self.turn);
            }
        }
    }

    // ---- clients -------------------------------------------------------------------------

    /// A client was accepted. `id` is unique in the process.
    pub fn handle_accept(&mut self, pool: PoolId, id: u64, peer: Option<SocketAddr>) -> ConnId {
        self.turn.has_newcomer = true;
        let of_pool = &mut self.pools[pool.index()];
        let (protocol, since) = (of_pool.spec.protocol, self.turn.now);
        let lane = of_pool.lane(Version::Resp2);
        let is_open = of_pool.spec.redis_auth.is_none();
        let key = self.clients.insert_with(|key| {
            let origin = Origin { key, pool, protocol, id, peer, since };
            Client::new(origin, Settings::new(lane, is_open))
        });
        if let Some(client) = self.clients.get_mut(key).filter(|_| self.shutting_down) {
            client.finish(&mut self.turn, false);
        }
        self.turn.counters[pool.index()].client_connections += 1;
        ConnId::Client(key)
    }

    /// Bytes were read from a connection.
    #[inline]
    pub fn handle_bytes(&mut self, conn: ConnId, bytes: &[u8]) -> Reading {
        match conn {
            ConnId::Client(key) => self.client_bytes(key, bytes),
            ConnId::Upstream(key) => self.upstream_bytes(key, bytes),
        }
    }

    /// The peer will send no more (FIN).
    pub fn handle_eof(&mut self, conn: ConnId) {
        match conn {
            ConnId::Client(key) => {
                let Some(client) = self.clients.get_mut(key) else {
                    return;
                };
                client.handle_eof();
                match client.state() {
                    // The end of a request that was on its way: what was sent of it is void.
                    ClientState::Open if client.upload().is_some() => self.close_client(key),
                    // What it has sent is still answered.
                    ClientState::Open if client.is_stopped() => {}
                    ClientState::Open => client.finish(&mut self.turn, false),
                    ClientState::Finishing { .. } => client.mark_dirty(&mut self.turn),
                    ClientState::Lingering { .. } => self.close_client(key),
                }
            }
            ConnId::Upstream(key) => self.upstream_down(key, &Cause::Eof, false),
        }
    }

    /// The connection is gone, or could not be made.
    pub fn handle_closed(&mut self, conn: ConnId, cause: &Cause) {
        match conn {
            ConnId::Client(key) => {
                if let Some(client) = self.clients.get_mut(key) {
                    client.leave_by_error();
                    self.forget_client(key);
                }
            }
            ConnId::Upstream(key) => self.upstream_down(key, cause, false),
        }
    }

    pub(super) fn close_client(&mut self, key: Key) {
        if self.clients.get(key).is_some() {
            self.turn.actions.push_back(Action::Close { conn: ConnId::Client(key) });
            self.forget_client(key);
        }
    }

    /// What it had in flight finds nobody and is dropped.
    fn forget_client(&mut self, key: Key) {
        if let Some(mut client) = self.clients.remove(key) {
            if let Some(upload) = client.take_down(&mut self.turn) {
                self.abandon_upload(key, &upload);
            }
            if let Some(upstream) = client.download_from() {
                self.resume_download_of(upstream, true);
            }
            let counters = &mut self.turn.counters[client.pool().index()];
            counters.client_connections -= 1;
            if client.leaves_by_error() {
                counters.client_err += 1;
            } else {
                counters.client_eof += 1;
            }
        }
    }

    // ---- the turn ------------------------------------------------------------------------

    /// Goes on with clients that have room again. Call once, after all `handle_*` of a turn.
    pub fn end_turn(&mut self) {
        while let Some(key) = self.turn.resumable.pop() {
            let Some(client) = self.clients.get_mut(key) else {
                continue;
            };
            if !client.resume() {
                continue;
            }
            if self.client_bytes(key, &[]) == Reading::Go
                && let Some(client) = self.clients.get_mut(key)
                && client.is_open()
                && !client.is_at_end()
            {
                let action = client.resume_action();
                self.turn.actions.push_back(action);
            }
        }
    }

    pub fn poll_action(&mut self) -> Option<Action> {
        self.turn.actions.pop_front()
    }

    /// The next connection with something to write, upstreams before clients. Write its
    /// [`Worker::output`] and say how much went with [`Worker::handle_written`].
    pub fn poll_flush(&mut self) -> Option<ConnId> {
        while let Some(key) = self.turn.dirty_upstreams.pop_front() {
            let conn = ConnId::Upstream(key);
            if let Some(upstream) = self.upstream_mut(key) {
                upstream.clear_dirty();
                if !upstream.pending().is_empty() {
                    return Some(conn);
                }
            }
        }
        while let Some(key) = self.turn.dirty_clients.pop_front() {
            if let Some(client) = self.clients.get_mut(key) {
                client.clear_dirty();
                if !client.out().is_empty() {
                    return Some(ConnId::Client(key));
                }
                // All that it was owed was silence.
                client.release_slots(&mut self.turn);
                self.maybe_close(key);
            }
        }
        None
    }

    /// What a connection has to write; nothing if it is gone.
    #[inline]
    pub fn output(&self, conn: ConnId) -> &[u8] {
        match conn {
            ConnId::Client(key) => self.clients.get(key).map_or(&[], |c| c.out().pending()),
            ConnId::Upstream(key) => match self.upstreams.get(key.index as usize) {
                Some(upstream) if upstream.key() == key => upstream.pending(),
                _ => &[],
            },
        }
    }

    /// So many bytes of the output were taken. Fewer than all: the socket is full, or the rest has to
    /// wait for a later turn.
    #[inline]
    pub fn handle_written(&mut self, conn: ConnId, written: usize) {
        match conn {
            ConnId::Client(key) => {
                let Some(client) = self.clients.get_mut(key) else {
                    return;
                };
                let stall_ms = u64::from(self.pools[client.pool().index()].spec.client_stall_ms);
                client.handle_written(&mut self.turn, written, stall_ms.min(CLIENT_HOARD_STALL_MS));
                if !client.is_open() && client.out().is_empty() {
                    self.maybe_close(key);
                }
                self.resume_download(key);
            }
            ConnId::Upstream(key) => {
                let Worker { upstreams, turn, .. } = self;
                if let Some(upstream) = upstreams.get_mut(key.index as usize)
                    && upstream.key() == key
                {
                    upstream.handle_written(turn, written);
                    self.resume_upload(key.index as usize);
                }
            }
        }
    }

    /// Closes a client that has got everything it was owed and takes no further request.
    fn maybe_close(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let ClientState::Finishing { linger } = client.state() else {
            return;
        };
        if client.owed() > 0 || !client.out().is_empty() {
            return;
        }
        if linger && !client.is_at_end() {
            let until = self.turn.now.plus_ms(LINGER_MS);
            client.linger(&mut self.turn, until);
            self.turn.actions.push_back(Action::ShutdownWrite { conn: ConnId::Client(key) });
            // It may have been paused, and must be read to its end.
            self.turn.actions.push_back(Action::ResumeReading { conn: ConnId::Client(key) });
        } else {
            self.close_client(key);
        }
    }

    // ---- time and topology ---------------------------------------------------------------

    /// Whether [`Worker::handle_deadline`] will look at anything in this turn. What has arrived by then
    /// must have been handled before, or it counts as late.
    pub fn is_deadline_due(&self) -> bool {
        self.turn.now >= self.turn.deadline
    }

    /// When [`Worker::handle_deadline`] wants to be called; it may be early.
    pub fn deadline(&self) -> Option<Time> {
        // The flush may have made room for a client; no event of its own will say so.
        if !self.turn.resumable.is_empty() {
            return Some(self.turn.now);
        }
        (self.turn.deadline != Time::NEVER).then_some(self.turn.deadline)
    }

    /// Keeps no buffers for later.
    pub fn shed(&mut self) {
        self.turn.buffers.shed();
        self.turn.spare_slots = Vec::new();
    }
}
