//! The worker's side of its upstreams: replies to their clients, and what happens when one is
//! late or gone.

use crate::base::slab::Key;
use crate::protocol::memcache;
use crate::protocol::resp::reply;
use crate::proxy::carry::download;
use crate::proxy::link::action::{Action, ConnId, Note, Reading};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::flow::ReplyProgress;
use crate::proxy::link::ticket::{Fence, Ticket};
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::lane::{
    LaneKey, refuses_password, server_said, wants_no_password,
};
use crate::proxy::link::upstream::pool::Pool;
use crate::proxy::link::upstream::{Input, SocketState, Upstream};
use crate::proxy::plan::texts::{self, Sent};
use crate::proxy::worker::Worker;
use crate::topology::health::{Report, Sight};
use crate::topology::{Eject, Protocol};

impl Worker {
    pub(in crate::proxy) fn upstream_mut(&mut self, conn: ConnId) -> Option<&mut Upstream> {
        let ConnId::Upstream(key) = conn else {
            return None;
        };
        self.upstreams.get_mut(key.index as usize).filter(|upstream| upstream.key == key)
    }

    /// Does it still wait for the connection that an [`Action::Connect`] wished for?
    pub fn is_connecting(&self, conn: ConnId) -> bool {
        let ConnId::Upstream(key) = conn else {
            return false;
        };
        let upstream = self.upstreams.get(key.index as usize);
        upstream.is_some_and(|up| up.key == key && up.state == SocketState::Connecting)
    }

    /// The connection that an [`Action::Connect`] wished for is made.
    pub fn handle_connected(&mut self, conn: ConnId) {
        let Worker { pools, upstreams, turn, .. } = self;
        let ConnId::Upstream(key) = conn else {
            return;
        };
        let Some(upstream) = upstreams.get_mut(key.index as usize).filter(|up| up.key == key)
        else {
            return;
        };
        if upstream.state != SocketState::Connecting {
            return;
        }
        let pool = &pools[upstream.pool.index()];
        let out = upstream.handshake.tail(&mut turn.buffers);
        let lane = &pool.lanes[usize::from(upstream.lane)];
        let left = lane.handshake(pool.spec.redis_auth.as_deref(), out).len() as u8;
        if left == 0 {
            upstream.handshake.clear(&mut turn.buffers);
            upstream.state = SocketState::Ready;
        } else {
            upstream.state = SocketState::Handshake { left };
        }
        upstream.mark_dirty(turn);
    }

    pub(in crate::proxy) fn upstream_bytes(&mut self, key: Key, fresh: &[u8]) -> Reading {
        let Some(upstream) = self.upstream_mut(ConnId::Upstream(key)) else {
            return Reading::Go;
        };
        // Taken down earlier in this turn; the loop has not closed it yet.
        if upstream.state == SocketState::Idle {
            return Reading::Go;
        }
        let upstream_pool = upstream.pool.index();
        let mut input = upstream.input.take();
        let protocol = self.pools[upstream_pool].spec.protocol;
        let taken = match &mut input {
            None => {
                let mut progress = ReplyProgress::new(protocol);
                let taken = self.take_replies(key, fresh, &mut progress);
                if let Ok(used) = taken
                    && used < fresh.len()
                {
                    let mut bytes = self.turn.buffers.take();
                    bytes.extend_from_slice(&fresh[used..]);
                    input = Some(Box::new(Input { bytes, progress }));
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
                if let Some(upstream) = self.upstream_mut(ConnId::Upstream(key)) {
                    upstream.input = input;
                    self.maybe_retire(key.index as usize);
                }
            }
        }
        self.reading_of(key)
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
            if upstream.stream.is_some() {
                let (len, done) = download::flow(upstream, clients, turn, &bytes[at..])?;
                at += len;
                if done {
                    continue;
                }
                break;
            }
            let step = match progress {
                ReplyProgress::Resp(progress) => match reply::parse(&bytes[at..], progress) {
                    Ok(reply::Parsed::Complete { len, kind }) => {
                        *progress = reply::Progress::default();
                        Ok((len, len, kind))
                    }
                    Ok(reply::Parsed::Incomplete { missing }) => Err(missing),
                    Err(_) => return Err(Cause::Protocol),
                },
                ReplyProgress::Memcache(progress) => {
                    // What nobody asked for is no part of a fenced reply: it would wait there and
                    // be given to whoever is first in line.
                    let is_fenced = !upstream.is_idle_to_server()
                        && upstream.tickets.front().is_some_and(|t| t.fence.is_sent());
                    match memcache::reply::parse(&bytes[at..], progress, is_fenced) {
                        Ok(memcache::reply::Parsed::Complete { len, shown }) => {
                            let is_error = bytes[at..].starts_with(b"ERROR");
                            Ok((len, shown, if is_error { b'-' } else { b'+' }))
                        }
                        Ok(memcache::reply::Parsed::Incomplete { missing }) => Err(missing),
                        Err(_) => return Err(Cause::Protocol),
                    }
                }
            };
            let (len, shown, kind) = match step {
                Ok(whole) => whole,
                Err(missing) => {
                    let size = bytes.len() - at + missing;
                    if upstream.state == SocketState::Ready
                        && download::begin(upstream, clients, turn, progress, size)
                    {
                        let pool = &mut pools[upstream.pool.index()];
                        download::detach(pool, upstream, clients);
                        tell_answered(upstream, turn);
                        continue;
                    }
                    break;
                }
            };
            let reply = &bytes[at..at + shown];
            at += len;
            if kind == b'>' {
                continue; // out of band: we subscribed to nothing
            }
            if let SocketState::Handshake { left } = upstream.state {
                if matches!(kind, b'-' | b'!') {
                    let pool = &pools[upstream.pool.index()];
                    let lane = &pool.lanes[usize::from(upstream.lane)];
                    let cause = refused(lane, pool.spec.redis_auth.as_deref(), left, reply);
                    // Any client may use a server without a password: so may we.
                    let is_open =
                        matches!(cause, Cause::Password(_)) && wants_no_password(&text_of(reply));
                    if !is_open {
                        return Err(cause);
                    }
                    let (pool, server) = (upstream.pool, upstream.server);
                    let note = Note::PasswordNotNeeded { pool, server };
                    turn.actions.push_back(Action::Note(note));
                }
                if !upstream.handshake.is_empty() {
                    return Err(Cause::Protocol); // not all of it has left: no answer to it
                }
                upstream.state = match left {
                    0 | 1 => SocketState::Ready,
                    more => SocketState::Handshake { left: more - 1 },
                };
                if upstream.state == SocketState::Ready {
                    upstream.mark_dirty(turn);
                }
                continue;
            }
            // Nobody asked: whoever waits here has not been heard yet.
            if upstream.is_idle_to_server() {
                return Err(unasked(kind, reply));
            }
            let Some(ticket) = upstream.pop() else {
                return Err(Cause::Protocol);
            };
            upstream.handle_answer(turn.now);
            if kind != b'-' || !is_not_ready(pools, reply, upstream, turn) {
                tell_answered(upstream, turn);
            }
            if !ticket.tombstone
                && let Some(client) = clients.get_mut(ticket.client)
            {
                upstream.counters.responses += 1;
                upstream.counters.response_bytes += shown as u64;
                client.handle_reply(turn, ticket.number, ticket.part, reply);
            }
            // It did not know the command, and may be taking a block for others by now.
            if matches!(ticket.fence, Fence::Meta | Fence::Quiet) && reply.starts_with(b"ERROR\r\n")
            {
                pools[upstream.pool.index()].note_no_meta(upstream.server, turn.now);
                return Err(Cause::Handshake("it does not know the meta commands".into()));
            }
        }
        Ok(at)
    }

    /// An upstream's socket is gone, or must go (`close`).
    pub(in crate::proxy) fn upstream_down(&mut self, key: Key, cause: &Cause, close: bool) {
        let Worker { pools, upstreams, turn, clients, .. } = self;
        let Some(upstream) = upstreams.get_mut(key.index as usize).filter(|up| up.key == key)
        else {
            return;
        };
        if upstream.state == SocketState::Idle {
            return;
        }
        if close {
            turn.actions.push_back(Action::Close { conn: upstream.conn() });
        }
        let pool = &pools[upstream.pool.index()];
        let was_ready = upstream.state == SocketState::Ready;
        let stream = upstream.stream.take();
        let orderly =
            *cause == Cause::Eof && was_ready && upstream.is_idle_to_server() && stream.is_none();
        // At most one failure a period: a hopeless upstream has been told of as silent.
        let told = was_ready
            && *cause == Cause::TimedOut
            && pool.spec.timeout_ms.is_some_and(|ms| !upstream.fails_by_silence(turn.now, ms));
        match cause {
            Cause::Eof => upstream.counters.server_eof += 1,
            // Counted with its silence already.
            Cause::TimedOut if told => {}
            Cause::TimedOut => upstream.counters.server_timedout += 1,
            _ => upstream.counters.server_err += 1,
        }
        // Requests that have not left lose nothing by another try; but only after a connection
        // that stood, and never in a circle: a server may close whatever it accepts.
        if !orderly || !upstream.tickets.is_empty() {
            upstream.back_off(turn, cause, pool.spec.server_failure_limit);
        }
        let keep_unsent = was_ready && !upstream.retired && upstream.may_connect(turn.now);
        let gone = upstream.take_down(turn, keep_unsent);
        // What was sent of a large request is lost: the rest is dropped as it comes.
        if upstream.tickets.is_empty()
            && let Some(from) = upstream.upload_from.take()
            && let Some(client) = clients.get_mut(from)
        {
            client.resume_upload(turn);
        }
        let (pool_id, server) = (upstream.pool, upstream.server);
        if !upstream.tickets.is_empty() {
            upstream.connect(turn, pool.spec.connect_timeout_ms);
        }
        if orderly && gone.is_empty() {
            // No failure of the server, unless requests fail by it.
            let report = Report { pool: pool_id, server, sight: Sight::Closed };
            turn.actions.push_back(Action::Report(report));
            self.lay_by(key.index as usize);
            return;
        }
        // Its next reply is good news for the one who decides.
        upstream.watched = true;
        let note = match cause {
            Cause::Handshake(answer) | Cause::Password(answer) => {
                Note::HandshakeRefused { pool: pool_id, server, answer: answer.clone() }
            }
            _ => Note::UpstreamFailed {
                pool: pool_id,
                server,
                cause: cause.clone(),
                requests: gone.iter().filter(|(ticket, _)| !ticket.tombstone).count(),
            },
        };
        turn.actions.push_back(Action::Note(note));
        // A server that refuses our password is up, and one that we have no descriptor for may well
        // be: ejecting it would help nobody.
        let is_its_fault =
            !matches!(cause, Cause::Handshake(_) | Cause::Password(_) | Cause::Exhausted(_));
        // Redis closes on a request of more than it takes, and a client must not be able to have it
        // ejected so: a probe finds out which of the two it was.
        let may_be_the_request = was_ready
            && pool.spec.protocol == Protocol::Redis
            && matches!(cause, Cause::Eof | Cause::Reset | Cause::BrokenPipe)
            && (upstream.uploads || pool.lanes[usize::from(upstream.lane)].apart);
        if is_its_fault && !told {
            let sight = match cause {
                Cause::TimedOut => Sight::Silent,
                _ if may_be_the_request => Sight::Suspect,
                _ => Sight::Failed,
            };
            turn.actions.push_back(Action::Report(Report { pool: pool_id, server, sight }));
        }
        self.fail_tickets(key.index as usize, cause, &gone);
        self.lay_by(key.index as usize);
        // Part of a reply is out: to close the client is the only way to tell it.
        if let Some(stream) = stream.filter(|stream| !stream.discard)
            && let Some(client) = self.clients.get_mut(stream.ticket.client)
        {
            client.errs = true;
            client.stream_from = None;
            let (conn, peer) = (ConnId::Client(stream.ticket.client), client.peer);
            let note = Note::StreamBroken { pool: pool_id, conn, peer, server };
            self.turn.actions.push_back(Action::Note(note));
            self.turn.counters[pool_id.index()].forward_error += 1;
            self.close_client(stream.ticket.client);
        }
    }

    /// Tells the clients of these tickets. `true` with a ticket: its request may have left.
    fn fail_tickets(&mut self, at: usize, cause: &Cause, gone: &[(Ticket, bool)]) {
        if gone.is_empty() {
            return;
        }
        let Worker { pools, upstreams, turn, clients, .. } = self;
        let pool = &pools[upstreams[at].pool.index()];
        let shard = pool.describe(upstreams[at].server);
        let text = |sent| texts::failure_text(&pool.spec, cause, shard, sent);
        let (unsent, perhaps) = (text(Sent::No), text(Sent::Perhaps));
        for (ticket, left) in gone {
            if ticket.tombstone {
                continue;
            }
            if let Some(client) = clients.get_mut(ticket.client) {
                let text = if *left { &perhaps } else { &unsent };
                if ticket.fence == Fence::Mute {
                    client.handle_mute_failure(turn, ticket.number, ticket.part);
                } else {
                    client.handle_failure(turn, ticket.number, ticket.part, text);
                }
            }
        }
    }

    pub(in crate::proxy) fn upstream_deadline(&mut self, at: usize) {
        let now = self.turn.now;
        let upstream = &mut self.upstreams[at];
        let key = upstream.key;
        let connecting =
            matches!(upstream.state, SocketState::Connecting | SocketState::Handshake { .. });
        if connecting && upstream.connect_by <= now {
            self.upstream_down(key, &Cause::TimedOut, true);
            return self.rearm(at);
        }
        if upstream.spare && upstream.state == SocketState::Ready && upstream.spare_until <= now {
            self.turn.actions.push_back(Action::Close { conn: upstream.conn() });
            upstream.take_down(&mut self.turn, false);
        }
        let (pool, server) = (upstream.pool, upstream.server);
        let Some(timeout_ms) = self.pools[pool.index()].spec.timeout_ms else {
            return self.rearm(at);
        };
        // A server that stops in the middle of a reply, and not because we do not read it.
        if upstream.stream.as_ref().is_some_and(|stream| {
            !stream.paused && stream.moved_at.plus_ms(u64::from(timeout_ms)) <= now
        }) {
            self.upstream_down(key, &Cause::TimedOut, true);
            return self.rearm(at);
        }
        let mut late = Vec::new();
        upstream.expire(now, timeout_ms, &mut late);
        let owed = late.iter().filter(|(_, left)| *left).count();
        if owed > 0 {
            self.turn.counters[pool.index()].tombstones += owed as u64;
            if upstream.fails_by_silence(now, timeout_ms) {
                upstream.watched = true;
                // twemproxy closed its connection here, and counted that.
                upstream.counters.server_timedout += 1;
                // The reason first: what is done about it names it.
                self.turn.actions.push_back(Action::Note(Note::UpstreamFailed {
                    pool,
                    server,
                    cause: Cause::TimedOut,
                    requests: owed,
                }));
                let report = Report { pool, server, sight: Sight::Silent };
                self.turn.actions.push_back(Action::Report(report));
            }
        }
        // Part of a request that nobody waits for any more is of no use to anybody.
        let hopeless = upstream.is_hopeless(now, timeout_ms)
            || (upstream.upload_from.is_some() && !late.is_empty());
        self.fail_tickets(at, &Cause::TimedOut, &late);
        if hopeless {
            self.upstream_down(key, &Cause::TimedOut, true);
        }
        self.maybe_retire(at);
        self.rearm(at);
    }

    fn rearm(&mut self, at: usize) {
        let upstream = &self.upstreams[at];
        let deadline = upstream.deadline(self.pools[upstream.pool.index()].spec.timeout_ms);
        self.turn.wake_at(deadline);
    }

    /// Closes an upstream whose server left the topology, once it owes nothing.
    pub(in crate::proxy) fn maybe_retire(&mut self, at: usize) {
        let upstream = &mut self.upstreams[at];
        if upstream.retired && upstream.state != SocketState::Idle && upstream.owes_nothing() {
            let action = Action::Close { conn: upstream.conn() };
            upstream.take_down(&mut self.turn, false);
            self.turn.actions.push_back(action);
        }
        self.lay_by(at);
    }
}

/// Good news, if somebody waits for it.
#[inline]
fn tell_answered(upstream: &mut Upstream, turn: &mut Turn) {
    if std::mem::replace(&mut upstream.watched, false) {
        let (pool, server) = (upstream.pool, upstream.server);
        turn.actions.push_back(Action::Report(Report { pool, server, sight: Sight::Answered }));
    }
}

/// A server that answers but serves nothing yet is of no use to a cache. Reported once an upstream and
/// turn, however many replies say so; those not told yet are counted to the next.
#[cold]
#[inline(never)]
fn is_not_ready(pools: &[Pool], reply: &[u8], upstream: &mut Upstream, turn: &mut Turn) -> bool {
    let eject = pools[upstream.pool.index()].spec.eject;
    let Some(word) = not_ready(reply).filter(|_| eject == Eject::Remap) else {
        return false;
    };
    upstream.not_ready += 1;
    if std::mem::replace(&mut upstream.not_ready_at, turn.now) != turn.now {
        upstream.watched = true;
        let requests = std::mem::take(&mut upstream.not_ready);
        let (pool, server, cause) = (upstream.pool, upstream.server, Cause::NotReady(word));
        turn.actions.push_back(Action::Note(Note::UpstreamFailed {
            pool,
            server,
            cause,
            requests,
        }));
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

/// What was refused when so many replies of the handshake were still to come, and why.
fn refused(lane: &LaneKey, password: Option<&str>, left: u8, reply: &[u8]) -> Cause {
    let said = lane.handshake(password, &mut Vec::new());
    let name = said[said.len() - usize::from(left)];
    let words = server_said(reply, password);
    if name.contains("AUTH") && refuses_password(text_of(reply).trim_start_matches('-')) {
        return Cause::Password(format!("the server refused the pool's password: {words}").into());
    }
    Cause::Handshake(format!("the server refused our {name}: {words}").into())
}

/// A reply to nothing. An error is how a server turns us away that has too many clients: it is
/// well, and its words are worth passing on.
fn unasked(kind: u8, reply: &[u8]) -> Cause {
    match kind {
        b'-' => Cause::Handshake(
            format!("the server turned us away: {}", server_said(reply, None)).into(),
        ),
        _ => Cause::Protocol,
    }
}

fn text_of(reply: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(reply)
}
