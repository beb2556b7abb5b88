//! What flows is read to where it will be written from, without a copy between.
//!
//! Where a connection has much to read the loop asks before it reads ([`Worker::flow_target`]) whether
//! that is a part of something large that has begun to flow. If so it reads to the end of its
//! receiver's output. What trickles is copied as ever, and has no large buffer waiting for it. The
//! parser then walks the bytes where they lie; those behind the end of what flows, which are few and
//! seldom, are taken out again and handled as any others.

use crate::base::buffer::{BufferPool, Output};
use crate::base::limits::{POOLED_BUFFER_BYTES_MAX, READ_BYTES};
use crate::base::limits::{SPARE_IDLE_MS, SPARE_SOCKETS_MAX};
use crate::base::slab::Key;
use crate::proxy::carry::download;
use crate::proxy::carry::download::receiver;
use crate::proxy::carry::request::Path;
use crate::proxy::carry::upload::sender;
use crate::proxy::link::action::{Action, ConnId, Reading};
use crate::proxy::link::client::ClientState;
use crate::proxy::link::flow::Upload;
use crate::proxy::link::upstream::SocketState;
use crate::proxy::worker::Worker;

impl Worker {
    /// Where to read the next bytes of a connection to, behind what is there; `None`: to a buffer of
    /// the loop's own, for [`Worker::handle_bytes`]. There is room for a read, and
    /// [`Worker::handle_flowed`] must follow.
    #[inline]
    pub fn flow_target(&mut self, conn: ConnId) -> Option<&mut Vec<u8>> {
        let (out, buffers) = self.receiver(conn)?;
        let out = out.tail(buffers);
        if out.capacity() - out.len() < READ_BYTES {
            // To the size that is kept for the next one; beyond that in leaps, as ever, or an
            // output that grows would be moved for each read.
            match POOLED_BUFFER_BYTES_MAX.saturating_sub(out.len()) {
                room @ READ_BYTES.. => out.reserve_exact(room),
                _ => out.reserve(READ_BYTES),
            }
        }
        Some(out)
    }

    /// Whether what comes next from a connection is a part of something large, be it passed on or
    /// dropped.
    #[inline]
    pub fn flows(&self, conn: ConnId) -> bool {
        match conn {
            ConnId::Client(key) => {
                self.clients.get(key).is_some_and(|client| client.upload.is_some())
            }
            ConnId::Upstream(key) => {
                let upstream = self.upstreams.get(key.index as usize).filter(|up| up.key == key);
                upstream.is_some_and(|upstream| upstream.stream.is_some())
            }
        }
    }

    /// So many bytes were read there.
    pub fn handle_flowed(&mut self, conn: ConnId, len: usize) -> Reading {
        if len == 0 {
            // Whoever waits for a stalled peer shall not hold a buffer meanwhile.
            if let Some((out, buffers)) = self.receiver(conn) {
                out.release(buffers);
            }
            return Reading::Go;
        }
        match conn {
            ConnId::Client(key) => self.client_flowed(key, len),
            ConnId::Upstream(key) => self.upstream_flowed(key, len),
        }
    }

    /// The output that gets what is read from a connection, if that flows.
    #[inline]
    fn receiver(&mut self, conn: ConnId) -> Option<(&mut Output, &mut BufferPool)> {
        let Worker { clients, upstreams, turn, .. } = self;
        let out = match conn {
            ConnId::Client(key) => {
                let client = clients.get(key)?;
                let upload = client.upload.as_ref()?;
                if client.state != ClientState::Open || client.input.is_some() {
                    return None;
                }
                &mut sender(upload, key, upstreams)?.out
            }
            ConnId::Upstream(key) => {
                let upstream = upstreams.get(key.index as usize).filter(|up| up.key == key)?;
                let stream = upstream.stream.as_ref()?;
                if upstream.state != SocketState::Ready || upstream.input.is_some() {
                    return None;
                }
                &mut receiver(stream, clients)?.out
            }
        };
        Some((out, &mut turn.buffers))
    }

    fn client_flowed(&mut self, key: Key, len: usize) -> Reading {
        let Worker { clients, pools, upstreams, turn, .. } = self;
        let Some(client) = clients.get_mut(key) else {
            return Reading::Go;
        };
        let pool = &mut pools[client.pool.index()];
        let mut path = Path { client, pool, upstreams, turn };
        let rest = match path.flow_upload_in_place(len) {
            Ok(rest) => rest,
            Err(error) => {
                path.fail_upload(error);
                return Reading::Go;
            }
        };
        self.client_bytes(key, &rest)
    }

    fn upstream_flowed(&mut self, key: Key, len: usize) -> Reading {
        let Worker { clients, upstreams, turn, .. } = self;
        let upstream = &mut upstreams[key.index as usize];
        match download::flow_in_place(upstream, clients, turn, len) {
            Ok(rest) => self.upstream_bytes(key, &rest),
            Err(cause) => {
                self.upstream_down(key, &cause, true);
                Reading::Go
            }
        }
    }

    /// An upstream has sent what it had: its upload may go on.
    pub(in crate::proxy) fn resume_upload(&mut self, at: usize) {
        let upstream = &self.upstreams[at];
        if let Some(from) = upstream.upload_from
            && upstream.out.len() < self.turn.stream_bounds.resume_bytes
            && let Some(client) = self.clients.get_mut(from)
        {
            client.resume_upload(&mut self.turn);
        }
    }

    /// A client is gone that had not sent all of its request.
    pub(in crate::proxy) fn abandon_upload(&mut self, client: Key, upload: &Upload) {
        let Some(upstream) = sender(upload, client, &mut self.upstreams) else {
            return;
        };
        upstream.upload_from = None;
        if upstream.state != SocketState::Idle {
            let conn = ConnId::Upstream(upstream.key);
            self.turn.actions.push_back(Action::Close { conn });
            upstream.take_down(&mut self.turn, false);
        }
        self.lay_by(upload.at);
    }

    /// Whether an upstream may be read on.
    pub(in crate::proxy) fn reading_of(&self, key: Key) -> Reading {
        let upstream = self.upstreams.get(key.index as usize);
        let stream = upstream.filter(|up| up.key == key).and_then(|up| up.stream.as_ref());
        if stream.is_some_and(|stream| stream.paused) { Reading::Stop } else { Reading::Go }
    }

    /// A client has taken bytes: its stream may have room again.
    pub(in crate::proxy) fn resume_stream(&mut self, client: Key) {
        let Some(client) = self.clients.get_mut(client) else {
            return;
        };
        if let Some(key) = client.stream_from
            && client.out.len() < self.turn.stream_bounds.resume_bytes
        {
            self.unpause_stream(key, false);
        }
    }

    /// Reads an upstream on that was paused for a client; `discard` if that is gone.
    pub(in crate::proxy) fn unpause_stream(&mut self, key: Key, discard: bool) {
        let Some(upstream) = self.upstreams.get_mut(key.index as usize).filter(|up| up.key == key)
        else {
            return;
        };
        let Some(stream) = &mut upstream.stream else {
            return;
        };
        stream.discard |= discard;
        if std::mem::replace(&mut stream.paused, false) {
            stream.moved_at = self.turn.now;
            self.turn.actions.push_back(Action::ResumeReading { conn: ConnId::Upstream(key) });
        }
    }

    /// Lays a detached upstream by that owes nothing any more.
    pub(in crate::proxy) fn lay_by(&mut self, at: usize) {
        let Worker { upstreams, pools, turn, .. } = self;
        let upstream = &mut upstreams[at];
        if !upstream.detached || upstream.spare || !upstream.owes_nothing() {
            return;
        }
        let pool = &mut pools[upstream.pool.index()];
        let ready = pool.spares(upstream.lane, upstream.server).filter(|&spare| spare != at);
        let too_many = ready.count() >= SPARE_SOCKETS_MAX;
        if upstream.state != SocketState::Idle && (too_many || upstream.state != SocketState::Ready)
        {
            turn.actions.push_back(Action::Close { conn: upstream.conn() });
            upstream.take_down(turn, false);
        }
        upstream.spare = true;
        upstream.spare_until = turn.now.plus_ms(SPARE_IDLE_MS);
        turn.wake_at(upstream.spare_until);
        pool.spares.push((upstream.lane, upstream.server, at as u32));
    }
}
