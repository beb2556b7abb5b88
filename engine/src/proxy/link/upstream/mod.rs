//! An upstream: a connection that we make. Requests go out, replies come in, first in, first out.
//!
//! ```text
//!   Upstream ──▶ duty      who may use it
//!            ──▶ socket    how far its connection has got
//!            ──▶ queue     requests and their tickets
//!            ──▶ failures  what went wrong, and when to try again
//!            ──▶ switch    what becomes of requests when another server takes over
//! ```
//!
//! Upstreams are in one list of the worker. A [`pool`] knows which index in it serves a server. An
//! upstream keeps its index for ever: after a lost connection it connects again, under a new generation.

pub mod duty;
pub mod failures;
pub mod lane;
pub mod peer;
pub mod pool;
pub mod queue;
pub mod socket;
pub mod switch;
mod takeover;
mod time;

use duty::{Duty, Why};
use failures::Failures;
use lane::Asks;
use peer::Peer;
use queue::Queue;
use socket::{ReplyInput, Socket, SocketState};
use switch::Switch;

use super::action::{Action, ConnId, Reading};
use super::cause::Cause;
use super::flow::Download;
use super::ticket::{Lost, Ticket};
use super::turn::Turn;
use crate::base::limits::GATHER_BYTES;
use crate::base::slab::Key;
use crate::base::{PoolId, ServerId, Time};
use crate::proxy::measure::counters::ServerCounters;

pub struct Upstream {
    /// Its place, and which of its sockets this is.
    key: Key,
    pool: PoolId,
    server: ServerId,
    lane: u16,
    duty: Duty,
    socket: Socket,
    queue: Queue,
    switch: Switch,
    /// A large reply that flows; its ticket has left the queue.
    download: Option<Box<Download>>,
    pub peer: Peer,
    pub failures: Failures,
    pub counters: ServerCounters,
}

impl Upstream {
    pub fn new(
        index: u32,
        pool: PoolId,
        server: ServerId,
        lane: u16,
        is_watched: bool,
        (is_possible, hold_ms): (bool, u32),
    ) -> Upstream {
        Upstream {
            key: Key { index, generation: 0 },
            pool,
            server,
            lane,
            duty: Duty::Shared,
            socket: Socket::new(),
            queue: Queue::default(),
            switch: Switch::new(is_possible, hold_ms),
            download: None,
            peer: Peer::default(),
            failures: Failures::new(is_watched),
            counters: ServerCounters::default(),
        }
    }

    pub fn key(&self) -> Key {
        self.key
    }

    pub fn conn(&self) -> ConnId {
        ConnId::Upstream(self.key)
    }

    #[inline]
    pub fn pool(&self) -> PoolId {
        self.pool
    }

    #[inline]
    pub fn server(&self) -> ServerId {
        self.server
    }

    pub fn lane(&self) -> u16 {
        self.lane
    }

    #[inline]
    pub fn duty(&self) -> Duty {
        self.duty
    }

    #[inline]
    pub fn state(&self) -> SocketState {
        self.socket.state
    }

    #[inline]
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Nothing will come from it, and nothing will go to it.
    pub fn owes_nothing(&self) -> bool {
        self.queue.is_empty()
            && self.download.is_none()
            && self.duty.upload_from().is_none()
            && self.duty.pinned_by().is_none()
            && !self.duty.is_hub()
    }

    // ---- duty ----------------------------------------------------------------------------

    /// It has a place in its pool's table from now on.
    pub(super) fn share(&mut self) {
        self.duty = Duty::Shared;
        self.queue.keep(self.switch.is_possible());
    }

    /// It takes no request but one from now on.
    pub(super) fn stand_alone(&mut self, why: Why) {
        self.duty = Duty::Alone(why);
        let is_whole = matches!(why, Why::Reply | Why::Request { from: None } | Why::Wait { .. });
        self.queue.keep(is_whole && self.switch.is_possible());
    }

    /// It takes no new request from now on.
    pub fn leave_shared(&mut self, why: Why) {
        self.duty = Duty::Alone(why);
    }

    /// Its server is in the topology, or is not.
    pub fn follow(&mut self, is_in_topology: bool) {
        match self.duty {
            Duty::Shared if !is_in_topology => self.duty = Duty::Retired,
            Duty::Retired if is_in_topology => self.duty = Duty::Shared,
            _ => {}
        }
    }

    /// It was alone and owes nothing any more.
    pub fn make_spare(&mut self, turn: &mut Turn, until: Time) {
        let was = match self.duty {
            Duty::Alone(why) | Duty::Spare { was: why, .. } => why,
            Duty::Shared | Duty::Retired => Why::Reply,
        };
        self.duty = Duty::Spare { until, was };
        turn.wake_at(until);
    }

    /// The client has sent all of its large request, or never will.
    pub fn end_upload(&mut self) {
        if let Duty::Alone(Why::Request { from }) = &mut self.duty {
            *from = None;
        }
    }

    /// The client that had it alone does not need it any more.
    pub fn unpin(&mut self) {
        if let Duty::Alone(Why::Watch { of } | Why::Wait { of }) = &mut self.duty {
            *of = None;
        }
    }

    /// Nobody listens to this server any more: it is closed.
    pub fn end_hub(&mut self, turn: &mut Turn) {
        self.duty = Duty::Alone(Why::Reply);
        self.close(turn);
    }

    // ---- the connection ------------------------------------------------------------------

    /// Ready to take a request, connecting first if it must. `Err`: why it cannot take one.
    #[inline]
    pub fn prepare(&mut self, turn: &mut Turn, connect_timeout_ms: u32) -> Result<(), Cause> {
        if self.socket.state == SocketState::Idle {
            self.prepare_idle(turn, connect_timeout_ms)?;
        }
        if self.queue.is_full() { Err(Cause::QueueFull) } else { Ok(()) }
    }

    #[cold]
    fn prepare_idle(&mut self, turn: &mut Turn, connect_timeout_ms: u32) -> Result<(), Cause> {
        if self.queue.is_empty() {
            // Whoever waited here has left. The next one has the whole time.
            self.switch.forget_wait();
        }
        if self.failures.may_connect(turn.now) {
            self.connect(turn, connect_timeout_ms);
            self.wait_if_failing(turn);
        } else if self.switch.holds(turn.now) && !self.duty.is_hub() {
            self.wait(turn);
        } else {
            return Err(self.failures.last_cause().clone());
        }
        Ok(())
    }

    pub fn connect(&mut self, turn: &mut Turn, connect_timeout_ms: u32) {
        debug_assert_eq!(self.socket.state, SocketState::Idle);
        // Only sockets that existed count as generations: 31 bits, as in the slab.
        self.key.generation = (self.key.generation + 1) & 0x7fff_ffff;
        self.socket.state = SocketState::Connecting;
        self.counters.connects += 1;
        self.failures.begin_connecting(turn.now);
        self.socket.connect_by = turn.now.plus_ms(u64::from(connect_timeout_ms));
        turn.wake_at(self.socket.connect_by);
        let (conn, pool, server) = (self.conn(), self.pool, self.server);
        turn.actions.push_back(Action::Connect { conn, pool, server });
    }

    /// The connection stands. `write` appends the handshake and returns how many replies it gets.
    pub fn handle_connected(
        &mut self,
        turn: &mut Turn,
        asks: Asks,
        write: impl FnOnce(&mut Vec<u8>) -> u8,
    ) {
        let left = write(self.socket.handshake.tail(&mut turn.buffers));
        if left == 0 {
            self.socket.handshake.clear(&mut turn.buffers);
            self.become_ready(turn);
        } else {
            self.socket.state = SocketState::Handshake { left, asks };
        }
        self.mark_dirty(turn);
    }

    /// A reply of the handshake is good. `Err`: it came before all of the handshake had left, so it
    /// is no answer to it.
    pub fn handle_step_done(&mut self, turn: &mut Turn) -> Result<(), Cause> {
        if !self.socket.handshake.is_empty() {
            return Err(Cause::Protocol);
        }
        let SocketState::Handshake { left, asks } = self.socket.state else {
            return Ok(());
        };
        if left > 1 {
            self.socket.state = SocketState::Handshake { left: left - 1, asks };
        } else {
            self.become_ready(turn);
            self.mark_dirty(turn);
        }
        Ok(())
    }

    fn become_ready(&mut self, turn: &mut Turn) {
        self.socket.state = SocketState::Ready;
        if self.switch.until().is_some() {
            self.queue.refresh(turn.now);
            self.end_hold(turn, true);
        }
    }

    /// Bytes of a reply that is not complete, to go on with.
    #[inline]
    pub fn take_input(&mut self) -> Option<Box<ReplyInput>> {
        self.socket.input.take()
    }

    #[inline]
    pub fn keep_input(&mut self, input: Option<Box<ReplyInput>>) {
        self.socket.input = input;
    }

    /// It has a connection, or makes one.
    pub fn is_connected(&self) -> bool {
        self.socket.state != SocketState::Idle
    }

    pub fn has_input(&self) -> bool {
        self.socket.input.is_some()
    }

    /// Bytes that wait: heard and not taken, and not sent.
    pub fn waiting_bytes(&self) -> (usize, usize) {
        let heard = self.socket.input.as_ref().map_or(0, |input| input.bytes.len());
        (heard, self.queue.unsent_len() + self.socket.handshake.len())
    }

    /// The socket is gone. Returns the tickets that fail with it. With `keep_unsent`, requests that
    /// have not left stay for the next socket.
    pub fn take_down(&mut self, turn: &mut Turn, keep_unsent: bool) -> Vec<Lost> {
        self.download = None;
        self.peer = Peer::default();
        self.socket.reset(&mut turn.buffers);
        let lost = if keep_unsent {
            self.queue.take_back(&mut turn.buffers)
        } else {
            self.queue.take_down(false, &mut turn.buffers)
        };
        if self.queue.is_empty() {
            // The server has forgotten what it watched.
            self.unpin();
        }
        lost
    }

    /// Closes a connection that owes nothing.
    pub fn close(&mut self, turn: &mut Turn) {
        if self.socket.state != SocketState::Idle {
            turn.actions.push_back(Action::Close { conn: self.conn() });
            self.take_down(turn, false);
        }
    }

    /// The client that sends a large request is gone, or has sent nonsense. Returns what fails.
    pub fn abandon(&mut self, turn: &mut Turn) -> Vec<Lost> {
        self.end_upload();
        if self.socket.state != SocketState::Idle {
            turn.actions.push_back(Action::Close { conn: self.conn() });
        }
        self.take_down(turn, false)
    }

    // ---- requests ------------------------------------------------------------------------

    /// Where to append a request, or a part of one; `push` or `handle_appended` must follow.
    #[inline]
    pub fn tail<'a>(&'a mut self, turn: &'a mut Turn) -> &'a mut Vec<u8> {
        self.queue.out.tail(&mut turn.buffers)
    }

    /// The output itself, for what is read straight to it.
    pub fn output(&mut self) -> &mut crate::base::buffer::Output {
        &mut self.queue.out
    }

    /// The request that ends the output is whole, or flows from here on.
    #[inline]
    pub fn push(&mut self, turn: &mut Turn, ticket: Ticket, timeout_ms: Option<u32>) {
        if let Some(timeout_ms) = timeout_ms
            && self.queue.is_all_late()
        {
            turn.wake_at(turn.now.plus_ms(u64::from(timeout_ms)));
        }
        let bytes = self.queue.push(ticket, turn.now);
        self.counters.requests += 1;
        self.counters.request_bytes += bytes as u64;
        if self.socket.state == SocketState::Ready {
            self.mark_dirty(turn);
        }
    }

    /// More of the last request, which is the only one, is in the output.
    pub fn handle_appended(&mut self, turn: &mut Turn, timeout_ms: Option<u32>) {
        let bytes = self.queue.grow(turn.now);
        self.counters.request_bytes += bytes as u64;
        if let Some(timeout_ms) = timeout_ms {
            turn.wake_at(turn.now.plus_ms(u64::from(timeout_ms)));
        }
        if self.socket.state == SocketState::Ready {
            self.mark_dirty(turn);
        }
    }

    /// Takes the oldest ticket: its reply has come.
    #[inline(always)]
    pub fn pop(&mut self, turn: &mut Turn) -> Option<Ticket> {
        if self.queue.keeps() { self.queue.pop_kept(&mut turn.buffers) } else { self.queue.pop() }
    }

    #[inline]
    fn mark_dirty(&mut self, turn: &mut Turn) {
        if !self.socket.is_dirty {
            self.socket.is_dirty = true;
            turn.dirty_upstreams.push_back(self.key);
        }
    }

    #[inline]
    pub fn clear_dirty(&mut self) {
        self.socket.clear_dirty();
    }

    /// Until when the output may wait for more, if it may: the server has requests of ours to
    /// answer meanwhile, or more requests are about to come.
    pub fn gathers_until(&mut self, now: Time, is_crowded: bool) -> Option<Time> {
        let may = self.socket.state == SocketState::Ready
            && (is_crowded || !self.queue.is_idle_to_server())
            && matches!(self.duty, Duty::Shared | Duty::Retired)
            && self.queue.unsent_len() < GATHER_BYTES;
        if may { self.socket.hold.lasts_until(now) } else { None }
    }

    /// What may be written now.
    #[inline]
    pub fn pending(&self) -> &[u8] {
        match self.socket.state {
            SocketState::Handshake { .. } => self.socket.handshake.pending(),
            SocketState::Ready if self.switch.is_draining() => &[],
            SocketState::Ready => self.queue.unsent(),
            SocketState::Idle | SocketState::Connecting => &[],
        }
    }

    #[inline]
    pub fn handle_written(&mut self, turn: &mut Turn, written: usize) {
        if let SocketState::Handshake { .. } = self.socket.state {
            self.socket.handshake.consume(written, &mut turn.buffers);
        } else {
            self.queue.handle_written(written, &mut turn.buffers);
        }
    }

    // ---- replies -------------------------------------------------------------------------

    /// The large reply that flows from it.
    #[inline]
    pub fn download(&self) -> Option<&Download> {
        self.download.as_deref()
    }

    #[inline]
    pub fn download_mut(&mut self) -> Option<&mut Download> {
        self.download.as_deref_mut()
    }

    pub fn begin_download(&mut self, download: Download) {
        self.download = Some(Box::new(download));
    }

    pub fn take_download(&mut self) -> Option<Box<Download>> {
        self.download.take()
    }

    /// Whether it may be read on.
    #[inline]
    pub fn reading(&self) -> Reading {
        match &self.download {
            Some(download) if download.is_paused => Reading::Stop,
            _ => Reading::Go,
        }
    }

    /// Its counters, and the gauges as they are now: what stands in line is in the tickets.
    pub fn count(&self) -> ServerCounters {
        let len = self.queue.count();
        let stands =
            matches!(self.socket.state, SocketState::Handshake { .. } | SocketState::Ready);
        ServerCounters {
            server_connections: u64::from(stands),
            sockets: u64::from(self.socket.state != SocketState::Idle),
            in_queue: len.unsent,
            in_queue_bytes: len.unsent_bytes,
            out_queue: len.unanswered + u64::from(self.download.is_some()),
            out_queue_bytes: len.unanswered_bytes,
            ..self.counters
        }
    }

    pub fn check_invariants(&self) {
        self.queue.check_invariants();
        let is_idle = self.socket.state == SocketState::Idle;
        // A hub waits until it may connect again, and requests for another server.
        let may_wait = self.duty.is_hub() && self.queue.is_empty() || self.is_waiting();
        assert!(!is_idle || !self.switch.is_draining(), "idle awaits no answers");
        assert!(!is_idle || may_wait || self.owes_nothing(), "idle owes nothing");
        assert!(!is_idle || self.socket.input.is_none(), "idle has heard nothing");
        let is_spare = matches!(self.duty, Duty::Spare { .. });
        assert!(!is_spare || self.owes_nothing(), "a spare owes nothing");
        let is_alone = matches!(self.duty, Duty::Alone(_));
        assert!(self.download.is_none() || is_alone, "a large reply has its upstream alone");
    }
}
