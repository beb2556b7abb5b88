//! Requests on one socket: their bytes, and a ticket for each, first in, first out.
//!
//! The tickets stand in the order of the requests in the output, which is the order of the
//! replies. Each knows where its request ends in the stream of bytes of this socket, so whether a
//! request has left is one comparison and needs no bookkeeping as bytes leave.
//!
//! ```text
//!   tickets   │ swallowed │ swallowed │ owed │ owed │ unsent │ unsent │
//!             └─ late ────────────────┘             └─ may be taken out ┘
//! ```
//!
//! A request that times out on the wire leaves its ticket as a *tombstone*, which swallows the late
//! reply; the requests behind it do not notice. All requests have the same timeout, so the late
//! ones are always the oldest, and the next deadline is that of the first ticket behind them.
//!
//! Where another server may take a shard over, the queue *keeps* requests until they are answered
//! (`keep`). What a server refused without doing it is set aside with its bytes, at the front, and goes to
//! the next server before everything else:
//!
//! ```text
//!   tickets   │ set aside │ owed │ owed │ unsent │ unsent │
//! ```

use crate::base::Time;
use crate::base::buffer::{BufferPool, Output};
use crate::base::limits::{
    TOMBSTONE_TIMEOUTS, TOMBSTONES_MAX, UPSTREAM_QUEUE_MAX, UPSTREAM_UNSENT_BYTES_MAX,
};
use crate::base::slab::Key;
use crate::proxy::link::ticket::{Chore, Lost, Owner, Ticket};
use std::collections::VecDeque;

#[derive(Default)]
pub struct Queue {
    tickets: VecDeque<Ticket>,
    /// Tickets at the front whose replies are swallowed.
    late: usize,
    /// Requests, in the order of their tickets.
    pub(super) out: Output,
    /// Bytes of requests that this socket has taken.
    sent: u64,
    /// Where the oldest ticket's request begins in the bytes of this socket.
    answered: u64,
    /// Bytes of requests appended since this socket began.
    end: u64,
    /// Requests stay in the output until they are answered.
    keeps: bool,
    /// Bytes at the front of the output that have left.
    kept: usize,
    /// Tickets at the front whose requests were set aside.
    aside: usize,
}

/// How much waits, in requests and bytes.
pub struct QueueLen {
    /// Not left whole.
    pub unsent: u64,
    pub unsent_bytes: u64,
    /// Left, and not answered; late ones included.
    pub unanswered: u64,
    pub unanswered_bytes: u64,
}

impl Queue {
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    #[inline]
    pub fn is_full(&self) -> bool {
        self.tickets.len() >= UPSTREAM_QUEUE_MAX || self.out.len() >= UPSTREAM_UNSENT_BYTES_MAX
    }

    /// The oldest request that the server has not answered.
    #[inline]
    pub fn front(&self) -> Option<&Ticket> {
        self.tickets.get(self.aside)
    }

    /// Bytes that have not left.
    #[inline]
    pub(super) fn unsent(&self) -> &[u8] {
        &self.out.pending()[self.kept..]
    }

    #[inline]
    pub(super) fn unsent_len(&self) -> usize {
        self.out.len() - self.kept
    }

    pub fn tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.tickets.iter()
    }

    /// The ticket of the request that ends with the output. Returns the request's bytes.
    #[inline]
    pub(super) fn push(&mut self, ticket: Ticket, now: Time) -> usize {
        let before = self.end;
        self.end = self.sent + self.unsent_len() as u64;
        self.tickets.push_back(Ticket { since: now, end: self.end, ..ticket });
        (self.end - before) as usize
    }

    /// The last request, which is the only one, has grown to the end of the output. Returns by how
    /// many bytes.
    pub(super) fn grow(&mut self, now: Time) -> usize {
        let before = self.end;
        self.end = self.sent + self.unsent_len() as u64;
        let len = self.end - before;
        if let Some(ticket) = self.tickets.back_mut() {
            ticket.end = self.end;
            ticket.since = now;
        } else {
            // Answered before it was whole.
            self.answered += len;
        }
        len as usize
    }

    /// Takes the oldest ticket: its reply has come.
    #[inline(always)]
    pub(super) fn pop(&mut self) -> Option<Ticket> {
        let ticket = self.tickets.pop_front()?;
        self.answered = ticket.end;
        if ticket.is_swallowed() {
            self.late -= 1;
        }
        Some(ticket)
    }

    /// The same where requests are kept.
    #[inline(never)]
    pub(super) fn pop_kept(&mut self, buffers: &mut BufferPool) -> Option<Ticket> {
        if self.aside > 0 {
            return self.pop_behind();
        }
        let ticket = self.tickets.pop_front()?;
        let done = ((ticket.end - self.answered) as usize).min(self.kept);
        self.answered = ticket.end;
        if ticket.is_swallowed() {
            self.late -= 1;
        }
        self.kept -= done;
        self.out.consume(done, buffers);
        Some(ticket)
    }

    /// The same behind requests that were set aside.
    #[cold]
    fn pop_behind(&mut self) -> Option<Ticket> {
        let start = self.start_of(self.aside);
        if self.tickets.get(self.aside)?.end > self.sent {
            return None; // answered before it was whole: no server does that
        }
        let ticket = self.tickets.remove(self.aside)?;
        let bytes = ticket.end - start;
        self.out.remove((start - self.front_byte()) as usize, bytes as usize);
        // What is set aside and what comes behind are as if it had never been.
        self.kept -= bytes as usize;
        self.sent -= bytes;
        self.end -= bytes;
        for later in self.tickets.iter_mut().skip(self.aside) {
            later.end -= bytes;
        }
        Some(ticket)
    }

    /// Where the output begins in the bytes of this socket.
    fn front_byte(&self) -> u64 {
        self.sent - self.kept as u64
    }

    fn drop_answered(&mut self, buffers: &mut BufferPool) {
        let done = self.answered.saturating_sub(self.front_byte()).min(self.kept as u64) as usize;
        if done > 0 {
            self.out.consume(done, buffers);
            self.kept -= done;
        }
    }

    pub(super) fn handle_written(&mut self, written: usize, buffers: &mut BufferPool) {
        self.sent += written as u64;
        if self.keeps {
            self.kept += written;
            // The rest of a request that was answered before it was whole.
            self.drop_answered(buffers);
        } else {
            self.out.consume(written, buffers);
            self.out.trim();
        }
    }

    /// Nothing of what waits here has left: to the server the connection is idle.
    #[inline]
    pub fn is_idle_to_server(&self) -> bool {
        self.sent <= self.start_of(self.aside)
    }

    /// Whether requests stay here until they are answered, from now on. Nothing is on its way.
    pub(super) fn keep(&mut self, keeps: bool) {
        debug_assert!(self.tickets.is_empty());
        self.keeps = keeps && self.sent == self.answered;
    }

    #[inline]
    pub fn keeps(&self) -> bool {
        self.keeps
    }

    /// Sets the oldest request aside that the server has not answered: it has refused it, without doing it.
    pub(super) fn set_aside(&mut self) {
        debug_assert!(self.keeps && self.late == 0 && self.aside < self.tickets.len());
        self.aside += 1;
    }

    /// What was set aside is not sent again.
    pub(super) fn take_aside(&mut self, buffers: &mut BufferPool) -> Vec<Ticket> {
        self.answered = self.start_of(self.aside);
        let aside = self.tickets.drain(..std::mem::take(&mut self.aside)).collect();
        self.drop_answered(buffers);
        aside
    }

    pub fn has_aside(&self) -> bool {
        self.aside > 0
    }

    /// How many requests were set aside.
    pub fn aside_len(&self) -> usize {
        self.aside
    }

    /// The socket is given up. What was set aside and what has not left stays, in this order, for the next
    /// one. Returns what was sent and not answered.
    pub(super) fn take_back(&mut self, buffers: &mut BufferPool) -> Vec<Lost> {
        if self.aside == 0 {
            return self.take_down(true, buffers);
        }
        let (front, unsent) = (self.front_byte(), self.first_unsent().max(self.aside));
        let (from, to) = (self.start_of(self.aside), self.start_of(unsent));
        let lost = self.tickets.drain(self.aside..unsent);
        let lost = lost.map(|ticket| Lost { ticket, may_have_left: true }).collect();
        self.out.remove((from - front) as usize, (to - from) as usize);
        for ticket in self.tickets.iter_mut().take(self.aside) {
            ticket.end -= front;
        }
        for ticket in self.tickets.iter_mut().skip(self.aside) {
            ticket.end -= front + (to - from);
        }
        (self.sent, self.answered, self.kept, self.aside, self.late) = (0, 0, 0, 0, 0);
        self.end = self.out.len() as u64;
        lost
    }

    /// All requests with their bytes, oldest first; the queue is empty then. For requests that another
    /// server may answer as well.
    pub(super) fn take_all(&mut self, buffers: &mut BufferPool) -> Vec<(Ticket, Vec<u8>)> {
        let front = self.front_byte();
        let mut start = self.start_of(0);
        let mut all = Vec::with_capacity(self.tickets.len());
        for ticket in self.tickets.drain(..) {
            let bytes =
                &self.out.pending()[(start - front) as usize..(ticket.end - front) as usize];
            all.push((ticket, bytes.to_vec()));
            start = ticket.end;
        }
        self.out.clear(buffers);
        (self.sent, self.answered, self.end) = (0, 0, 0);
        (self.kept, self.aside, self.late) = (0, 0, 0);
        all
    }

    /// The bytes of the oldest request that the server has not answered.
    pub(super) fn front_bytes(&self) -> &[u8] {
        let start = (self.start_of(self.aside) - self.front_byte()) as usize;
        let end = self.front().map_or(start, |it| (it.end - self.front_byte()) as usize);
        &self.out.pending()[start..end]
    }

    /// Requests that go before all others. Nothing of the queue has left.
    pub(super) fn put_first(
        &mut self,
        first: Vec<(Ticket, Vec<u8>)>,
        now: Time,
        buffers: &mut BufferPool,
    ) {
        debug_assert!(self.sent == 0 && self.aside == 0 && self.late == 0);
        let rest = self.take_all(buffers);
        for (ticket, bytes) in first.into_iter().chain(rest) {
            self.out.tail(buffers).extend_from_slice(&bytes);
            let since = ticket.since;
            self.push(ticket, now);
            if let Some(last) = self.tickets.back_mut() {
                last.since = since;
            }
        }
    }

    /// The requests that wait here count as taken now: their time at the server begins.
    pub(super) fn refresh(&mut self, now: Time) {
        for ticket in &mut self.tickets {
            ticket.since = now;
        }
    }

    /// Whether the first ticket not late exists: its deadline is the queue's.
    #[inline]
    pub(super) fn is_all_late(&self) -> bool {
        self.tickets.len() == self.late
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
    pub(super) fn expire(&mut self, now: Time, timeout_ms: u32) -> Vec<Lost> {
        let timeout_ms = u64::from(timeout_ms);
        let is_late = |ticket: &Ticket| ticket.since.plus_ms(timeout_ms) <= now;
        let mut lost = Vec::new();
        let unsent = self.first_unsent();
        while self.late < unsent && is_late(&self.tickets[self.late]) {
            let ticket = &mut self.tickets[self.late];
            lost.push(Lost { ticket: *ticket, may_have_left: true });
            ticket.owner = Owner::Worker(Chore::Swallow);
            self.late += 1;
        }
        if self.late < unsent {
            return lost;
        }
        let late_unsent = self.tickets.iter().skip(unsent).take_while(|t| is_late(t)).count();
        if late_unsent == 0 {
            return lost;
        }
        let last = self.tickets[unsent + late_unsent - 1].end;
        let start = self.start_of(unsent);
        let bytes = last - start;
        let taken_out = self.tickets.drain(unsent..unsent + late_unsent);
        lost.extend(taken_out.map(|ticket| Lost { ticket, may_have_left: false }));
        self.out.remove((start - self.front_byte()) as usize, bytes as usize);
        for ticket in self.tickets.iter_mut().skip(unsent) {
            ticket.end -= bytes;
        }
        self.end -= bytes;
        lost
    }

    /// When the first request that is not late yet will be.
    pub(super) fn next_late(&self, timeout_ms: u32) -> Option<Time> {
        let ticket = self.tickets.get(self.late)?;
        Some(ticket.since.plus_ms(u64::from(timeout_ms)))
    }

    /// When the oldest reply has been late for so long that a new socket is better.
    pub(super) fn hopeless_at(&self, timeout_ms: u32) -> Option<Time> {
        let wait_ms = TOMBSTONE_TIMEOUTS * u64::from(timeout_ms);
        (self.late > 0).then(|| self.tickets[0].since.plus_ms(wait_ms))
    }

    pub(super) fn is_hopeless(&self, now: Time, timeout_ms: u32) -> bool {
        self.late > TOMBSTONES_MAX || self.hopeless_at(timeout_ms).is_some_and(|at| at <= now)
    }

    /// When the late requests were taken.
    pub(super) fn late_since(&self) -> impl Iterator<Item = Time> {
        self.tickets.iter().take(self.late).map(|ticket| ticket.since)
    }

    /// The socket is gone. Returns the tickets that fail with it. With `keep_unsent`, requests that
    /// have not left stay for the next socket.
    pub(super) fn take_down(&mut self, keep_unsent: bool, buffers: &mut BufferPool) -> Vec<Lost> {
        let unsent = self.first_unsent();
        let kept = if keep_unsent { self.tickets.len() - unsent } else { 0 };
        let boundary = self.start_of(unsent);
        let lost = self.tickets.drain(..self.tickets.len() - kept).enumerate();
        let lost = lost.map(|(at, ticket)| Lost { ticket, may_have_left: at < unsent }).collect();
        self.late = 0;
        if kept == 0 {
            self.out.clear(buffers);
        } else {
            // The rest of a request that was cut in the middle.
            let gone = boundary.saturating_sub(self.front_byte());
            self.out.consume(gone as usize, buffers);
            for ticket in &mut self.tickets {
                ticket.end -= boundary;
            }
        }
        (self.sent, self.answered, self.kept, self.aside) = (0, 0, 0, 0);
        self.end = self.out.len() as u64;
        lost
    }

    /// Whether another client than this one waits for a reply.
    pub fn is_waited_for_beside(&self, client: Key) -> bool {
        self.tickets.iter().filter_map(Ticket::client).any(|key| key != client)
    }

    pub fn count(&self) -> QueueLen {
        let left = self.tickets.partition_point(|ticket| ticket.end <= self.sent);
        let boundary = self.start_of(left);
        QueueLen {
            unsent: (self.tickets.len() - left) as u64,
            unsent_bytes: self.end - boundary,
            unanswered: left as u64,
            unanswered_bytes: boundary - self.answered,
        }
    }

    pub(super) fn check_invariants(&self) {
        let mut swallowed = self.tickets.iter().map(Ticket::is_swallowed);
        assert!(swallowed.by_ref().take(self.late).all(|is| is), "the late ones are the oldest");
        assert!(!swallowed.any(|is| is), "tombstones are counted");
        assert!(self.tickets.iter().is_sorted_by_key(|ticket| ticket.end));
        assert!(self.tickets.iter().is_sorted_by_key(|ticket| ticket.since));
        assert_eq!(self.end - self.sent, self.unsent_len() as u64, "unsent bytes add up");
        assert!(self.kept == 0 || self.keeps, "what has left is kept only where it may go again");
        assert!(
            self.kept == 0 || self.front_byte() == self.answered,
            "what is kept is not answered"
        );
        assert!(self.aside <= self.tickets.len() && (self.aside == 0 || self.keeps));
        if let Some(last) = self.tickets.back() {
            assert_eq!(last.end, self.end);
        }
        assert!(self.tickets.len() <= UPSTREAM_QUEUE_MAX);
        let len = self.count();
        assert_eq!(len.unsent_bytes + len.unanswered_bytes, self.end - self.answered);
        assert!(len.unsent > 0 || len.unsent_bytes == 0, "what waits is a request");
    }
}
