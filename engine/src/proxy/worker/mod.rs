//! A worker: its clients, its upstreams, and what happens to them.
//!
//! One turn of the loop: any number of `handle_*`, then [`Worker::end_turn`], then the flush, then
//! the actions, until there is neither. Nothing is written before the flush, so a turn costs each connection one write
//! however many requests or replies it carried.

mod drain;
mod flow;
mod follow;
mod gather;
mod intake;
pub mod invariants;
mod replies_in;

use crate::base::limits::{
    CLIENT_GLUT_BYTES, CLIENT_GLUT_STALL_MS, CLIENT_HOARD_BYTES, CLIENT_HOARD_STALL_MS, LINGER_MS,
    STREAM_SHARED_STALL_MS,
};
use crate::base::slab::{Key, Slab};
use crate::base::{Epoch, PoolId, ServerId, Time, WorkerId};
use crate::protocol::resp::Version;
use crate::proxy::link::action::{Action, ConnId, Identity, Note, Reading};
use crate::proxy::link::bounds::StreamBounds;
use crate::proxy::link::cause::Cause;
use crate::proxy::link::client::{Client, ClientState};
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::pool::Pool;
use crate::proxy::measure::counters::Counters;
use crate::topology::{PoolSpec, ShardState, Snapshot};
use std::net::SocketAddr;
use std::sync::Arc;

/// See the module's head.
pub struct Worker {
    pub(in crate::proxy) pools: Vec<Pool>,
    pub(in crate::proxy) clients: Slab<Client>,
    pub(in crate::proxy) upstreams: Vec<Upstream>,
    pub(in crate::proxy) turn: Turn,
    /// The time is known, and whom to preconnect has been seen to.
    begun: bool,
    /// The end has begun: nobody new, and nothing new of those who are here.
    pub(in crate::proxy) draining: bool,
}

impl Worker {
    /// A worker for these pools, in the order of the snapshot's. `seed` feeds jitter and the
    /// `random` distribution.
    pub fn new(id: WorkerId, seed: u64, specs: &[Arc<PoolSpec>], snapshot: &Snapshot) -> Worker {
        assert_eq!(specs.len(), snapshot.pools.len(), "one topology a pool");
        let turn = Turn::new(id, snapshot.epoch, seed, specs.len());
        let pools = specs
            .iter()
            .zip(&snapshot.pools)
            .enumerate()
            .map(|(at, (spec, topology))| {
                Pool::new(PoolId(at as u16), Arc::clone(spec), Arc::clone(topology))
            })
            .collect();
        let upstreams = Vec::new();
        let clients = Slab::default();
        Worker { pools, clients, upstreams, turn, begun: false, draining: false }
    }

    /// For simulation and stories, which have no megabytes to spare.
    pub fn set_stream_bounds(&mut self, bounds: StreamBounds) {
        self.turn.stream_bounds = bounds;
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
        if !self.begun {
            self.begun = true;
            for pool in self.pools.iter_mut().filter(|pool| pool.spec.preconnect) {
                pool.preconnect(&mut self.upstreams, &mut self.turn);
            }
        }
    }

    // ---- clients -------------------------------------------------------------------------

    /// A client was accepted. `id` is unique in the process.
    pub fn handle_accept(&mut self, pool: PoolId, id: u64, peer: Option<SocketAddr>) -> ConnId {
        self.turn.has_newcomer = true;
        let room = &mut self.pools[pool.index()];
        let mut client = Client::new((pool, room.spec.protocol), id, peer, self.turn.now);
        client.lane = room.lane(Version::Resp2);
        client.authenticated = room.spec.redis_auth.is_none();
        let key = self.clients.insert(client);
        if let Some(client) = self.clients.get_mut(key) {
            client.key = key;
            if self.draining {
                client.finish(&mut self.turn, false);
            }
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
                client.eof = true;
                match client.state {
                    // The end of a request that was on its way: what was sent of it is void.
                    ClientState::Open if client.upload.is_some() => self.close_client(key),
                    // What it has sent is still answered.
                    ClientState::Open if client.paused => {}
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
                    client.errs = true;
                    self.forget_client(key);
                }
            }
            ConnId::Upstream(key) => self.upstream_down(key, cause, false),
        }
    }

    pub(in crate::proxy) fn close_client(&mut self, key: Key) {
        if self.clients.get(key).is_some() {
            self.turn.actions.push_back(Action::Close { conn: ConnId::Client(key) });
            self.forget_client(key);
        }
    }

    /// What it had in flight finds nobody and is dropped.
    fn forget_client(&mut self, key: Key) {
        if let Some(mut client) = self.clients.remove(key) {
            client.out.clear(&mut self.turn.buffers);
            if let Some(upload) = client.upload.take() {
                self.abandon_upload(key, &upload);
            }
            if let Some(upstream) = client.stream_from {
                self.unpause_stream(upstream, true);
            }
            let counters = &mut self.turn.counters[client.pool.index()];
            counters.client_connections -= 1;
            if client.errs {
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
            client.clear_resuming();
            if !client.paused || !client.has_room() {
                continue;
            }
            client.paused = false;
            if self.client_bytes(key, &[]) == Reading::Go
                && let Some(client) = self.clients.get_mut(key)
                && client.state == ClientState::Open
                && !client.eof
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
            if let Some(upstream) = self.upstream_mut(conn) {
                upstream.clear_dirty();
                if !upstream.pending().is_empty() {
                    return Some(conn);
                }
            }
        }
        while let Some(key) = self.turn.dirty_clients.pop_front() {
            if let Some(client) = self.clients.get_mut(key) {
                client.clear_dirty();
                if !client.out.is_empty() {
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
            ConnId::Client(key) => self.clients.get(key).map_or(&[], |c| c.out.pending()),
            ConnId::Upstream(key) => match self.upstreams.get(key.index as usize) {
                Some(upstream) if upstream.key == key => upstream.pending(),
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
                client.out.consume(written, &mut self.turn.buffers);
                if client.out.is_empty() {
                    client.full_since = None;
                    client.tried_again = false;
                    client.release_slots(&mut self.turn);
                    client.maybe_resume(&mut self.turn);
                    if client.state != ClientState::Open {
                        self.maybe_close(key);
                    }
                } else if written > 0 || client.full_since.is_none() {
                    client.out.trim();
                    client.full_since = Some(self.turn.now);
                    client.tried_again = false;
                    let stall_ms = u64::from(self.pools[client.pool.index()].spec.client_stall_ms);
                    let at = self.turn.now.plus_ms(stall_ms.min(CLIENT_HOARD_STALL_MS));
                    client.watch(&mut self.turn, at);
                    client.maybe_resume(&mut self.turn);
                }
                self.resume_stream(key);
            }
            ConnId::Upstream(_) => {
                let Worker { upstreams, turn, .. } = self;
                if let ConnId::Upstream(key) = conn
                    && let Some(upstream) = upstreams.get_mut(key.index as usize)
                    && upstream.key == key
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
        let ClientState::Finishing { linger } = client.state else {
            return;
        };
        if client.in_flight() > 0 || !client.out.is_empty() {
            return;
        }
        if linger && !client.eof {
            let until = self.turn.now.plus_ms(LINGER_MS);
            client.state = ClientState::Lingering { until };
            client.watch(&mut self.turn, until);
            self.turn.actions.push_back(Action::ShutdownWrite { conn: ConnId::Client(key) });
            // It may have been paused, and must be read to its end.
            self.turn.actions.push_back(Action::ResumeReading { conn: ConnId::Client(key) });
        } else {
            self.close_client(key);
        }
    }

    // ---- time and topology ---------------------------------------------------------------

    /// When [`Worker::handle_deadline`] wants to be called; it may be early.
    pub fn deadline(&self) -> Option<Time> {
        // The flush may have made room for a client; no event of its own will say so.
        if !self.turn.resumable.is_empty() {
            return Some(self.turn.now);
        }
        (self.turn.deadline != Time::NEVER).then_some(self.turn.deadline)
    }

    /// Whether [`Worker::handle_deadline`] will look at anything in this turn. Whatever has arrived by
    /// then must have been handled before, or it counts as late.
    pub fn is_deadline_due(&self) -> bool {
        self.turn.now >= self.turn.deadline
    }

    /// Looks at everything that has a deadline. Cheap: once a timeout period, not once a request.
    pub fn handle_deadline(&mut self) {
        if !self.is_deadline_due() {
            return;
        }
        self.turn.deadline = Time::NEVER;
        for at in 0..self.upstreams.len() {
            self.upstream_deadline(at);
        }
        for key in std::mem::take(&mut self.turn.watched) {
            self.client_deadline(key);
        }
    }

    fn client_deadline(&mut self, key: Key) {
        let now = self.turn.now;
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.watched = false;
        client.wait_deadline(&mut self.turn);
        if let ClientState::Lingering { until } = client.state {
            if until <= now {
                self.close_client(key);
            } else {
                client.watch(&mut self.turn, until);
            }
            return;
        }
        let Some(since) = client.full_since else {
            return;
        };
        let stall_ms = u64::from(self.pools[client.pool.index()].spec.client_stall_ms);
        let (patience, soon) = match client.unread_bytes() {
            n if n <= CLIENT_HOARD_BYTES => (stall_ms, CLIENT_HOARD_STALL_MS),
            n if n <= CLIENT_GLUT_BYTES => (CLIENT_HOARD_STALL_MS, CLIENT_GLUT_STALL_MS),
            _ => (CLIENT_GLUT_STALL_MS, CLIENT_GLUT_STALL_MS),
        };
        let holds_up = client.stream_from.is_some_and(|from| {
            let upstream = self.upstreams.get(from.index as usize);
            upstream.is_some_and(|up| up.key == from && up.is_waited_for_beside(key))
        });
        let (patience, soon) = if holds_up {
            (patience.min(STREAM_SHARED_STALL_MS), STREAM_SHARED_STALL_MS)
        } else {
            (patience, soon)
        };
        // Who hoards is never given more time than who does not.
        let until = since.plus_ms(patience.min(stall_ms));
        if until > now {
            client.tried_again = false;
            // Looked at often enough to see a hoard grow.
            let soon = now.plus_ms(soon);
            client.watch(&mut self.turn, until.min(soon));
            return;
        }
        let conn = ConnId::Client(key);
        // Linux tells that a socket has room when a third of it is free and half of what it may hold
        // unsent has left. One who reads slowly may have taken a megabyte since, and is not one who
        // takes nothing. It is tried once, and not where memory is short.
        let is_glut = client.unread_bytes() > CLIENT_GLUT_BYTES;
        if !is_glut && !std::mem::replace(&mut client.tried_again, true) {
            self.turn.actions.push_back(Action::TryWriting { conn });
            client.watch(&mut self.turn, now);
            return;
        }
        let (pool, peer) = (client.pool, client.peer);
        let unread_bytes = client.unread_bytes();
        let note = Note::ClientStalled { pool, conn, peer, unread_bytes };
        client.errs = true;
        self.turn.actions.push_back(Action::Note(note));
        self.turn.counters[pool.index()].clients_stalled += 1;
        self.close_client(key);
    }

    /// Follows a newer topology, between two events.
    pub fn handle_snapshot(&mut self, snapshot: &Snapshot) {
        if snapshot.epoch <= self.turn.epoch {
            return;
        }
        self.turn.epoch = snapshot.epoch;
        let mut learned = Vec::new();
        for (pool, topology) in self.pools.iter_mut().zip(&snapshot.pools) {
            if Arc::ptr_eq(&pool.topology, topology) {
                continue;
            }
            if pool.topology.common != topology.common {
                learned.push((pool.id, pool.topology.common, topology.common));
            }
            let before = std::mem::replace(&mut pool.topology, Arc::clone(topology));
            pool.grow();
            for upstream in self.upstreams.iter_mut().filter(|up| up.pool == pool.id) {
                upstream.retired = topology.server(upstream.server).is_none();
                let state = |shards: &[crate::topology::Shard]| {
                    shards.iter().find(|s| s.primary == upstream.server).map(|s| s.state)
                };
                let now = state(&topology.shards);
                if now == Some(ShardState::Live) && now != state(&before.shards) {
                    upstream.forgive(self.turn.now);
                }
            }
        }
        for at in 0..self.upstreams.len() {
            self.maybe_retire(at);
        }
        for (pool, before, now) in learned {
            self.handle_common(pool, before, now);
        }
    }

    /// Keeps no buffers for later.
    pub fn shed(&mut self) {
        self.turn.buffers.shed();
        self.turn.spare_slots = Vec::new();
    }

    /// Reports the next reply that any upstream of this server gets, one to come included.
    pub fn handle_watch(&mut self, pool: PoolId, server: ServerId) {
        let watched = &mut self.pools[pool.index()].watched;
        if !watched.contains(&server) {
            watched.push(server);
        }
        for upstream in &mut self.upstreams {
            if upstream.pool == pool && upstream.server == server {
                upstream.watched = true;
            }
        }
    }
}
