//! A connection we make: requests out, first in first out, replies in.
//!
//! ```text
//!            a request                connected              its replies are good
//!   ┌──────┐ ────────▶ ┌────────────┐ ────────▶ ┌───────────┐ ────────▶ ┌───────┐
//!   │ Idle │           │ Connecting │           │ Handshake │           │ Ready │
//!   └──────┘ ◀──────── └────────────┘ ◀──────── └───────────┘ ◀──────── └───────┘
//!              closed, refused, too late: what hangs on it fails
//! ```
//!
//! The tickets stand in the order of the requests in the output, which is the order of the
//! replies. Each knows where its request ends in the stream of bytes of this socket, so whether a
//! request has left is one comparison and needs no bookkeeping as bytes leave.
//!
//! ```text
//!   tickets   │ tombstone │ tombstone │ owed │ owed │ unsent │ unsent │
//!             └─ expired: swallowed ──┘             └─ may be taken out ┘
//! ```
//!
//! A request that times out on the wire leaves a tombstone, which swallows its late reply; the
//! others never notice. All requests have the same timeout, so the expired ones are always the
//! oldest, and the next deadline is that of the first ticket behind them.

use super::gather::Hold;
use super::replies::Cause;
use super::stream::Stream;
use super::turn::Turn;
use super::{Action, ConnId, ServerCounters};
use crate::base::buffer::Output;
use crate::base::limits::{
    GATHER_BYTES, RECONNECT_MS_MAX, RECONNECT_MS_MIN, TOMBSTONE_TIMEOUTS, TOMBSTONES_MAX,
    UPSTREAM_QUEUE_MAX, UPSTREAM_UNSENT_BYTES_MAX,
};
use crate::base::slab::Key;
use crate::base::{PoolId, ServerId, Time};
use crate::protocol::memcache;
use crate::protocol::resp::reply;
use crate::topology::Protocol;
use std::collections::VecDeque;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Idle,
    Connecting,
    /// So many replies to our AUTH, HELLO, SELECT are still to come.
    Handshake {
        left: u8,
    },
    Ready,
}

/// Whom a reply belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    pub client: Key,
    /// The client's number for the request.
    pub number: u32,
    /// Which part of a split request.
    pub part: u16,
    pub tombstone: bool,
    pub fence: Fence,
    pub since: Time,
    /// Where its request ends in the bytes of this socket.
    end: u64,
}

/// What is special of the reply to a request of memcached's. It may be silence: then a fence was
/// sent behind the request, whose answer ends its reply (`protocol::memcache::reply`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fence {
    None,
    /// A meta command, which an old server does not know.
    Meta,
    /// One in quiet mode: a failure is told.
    Quiet,
    /// `noreply`: nothing is told.
    Mute,
}

impl Fence {
    #[inline]
    pub fn is_sent(self) -> bool {
        matches!(self, Fence::Quiet | Fence::Mute)
    }
}

/// Bytes of replies not complete yet.
pub struct Input {
    pub bytes: Vec<u8>,
    pub progress: Progress,
}

/// The place in an unfinished reply.
pub enum Progress {
    Resp(reply::Progress),
    Memcache(memcache::reply::Progress),
}

impl Progress {
    #[inline]
    pub fn new(protocol: Protocol) -> Progress {
        match protocol {
            Protocol::Redis => Progress::Resp(reply::Progress::default()),
            Protocol::Memcache => Progress::Memcache(memcache::reply::Progress::default()),
        }
    }
}

pub struct Upstream {
    /// Its place, and which of its sockets this is.
    pub key: Key,
    pub pool: PoolId,
    pub server: ServerId,
    pub lane: u8,
    pub state: State,
    /// No longer in the topology: closes when it owes nothing.
    pub retired: bool,
    /// Takes no new requests while a large reply flows, and is laid by afterwards.
    pub detached: bool,
    pub spare: bool,
    /// Its connection is kept until then.
    pub spare_until: Time,
    pub stream: Option<Box<Stream>>,
    /// Whose large request is on its way here; the rest is still to come.
    pub upload_from: Option<Key>,
    /// The next reply is reported to the one who decides.
    pub watched: bool,
    dirty: bool,
    hold: Hold,
    pub tickets: VecDeque<Ticket>,
    /// Tickets at the front that are tombstones.
    expired: usize,
    /// Requests, in the order of their tickets.
    pub out: Output,
    /// What is sent before any request.
    pub handshake: Output,
    /// Bytes of requests that this socket has taken.
    sent: u64,
    /// Where the oldest ticket's request begins in the bytes of this socket.
    answered: u64,
    /// Bytes of requests appended since this socket began.
    end: u64,
    pub input: Option<Box<Input>>,
    /// Connecting and handshake must be over by then.
    pub connect_by: Time,
    pub last_reply: Time,
    /// The last failure we reported for lateness.
    failed_at: Time,
    /// When the server was last found well.
    forgiven_at: Time,
    /// In a row, since the last reply.
    failures: u32,
    retry_at: Time,
    last_cause: Cause,
    pub counters: ServerCounters,
}

impl Upstream {
    pub fn new(index: u32, pool: PoolId, server: ServerId, lane: u8) -> Upstream {
        Upstream {
            key: Key { index, generation: 0 },
            pool,
            server,
            lane,
            state: State::Idle,
            retired: false,
            detached: false,
            spare: false,
            spare_until: Time::NEVER,
            stream: None,
            upload_from: None,
            watched: false,
            dirty: false,
            hold: Hold::default(),
            tickets: VecDeque::new(),
            expired: 0,
            out: Output::default(),
            handshake: Output::default(),
            sent: 0,
            answered: 0,
            end: 0,
            input: None,
            connect_by: Time::NEVER,
            last_reply: Time::ZERO,
            failed_at: Time::ZERO,
            forgiven_at: Time::ZERO,
            failures: 0,
            retry_at: Time::ZERO,
            last_cause: Cause::Refused,
            counters: ServerCounters::default(),
        }
    }

    pub fn conn(&self) -> ConnId {
        ConnId::Upstream(self.key)
    }

    /// Ready to take a request, connecting first if it must. `Err`: why it cannot be.
    #[inline]
    pub fn prepare(&mut self, turn: &mut Turn, connect_timeout_ms: u32) -> Result<(), Cause> {
        if self.state == State::Idle {
            if turn.now < self.retry_at {
                return Err(self.last_cause.clone());
            }
            self.connect(turn, connect_timeout_ms);
        }
        if self.tickets.len() >= UPSTREAM_QUEUE_MAX || self.out.len() >= UPSTREAM_UNSENT_BYTES_MAX {
            return Err(Cause::QueueFull);
        }
        Ok(())
    }

    pub fn connect(&mut self, turn: &mut Turn, connect_timeout_ms: u32) {
        debug_assert_eq!(self.state, State::Idle);
        // Only sockets that existed count as generations: 31 bits, as in the slab.
        self.key.generation = (self.key.generation + 1) & 0x7fff_ffff;
        self.state = State::Connecting;
        self.counters.connects += 1;
        // A request's time runs while we connect, so silence is counted from here: counted from the
        // moment the connection stood, a lone late request would always be a little too early.
        self.last_reply = turn.now;
        self.connect_by = turn.now.plus_ms(u64::from(connect_timeout_ms));
        turn.wake_at(self.connect_by);
        turn.actions.push_back(Action::Connect {
            conn: self.conn(),
            pool: self.pool,
            server: self.server,
        });
    }

    /// A request of so many bytes was appended to `out`.
    #[inline]
    pub fn push(
        &mut self,
        turn: &mut Turn,
        (client, number, part): (Key, u32, u16),
        fence: Fence,
        bytes: usize,
        timeout_ms: Option<u32>,
    ) {
        self.end += bytes as u64;
        self.counters.requests += 1;
        self.counters.request_bytes += bytes as u64;
        if let Some(timeout_ms) = timeout_ms
            && self.tickets.len() == self.expired
        {
            turn.wake_at(turn.now.plus_ms(u64::from(timeout_ms)));
        }
        self.tickets.push_back(Ticket {
            client,
            number,
            part,
            tombstone: false,
            fence,
            since: turn.now,
            end: self.end,
        });
        if self.state == State::Ready {
            self.mark_dirty(turn);
        }
    }

    /// More of the last request, which is the only one.
    pub fn append(&mut self, turn: &mut Turn, bytes: &[u8], timeout_ms: Option<u32>) {
        self.out.tail(&mut turn.buffers).extend_from_slice(bytes);
        self.end += bytes.len() as u64;
        self.counters.request_bytes += bytes.len() as u64;
        if let Some(ticket) = self.tickets.back_mut() {
            ticket.end = self.end;
            ticket.since = turn.now;
        } else {
            // Answered before it was whole.
            self.answered += bytes.len() as u64;
        }
        if let Some(timeout_ms) = timeout_ms {
            turn.wake_at(turn.now.plus_ms(u64::from(timeout_ms)));
        }
        if self.state == State::Ready {
            self.mark_dirty(turn);
        }
    }

    pub fn mark_dirty(&mut self, turn: &mut Turn) {
        if !self.dirty {
            self.dirty = true;
            turn.dirty_upstreams.push_back(self.key);
        }
    }

    pub fn clear_dirty(&mut self) {
        self.dirty = false;
        self.hold.end();
    }

    /// Whether what is to be written may wait for more: the server has requests of ours to answer
    /// meanwhile, or many clients are about to send some.
    pub fn may_gather(&mut self, now: Time, is_crowded: bool) -> bool {
        self.state == State::Ready
            && (is_crowded || !self.is_idle_to_server())
            && !self.detached
            && self.out.len() < GATHER_BYTES
            && self.hold.may_last(now)
    }

    /// What may be written now.
    pub fn pending(&self) -> &[u8] {
        match self.state {
            State::Handshake { .. } => self.handshake.pending(),
            State::Ready => self.out.pending(),
            State::Idle | State::Connecting => &[],
        }
    }

    pub fn handle_written(&mut self, turn: &mut Turn, written: usize) {
        if let State::Handshake { .. } = self.state {
            self.handshake.consume(written, &mut turn.buffers);
        } else {
            self.sent += written as u64;
            self.out.consume(written, &mut turn.buffers);
        }
    }

    /// Its counters, and the gauges as they are now: what stands in line is in the tickets.
    pub fn count(&self) -> ServerCounters {
        let left = self.tickets.partition_point(|ticket| ticket.end <= self.sent);
        let boundary = self.start_of(left);
        let stands = matches!(self.state, State::Handshake { .. } | State::Ready);
        ServerCounters {
            server_connections: u64::from(stands),
            sockets: u64::from(self.state != State::Idle),
            in_queue: (self.tickets.len() - left) as u64,
            in_queue_bytes: self.end - boundary,
            out_queue: left as u64 + u64::from(self.stream.is_some()),
            out_queue_bytes: boundary - self.answered,
            ..self.counters
        }
    }

    /// Takes the oldest ticket: its reply has come.
    #[inline]
    pub fn pop(&mut self) -> Option<Ticket> {
        let ticket = self.tickets.pop_front()?;
        self.answered = ticket.end;
        if ticket.tombstone {
            self.expired -= 1;
        }
        Some(ticket)
    }

    /// Where a ticket's request begins: where the one before it ends.
    fn start_of(&self, at: usize) -> u64 {
        at.checked_sub(1).map_or(self.answered, |before| self.tickets[before].end)
    }

    /// The index of the first ticket whose request has not left at all.
    fn first_unsent(&self) -> usize {
        // Starts grow with the index: the first start at or past `sent`.
        let (mut low, mut high) = (0, self.tickets.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.sent > self.start_of(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Turns requests that are too late into tombstones, or takes them out if they have not left.
    /// The late ones are appended to `late`, each with whether it may have been carried out.
    pub fn expire(&mut self, now: Time, timeout_ms: u32, late: &mut Vec<(Ticket, bool)>) {
        if self.waits_for_client() {
            return;
        }
        let timeout_ms = u64::from(timeout_ms);
        let is_late = |ticket: &Ticket| ticket.since.plus_ms(timeout_ms) <= now;
        let unsent = self.first_unsent();
        while self.expired < unsent && is_late(&self.tickets[self.expired]) {
            let ticket = &mut self.tickets[self.expired];
            late.push((*ticket, true));
            ticket.tombstone = true;
            self.expired += 1;
        }
        if self.expired < unsent {
            return;
        }
        let late_unsent = self.tickets.iter().skip(unsent).take_while(|t| is_late(t)).count();
        if late_unsent == 0 {
            return;
        }
        let last = self.tickets[unsent + late_unsent - 1].end;
        let start = self.start_of(unsent);
        let bytes = last - start;
        late.extend(self.tickets.drain(unsent..unsent + late_unsent).map(|ticket| (ticket, false)));
        self.out.remove((start - self.sent) as usize, bytes as usize);
        for ticket in self.tickets.iter_mut().skip(unsent) {
            ticket.end -= bytes;
        }
        self.end -= bytes;
    }

    /// When `expire` has something to do next.
    pub fn deadline(&self, timeout_ms: Option<u32>) -> Time {
        let connecting = match self.state {
            State::Connecting | State::Handshake { .. } => self.connect_by,
            State::Ready if self.spare => return self.spare_until,
            State::Idle | State::Ready => Time::NEVER,
        };
        let Some(timeout_ms) = timeout_ms else {
            return connecting;
        };
        let stream = self
            .stream
            .as_ref()
            .filter(|stream| !stream.paused)
            .map_or(Time::NEVER, |stream| stream.moved_at.plus_ms(u64::from(timeout_ms)));
        let next = self
            .tickets
            .get(self.expired)
            .filter(|_| !self.waits_for_client())
            .map_or(Time::NEVER, |ticket| ticket.since.plus_ms(u64::from(timeout_ms)));
        let oldest = if self.expired > 0 && self.stream.is_none() {
            self.tickets[0].since.plus_ms(TOMBSTONE_TIMEOUTS * u64::from(timeout_ms))
        } else {
            Time::NEVER
        };
        next.min(oldest).min(connecting).min(stream)
    }

    /// It owes replies that are too late by far: better a new socket.
    pub fn is_hopeless(&self, now: Time, timeout_ms: u32) -> bool {
        // While a reply flows, those behind it are late by no fault of the server.
        if self.stream.is_some() {
            return false;
        }
        let patience = TOMBSTONE_TIMEOUTS * u64::from(timeout_ms);
        self.expired > TOMBSTONES_MAX
            || (self.expired > 0 && self.tickets[0].since.plus_ms(patience) <= now)
    }

    /// Whether lateness is a failure of the server now: it has delivered nothing for a whole
    /// `timeout`, and we have not said so in this period.
    pub fn fails_by_silence(&mut self, now: Time, timeout_ms: u32) -> bool {
        let period = |since: Time| since.plus_ms(u64::from(timeout_ms)) <= now;
        // Late replies from before a probe found the server well say nothing of it now.
        let is_old = self.tickets.iter().take(self.expired).all(|t| t.since < self.forgiven_at);
        if !is_old && period(self.last_reply) && period(self.failed_at) {
            self.failed_at = now;
            return true;
        }
        false
    }

    /// The socket is gone. Returns the tickets that fail with it, each with whether its request
    /// may have left. With `keep_unsent`, requests that have not left stay for the next socket.
    pub fn take_down(&mut self, turn: &mut Turn, keep_unsent: bool) -> Vec<(Ticket, bool)> {
        let unsent = self.first_unsent();
        let kept = if keep_unsent { self.tickets.len() - unsent } else { 0 };
        let mut gone = Vec::with_capacity(self.tickets.len() - kept);
        let boundary = self.start_of(unsent);
        for at in 0..self.tickets.len() - kept {
            gone.push((self.tickets[at], at < unsent));
        }
        self.tickets.drain(..gone.len());
        self.expired = 0;
        if kept == 0 {
            self.out.clear(&mut turn.buffers);
        } else {
            // The rest of a request that was cut in the middle.
            let rest = boundary.saturating_sub(self.sent);
            self.out.consume(rest as usize, &mut turn.buffers);
            for ticket in &mut self.tickets {
                ticket.end -= boundary;
            }
        }
        self.sent = 0;
        self.answered = 0;
        self.end = self.out.len() as u64;
        self.handshake.clear(&mut turn.buffers);
        self.input = None;
        self.stream = None;
        self.clear_dirty();
        self.state = State::Idle;
        gone
    }

    /// A failure of this upstream: how long before the next attempt. The first `free` ones cost
    /// no pause, so that a client that tries again at once brings an ejection about as it did
    /// with twemproxy; then the pause doubles, and half of it is chance.
    pub fn back_off(&mut self, turn: &mut Turn, cause: &Cause, free: u32) {
        self.failures = self.failures.saturating_add(1);
        self.last_cause = cause.clone();
        let over = self.failures.saturating_sub(free.max(1));
        if over == 0 {
            self.retry_at = turn.now;
            return;
        }
        let pause = (RECONNECT_MS_MIN << (over - 1).min(16)).min(RECONNECT_MS_MAX);
        let half = (pause / 2) as u32;
        self.retry_at = turn.now.plus_ms(u64::from(half + turn.chance.below(half + 1)));
    }

    /// Nothing of what waits here has left: to the server the connection is idle.
    #[inline]
    pub fn is_idle_to_server(&self) -> bool {
        self.sent <= self.answered
    }

    /// All that has come of a large request is sent: the time is the client's.
    fn waits_for_client(&self) -> bool {
        self.upload_from.is_some() && self.out.is_empty()
    }

    /// Whether anybody else than this client waits for a reply.
    pub fn is_waited_for_beside(&self, client: Key) -> bool {
        self.tickets.iter().any(|ticket| ticket.client != client && !ticket.tombstone)
    }

    /// Nothing is to come from it, and nothing is to go.
    pub fn owes_nothing(&self) -> bool {
        self.tickets.is_empty() && self.stream.is_none() && self.upload_from.is_none()
    }

    pub fn may_connect(&self, now: Time) -> bool {
        now >= self.retry_at
    }

    /// The server is known to be well again: try at once, and count no silence from before.
    pub fn forgive(&mut self, now: Time) {
        self.failures = 0;
        self.retry_at = Time::ZERO;
        self.forgiven_at = now;
    }

    #[inline]
    pub fn handle_answer(&mut self, now: Time) {
        self.last_reply = now;
        self.failures = 0;
    }

    pub fn check_invariants(&self) {
        let live = self.tickets.iter().skip(self.expired);
        assert!(live.clone().all(|ticket| !ticket.tombstone), "tombstones are the oldest");
        assert!(self.tickets.iter().take(self.expired).all(|ticket| ticket.tombstone));
        assert!(self.tickets.iter().is_sorted_by_key(|ticket| ticket.end));
        assert!(self.tickets.iter().is_sorted_by_key(|ticket| ticket.since));
        assert_eq!(self.end - self.sent, self.out.len() as u64, "unsent bytes add up");
        if let Some(last) = self.tickets.back() {
            assert_eq!(last.end, self.end);
        }
        assert!(self.tickets.len() <= UPSTREAM_QUEUE_MAX);
        let count = self.count();
        assert_eq!(count.in_queue_bytes + count.out_queue_bytes, self.end - self.answered);
        assert!(count.in_queue > 0 || count.in_queue_bytes == 0, "what waits is a request");
        assert!(self.state != State::Idle || self.owes_nothing(), "idle owes nothing");
        assert!(!self.spare || (self.detached && self.owes_nothing()), "a spare owes nothing");
        assert!(self.upload_from.is_none() || self.detached, "an upload has its upstream alone");
        assert!(self.stream.is_none() || self.detached, "a large reply has its upstream alone");
        assert!(self.state != State::Idle || self.input.is_none(), "idle has heard nothing");
    }
}
