//! What a client is owed: replies in the order of its requests, however they come.
//!
//! ```text
//!   slots   ┌─────────┬─────────┬───────────┬─────────┐   oldest first, one a request
//!           │ Waiting │  Ready  │  Merging  │ Waiting │
//!           └────┬────┴─────────┴───────────┴─────────┘
//!                ▼ the oldest one's reply goes straight to the output; a younger one's waits in
//!                  the stash, all of them in one allocation
//! ```

use crate::base::limits::{
    CLIENT_GLUT_STALL_MS, CLIENT_HOARD_BYTES, CLIENT_OUTPUT_BYTES_MAX, CLIENT_WINDOW_MAX,
};
use crate::command::Joined;
use crate::protocol::{memcache, resp};
use crate::proxy::link::client::Client;
use crate::proxy::link::slot::Slot;
use crate::proxy::link::turn::Turn;
use crate::topology::Protocol;

/// A stash smaller than this is not worth tidying.
const STASH_TIDY_BYTES: usize = 64 * 1024;

/// The widest window of replies that have no more bytes than this fits the output bound.
const REPLY_BYTES_SMALL: u32 = CLIENT_OUTPUT_BYTES_MAX as u32 / CLIENT_WINDOW_MAX;

/// Room for slots that a client keeps while it is owed nothing.
const IDLE_SLOTS: usize = 4;

/// Queues of slots kept for the next burst, half a megabyte at most, and the room of one.
const SPARE_QUEUES_MAX: usize = 64;
const SPARE_SLOTS: usize = 256;

impl Client {
    /// A new slot at the end; its number goes on the tickets.
    #[inline]
    pub fn expect(&mut self, turn: &mut Turn) -> u32 {
        self.add(turn, Slot::Waiting)
    }

    pub fn expect_merge(&mut self, turn: &mut Turn, merge: Box<Joined>) -> u32 {
        self.add(turn, Slot::Merging(merge))
    }

    #[inline]
    fn add(&mut self, turn: &mut Turn, slot: Slot) -> u32 {
        if self.slots.capacity() == 0 {
            self.slots = turn.spare_slots.pop().unwrap_or_default();
        }
        let number = self.head.wrapping_add(self.slots.len() as u32);
        self.slots.push_back(slot);
        number
    }

    /// Answers the request read just now, in its turn.
    pub fn answer(&mut self, turn: &mut Turn, write: impl FnOnce(&mut Vec<u8>)) {
        if self.slots.is_empty() {
            write(self.out.tail(&mut turn.buffers));
            self.mark_dirty(turn);
            return;
        }
        let start = self.stash(turn).len();
        write(&mut self.stash);
        let len = self.stash.len() - start;
        self.stash_live += len;
        self.add(turn, Slot::Ready { start, len });
    }

    /// Everything owed is written: the room that a burst has left behind is lent to the next one.
    pub fn release_slots(&mut self, turn: &mut Turn) {
        if self.slots.is_empty() && self.slots.capacity() > IDLE_SLOTS {
            let slots = std::mem::take(&mut self.slots);
            if slots.capacity() <= SPARE_SLOTS && turn.spare_slots.len() < SPARE_QUEUES_MAX {
                turn.spare_slots.push(slots);
            }
        }
    }

    fn stash(&mut self, turn: &mut Turn) -> &mut Vec<u8> {
        if self.stash.capacity() == 0 {
            self.stash = turn.buffers.take();
        }
        &mut self.stash
    }

    /// The reply to request `number` (part `part` of it) has come.
    #[inline]
    pub fn handle_reply(&mut self, turn: &mut Turn, number: u32, part: u16, reply: &[u8]) {
        let at = number.wrapping_sub(self.head) as usize;
        if at == 0 && matches!(self.slots.front(), Some(Slot::Waiting)) {
            // Silence is a reply too, where the protocol has it; it needs no buffer.
            if !reply.is_empty() {
                self.out.tail(&mut turn.buffers).extend_from_slice(reply);
            }
            self.pop(turn, reply.len());
            return;
        }
        match self.slots.get_mut(at) {
            Some(slot @ Slot::Waiting) => {
                if self.stash.capacity() == 0 {
                    self.stash = turn.buffers.take();
                }
                *slot = Slot::Ready { start: self.stash.len(), len: reply.len() };
                self.stash.extend_from_slice(reply);
                self.stash_live += reply.len();
            }
            Some(Slot::Merging(merge)) => {
                let before = merge.held_bytes();
                merge.handle_reply(part, reply);
                self.merging_bytes += merge.held_bytes() - before;
                self.watch_hoard(turn);
                self.settle(turn, at);
            }
            Some(Slot::Ready { .. }) | None => debug_assert!(false, "a reply nobody waits for"),
        }
    }

    /// Whether the reply to request `number` may be handed over in pieces: it is the oldest, and
    /// whole.
    pub fn may_stream(&self, number: u32) -> bool {
        number == self.head && matches!(self.slots.front(), Some(Slot::Waiting))
    }

    /// A piece of the reply to its oldest request.
    pub fn take_piece(&mut self, turn: &mut Turn, piece: &[u8]) {
        if !piece.is_empty() {
            self.out.tail(&mut turn.buffers).extend_from_slice(piece);
            self.mark_dirty(turn);
        }
    }

    /// That reply, of so many bytes, is complete.
    pub fn end_stream(&mut self, turn: &mut Turn, len: usize) {
        self.stream_from = None;
        self.pop(turn, len);
    }

    /// Request `number` (part `part` of it) failed with this text.
    pub fn handle_failure(&mut self, turn: &mut Turn, number: u32, part: u16, text: &str) {
        let mut reply = Vec::with_capacity(text.len() + 3);
        match self.protocol {
            Protocol::Redis => resp::encode::error(&mut reply, text),
            Protocol::Memcache => memcache::encode::line(&mut reply, text),
        }
        self.fail(turn, number, part, text, &reply);
    }

    /// Request `number` failed, and its client asked not to hear of it.
    pub fn handle_mute_failure(&mut self, turn: &mut Turn, number: u32, part: u16) {
        self.fail(turn, number, part, "", b"");
    }

    /// A part of a merge fails with `text`, a request of its own is answered by `reply`.
    fn fail(&mut self, turn: &mut Turn, number: u32, part: u16, text: &str, reply: &[u8]) {
        let at = number.wrapping_sub(self.head) as usize;
        if let Some(Slot::Merging(merge)) = self.slots.get_mut(at) {
            merge.handle_failure(part, text);
            self.settle(turn, at);
            return;
        }
        turn.counters[self.pool.index()].forward_error += 1;
        self.handle_reply(turn, number, part, reply);
    }

    /// A merge may be complete: the oldest one is written, a younger one stashed.
    fn settle(&mut self, turn: &mut Turn, at: usize) {
        let Some(slot) = self.slots.get_mut(at) else {
            return;
        };
        let Slot::Merging(merge) = slot else {
            return;
        };
        if !merge.is_complete() {
            return;
        }
        // One a request, as in twemproxy, however many of its parts failed.
        let counters = &mut turn.counters[self.pool.index()];
        counters.forward_error += u64::from(merge.failed_here());
        counters.retrievals_partial += u64::from(merge.is_partial());
        self.merging_bytes -= merge.held_bytes();
        if at == 0 {
            let out = self.out.tail(&mut turn.buffers);
            let before = out.len();
            merge.finish(out);
            let len = out.len() - before;
            self.pop(turn, len);
            return;
        }
        let start = self.stash.len();
        merge.finish(&mut self.stash);
        let len = self.stash.len() - start;
        self.stash_live += len;
        *slot = Slot::Ready { start, len };
        // What was joined may be shorter than its parts.
        self.maybe_resume(turn);
    }

    /// One that hoards is looked at soon, and not only when its socket has moved.
    #[inline]
    fn watch_hoard(&mut self, turn: &mut Turn) {
        if self.unread_bytes() > CLIENT_HOARD_BYTES {
            let at = turn.now.plus_ms(CLIENT_GLUT_STALL_MS);
            self.watch(turn, at);
        }
    }

    /// The oldest slot's reply of `len` bytes is in the output; move on to those that wait behind.
    #[inline]
    fn pop(&mut self, turn: &mut Turn, len: usize) {
        self.slots.pop_front();
        self.head = self.head.wrapping_add(1);
        self.account(len);
        self.watch_hoard(turn);
        while let Some(slot) = self.slots.front_mut() {
            let len = match slot {
                Slot::Waiting => break,
                Slot::Ready { start, len } => {
                    let (start, len) = (*start, *len);
                    // Silence has no place in the stash: that may be another one by now.
                    if len > 0 {
                        let out = self.out.tail(&mut turn.buffers);
                        out.extend_from_slice(&self.stash[start..start + len]);
                        self.stash_live -= len;
                    }
                    len
                }
                // A complete merge is never left in place: `settle` made it `Ready`.
                Slot::Merging(_) => break,
            };
            self.slots.pop_front();
            self.head = self.head.wrapping_add(1);
            self.account(len);
        }
        self.tidy_stash(turn);
        self.mark_dirty(turn);
        self.maybe_resume(turn);
    }

    /// Opens the window by one reply, and keeps it near what fits the output bound.
    #[inline]
    fn account(&mut self, len: usize) {
        let mean = i64::from(self.reply_bytes_mean);
        // A large reply closes the window at once; it takes many small ones to open it again.
        self.reply_bytes_mean = (mean + ((len as i64 - mean) >> 3)).max(len as i64 >> 1) as u32;
        // A division takes as long as all the rest here, and few replies need it.
        let fits = match self.reply_bytes_mean {
            0..=REPLY_BYTES_SMALL => CLIENT_WINDOW_MAX,
            mean => (CLIENT_OUTPUT_BYTES_MAX as u32 / mean).clamp(1, CLIENT_WINDOW_MAX),
        };
        self.window = (self.window + 1).min(fits);
    }

    fn tidy_stash(&mut self, turn: &mut Turn) {
        if self.stash.is_empty() {
            return;
        }
        if self.stash_live == 0 {
            turn.buffers.give(std::mem::take(&mut self.stash));
        } else if self.stash.len() > STASH_TIDY_BYTES && self.stash.len() > 4 * self.stash_live {
            let mut tidy = Vec::with_capacity(2 * self.stash_live);
            for slot in &mut self.slots {
                if let Slot::Ready { start, len } = slot
                    && *len > 0
                {
                    let from = *start;
                    *start = tidy.len();
                    tidy.extend_from_slice(&self.stash[from..from + *len]);
                }
            }
            self.stash = tidy;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Epoch, PoolId, Time, WorkerId};

    /// A client that is owed so much, and then has it.
    fn burst(turn: &mut Turn, count: usize) -> Client {
        let mut client = Client::new((PoolId(0), Protocol::Redis), 1, None, Time::ZERO);
        let numbers: Vec<u32> = (0..count).map(|_| client.expect(turn)).collect();
        for number in numbers {
            client.handle_reply(turn, number, 0, b"+OK\r\n");
        }
        client
    }

    #[test]
    fn the_room_of_a_burst_serves_the_next_one() {
        let mut turn = Turn::new(WorkerId(0), Epoch::default(), 1, 1);
        let mut first = burst(&mut turn, 100);
        let room = first.slots.capacity();
        first.release_slots(&mut turn);
        assert_eq!((first.slots.capacity(), turn.spare_slots.len()), (0, 1));
        let mut second = burst(&mut turn, 1);
        assert_eq!((second.slots.capacity(), turn.spare_slots.len()), (room, 0));
        second.release_slots(&mut turn);
        // One that asks one thing at a time keeps its own little room.
        turn.spare_slots.clear();
        let mut lone = burst(&mut turn, 1);
        lone.release_slots(&mut turn);
        assert_eq!((lone.slots.capacity(), turn.spare_slots.len()), (IDLE_SLOTS, 0));
        // Not more of them, and none that is larger, than is worth keeping.
        let mut all: Vec<Client> = (0..100).map(|_| burst(&mut turn, 9)).collect();
        for client in &mut all {
            client.release_slots(&mut turn);
        }
        assert_eq!(turn.spare_slots.len(), SPARE_QUEUES_MAX);
        turn.spare_slots.clear();
        burst(&mut turn, 2 * SPARE_SLOTS).release_slots(&mut turn);
        assert!(turn.spare_slots.is_empty());
    }
}
