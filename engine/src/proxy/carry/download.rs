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

use crate::base::buffer::Sifted;
use crate::base::limits::STREAM_SHARED_STALL_MS;
use crate::base::slab::Slab;
use crate::proxy::link::bounds::StreamBounds;
use crate::proxy::link::cause::Cause;
use crate::proxy::link::client::Client;
use crate::proxy::link::flow::{Download, ReplyProgress};
use crate::proxy::link::ticket::Fence;
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::pool::Pool;
use crate::topology::Protocol;

/// Lets the reply that `bytes` begin with flow, if it is large and may. `progress` is the
/// parser's, and `missing` what it said.
pub fn begin(
    upstream: &mut Upstream,
    clients: &mut Slab<Client>,
    turn: &mut Turn,
    progress: &mut ReplyProgress,
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
        ReplyProgress::Resp(_) => Protocol::Redis,
        ReplyProgress::Memcache(_) => Protocol::Memcache,
    };
    let progress = std::mem::replace(progress, ReplyProgress::new(protocol));
    let moved_at = turn.now;
    let stream = Download { ticket, progress, passed: 0, discard, paused: false, moved_at };
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
    if let Some(client) = receiver(stream, clients) {
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
    let Some((stream, client)) = upstream
        .stream
        .as_mut()
        .and_then(|stream| receiver(stream, clients).map(|to| (stream, to)))
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
    if let Some(client) = receiver(stream, clients) {
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

/// The client that the reply goes to; `None` when no client waits for it.
pub fn receiver<'a>(stream: &Download, clients: &'a mut Slab<Client>) -> Option<&'a mut Client> {
    if stream.discard { None } else { clients.get_mut(stream.ticket.client) }
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
