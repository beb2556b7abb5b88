//! What flows is read to where it will be written from, without a copy between.
//!
//! Where a connection has much to read the loop asks before it reads ([`Worker::flow_target`]) whether
//! that is a part of something large that has begun to flow. If so it reads to the end of its
//! receiver's output. What trickles is copied as ever, and has no large buffer waiting for it. The
//! parser then walks the bytes where they lie; those behind the end of what flows, which are few and
//! seldom, are taken out again and handled as any others.

use crate::base::buffer::{BufferPool, Output};
use crate::base::limits::{POOLED_BUFFER_BYTES_MAX, READ_BYTES};
use crate::base::slab::Key;
use crate::proxy::carry::download;
use crate::proxy::carry::request::Path;
use crate::proxy::link::client;
use crate::proxy::link::upstream::State as UpstreamState;
use crate::proxy::worker::Worker;
use crate::proxy::{ConnId, Reading};

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
                if client.state != client::State::Open || client.input.is_some() {
                    return None;
                }
                &mut upload.taker(key, upstreams)?.out
            }
            ConnId::Upstream(key) => {
                let upstream = upstreams.get(key.index as usize).filter(|up| up.key == key)?;
                let stream = upstream.stream.as_ref()?;
                if upstream.state != UpstreamState::Ready || upstream.input.is_some() {
                    return None;
                }
                &mut stream.taker(clients)?.out
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
}
