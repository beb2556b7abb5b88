//! Large values are read straight into the output that they are written from. There is no copy between.
//!
//! If a connection has much to read, the loop asks before it reads ([`Worker::flow_target`]) whether the
//! bytes are part of a value that flows. Then it reads to the end of the receiver's output. Small reads
//! are copied, so that no large buffer waits for them. The parser checks the bytes in place. Bytes
//! behind the value's end are rare and few: they are taken out again and handled as usual.

use super::Worker;
use crate::base::buffer::{BufferPool, Output};
use crate::base::limits::{POOLED_BUFFER_BYTES_MAX, READ_BYTES};
use crate::base::slab::Key;
use crate::proxy::carry::Exchange;
use crate::proxy::carry::download::{self, receiver};
use crate::proxy::carry::upload::sender;
use crate::proxy::link::action::{Action, ConnId, Reading};
use crate::proxy::link::client::downloads::Due;
use crate::proxy::link::flow::Upload;
use crate::proxy::link::ticket::{Chore, Owner};
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::socket::SocketState;

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
                self.clients.get(key).is_some_and(|client| client.upload().is_some())
            }
            ConnId::Upstream(key) => {
                self.upstream_ref(key).is_some_and(|upstream| upstream.download().is_some())
            }
        }
    }

    /// So many bytes were read there.
    pub fn handle_flowed(&mut self, conn: ConnId, len: usize) -> Reading {
        self.check_phase();
        if len == 0 {
            // A connection that waits for a stalled peer holds no buffer meanwhile.
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
                let upload = client.upload()?;
                if !client.is_open() || client.has_input() {
                    return None;
                }
                sender(upload, key, upstreams)?.output()
            }
            ConnId::Upstream(key) => {
                let upstream = upstreams.get(key.index as usize).filter(|up| up.key() == key)?;
                let download = upstream.download()?;
                let is_held = download.held.is_some();
                if upstream.state() != SocketState::Ready || upstream.has_input() || is_held {
                    return None;
                }
                receiver(download, clients)?.out_mut()
            }
        };
        Some((out, &mut turn.buffers))
    }

    fn client_flowed(&mut self, key: Key, len: usize) -> Reading {
        let Worker { clients, pools, upstreams, turn, .. } = self;
        let Some(client) = clients.get_mut(key) else {
            return Reading::Go;
        };
        let pool = &mut pools[client.pool().index()];
        let mut x = Exchange { client, pool, upstreams, turn };
        let rest = match x.flow_upload_in_place(len) {
            Ok(rest) => rest,
            Err(error) => {
                x.fail_upload(error);
                return Reading::Go;
            }
        };
        self.client_bytes(key, &rest)
    }

    fn upstream_flowed(&mut self, key: Key, len: usize) -> Reading {
        let Worker { clients, upstreams, turn, .. } = self;
        let upstream = &mut upstreams[key.index as usize];
        match download::flow_in_place(upstream, clients, turn, len) {
            Ok(rest) => self.held_upstream_bytes(key, &rest),
            Err(cause) => {
                self.upstream_down(key, &cause, true);
                Reading::Go
            }
        }
    }

    /// An upstream has sent what it had: its upload may go on.
    #[inline]
    pub(super) fn resume_upload(&mut self, at: usize) {
        let upstream = &mut self.upstreams[at];
        if let Some(from) = upstream.duty().upload_from()
            && upstream.output().len() < self.turn.flow_bounds.resume_bytes
            && let Some(client) = self.clients.get_mut(from)
        {
            client.resume_upload(&mut self.turn);
        }
    }

    /// A client is gone that had not sent all of its request.
    pub(super) fn abandon_upload(&mut self, client: Key, upload: &Upload) {
        if let Some(upstream) = sender(upload, client, &mut self.upstreams) {
            upstream.abandon(&mut self.turn);
            let at = upstream.key().index as usize;
            self.settle_upstream(at);
        }
    }

    /// A client has taken bytes: the reply that flows to it may have room again.
    #[inline]
    pub(super) fn resume_download(&mut self, client: Key) {
        let Some(client) = self.clients.get(client) else {
            return;
        };
        if let Some(key) = client.download_from()
            && client.out().len() < self.turn.flow_bounds.resume_bytes
        {
            self.resume_download_of(key, Due::Flows);
        }
    }

    /// Reads an upstream on that was paused for a client.
    #[cold]
    pub(super) fn resume_download_of(&mut self, key: Key, due: Due) {
        let Worker { upstreams, turn, .. } = self;
        let upstream = upstreams.get_mut(key.index as usize).filter(|up| up.key() == key);
        let Some(download) = upstream.and_then(Upstream::download_mut) else {
            return;
        };
        if due == Due::Dropped {
            download.ticket.owner = Owner::Worker(Chore::Swallow);
        }
        if !std::mem::replace(&mut download.is_paused, false) {
            return;
        }
        download.moved_at = turn.now;
        let held = download.held.take().unwrap_or_default();
        if self.held_upstream_bytes(key, &held) == Reading::Go {
            let conn = ConnId::Upstream(key);
            self.turn.actions.push_back(Action::ResumeReading { conn });
        }
    }
}
