//! What an upstream owes: a ticket a request, first in, first out.
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

use crate::base::Time;
use crate::base::limits::{TOMBSTONE_TIMEOUTS, TOMBSTONES_MAX};
use crate::base::slab::Key;
use crate::proxy::link::ticket::{Fence, Ticket};
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::{SocketState, Upstream};

impl Upstream {
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
        if self.state == SocketState::Ready {
            self.mark_dirty(turn);
        }
    }

    /// More of the last request, which is the only one.
    pub fn append(&mut self, turn: &mut Turn, bytes: &[u8], timeout_ms: Option<u32>) {
        self.out.tail(&mut turn.buffers).extend_from_slice(bytes);
        self.handle_appended(turn, bytes.len(), timeout_ms);
    }

    /// So many bytes more of it are in the output.
    pub fn handle_appended(&mut self, turn: &mut Turn, len: usize, timeout_ms: Option<u32>) {
        self.end += len as u64;
        self.counters.request_bytes += len as u64;
        if let Some(ticket) = self.tickets.back_mut() {
            ticket.end = self.end;
            ticket.since = turn.now;
        } else {
            // Answered before it was whole.
            self.answered += len as u64;
        }
        if let Some(timeout_ms) = timeout_ms {
            turn.wake_at(turn.now.plus_ms(u64::from(timeout_ms)));
        }
        if self.state == SocketState::Ready {
            self.mark_dirty(turn);
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
    pub(in crate::proxy) fn start_of(&self, at: usize) -> u64 {
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
            SocketState::Connecting | SocketState::Handshake { .. } => self.connect_by,
            SocketState::Ready if self.spare => return self.spare_until,
            SocketState::Idle | SocketState::Ready => Time::NEVER,
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
        self.state = SocketState::Idle;
        gone
    }

    /// Whether anybody else than this client waits for a reply.
    pub fn is_waited_for_beside(&self, client: Key) -> bool {
        self.tickets.iter().any(|ticket| ticket.client != client && !ticket.tombstone)
    }

    /// All that has come of a large request is sent: the time is the client's.
    fn waits_for_client(&self) -> bool {
        self.upload_from.is_some() && self.out.is_empty()
    }
}
