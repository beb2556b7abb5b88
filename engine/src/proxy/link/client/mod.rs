//! A connection made to us: what it sent, what it is owed, what it has not read yet.
//!
//! A client is read while its window has room. What it sent beyond stays unparsed in its input,
//! so a pipeline of many requests for large replies costs the client's time rather than our memory.
//! The window follows replies that have come: one that small replies have opened wide lets a burst
//! of requests for large ones through before it closes. Those flow (`stream.rs`), and wait in their
//! server; what is gathered all the same is held down by `CLIENT_HOARD_STALL_MS`.

mod slots;
pub mod wait;

use crate::base::buffer::Output;
use crate::base::limits::{CLIENT_OUTPUT_BYTES_MAX, CLIENT_WINDOW_START, GATHER_BYTES};
use crate::base::slab::Key;
use crate::base::{PoolId, Time};
use crate::protocol::memcache;
use crate::protocol::resp::{Version, request};
use crate::proxy::link::action::{Action, ConnId};
use crate::proxy::link::client::wait::ServerWait;
use crate::proxy::link::flow::Upload;
use crate::proxy::link::hold::Hold;
use crate::proxy::link::slot::Slot;
use crate::proxy::link::turn::Turn;
use crate::topology::Protocol;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// ```text
///   Open ──▶ Finishing ──▶ (closed)           QUIT, end of input
///     │          │
///     └──────────┴──▶ Lingering ──▶ (closed)   input may still be on its way: read, dropped
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientState {
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
    pub progress: RequestProgress,
}

/// The place in an unfinished request.
pub enum RequestProgress {
    Resp(request::Progress),
    Memcache(memcache::request::Progress),
}

impl RequestProgress {
    #[inline]
    pub fn new(protocol: Protocol) -> RequestProgress {
        match protocol {
            Protocol::Redis => RequestProgress::Resp(request::Progress::default()),
            Protocol::Memcache => RequestProgress::Memcache(memcache::request::Progress::default()),
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
    /// Its first bytes have been looked at, and are of its pool's protocol.
    pub has_spoken: bool,
    /// It believes to be in a transaction, whose MULTI was refused then.
    pub refused_multi: Option<Time>,
    pub server_wait: ServerWait,
    pub state: ClientState,
    /// The peer will send no more.
    pub eof: bool,
    /// Reading stopped; requests may wait in `input`.
    pub paused: bool,
    /// Parsing waits until everything owed has been answered (HELLO, RESET).
    pub draining: bool,
    resuming: bool,
    dirty: bool,
    hold: Hold,
    /// All that it is owed or has not been sent yet was asked for in one read.
    pub asked_at_once: bool,
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
            server_wait: ServerWait::Free,
            state: ClientState::Open,
            eof: false,
            paused: false,
            draining: false,
            resuming: false,
            dirty: false,
            hold: Hold::default(),
            asked_at_once: false,
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
            && (!self.draining || self.awaits_nothing())
    }

    /// Everything owed has been answered, and nothing is waited for that is to come before the next.
    pub fn awaits_nothing(&self) -> bool {
        self.slots.is_empty() && !matches!(self.server_wait, ServerWait::Waits { .. })
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

    /// Until when what is to be written may wait for more, if it may: it is owed more. In a turn
    /// that has brought nothing only if it has asked for all of that at once.
    pub fn gathers_until(&mut self, now: Time, is_busy: bool) -> Option<Time> {
        let may = self.state == ClientState::Open
            && !self.slots.is_empty()
            && (is_busy || self.asked_at_once)
            && self.stream_from.is_none()
            && self.full_since.is_none()
            && (1..GATHER_BYTES).contains(&self.out.len());
        if may { self.hold.lasts_until(now) } else { None }
    }

    #[inline]
    pub fn maybe_resume(&mut self, turn: &mut Turn) {
        if self.paused && !self.resuming && self.has_room() {
            self.resuming = true;
            turn.resumable.push(self.key);
        }
    }

    /// Its upload may go on, or has nowhere to go.
    pub fn resume_upload(&mut self, turn: &mut Turn) {
        if std::mem::replace(&mut self.upload_paused, false) {
            self.maybe_resume(turn);
        }
    }

    pub fn clear_resuming(&mut self) {
        self.resuming = false;
    }

    pub fn info_mut(&mut self) -> &mut Info {
        self.info.get_or_insert_default()
    }

    /// Takes no further request; what is owed is still delivered.
    pub fn finish(&mut self, turn: &mut Turn, linger: bool) {
        if self.state == ClientState::Open {
            self.state = ClientState::Finishing { linger };
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
        if self.paused && self.state == ClientState::Open {
            assert!(
                self.resuming || !self.has_room(),
                "a paused client with room is about to be resumed"
            );
        }
    }
}
