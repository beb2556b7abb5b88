//! A connection made to us: what it sent, what it is owed, what it has not read yet.
//!
//! ```text
//!   slots   ┌─────────┬─────────┬───────────┬─────────┐   oldest first, one a request
//!           │ Waiting │  Ready  │  Merging  │ Waiting │
//!           └────┬────┴─────────┴───────────┴─────────┘
//!                ▼ the oldest one's reply goes straight to the output; a younger one's waits in
//!                  the stash, all of them in one allocation
//! ```
//!
//! A client is read while its window has room. What it sent beyond stays unparsed in its input,
//! so a pipeline of many requests for large replies costs the client's time rather than our memory.
//! The window follows replies that have come: one that small replies have opened wide lets a burst
//! of requests for large ones through before it closes. Those flow (`stream.rs`), and wait in their
//! server; what is gathered all the same is held down by `CLIENT_HOARD_STALL_MS`.

use super::gather::Hold;
use super::turn::Turn;
use super::upload::Upload;
use super::{Action, ConnId};
use crate::base::buffer::Output;
use crate::base::limits::{
    CLIENT_GLUT_STALL_MS, CLIENT_HOARD_BYTES, CLIENT_OUTPUT_BYTES_MAX, CLIENT_WINDOW_MAX,
    CLIENT_WINDOW_START, GATHER_BYTES,
};
use crate::base::slab::Key;
use crate::base::{PoolId, Time};
use crate::command::Joined;
use crate::protocol::resp::{Version, request};
use crate::protocol::{memcache, resp};
use crate::topology::Protocol;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// A stash smaller than this is not worth tidying.
const STASH_TIDY_BYTES: usize = 64 * 1024;

/// The widest window of replies that have no more bytes than this fits the output bound.
const REPLY_BYTES_SMALL: u32 = CLIENT_OUTPUT_BYTES_MAX as u32 / CLIENT_WINDOW_MAX;

/// Slots that an idle client may keep.
const IDLE_SLOTS: usize = 32;

/// ```text
///   Open ──▶ Finishing ──▶ (closed)           QUIT, end of input
///     │          │
///     └──────────┴──▶ Lingering ──▶ (closed)   input may still be on its way: read, dropped
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Open,
    /// No further request is taken; closes when everything owed is written.
    Finishing {
        linger: bool,
    },
    /// All is written and our end is shut; the rest of the input is dropped until then.
    Lingering {
        until: Time,
    },
}

/// Bytes of requests not parsed yet.
pub struct Input {
    pub bytes: Vec<u8>,
    pub at: usize,
    pub progress: Progress,
}

/// The place in an unfinished request.
pub enum Progress {
    Resp(request::Progress),
    Memcache(memcache::request::Progress),
}

impl Progress {
    #[inline]
    pub fn new(protocol: Protocol) -> Progress {
        match protocol {
            Protocol::Redis => Progress::Resp(request::Progress::default()),
            Protocol::Memcache => Progress::Memcache(memcache::request::Progress::default()),
        }
    }
}

/// What a client says of itself.
#[derive(Default)]
pub struct Info {
    pub name: Box<[u8]>,
    pub library: Box<[u8]>,
    pub library_version: Box<[u8]>,
}

pub enum Slot {
    Waiting,
    Ready { start: usize, len: usize },
    Merging(Box<Joined>),
}

pub struct Client {
    pub key: Key,
    pub pool: PoolId,
    pub protocol: Protocol,
    /// Unique in the process, for CLIENT ID.
    pub id: u64,
    pub peer: Option<SocketAddr>,
    pub since: Time,
    pub version: Version,
    pub lane: u8,
    pub authenticated: bool,
    /// Some request of it has been read.
    pub has_spoken: bool,
    /// It believes to be in a transaction, whose MULTI was refused then.
    pub refused_multi: Option<Time>,
    pub state: State,
    /// The peer will send no more.
    pub eof: bool,
    /// Reading stopped; requests may wait in `input`.
    pub paused: bool,
    /// Parsing waits until everything owed has been answered (HELLO, RESET).
    pub draining: bool,
    resuming: bool,
    dirty: bool,
    hold: Hold,
    pub watched: bool,
    /// It leaves by an error, its own or our refusal.
    pub errs: bool,
    /// Since when its socket has taken nothing, if it is full.
    pub full_since: Option<Time>,
    /// Its full socket was tried once more since.
    pub tried_again: bool,
    /// The upstream whose reply to its oldest request flows here.
    pub stream_from: Option<Key>,
    /// A large request of it is on its way; what comes next belongs to that.
    pub upload: Option<Box<Upload>>,
    /// Its upstream has enough to send for now.
    pub upload_paused: bool,
    pub input: Option<Box<Input>>,
    pub info: Option<Box<Info>>,
    /// Number of the oldest slot; counts on with every reply.
    head: u32,
    slots: VecDeque<Slot>,
    pub out: Output,
    stash: Vec<u8>,
    stash_live: usize,
    /// Bytes that merges hold.
    merging_bytes: usize,
    window: u32,
    reply_bytes_mean: u32,
}

impl Client {
    pub fn new(
        (pool, protocol): (PoolId, Protocol),
        id: u64,
        peer: Option<SocketAddr>,
        now: Time,
    ) -> Client {
        Client {
            key: Key { index: 0, generation: 0 },
            pool,
            protocol,
            id,
            peer,
            since: now,
            version: Version::Resp2,
            lane: 0,
            authenticated: false,
            has_spoken: false,
            refused_multi: None,
            state: State::Open,
            eof: false,
            paused: false,
            draining: false,
            resuming: false,
            dirty: false,
            hold: Hold::default(),
            watched: false,
            errs: false,
            full_since: None,
            tried_again: false,
            stream_from: None,
            upload: None,
            upload_paused: false,
            input: None,
            info: None,
            head: 0,
            slots: VecDeque::new(),
            out: Output::default(),
            stash: Vec::new(),
            stash_live: 0,
            merging_bytes: 0,
            window: CLIENT_WINDOW_START,
            reply_bytes_mean: 0,
        }
    }

    /// Requests that are owed a reply.
    #[inline]
    pub fn in_flight(&self) -> usize {
        self.slots.len()
    }

    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    /// Bytes of replies that it has not taken from us yet.
    #[inline]
    pub fn unread_bytes(&self) -> usize {
        self.out.len() + self.stash_live + self.merging_bytes
    }

    /// May its next request go out?
    #[inline]
    pub fn has_room(&self) -> bool {
        if self.upload.is_some() {
            return !self.upload_paused;
        }
        self.slots.len() < self.window as usize
            && self.unread_bytes() < CLIENT_OUTPUT_BYTES_MAX
            && (!self.draining || self.slots.is_empty())
    }

    pub fn mark_dirty(&mut self, turn: &mut Turn) {
        if !self.dirty {
            self.dirty = true;
            turn.dirty_clients.push_back(self.key);
        }
    }

    pub fn clear_dirty(&mut self) {
        self.dirty = false;
        self.hold.end();
    }

    /// Whether what is to be written may wait for more: it is owed more.
    pub fn may_gather(&mut self, now: Time) -> bool {
        self.state == State::Open
            && !self.slots.is_empty()
            && self.stream_from.is_none()
            && self.full_since.is_none()
            && (1..GATHER_BYTES).contains(&self.out.len())
            && self.hold.may_last(now)
    }

    /// A new slot at the end; its number goes on the tickets.
    #[inline]
    pub fn expect(&mut self) -> u32 {
        let number = self.head.wrapping_add(self.slots.len() as u32);
        self.slots.push_back(Slot::Waiting);
        number
    }

    pub fn expect_merge(&mut self, merge: Box<Joined>) -> u32 {
        let number = self.head.wrapping_add(self.slots.len() as u32);
        self.slots.push_back(Slot::Merging(merge));
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
        self.slots.push_back(Slot::Ready { start, len });
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
        let at = number.wrapping_sub(self.head) as usize;
        if let Some(Slot::Merging(merge)) = self.slots.get_mut(at) {
            merge.handle_failure(part, text);
            self.settle(turn, at);
            return;
        }
        turn.counters[self.pool.index()].forward_error += 1;
        let mut reply = Vec::with_capacity(text.len() + 3);
        match self.protocol {
            Protocol::Redis => resp::encode::error(&mut reply, text),
            Protocol::Memcache => memcache::encode::line(&mut reply, text),
        }
        self.handle_reply(turn, number, part, &reply);
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

    #[inline]
    pub fn maybe_resume(&mut self, turn: &mut Turn) {
        if self.paused && !self.resuming && self.has_room() {
            self.resuming = true;
            turn.resumable.push(self.key);
        }
    }

    pub fn clear_resuming(&mut self) {
        self.resuming = false;
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

    /// Request `number` failed, and its client asked not to hear of it.
    pub fn handle_mute_failure(&mut self, turn: &mut Turn, number: u32, part: u16) {
        let at = number.wrapping_sub(self.head) as usize;
        if let Some(Slot::Merging(merge)) = self.slots.get_mut(at) {
            merge.handle_failure(part, "");
            self.settle(turn, at);
            return;
        }
        turn.counters[self.pool.index()].forward_error += 1;
        self.handle_reply(turn, number, part, b"");
    }

    /// Everything owed is written: give back what a burst has left behind.
    pub fn release_memory(&mut self) {
        if self.slots.is_empty() && self.slots.capacity() > IDLE_SLOTS {
            self.slots = VecDeque::new();
        }
    }

    pub fn info_mut(&mut self) -> &mut Info {
        self.info.get_or_insert_default()
    }

    /// Takes no further request; what is owed is still delivered.
    pub fn finish(&mut self, turn: &mut Turn, linger: bool) {
        if self.state == State::Open {
            self.state = State::Finishing { linger };
            self.input = None;
            self.mark_dirty(turn);
        }
    }

    /// Watches the client's own deadline from now on.
    pub fn watch(&mut self, turn: &mut Turn, at: Time) {
        if !self.watched {
            self.watched = true;
            turn.watched.push(self.key);
        }
        turn.wake_at(at);
    }

    pub fn resume_action(&self) -> Action {
        Action::ResumeReading { conn: ConnId::Client(self.key) }
    }

    pub fn check_invariants(&self) {
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
        assert!(self.window >= 1);
        if self.paused && self.state == State::Open {
            assert!(
                self.resuming || !self.has_room(),
                "a paused client with room is about to be resumed"
            );
        }
    }
}
