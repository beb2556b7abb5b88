//! From a server's bytes to its replies, and from a reply to its owner.
//!
//! ```text
//!   bytes ──▶ frame ──▶ a push          dropped: we subscribed to nothing
//!                  ├──▶ handshake       one step less, or the connection fails
//!                  ├──▶ a large reply   flows, see carry/download.rs
//!                  └──▶ a reply         the oldest ticket's owner
//! ```

use super::Worker;
use super::refusals::{refused, refused_setup, unasked};
use super::switch;
use crate::base::slab::{Key, Slab};
use crate::protocol::memcache;
use crate::protocol::resp::reply;
use crate::proxy::carry::block::BlockReply;
use crate::proxy::carry::download;
use crate::proxy::carry::script::CallReply;
use crate::proxy::link::action::{Action, Note, Reading};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::client::Client;
use crate::proxy::link::flow::ReplyProgress;
use crate::proxy::link::ticket::{Care, Chore, Owner, Ticket};
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::lane::{Asks, fits_role, wants_no_password};
use crate::proxy::link::upstream::peer::{Identity, ServerNumber};
use crate::proxy::link::upstream::pool::Pool;
use crate::proxy::link::upstream::socket::{ReplyInput, SocketState};
use crate::proxy::pubsub::messages;
use crate::texts::detail;
use crate::topology::Eject;
use crate::topology::{Report, Sight};

/// What an upstream's bytes begin with.
enum Frame {
    Whole {
        /// Bytes of it.
        len: usize,
        /// Bytes that its owner gets.
        shown: usize,
        /// The first byte of a RESP reply; memcached's are `-` for ERROR and `+` otherwise.
        kind: u8,
    },
    /// So many bytes are known, `size` with those to come.
    Begun { size: usize },
}

impl Worker {
    #[inline]
    pub(super) fn upstream_bytes(&mut self, key: Key, fresh: &[u8]) -> Reading {
        let Some(upstream) = self.upstream_mut(key) else {
            return Reading::Go;
        };
        // Taken down earlier in this turn; the loop has not closed it yet.
        if upstream.state() == SocketState::Idle {
            return Reading::Go;
        }
        let pool = upstream.pool().index();
        let mut input = upstream.take_input();
        let taken = match &mut input {
            None => {
                let mut progress = ReplyProgress::new(self.pools[pool].spec.protocol);
                let taken = self.take_replies(key, fresh, &mut progress);
                if let Ok(used) = taken
                    && used < fresh.len()
                {
                    let mut bytes = self.turn.buffers.take();
                    bytes.extend_from_slice(&fresh[used..]);
                    input = Some(Box::new(ReplyInput { bytes, progress }));
                }
                taken.map(|_| ())
            }
            Some(kept) => {
                kept.bytes.extend_from_slice(fresh);
                let taken = self.take_replies(key, &kept.bytes, &mut kept.progress);
                if let Ok(used) = taken {
                    if used == kept.bytes.len() {
                        self.turn.buffers.give(std::mem::take(&mut kept.bytes));
                        input = None;
                    } else if used > 0 {
                        kept.bytes.drain(..used);
                    }
                }
                taken.map(|_| ())
            }
        };
        match taken {
            Err(cause) => self.upstream_down(key, &cause, true),
            Ok(()) => {
                if let Some(upstream) = self.upstream_mut(key) {
                    upstream.keep_input(input);
                    self.settle_upstream(key.index as usize);
                }
            }
        }
        self.upstream_mut(key).map_or(Reading::Go, |upstream| upstream.reading())
    }

    /// The same for bytes that are no fresh read: out of the way of those that are.
    #[inline(never)]
    pub(super) fn held_upstream_bytes(&mut self, key: Key, held: &[u8]) -> Reading {
        self.upstream_bytes(key, held)
    }

    /// Takes whole replies from the front of `bytes`; returns how many bytes they had.
    fn take_replies(
        &mut self,
        key: Key,
        bytes: &[u8],
        progress: &mut ReplyProgress,
    ) -> Result<usize, Cause> {
        let Worker { clients, pools, upstreams, turn, .. } = self;
        let upstream = &mut upstreams[key.index as usize];
        let mut at = 0;
        while at < bytes.len() {
            if upstream.download().is_some() {
                let (len, done) = download::flow(upstream, clients, turn, &bytes[at..])?;
                at += len;
                if done {
                    continue;
                }
                break;
            }
            let (len, shown, kind) = match frame(upstream, &bytes[at..], progress)? {
                Frame::Whole { len, shown, kind } => (len, shown, kind),
                Frame::Begun { size } => {
                    let is_push = bytes[at] == b'>' && matches!(progress, ReplyProgress::Resp(_));
                    if is_push
                        || upstream.state() != SocketState::Ready
                        || !download::begin(upstream, clients, turn, progress, (&bytes[at..], size))
                    {
                        break;
                    }
                    let pool = &mut pools[upstream.pool().index()];
                    download::take_out_of_table(pool, upstream, clients);
                    report_answer(upstream, turn);
                    continue;
                }
            };
            let reply = &bytes[at..at + shown];
            at += len;
            if kind == b'>' {
                continue;
            }
            let pool = &mut pools[upstream.pool().index()];
            if let SocketState::Handshake { left, asks } = upstream.state() {
                take_step(pool, upstream, turn, (left, asks), (kind, reply))?;
            } else {
                take_reply(pool, clients, upstream, turn, (kind, reply))?;
            }
        }
        Ok(at)
    }
}

/// The replies to a block of a transaction count as one.
#[inline]
fn several<'p>(
    upstream: &Upstream,
    bytes: &[u8],
    progress: &'p mut reply::Progress,
) -> &'p mut reply::Progress {
    if let Some(ticket) = upstream.queue().front()
        && ticket.replies > 1
        && progress.is_new()
        && upstream.state() == SocketState::Ready
        && bytes[0] != b'>'
    {
        *progress = reply::Progress::of_several(ticket.replies);
    }
    progress
}

/// Finds where the first reply in `bytes` ends.
#[inline]
fn frame(upstream: &Upstream, bytes: &[u8], progress: &mut ReplyProgress) -> Result<Frame, Cause> {
    let missing = match progress {
        ReplyProgress::Resp(progress) => {
            match reply::parse(bytes, several(upstream, bytes, progress)) {
                Ok(reply::Parsed::Complete { len, kind }) => {
                    *progress = reply::Progress::default();
                    return Ok(Frame::Whole { len, shown: len, kind });
                }
                Ok(reply::Parsed::Incomplete { missing }) => missing,
                Err(_) => return Err(Cause::Protocol),
            }
        }
        ReplyProgress::Memcache(progress) => {
            // Bytes that no request asked for are no part of a fenced reply: they would wait there
            // and be given to the first in line.
            let queue = upstream.queue();
            let is_fenced = !queue.is_idle_to_server()
                && queue.front().is_some_and(|ticket| ticket.care.is_sent());
            match memcache::reply::parse(bytes, progress, is_fenced) {
                Ok(memcache::reply::Parsed::Complete { len, shown }) => {
                    let kind = if bytes.starts_with(b"ERROR") { b'-' } else { b'+' };
                    return Ok(Frame::Whole { len, shown, kind });
                }
                Ok(memcache::reply::Parsed::Incomplete { missing }) => missing,
                Err(_) => return Err(Cause::Protocol),
            }
        }
    };
    Ok(Frame::Begun { size: bytes.len() + missing })
}

/// A reply of the handshake, of which so many were still to come.
#[cold]
fn take_step(
    pool: &Pool,
    upstream: &mut Upstream,
    turn: &mut Turn,
    (left, asks): (u8, Asks),
    (kind, reply): (u8, &[u8]),
) -> Result<(), Cause> {
    let lane = pool.lane_key(upstream.lane());
    if asks != Asks::Nothing && left == 1 {
        fits_role(reply, lane.read_only)?;
    } else if asks == Asks::RoleAndRedirect && left == 2 {
        // Without it a server that is no primary any more says READONLY: good enough.
    } else if matches!(kind, b'-' | b'!') {
        let password = pool.spec.redis_auth.as_deref();
        let cause = refused(lane, (password, asks), left, reply);
        // Any client may use a server without a password: so may we.
        let is_open = matches!(cause, Cause::Password(_))
            && wants_no_password(&String::from_utf8_lossy(reply));
        if !is_open {
            return Err(cause);
        }
        let note = Note::PasswordNotNeeded { pool: upstream.pool(), server: upstream.server() };
        turn.actions.push_back(Action::Note(note));
    }
    upstream.handle_step_done(turn)
}

/// The reply to the oldest ticket.
#[inline]
fn take_reply(
    pool: &mut Pool,
    clients: &mut Slab<Client>,
    upstream: &mut Upstream,
    turn: &mut Turn,
    (kind, reply): (u8, &[u8]),
) -> Result<(), Cause> {
    // The requests that wait here have not left: this answers none of them.
    if upstream.queue().is_idle_to_server() {
        if upstream.duty().is_hub() {
            messages::take(pool, clients, turn, (upstream.server(), reply));
            // Too many clients: the server says so to each connection, and closes it.
            if kind != b'-' {
                upstream.failures.handle_reply(turn.now);
            }
            return Ok(());
        }
        return Err(unasked(kind, reply));
    }
    if upstream.queue().keeps() && (kind == b'-' || upstream.is_draining() || is_block(upstream)) {
        if pool.lane_key(upstream.lane()).read_only {
            switch::check_replica(reply)?;
        } else if switch::sets_aside(pool, clients, upstream, turn, reply) {
            return Ok(());
        }
    }
    let Some(ticket) = upstream.pop(turn) else {
        return Err(Cause::Protocol);
    };
    upstream.failures.handle_reply(turn.now);
    if kind != b'-' || !is_not_ready(pool, reply, upstream, turn) {
        report_answer(upstream, turn);
    }
    if let Owner::Client { key, number, part } = ticket.owner
        && ticket.care == Care::None
    {
        if let Some(client) = clients.get_mut(key) {
            upstream.counters.responses += 1;
            upstream.counters.response_bytes += reply.len() as u64;
            client.handle_reply(turn, number, part, reply);
        }
        return Ok(());
    }
    take_with_care(pool, clients, upstream, turn, ticket, reply)
}

/// The oldest request is a block of a transaction: its reply begins well even if it was refused.
#[inline]
fn is_block(upstream: &Upstream) -> bool {
    upstream.queue().front().is_some_and(|ticket| ticket.replies > 1)
}

/// A reply that is more than one reply to one client.
#[inline(never)]
fn take_with_care(
    pool: &mut Pool,
    clients: &mut Slab<Client>,
    upstream: &mut Upstream,
    turn: &mut Turn,
    ticket: Ticket,
    reply: &[u8],
) -> Result<(), Cause> {
    match ticket.owner {
        Owner::Client { key, number, part } => {
            if ticket.care == Care::Waiting {
                upstream.unpin();
                if let Some(client) = clients.get_mut(key) {
                    client.end_waiting(upstream.key());
                }
            }
            let Some(client) = clients.get_mut(key) else {
                return note_meta(pool, upstream, turn, ticket, reply);
            };
            upstream.counters.responses += 1;
            upstream.counters.response_bytes += reply.len() as u64;
            if ticket.care == Care::Database && reply == b"+OK\r\n" {
                upstream.peer.proven_db = upstream.peer.proven_db.max(upstream.peer.asked_db);
            }
            if ticket.care == Care::Cursor {
                client.set_incarnation(number, upstream.peer.identity.tag());
            }
            let command = ticket.command;
            let is_looked_into = ticket.care == Care::Call
                && CallReply { pool, upstream, client, turn, number, command }
                    .is_looked_into(reply);
            if let Care::Block { calls, scans } = ticket.care {
                if scans {
                    client.set_incarnation(number, upstream.peer.identity.tag());
                }
                BlockReply { pool, upstream, client, turn, number, part, calls }
                    .handle(reply, ticket.replies);
            } else if !is_looked_into {
                client.handle_reply(turn, number, part, reply);
            }
        }
        Owner::Verify { key, number } => {
            if let Some(client) = clients.get_mut(key) {
                let command = ticket.command;
                CallReply { pool, upstream, client, turn, number, command }.handle_verified(reply);
            }
        }
        Owner::Worker(Chore::Role) => switch::take_role(pool, clients, upstream, turn, reply),
        Owner::Worker(chore) => take_chore(upstream, (chore, ticket.command), reply)?,
    }
    note_meta(pool, upstream, turn, ticket, reply)
}

/// The reply to what the worker asked itself. `command`: the index of its row.
fn take_chore(
    upstream: &mut Upstream,
    (chore, command): (Chore, u16),
    reply: &[u8],
) -> Result<(), Cause> {
    match chore {
        Chore::Identify => upstream.peer.identity = Identity::of_answer(reply),
        Chore::Number => {
            upstream.peer.number = reply::integer(reply)
                .map_or(ServerNumber::Unknown, |n| ServerNumber::Known(n as u64));
        }
        // What follows would use another database.
        Chore::Setup if reply.starts_with(b"-") => return Err(refused_setup(command, reply)),
        Chore::Swallow
        | Chore::Load
        | Chore::Mark
        | Chore::Setup
        | Chore::Unblock
        | Chore::Events
        | Chore::Role
        | Chore::Unwatch => {}
    }
    Ok(())
}

/// A memcached that did not know a meta command may be taking a block for others by now.
fn note_meta(
    pool: &mut Pool,
    upstream: &Upstream,
    turn: &Turn,
    ticket: Ticket,
    reply: &[u8],
) -> Result<(), Cause> {
    if matches!(ticket.care, Care::Meta | Care::Quiet) && reply.starts_with(b"ERROR\r\n") {
        pool.note_no_meta(upstream.server(), turn.now);
        return Err(Cause::Handshake(detail::NO_META.into()));
    }
    Ok(())
}

/// Reports that the server has answered, if the director wants to know.
#[inline]
fn report_answer(upstream: &mut Upstream, turn: &mut Turn) {
    if upstream.failures.take_watched() {
        upstream.handle_good_reply();
        let (pool, server) = (upstream.pool(), upstream.server());
        turn.actions.push_back(Action::Report(Report { pool, server, sight: Sight::Answered }));
    }
}

/// A server that answers but serves nothing yet is of no use to a cache. Reported once an upstream and
/// turn, however many replies say so; the others are counted with the next report.
#[cold]
#[inline(never)]
fn is_not_ready(pool: &Pool, reply: &[u8], upstream: &mut Upstream, turn: &mut Turn) -> bool {
    let Some(word) = not_ready(reply).filter(|_| pool.spec.eject == Eject::Remap) else {
        return false;
    };
    if let Some(requests) = upstream.failures.handle_not_ready(turn.now) {
        let (pool, server, cause) = (upstream.pool(), upstream.server(), Cause::NotReady(word));
        let note = Note::UpstreamFailed { pool, server, cause, requests };
        turn.actions.push_back(Action::Note(note));
        turn.actions.push_back(Action::Report(Report { pool, server, sight: Sight::Suspect }));
    }
    true
}

/// The word by which a server says that it loads its data set, or is a replica that has lost its
/// primary. What follows it may be an application's, and is nothing for the log.
fn not_ready(reply: &[u8]) -> Option<&'static str> {
    let says = |word: &&str| {
        reply[1..].strip_prefix(word.as_bytes()).is_some_and(|rest| rest.starts_with(b" "))
    };
    ["LOADING", "MASTERDOWN"].into_iter().find(says)
}
