//! Connections: accepted, read, ended.

use super::Worker;
use crate::base::PoolId;
use crate::base::limits::LINGER_MS;
use crate::base::slab::Key;
use crate::protocol::resp::Version;
use crate::proxy::link::action::{Action, ConnId, Reading};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::client::downloads::Due;
use crate::proxy::link::client::settings::Settings;
use crate::proxy::link::client::{Client, ClientState, Origin};
use std::net::SocketAddr;

impl Worker {
    /// A client was accepted. `id` is unique in the process.
    pub fn handle_accept(&mut self, pool: PoolId, id: u64, peer: Option<SocketAddr>) -> ConnId {
        self.check_phase();
        self.turn.has_newcomer = true;
        let of_pool = &mut self.pools[pool.index()];
        let (protocol, since) = (of_pool.spec.protocol, self.turn.now);
        let db = of_pool.first_db();
        let lane = of_pool.lane(Version::Resp2, db, false);
        let (is_open, reads) = (of_pool.spec.redis_auth.is_none(), of_pool.spec.reads());
        let key = self.clients.insert_with(|key| {
            let origin = Origin { key, pool, protocol, id, peer, since };
            Client::new(origin, Settings::new(db, lane, is_open, reads))
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
        self.check_phase();
        match conn {
            ConnId::Client(key) => self.client_bytes(key, bytes),
            ConnId::Upstream(key) => self.upstream_bytes(key, bytes),
        }
    }

    /// The peer will send no more (FIN).
    pub fn handle_eof(&mut self, conn: ConnId) {
        self.check_phase();
        match conn {
            ConnId::Client(key) => {
                let Some(client) = self.clients.get_mut(key) else {
                    return;
                };
                client.handle_eof();
                match client.state() {
                    // The end of a request that was on its way: what was sent of it is void.
                    ClientState::Open if client.upload().is_some() => self.close_client(key),
                    // As in Redis: nobody waits for it any more.
                    ClientState::Open if client.is_waiting() => self.close_client(key),
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

    /// The peer has closed, and what it has sent before is not read while its gate is closed. A command of it that
    /// waits would wait for nobody.
    pub fn handle_hangup(&mut self, conn: ConnId) {
        self.check_phase();
        if let ConnId::Client(key) = conn
            && self.clients.get(key).is_some_and(Client::is_waiting)
        {
            self.close_client(key);
        }
    }

    /// The connection is gone, or could not be made.
    pub fn handle_closed(&mut self, conn: ConnId, cause: &Cause) {
        self.check_phase();
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

    /// Replies to its requests in flight will find no client and be dropped.
    fn forget_client(&mut self, key: Key) {
        if let Some(mut client) = self.clients.remove(key) {
            if let Some(upload) = client.take_down(&mut self.turn) {
                self.abandon_upload(key, &upload);
            }
            if client.is_listening() {
                self.end_listening(&mut client);
            }
            if let Some(session) = client.session.take() {
                let pinned =
                    session.watch.and_then(|watch| watch.on).into_iter().chain(session.waits);
                for upstream in pinned {
                    self.abandon_pinned(key, upstream);
                }
            }
            for upstream in client.take_downloads() {
                self.resume_download_of(upstream, Due::Dropped);
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

    /// A client is gone that had this upstream alone: keys are watched on it, or a command waits.
    fn abandon_pinned(&mut self, client: Key, on: Key) {
        let Worker { upstreams, turn, .. } = self;
        let upstream = upstreams.get_mut(on.index as usize).filter(|up| up.key() == on);
        if let Some(upstream) = upstream
            && upstream.duty().pinned_by() == Some(client)
        {
            upstream.abandon(turn);
            self.settle_upstream(on.index as usize);
        }
    }

    /// Closes a finishing client, if it has got all its replies.
    pub(super) fn maybe_close(&mut self, key: Key) {
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
}
