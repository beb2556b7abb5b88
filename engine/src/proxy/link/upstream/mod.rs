//! A connection we make: requests out, first in first out, replies in.
//!
//! ```text
//!            a request                connected              its replies are good
//!   ┌──────┐ ────────▶ ┌────────────┐ ────────▶ ┌───────────┐ ────────▶ ┌───────┐
//!   │ Idle │           │ Connecting │           │ Handshake │           │ Ready │
//!   └──────┘ ◀──────── └────────────┘ ◀──────── └───────────┘ ◀──────── └───────┘
//!              closed, refused, too late: what hangs on it fails
//! ```

pub mod lane;
pub mod pool;
mod queue;

use crate::base::buffer::Output;
use crate::base::limits::{
    GATHER_BYTES, RECONNECT_MS_MAX, RECONNECT_MS_MIN, UPSTREAM_QUEUE_MAX, UPSTREAM_UNSENT_BYTES_MAX,
};
use crate::base::slab::Key;
use crate::base::{PoolId, ServerId, Time};
use crate::proxy::link::action::{Action, ConnId};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::flow::{Download, ReplyProgress};
use crate::proxy::link::hold::Hold;
use crate::proxy::link::ticket::Ticket;
use crate::proxy::link::turn::Turn;
use crate::proxy::measure::counters::ServerCounters;
use std::collections::VecDeque;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketState {
    Idle,
    Connecting,
    /// So many replies to our AUTH, HELLO, SELECT are still to come.
    Handshake {
        left: u8,
    },
    Ready,
}

/// Bytes of replies not complete yet.
pub struct Input {
    pub bytes: Vec<u8>,
    pub progress: ReplyProgress,
}

pub struct Upstream {
    /// Its place, and which of its sockets this is.
    pub key: Key,
    pub pool: PoolId,
    pub server: ServerId,
    pub lane: u8,
    pub state: SocketState,
    /// No longer in the topology: closes when it owes nothing.
    pub retired: bool,
    /// Takes no new requests while a large reply flows, and is laid by afterwards.
    pub detached: bool,
    pub spare: bool,
    /// Its connection is kept until then.
    pub spare_until: Time,
    pub stream: Option<Box<Download>>,
    /// Whose large request is on its way here; the rest is still to come.
    pub upload_from: Option<Key>,
    /// It was taken for a large request.
    pub uploads: bool,
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
    /// When it last said that it cannot serve yet.
    pub not_ready_at: Time,
    /// Replies that said so and have not been told.
    pub not_ready: usize,
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
            state: SocketState::Idle,
            retired: false,
            detached: false,
            spare: false,
            spare_until: Time::NEVER,
            stream: None,
            upload_from: None,
            uploads: false,
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
            not_ready_at: Time::NEVER,
            not_ready: 0,
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
        if self.state == SocketState::Idle {
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
        debug_assert_eq!(self.state, SocketState::Idle);
        // Only sockets that existed count as generations: 31 bits, as in the slab.
        self.key.generation = (self.key.generation + 1) & 0x7fff_ffff;
        self.state = SocketState::Connecting;
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

    /// Until when what is to be written may wait for more, if it may: the server has requests of
    /// ours to answer meanwhile, or more requests are about to come from somewhere.
    pub fn gathers_until(&mut self, now: Time, is_crowded: bool) -> Option<Time> {
        let may = self.state == SocketState::Ready
            && (is_crowded || !self.is_idle_to_server())
            && !self.detached
            && self.out.len() < GATHER_BYTES;
        if may { self.hold.lasts_until(now) } else { None }
    }

    /// What may be written now.
    pub fn pending(&self) -> &[u8] {
        match self.state {
            SocketState::Handshake { .. } => self.handshake.pending(),
            SocketState::Ready => self.out.pending(),
            SocketState::Idle | SocketState::Connecting => &[],
        }
    }

    pub fn handle_written(&mut self, turn: &mut Turn, written: usize) {
        if let SocketState::Handshake { .. } = self.state {
            self.handshake.consume(written, &mut turn.buffers);
        } else {
            self.sent += written as u64;
            self.out.consume(written, &mut turn.buffers);
            self.out.trim();
        }
    }

    /// Its counters, and the gauges as they are now: what stands in line is in the tickets.
    pub fn count(&self) -> ServerCounters {
        let left = self.tickets.partition_point(|ticket| ticket.end <= self.sent);
        let boundary = self.start_of(left);
        let stands = matches!(self.state, SocketState::Handshake { .. } | SocketState::Ready);
        ServerCounters {
            server_connections: u64::from(stands),
            sockets: u64::from(self.state != SocketState::Idle),
            in_queue: (self.tickets.len() - left) as u64,
            in_queue_bytes: self.end - boundary,
            out_queue: left as u64 + u64::from(self.stream.is_some()),
            out_queue_bytes: boundary - self.answered,
            ..self.counters
        }
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
        assert!(self.state != SocketState::Idle || self.owes_nothing(), "idle owes nothing");
        assert!(!self.spare || (self.detached && self.owes_nothing()), "a spare owes nothing");
        assert!(self.upload_from.is_none() || self.detached, "an upload has its upstream alone");
        assert!(self.stream.is_none() || self.detached, "a large reply has its upstream alone");
        assert!(self.state != SocketState::Idle || self.input.is_none(), "idle has heard nothing");
    }
}
