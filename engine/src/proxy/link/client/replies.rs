//! The replies of one client: owed, and not read yet. They leave in the order of the requests, in
//! whatever order they come.
//!
//! ```text
//!   slots   ┌─────────┬─────────┬───────────┬─────────┐   oldest first, one a request
//!           │ Waiting │  Ready  │  Joining  │ Waiting │
//!           └────┬────┴─────────┴───────────┴─────────┘
//!                ▼ the oldest one's reply goes straight to the output; a younger one's waits in
//!                  the stash, all of them in one allocation
//! ```

use super::window::Window;
use crate::base::buffer::{BufferPool, Output};
use crate::base::limits::CLIENT_OUTPUT_BYTES_MAX;
use crate::command::Joining;
use crate::proxy::link::slot::Slot;
use std::collections::VecDeque;

/// A stash smaller than this is not worth tidying.
const STASH_TIDY_BYTES: usize = 64 * 1024;

/// Room for slots that a client keeps while it is owed nothing.
const IDLE_SLOTS: usize = 4;

/// Queues of slots kept for the next burst, half a megabyte at most, and the room of one.
const SPARE_QUEUES_MAX: usize = 64;
const SPARE_SLOTS: usize = 256;

/// What came of a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Came {
    /// The oldest request is answered: there is something to write, and room for requests.
    Answered,
    /// It waits for older ones.
    Kept,
    /// It is a part of a request that was cut, and others are still to come.
    Part,
    /// The same, and all others have come or begun: the large ones flow now.
    Flows,
}

/// What a complete join tells the counters.
#[derive(Clone, Copy, Default)]
pub struct JoinOutcome {
    pub failed_here: bool,
    pub is_partial: bool,
    pub is_wide: bool,
}

pub struct Replies {
    /// Number of the oldest slot; counts on with every reply.
    head: u32,
    slots: VecDeque<Slot>,
    pub(super) out: Output,
    stash: Vec<u8>,
    /// Bytes of the stash that still wait.
    stash_live: usize,
    /// Bytes that joins hold.
    joining_bytes: usize,
    window: Window,
}

impl Replies {
    pub(super) fn new() -> Replies {
        Replies {
            head: 0,
            slots: VecDeque::new(),
            out: Output::default(),
            stash: Vec::new(),
            stash_live: 0,
            joining_bytes: 0,
            window: Window::new(),
        }
    }

    /// Requests that are owed a reply.
    #[inline]
    pub fn owed(&self) -> usize {
        self.slots.len()
    }

    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    /// Bytes of replies that the client has not taken from us yet.
    #[inline]
    pub fn unread_bytes(&self) -> usize {
        self.out.len() + self.stash_live + self.joining_bytes
    }

    /// May one more request go out?
    #[inline]
    pub fn has_room(&self) -> bool {
        self.slots.len() < self.window.size() && self.unread_bytes() < CLIENT_OUTPUT_BYTES_MAX
    }

    /// A new slot at the end; its number goes on the tickets.
    #[inline]
    pub fn add(&mut self, spare: &mut Vec<VecDeque<Slot>>, slot: Slot) -> u32 {
        if self.slots.capacity() == 0 {
            self.slots = spare.pop().unwrap_or_default();
        }
        let number = self.head.wrapping_add(self.slots.len() as u32);
        self.slots.push_back(slot);
        number
    }

    /// Answers the request read just now, in its turn. `true`: the answer is in the output.
    pub fn answer(
        &mut self,
        buffers: &mut BufferPool,
        spare: &mut Vec<VecDeque<Slot>>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        if self.slots.is_empty() {
            write(self.out.tail(buffers));
            return true;
        }
        let start = self.stash(buffers).len();
        write(&mut self.stash);
        let len = self.stash.len() - start;
        self.stash_live += len;
        self.add(spare, Slot::Ready { start, len });
        false
    }

    /// When the client is owed nothing: gives the room for many slots to the next client with a burst.
    pub fn release_slots(&mut self, spare: &mut Vec<VecDeque<Slot>>) {
        if self.slots.is_empty() && self.slots.capacity() > IDLE_SLOTS {
            let slots = std::mem::take(&mut self.slots);
            if slots.capacity() <= SPARE_SLOTS && spare.len() < SPARE_QUEUES_MAX {
                spare.push(slots);
            }
        }
    }

    fn stash(&mut self, buffers: &mut BufferPool) -> &mut Vec<u8> {
        if self.stash.capacity() == 0 {
            self.stash = buffers.take();
        }
        &mut self.stash
    }

    fn index(&self, number: u32) -> usize {
        number.wrapping_sub(self.head) as usize
    }

    /// The number of the next request, and that of the oldest.
    pub fn numbers(&self) -> (u32, u32) {
        (self.head.wrapping_add(self.slots.len() as u32), self.head)
    }

    /// Whether request `number` waits for parts.
    pub fn is_joining(&self, number: u32) -> bool {
        matches!(self.slots.get(self.index(number)), Some(Slot::Joining(_)))
    }

    /// The reply to request `number` has come. `Came::Part`: it is not taken yet, see `handle_part`.
    #[inline]
    pub fn handle_reply(&mut self, buffers: &mut BufferPool, number: u32, reply: &[u8]) -> Came {
        let at = self.index(number);
        if at == 0 && matches!(self.slots.front(), Some(Slot::Waiting)) {
            // Silence is a reply too, where the protocol has it; it needs no buffer.
            if !reply.is_empty() {
                self.out.tail(buffers).extend_from_slice(reply);
            }
            self.pop(buffers, reply.len());
            return Came::Answered;
        }
        match self.slots.get_mut(at) {
            Some(slot @ Slot::Waiting) => {
                if self.stash.capacity() == 0 {
                    self.stash = buffers.take();
                }
                *slot = Slot::Ready { start: self.stash.len(), len: reply.len() };
                self.stash.extend_from_slice(reply);
                self.stash_live += reply.len();
                Came::Kept
            }
            Some(Slot::Muted) if at == 0 => {
                self.pop(buffers, 0);
                Came::Answered
            }
            Some(slot @ Slot::Muted) => {
                *slot = Slot::Ready { start: 0, len: 0 };
                Came::Kept
            }
            Some(Slot::Joining(_)) => Came::Part,
            Some(Slot::Ready { .. }) | None => {
                debug_assert!(false, "a reply that no request waits for");
                Came::Kept
            }
        }
    }

    /// The join of request `number`, if its large parts may flow.
    pub fn streamed(&self, number: u32) -> Option<&Joining> {
        match self.slots.front() {
            Some(Slot::Joining(joining)) if number == self.head && joining.is_streamed() => {
                Some(joining)
            }
            _ => None,
        }
    }

    /// A large reply to the oldest request is at its end. `true`: it was a part, and others follow.
    pub(super) fn handle_flowed(&mut self) -> bool {
        let Some(Slot::Joining(joining)) = self.slots.front_mut() else {
            return false;
        };
        joining.handle_flowed();
        joining.flowing() > 0
    }

    pub fn set_incarnation(&mut self, number: u32, tag: u16) {
        let at = self.index(number);
        if let Some(Slot::Joining(joining)) = self.slots.get_mut(at) {
            joining.set_incarnation(tag);
        }
    }

    /// A part of request `number` has come or failed, as `take` tells its join.
    pub fn handle_part(
        &mut self,
        buffers: &mut BufferPool,
        number: u32,
        take: impl FnOnce(&mut Joining),
    ) -> (Came, JoinOutcome) {
        let at = self.index(number);
        let Some(Slot::Joining(joining)) = self.slots.get_mut(at) else {
            debug_assert!(false, "a part that no request waits for");
            return (Came::Part, JoinOutcome::default());
        };
        let before = joining.held_bytes();
        take(joining);
        self.joining_bytes += joining.held_bytes() - before;
        if !joining.is_complete() {
            return (Came::Part, JoinOutcome::default());
        }
        let mut outcome = JoinOutcome {
            failed_here: joining.failed_here(),
            is_partial: joining.is_partial(),
            is_wide: false,
        };
        self.joining_bytes -= joining.held_bytes();
        if joining.flowing() > 0 && !joining.has_failed() {
            debug_assert_eq!(at, 0, "only parts of the oldest request flow");
            joining.finish(self.out.tail(buffers));
            joining.forget_replies();
            return (Came::Flows, outcome);
        }
        if at == 0 {
            let out = self.out.tail(buffers);
            let before = out.len();
            joining.finish(out);
            outcome.is_wide = joining.is_wide();
            let len = out.len() - before;
            self.pop(buffers, len);
            return (Came::Answered, outcome);
        }
        let start = self.stash.len();
        joining.finish(&mut self.stash);
        outcome.is_wide = joining.is_wide();
        let len = self.stash.len() - start;
        self.stash_live += len;
        self.slots[at] = Slot::Ready { start, len };
        (Came::Kept, outcome)
    }

    /// Whether the reply to request `number` may flow: it is the oldest one, and is not joined.
    pub fn may_flow(&self, number: u32) -> bool {
        number == self.head && matches!(self.slots.front(), Some(Slot::Waiting))
    }

    /// The oldest slot's reply of `len` bytes is in the output; move on to those behind it.
    #[inline]
    pub fn pop(&mut self, buffers: &mut BufferPool, len: usize) {
        self.slots.pop_front();
        self.head = self.head.wrapping_add(1);
        self.window.handle_reply(len);
        while let Some(slot) = self.slots.front() {
            // A complete join is never left in place: it is `Ready`.
            let Slot::Ready { start, len } = *slot else {
                break;
            };
            // Silence has no place in the stash: that may be another one by now.
            if len > 0 {
                let out = self.out.tail(buffers);
                out.extend_from_slice(&self.stash[start..start + len]);
                self.stash_live -= len;
            }
            self.slots.pop_front();
            self.head = self.head.wrapping_add(1);
            self.window.handle_reply(len);
        }
        if !self.stash.is_empty() {
            self.tidy_stash(buffers);
        }
    }

    fn tidy_stash(&mut self, buffers: &mut BufferPool) {
        if self.stash_live == 0 {
            buffers.give(std::mem::take(&mut self.stash));
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

    pub(super) fn check_invariants(&self) {
        let live: usize = self
            .slots
            .iter()
            .map(|slot| if let Slot::Ready { len, .. } = slot { *len } else { 0 })
            .sum();
        assert_eq!(live, self.stash_live, "the stash holds what its slots say");
        assert!(
            !matches!(self.slots.front(), Some(Slot::Ready { .. })),
            "the oldest reply is never kept back"
        );
        assert!(self.window.size() >= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that is owed so much, and then has it.
    fn burst(spare: &mut Vec<VecDeque<Slot>>, count: usize) -> Replies {
        let mut replies = Replies::new();
        let mut buffers = BufferPool::default();
        let numbers: Vec<u32> = (0..count).map(|_| replies.add(spare, Slot::Waiting)).collect();
        for number in numbers {
            replies.handle_reply(&mut buffers, number, b"+OK\r\n");
        }
        replies
    }

    #[test]
    fn the_room_of_a_burst_serves_the_next_one() {
        let mut spare = Vec::new();
        let mut first = burst(&mut spare, 100);
        let room = first.slots.capacity();
        first.release_slots(&mut spare);
        assert_eq!((first.slots.capacity(), spare.len()), (0, 1));
        let mut second = burst(&mut spare, 1);
        assert_eq!((second.slots.capacity(), spare.len()), (room, 0));
        second.release_slots(&mut spare);
        // One that asks one thing at a time keeps its own little room.
        spare.clear();
        let mut lone = burst(&mut spare, 1);
        lone.release_slots(&mut spare);
        assert_eq!((lone.slots.capacity(), spare.len()), (IDLE_SLOTS, 0));
        // Not more of them, and none that is larger, than is worth keeping.
        let mut all: Vec<Replies> = (0..100).map(|_| burst(&mut spare, 9)).collect();
        for replies in &mut all {
            replies.release_slots(&mut spare);
        }
        assert_eq!(spare.len(), SPARE_QUEUES_MAX);
        spare.clear();
        burst(&mut spare, 2 * SPARE_SLOTS).release_slots(&mut spare);
        assert!(spare.is_empty());
    }
}
