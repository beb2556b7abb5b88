//! A client's side of writing: output that is held back, and a socket that is full.

use super::Client;
use super::delivery::Full;
use crate::base::Time;
use crate::base::buffer::Output;
use crate::base::limits::GATHER_BYTES;
use crate::proxy::link::turn::Turn;

impl Client {
    #[inline]
    pub fn out(&self) -> &Output {
        &self.replies.out
    }

    /// The output itself, for bytes that are read straight into it. `mark_dirty` must follow.
    pub fn out_mut(&mut self) -> &mut Output {
        &mut self.replies.out
    }

    #[inline]
    pub fn mark_dirty(&mut self, turn: &mut Turn) {
        if !self.delivery.is_dirty {
            self.delivery.is_dirty = true;
            turn.dirty_clients.push_back(self.key());
        }
    }

    #[inline]
    pub fn clear_dirty(&mut self) {
        self.delivery.is_dirty = false;
        self.delivery.hold.end();
    }

    /// Bytes of requests are read.
    #[inline]
    pub fn handle_asked(&mut self, now: Time) {
        self.heard_at = now;
        self.delivery.asked_at_once = self.owed() == 0 && self.replies.out.is_empty();
    }

    /// Until when the output may wait for more replies, if it may. In a turn without events it may only if
    /// one read brought all the requests.
    pub fn gathers_until(&mut self, now: Time, is_busy: bool) -> Option<Time> {
        let may = self.is_open()
            && self.owed() > 0
            && (is_busy || self.delivery.asked_at_once)
            && self.download_from.is_none()
            && self.delivery.full.is_none()
            && (1..GATHER_BYTES).contains(&self.replies.out.len());
        if may { self.delivery.hold.lasts_until(now) } else { None }
    }

    /// The socket took this many bytes. `stall_ms`: how long it may take nothing until it is looked at.
    #[inline]
    pub fn handle_written(&mut self, turn: &mut Turn, written: usize, stall_ms: u64) {
        self.replies.out.consume(written, &mut turn.buffers);
        if self.replies.out.is_empty() {
            self.delivery.full = None;
            self.release_slots(turn);
            self.maybe_resume(turn);
        } else if written > 0 || self.delivery.full.is_none() {
            self.replies.out.trim();
            self.delivery.full = Some(Full { since: turn.now, was_tried: false });
            self.set_deadline(turn, turn.now.plus_ms(stall_ms));
            self.maybe_resume(turn);
        }
    }

    /// Since when its socket has taken nothing, if it is full.
    pub fn full_since(&self) -> Option<Time> {
        self.delivery.full.map(|full| full.since)
    }

    /// Whether to try the full socket once more: `true` once for each stall.
    pub fn try_again(&mut self) -> bool {
        let full = self.delivery.full.as_mut();
        full.is_some_and(|full| !std::mem::replace(&mut full.was_tried, true))
    }

    /// Its time is not over, so the full socket may be tried again later.
    pub fn forget_try(&mut self) {
        if let Some(full) = &mut self.delivery.full {
            full.was_tried = false;
        }
    }

    /// Its own deadline is looked at from now on.
    pub fn set_deadline(&mut self, turn: &mut Turn, at: Time) {
        if !self.delivery.has_deadline {
            self.delivery.has_deadline = true;
            turn.clients_with_deadline.push(self.key());
        }
        turn.wake_at(at);
    }

    /// It has left the list of clients with a deadline.
    pub fn forget_deadline(&mut self) {
        self.delivery.has_deadline = false;
    }
}
