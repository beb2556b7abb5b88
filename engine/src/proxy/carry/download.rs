//! Large replies flow: they are handed to their client as they come and never gathered.
//!
//! ```text
//!   server ══▶ upstream ──── the oldest ticket's reply, piece by piece ────▶ client's output
//!                  │                                                            │
//!                  └── read no further while the client has much unread  ◀──────┘
//! ```
//!
//! A reply flows when it is large, and its client is owed nothing older; until then it is gathered
//! as any other. While it flows, its upstream is *detached*: it takes no new requests, another one
//! has its place, and when it owes nothing any more it is laid by for the next time. So a reply of
//! hundreds of megabytes, or a client that takes it slowly, holds up nobody but those whose
//! requests stood behind it already. They must not overtake themselves on the new upstream: they
//! are taken no further request until they have what they are owed.
//!
//! What has begun cannot be taken back. If the server is lost in the middle, or delivers nothing
//! for a whole `timeout`, the client is closed: there is no other way to tell it.

use crate::base::Time;
use crate::base::buffer::Sifted;
use crate::base::limits::{
    SPARE_IDLE_MS, SPARE_SOCKETS_MAX, STREAM_BYTES_MIN, STREAM_PAUSE_BYTES, STREAM_RESUME_BYTES,
    STREAM_SHARED_PAUSE_BYTES, STREAM_SHARED_STALL_MS,
};
use crate::base::slab::{Key, Slab};
use crate::protocol::{memcache, resp};
use crate::proxy::link::client::Client;
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::pool::Pool;
use crate::proxy::link::upstream::{Fence, Progress, State, Ticket, Upstream};
use crate::proxy::plan::texts::Cause;
use crate::proxy::worker::Worker;
use crate::proxy::{Action, ConnId, Reading};

/// A reply on its way.
pub struct Stream {
    pub ticket: Ticket,
    progress: Progress,
    /// Bytes handed over.
    passed: usize,
    /// Nobody wants it any more: late, or its client is gone.
    pub discard: bool,
    /// The upstream is not read until the client has taken more.
    pub paused: bool,
    /// When the last piece came.
    pub moved_at: Time,
}

/// From which size on replies flow, and how far ahead of their clients they may be. Simulation and
/// stories have smaller ones, to meet them with small replies.
#[derive(Clone, Copy, Debug)]
pub struct StreamBounds {
    pub bytes_min: usize,
    pub pause_bytes: usize,
    pub shared_pause_bytes: usize,
    pub resume_bytes: usize,
}

impl Default for StreamBounds {
    fn default() -> StreamBounds {
        StreamBounds {
            bytes_min: STREAM_BYTES_MIN,
            pause_bytes: STREAM_PAUSE_BYTES,
            shared_pause_bytes: STREAM_SHARED_PAUSE_BYTES,
            resume_bytes: STREAM_RESUME_BYTES,
        }
    }
}

/// Lets the reply that `bytes` begin with flow, if it is large and may. `progress` is the
/// parser's, and `missing` what it said.
pub fn begin(
    upstream: &mut Upstream,
    clients: &mut Slab<Client>,
    turn: &mut Turn,
    progress: &mut Progress,
    size: usize,
) -> bool {
    if size < turn.stream_bounds.bytes_min || upstream.is_idle_to_server() {
        return false;
    }
    let Some(&ticket) = upstream.tickets.front() else {
        return false;
    };
    // A meta command's may tell that the server does not know it.
    if !matches!(ticket.fence, Fence::None | Fence::Meta) {
        return false;
    }
    let client = if ticket.tombstone { None } else { clients.get_mut(ticket.client) };
    let discard = client.is_none();
    if let Some(client) = client {
        if !client.may_stream(ticket.number) {
            return false;
        }
        client.stream_from = Some(upstream.key);
    }
    upstream.pop();
    upstream.counters.responses += u64::from(!discard);
    turn.counters[upstream.pool.index()].replies_streamed += 1;
    let protocol = match progress {
        Progress::Resp(_) => crate::topology::Protocol::Redis,
        Progress::Memcache(_) => crate::topology::Protocol::Memcache,
    };
    let progress = std::mem::replace(progress, Progress::new(protocol));
    let moved_at = turn.now;
    let stream = Stream { ticket, progress, passed: 0, discard, paused: false, moved_at };
    upstream.stream = Some(Box::new(stream));
    true
}

/// Hands a piece over. Returns how many bytes of it were taken, and whether the reply is whole.
pub fn flow(
    upstream: &mut Upstream,
    clients: &mut Slab<Client>,
    turn: &mut Turn,
    bytes: &[u8],
) -> Result<(usize, bool), Cause> {
    let Some(stream) = &mut upstream.stream else {
        return Ok((0, true));
    };
    let (len, done) = stream.pass(bytes)?;
    if let Some(client) = stream.taker(clients) {
        client.take_piece(turn, &bytes[..len]);
    }
    account(upstream, clients, turn, len, done);
    Ok((len, done))
}

/// The same for the last `len` bytes of the client's output, read straight to there. Returns those
/// behind the reply, which it takes out again.
pub fn flow_in_place(
    upstream: &mut Upstream,
    clients: &mut Slab<Client>,
    turn: &mut Turn,
    len: usize,
) -> Result<Vec<u8>, Cause> {
    let Some((stream, client)) =
        upstream.stream.as_mut().and_then(|stream| stream.taker(clients).map(|to| (stream, to)))
    else {
        debug_assert!(false, "bytes were read to nobody's output");
        return Ok(Vec::new());
    };
    let Sifted { len, done, rest } =
        client.out.sift(len, &mut turn.buffers, |bytes| stream.pass(bytes))?;
    client.mark_dirty(turn);
    account(upstream, clients, turn, len, done);
    Ok(rest)
}

/// A piece of `len` bytes is with its client.
fn account(
    upstream: &mut Upstream,
    clients: &mut Slab<Client>,
    turn: &mut Turn,
    len: usize,
    done: bool,
) {
    let Some(stream) = &mut upstream.stream else {
        return;
    };
    stream.passed += len;
    stream.moved_at = turn.now;
    let (ticket, total) = (stream.ticket, stream.passed);
    if let Some(client) = stream.taker(clients) {
        upstream.counters.response_bytes += len as u64;
        if done {
            client.end_stream(turn, total);
        } else {
            let StreamBounds { pause_bytes, shared_pause_bytes, .. } = turn.stream_bounds;
            let is_shared = upstream.is_waited_for_beside(ticket.client);
            let bound = if is_shared { shared_pause_bytes } else { pause_bytes };
            let pause = client.out.len() > bound;
            if pause && is_shared {
                client.watch(turn, turn.now.plus_ms(STREAM_SHARED_STALL_MS));
            }
            if let Some(stream) = &mut upstream.stream {
                stream.paused = pause;
            }
        }
    }
    if done {
        upstream.stream = None;
    }
    upstream.handle_answer(turn.now);
}

impl Stream {
    /// How much of `bytes` belongs to the reply, and whether that is its end.
    fn pass(&mut self, bytes: &[u8]) -> Result<(usize, bool), Cause> {
        let passed = match &mut self.progress {
            Progress::Resp(progress) => resp::reply::pass(bytes, progress).ok(),
            Progress::Memcache(progress) => memcache::reply::pass(bytes, progress).ok(),
        };
        passed.ok_or(Cause::Protocol)
    }

    /// Who gets it, if anybody wants it still.
    pub fn taker<'a>(&self, clients: &'a mut Slab<Client>) -> Option<&'a mut Client> {
        if self.discard { None } else { clients.get_mut(self.ticket.client) }
    }
}

/// Takes an upstream out of its place, for another to have it.
pub fn detach(pool: &mut Pool, upstream: &mut Upstream, clients: &mut Slab<Client>) {
    if upstream.detached {
        return;
    }
    upstream.detached = true;
    pool.vacate(upstream.key.index);
    let streaming = upstream.stream.iter().map(|stream| stream.ticket);
    for ticket in streaming.chain(upstream.tickets.iter().copied()) {
        if let Some(client) = clients.get_mut(ticket.client).filter(|_| !ticket.tombstone) {
            client.draining = true;
        }
    }
}

impl Worker {
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
        if upstream.state != State::Idle && (too_many || upstream.state != State::Ready) {
            turn.actions.push_back(Action::Close { conn: upstream.conn() });
            upstream.take_down(turn, false);
        }
        upstream.spare = true;
        upstream.spare_until = turn.now.plus_ms(SPARE_IDLE_MS);
        turn.wake_at(upstream.spare_until);
        pool.spares.push((upstream.lane, upstream.server, at as u32));
    }
}
