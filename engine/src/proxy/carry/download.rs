//! Large replies flow: they are handed to their client as they come and never collected.
//!
//! ```text
//!   server ══▶ upstream ──── the oldest ticket's reply, piece by piece ────▶ client's output
//!                  │                                                            │
//!                  └── read no further while the client has much unread  ◀──────┘
//! ```
//!
//! A reply flows when it is large and its client is owed no older reply. Until then it is collected like
//! any other. While it flows, its upstream is *alone*: it takes no new request, and another upstream
//! gets its place in the pool's table. When it owes no reply any more, it becomes a spare. So a reply
//! of hundreds of megabytes, or a client that reads slowly, delays only requests that were sent behind
//! it before. The clients of those requests must not overtake themselves on the new upstream: their
//! next requests wait until they have all replies.
//!
//! A list that is joined (KEYS) has connections of its own. A large part of it waits in its server until all
//! parts have come or begun, since only then the length of the list is known. Then the large parts flow
//! one after the other.
//!
//! A reply that has begun cannot be taken back. If the server is lost in the middle, or sends nothing
//! for a whole `timeout`, the client is closed. There is no other way to report the error.

use super::block;
use crate::base::buffer::Sifted;
use crate::base::limits::STREAM_SHARED_STALL_MS;
use crate::base::slab::Slab;
use crate::protocol::resp;
use crate::proxy::link::bounds::FlowBounds;
use crate::proxy::link::cause::Cause;
use crate::proxy::link::client::Client;
use crate::proxy::link::flow::{Download, ReplyProgress};
use crate::proxy::link::ticket::{Care, Chore, Owner};
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::duty::{Duty, Why};
use crate::proxy::link::upstream::pool::Pool;
use crate::topology::Protocol;

/// Lets a reply flow that has begun, if it is large and may flow. `bytes`: what has come of it; `size`: how
/// many bytes of it are known. `progress`: the parser's state, which is reset for the next reply.
#[inline(never)]
pub fn begin(
    upstream: &mut Upstream,
    clients: &mut Slab<Client>,
    turn: &mut Turn,
    progress: &mut ReplyProgress,
    (bytes, size): (&[u8], usize),
) -> bool {
    if size < turn.flow_bounds.bytes_min || upstream.queue().is_idle_to_server() {
        return false;
    }
    let Some(&(mut ticket)) = upstream.queue().front() else {
        return false;
    };
    let Some(before) = before(ticket.care, ticket.replies, bytes) else {
        return false;
    };
    let client = match ticket.owner {
        Owner::Client { key, number, part } => clients.get_mut(key).map(|it| (it, number, part)),
        Owner::Verify { .. } => return false,
        Owner::Worker(_) => None,
    };
    let (mut skip, mut held) = (before, None);
    if let Some((client, number, part)) = client {
        if client.replies().may_flow(number) {
            client.begin_download(upstream.key());
        } else if let Some(joining) = client.replies().streamed(number)
            && let Some((head, elements)) = resp::reply::aggregate(bytes)
        {
            if joining.is_mute() {
                client.handle_reply(turn, number, part, b"*0\r\n");
                ticket.owner = Owner::Worker(Chore::Swallow);
            } else {
                (skip, held) = (head, Some(Vec::new()));
                client.await_download(turn, upstream.key(), number, elements);
            }
        } else {
            return false;
        }
        upstream.counters.responses += 1;
    } else {
        ticket.owner = Owner::Worker(Chore::Swallow);
    }
    upstream.pop(turn);
    turn.counters[upstream.pool().index()].replies_streamed += 1;
    let protocol = match progress {
        ReplyProgress::Resp(_) => Protocol::Redis,
        ReplyProgress::Memcache(_) => Protocol::Memcache,
    };
    let progress = std::mem::replace(progress, ReplyProgress::new(protocol));
    let moved_at = turn.now;
    let is_paused = held.is_some();
    let passed = 0;
    upstream.begin_download(Download { ticket, progress, passed, skip, held, is_paused, moved_at });
    true
}

/// Bytes before the reply that the client gets. `None`: it must be looked at as a whole.
fn before(care: Care, replies: u32, bytes: &[u8]) -> Option<usize> {
    match care {
        // The reply to a meta command may tell that the server does not know it.
        Care::None | Care::Meta => Some(0),
        // The reply to EXEC, if it is an array.
        Care::Block { calls: false, scans: false } => block::before_exec(bytes, replies - 2)
            .filter(|&len| bytes[len..].starts_with(b"*") && !bytes[len..].starts_with(b"*-")),
        _ => None,
    }
}

/// Passes a piece to the client. Returns how many bytes belonged to the reply, and whether that was
/// its end.
#[inline(never)]
pub fn flow(
    upstream: &mut Upstream,
    clients: &mut Slab<Client>,
    turn: &mut Turn,
    bytes: &[u8],
) -> Result<(usize, bool), Cause> {
    let Some(download) = upstream.download_mut() else {
        return Ok((0, true));
    };
    if let Some(held) = &mut download.held {
        held.extend_from_slice(bytes);
        return Ok((bytes.len(), false));
    }
    let (len, done) = download.pass(bytes)?;
    let skipped = download.skip.min(len);
    download.skip -= skipped;
    if let Some(client) = receiver(download, clients) {
        client.take_piece(turn, &bytes[skipped..len]);
    }
    account(upstream, clients, turn, len, done);
    Ok((len, done))
}

/// The same for the last `len` bytes of the client's output, which were read straight into it. Bytes
/// behind the reply are taken out again and returned.
pub fn flow_in_place(
    upstream: &mut Upstream,
    clients: &mut Slab<Client>,
    turn: &mut Turn,
    len: usize,
) -> Result<Vec<u8>, Cause> {
    let download = upstream.download_mut();
    let Some((download, client)) =
        download.and_then(|download| receiver(download, clients).map(|to| (download, to)))
    else {
        debug_assert!(false, "bytes were read to an output that does not take them");
        return Ok(Vec::new());
    };
    let Sifted { len, done, rest } =
        client.out_mut().sift(len, &mut turn.buffers, |bytes| download.pass(bytes))?;
    client.mark_dirty(turn);
    account(upstream, clients, turn, len, done);
    Ok(rest)
}

/// Counts a piece of `len` bytes, and stops reading the upstream if the client has enough.
fn account(
    upstream: &mut Upstream,
    clients: &mut Slab<Client>,
    turn: &mut Turn,
    len: usize,
    done: bool,
) {
    let Some(download) = upstream.download_mut() else {
        return;
    };
    download.passed += len;
    download.moved_at = turn.now;
    let total = download.passed;
    if let Some(client) = receiver(download, clients) {
        upstream.counters.response_bytes += len as u64;
        if done {
            client.end_download(turn, total);
        } else {
            let FlowBounds { pause_bytes, shared_pause_bytes, .. } = turn.flow_bounds;
            let is_shared = upstream.queue().is_waited_for_beside(client.key());
            let bound = if is_shared { shared_pause_bytes } else { pause_bytes };
            let is_paused = client.out().len() > bound;
            if is_paused && is_shared {
                client.set_deadline(turn, turn.now.plus_ms(STREAM_SHARED_STALL_MS));
            }
            if let Some(download) = upstream.download_mut() {
                download.is_paused = is_paused;
            }
        }
    }
    if done {
        upstream.take_download();
    }
    upstream.failures.handle_reply(turn.now);
}

/// The client that the reply goes to; `None` when no client waits for it.
pub fn receiver<'a>(download: &Download, clients: &'a mut Slab<Client>) -> Option<&'a mut Client> {
    clients.get_mut(download.ticket.client()?)
}

/// Takes an upstream out of its pool's table, since a large reply flows from it.
pub fn take_out_of_table(pool: &mut Pool, upstream: &mut Upstream, clients: &mut Slab<Client>) {
    if matches!(upstream.duty(), Duty::Alone(_)) {
        return;
    }
    upstream.leave_shared(Why::Reply);
    pool.vacate(upstream.key().index);
    let flowing = upstream.download().map(|download| &download.ticket);
    for ticket in flowing.into_iter().chain(upstream.queue().tickets()) {
        if let Some(client) = ticket.client().and_then(|key| clients.get_mut(key)) {
            client.await_replies();
        }
    }
}
