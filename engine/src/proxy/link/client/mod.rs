//! A client: what it has sent, what it is owed, what it has not read yet.
//!
//! A client is read while its window has room. Requests beyond that stay unparsed in its input. So a
//! pipeline of many requests for large replies costs the client's time, not our memory. The window
//! follows the replies that have come: after many small replies it is wide, and lets a burst of requests
//! for large replies through before it closes. Such replies flow (`carry/download.rs`) and wait in their
//! server. `CLIENT_HOARD_STALL_MS` bounds what is collected nevertheless.

pub mod calls;
mod delivery;
pub mod downloads;
pub mod gate;
pub mod listening;
pub mod mute;
mod reading;
pub mod replies;
pub mod session;
pub mod settings;
mod window;
mod writing;

use calls::{Call, Calls};
use delivery::Delivery;
use downloads::Downloads;
use gate::Gate;
use mute::Mute;
use replies::{Came, JoinOutcome, Replies};
use session::{AfterExec, Session};
use settings::Settings;

use super::flow::{RequestProgress, Upload};
use super::scripts::Sha;
use super::slot::Slot;
use super::turn::Turn;
use crate::base::limits::{CLIENT_GLUT_STALL_MS, CLIENT_HOARD_BYTES};
use crate::base::slab::Key;
use crate::base::{PoolId, ShardId, Time};
use crate::command::Joining;
use crate::protocol::{memcache, resp};
use crate::topology::Protocol;
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

/// Bytes of requests that are not parsed yet.
pub struct RequestInput {
    pub bytes: Vec<u8>,
    pub at: usize,
    pub progress: RequestProgress,
}

/// Whether its socket is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Intake {
    Going,
    /// Requests may wait in the input.
    Stopped,
    /// As `Stopped`, but there is room again: it goes on at the end of the turn.
    Resuming,
}

/// Who it is; never changes.
#[derive(Clone, Copy)]
pub struct Origin {
    pub key: Key,
    pub pool: PoolId,
    pub protocol: Protocol,
    /// Unique in the process, for CLIENT ID.
    pub id: u64,
    pub peer: Option<SocketAddr>,
    pub since: Time,
}

pub struct Client {
    origin: Origin,
    pub settings: Settings,
    /// Its first bytes were checked and belong to its pool's protocol.
    pub has_spoken: bool,
    /// What it has begun: a transaction, watched keys, a command that blocks.
    pub session: Option<Box<Session>>,
    /// Answers are collected here and not sent.
    captured: Option<Vec<u8>>,
    state: ClientState,
    /// The peer sends no more.
    is_at_end: bool,
    /// It leaves by an error, its own or our refusal.
    leaves_by_error: bool,
    gate: Gate,
    /// It has waited for servers once. It does not wait again.
    has_waited: bool,
    intake: Intake,
    input: Option<Box<RequestInput>>,
    replies: Replies,
    delivery: Delivery,
    /// The upstream whose reply to its oldest request flows here.
    download_from: Option<Key>,
    /// Of large parts that flow one after the other.
    downloads: Option<Box<Downloads>>,
    /// CLIENT REPLY: whether it gets replies.
    pub mute: Mute,
    /// Calls of stored scripts that it waits for.
    calls: Option<Box<Calls>>,
    /// When bytes of it were read last.
    heard_at: Time,
    /// Shards that it has sent something to, for WAIT.
    used_shards: u64,
}

impl Client {
    pub fn new(origin: Origin, settings: Settings) -> Client {
        Client {
            origin,
            settings,
            has_spoken: false,
            session: None,
            captured: None,
            state: ClientState::Open,
            is_at_end: false,
            leaves_by_error: false,
            gate: Gate::Open,
            has_waited: false,
            intake: Intake::Going,
            input: None,
            replies: Replies::new(),
            delivery: Delivery::default(),
            download_from: None,
            downloads: None,
            mute: Mute::No,
            calls: None,
            heard_at: origin.since,
            used_shards: 0,
        }
    }

    #[inline]
    pub fn key(&self) -> Key {
        self.origin.key
    }

    #[inline]
    pub fn pool(&self) -> PoolId {
        self.origin.pool
    }

    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    #[inline]
    pub fn state(&self) -> ClientState {
        self.state
    }

    #[inline]
    pub fn is_open(&self) -> bool {
        self.state == ClientState::Open
    }

    /// As CLIENT LIST shows it.
    pub fn address(&self) -> String {
        self.origin.peer.map_or_else(|| "unix:0".to_owned(), |peer| peer.to_string())
    }

    /// When bytes of it were read last.
    pub fn heard_at(&self) -> Time {
        self.heard_at
    }

    // ---- its end -------------------------------------------------------------------------

    pub fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    pub fn handle_eof(&mut self) {
        self.is_at_end = true;
    }

    pub fn leaves_by_error(&self) -> bool {
        self.leaves_by_error
    }

    pub fn leave_by_error(&mut self) {
        self.leaves_by_error = true;
    }

    /// Takes no further request; what is owed is still delivered.
    pub fn finish(&mut self, turn: &mut Turn, linger: bool) {
        if self.state == ClientState::Open {
            self.state = ClientState::Finishing { linger };
            self.input = None;
            self.mark_dirty(turn);
        }
    }

    /// All is written: the rest of its input is dropped until then.
    pub fn linger(&mut self, turn: &mut Turn, until: Time) {
        self.state = ClientState::Lingering { until };
        self.set_deadline(turn, until);
    }

    /// It is gone. Returns the large request of which it had not sent all.
    pub fn take_down(&mut self, turn: &mut Turn) -> Option<Box<Upload>> {
        self.replies.out.clear(&mut turn.buffers);
        match std::mem::take(&mut self.gate) {
            Gate::Upload { flow, .. } => Some(flow),
            _ => None,
        }
    }

    // ---- what it has begun ---------------------------------------------------------------

    #[inline]
    pub fn is_in_transaction(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.transaction.is_some())
    }

    pub fn watches_on(&self) -> Option<Key> {
        self.session.as_ref()?.watch?.on
    }

    pub fn waits_on(&self, upstream: Key) -> bool {
        self.session.as_ref().is_some_and(|session| session.waits.contains(&upstream))
    }

    pub fn is_watching(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.watch.is_some())
    }

    /// Its transaction has commands that write.
    pub fn has_written_in_transaction(&self) -> bool {
        let transaction = self.session.as_ref().and_then(|session| session.transaction.as_ref());
        transaction.is_some_and(|transaction| transaction.writes)
    }

    /// A command of it waits at a server.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        self.session.as_ref().is_some_and(|session| !session.waits.is_empty())
    }

    /// The reply of a command that waited at this upstream has come.
    pub fn end_waiting(&mut self, on: Key) {
        if let Some(session) = &mut self.session {
            session.waits.retain(|&key| key != on);
            if session.is_over() {
                self.session = None;
            }
        }
    }

    /// The upstream that it has alone has another socket.
    pub fn follow_upstream(&mut self, from: Key, to: Key) {
        let Some(session) = &mut self.session else {
            return;
        };
        let watched = session.watch.iter_mut().filter_map(|watch| watch.on.as_mut());
        for key in watched.chain(&mut session.waits).filter(|key| **key == from) {
            *key = to;
        }
    }

    /// Its number among the clients of the process. A client's replica follows from it, so that the clients of
    /// all workers are spread evenly.
    pub fn number(&self) -> u32 {
        self.origin.id.wrapping_sub(1) as u32
    }

    /// It sends something to this shard.
    #[inline]
    pub fn use_shard(&mut self, shard: ShardId) {
        self.used_shards |= 1 << (shard.0 & 63);
    }

    /// The shards that it has used since it was asked last, a bit each; 64 shards apart share one.
    pub fn take_used_shards(&mut self) -> u64 {
        std::mem::take(&mut self.used_shards)
    }

    /// Has these settings if EXEC is done.
    pub fn set_after_exec(&mut self, after: AfterExec) {
        self.session.get_or_insert_default().after_exec = Some(Box::new(after));
    }

    // ---- what it is owed -----------------------------------------------------------------

    #[inline]
    pub fn replies(&self) -> &Replies {
        &self.replies
    }

    /// Requests that are owed a reply.
    #[inline]
    pub fn owed(&self) -> usize {
        self.replies.owed()
    }

    #[inline]
    pub fn unread_bytes(&self) -> usize {
        self.replies.unread_bytes()
    }

    /// A new slot at the end; its number goes on the ticket.
    #[inline]
    pub fn expect(&mut self, turn: &mut Turn) -> u32 {
        let slot =
            if self.mute == Mute::No || !self.mute.take() { Slot::Waiting } else { Slot::Muted };
        self.replies.add(&mut turn.spare_slots, slot)
    }

    /// A slot for a reply that the client does not get.
    pub fn expect_silently(&mut self, turn: &mut Turn) -> u32 {
        self.replies.add(&mut turn.spare_slots, Slot::Muted)
    }

    pub fn expect_parts(&mut self, turn: &mut Turn, mut joining: Joining) -> u32 {
        if self.mute.take() {
            joining.mute();
        }
        self.replies.add(&mut turn.spare_slots, Slot::Joining(Box::new(joining)))
    }

    /// Answers the request read just now, in its turn.
    #[inline]
    pub fn answer(&mut self, turn: &mut Turn, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(captured) = &mut self.captured {
            return write(captured);
        }
        if self.mute.take() {
            return;
        }
        if self.replies.answer(&mut turn.buffers, &mut turn.spare_slots, write) {
            self.mark_dirty(turn);
        }
    }

    /// Collects the answers from now on.
    pub fn capture(&mut self) {
        self.captured = Some(Vec::new());
    }

    /// What was collected; answers are sent again.
    pub fn take_captured(&mut self) -> Vec<u8> {
        self.captured.take().unwrap_or_default()
    }

    /// The reply to request `number` (part `part` of it) has come.
    #[inline]
    pub fn handle_reply(&mut self, turn: &mut Turn, number: u32, part: u16, reply: &[u8]) {
        match self.replies.handle_reply(&mut turn.buffers, number, reply) {
            Came::Answered => self.settle(turn),
            Came::Kept | Came::Flows => {}
            Came::Part => {
                self.handle_part(turn, number, |joining| joining.handle_reply(part, reply));
            }
        }
    }

    /// Request `number` (part `part` of it) failed with this text. `None`: it had `noreply`.
    pub fn handle_failure(&mut self, turn: &mut Turn, number: u32, part: u16, text: Option<&str>) {
        if self.replies.is_joining(number) {
            let text = text.unwrap_or_default();
            return self.handle_part(turn, number, |joining| joining.handle_failure(part, text));
        }
        turn.counters[self.pool().index()].forward_error += 1;
        let mut reply = Vec::new();
        if let Some(text) = text {
            match self.origin.protocol {
                Protocol::Redis => resp::encode::error(&mut reply, text),
                Protocol::Memcache => memcache::encode::line(&mut reply, text),
            }
        }
        self.handle_reply(turn, number, part, &reply);
    }

    /// The incarnation of the server that answers SCAN, request `number`.
    pub fn set_incarnation(&mut self, number: u32, tag: u16) {
        self.replies.set_incarnation(number, tag);
    }

    // ---- calls of stored scripts ---------------------------------------------------------

    /// Keeps the call that is sent next, until its reply.
    pub fn keep_call(&mut self, sha: Sha, request: &[u8]) {
        let numbers = self.replies.numbers();
        self.calls.get_or_insert_default().keep(numbers, sha, request);
    }

    pub fn call_mut(&mut self, number: u32) -> Option<&mut Call> {
        self.calls.as_mut()?.get_mut(number)
    }

    pub fn take_call(&mut self, number: u32) -> Option<Call> {
        self.calls.as_mut()?.take(number)
    }

    fn handle_part(&mut self, turn: &mut Turn, number: u32, take: impl FnOnce(&mut Joining)) {
        let (came, outcome) = self.replies.handle_part(&mut turn.buffers, number, take);
        let JoinOutcome { failed_here, is_partial, is_wide } = outcome;
        // One a request, as in twemproxy, however many of its parts failed.
        let counters = &mut turn.counters[self.pool().index()];
        counters.forward_error += u64::from(failed_here);
        counters.retrievals_partial += u64::from(is_partial);
        counters.cursors_wide += u64::from(is_wide);
        match came {
            Came::Answered => {
                if self.downloads.is_some() {
                    self.drop_next_downloads(turn);
                }
                self.settle(turn);
            }
            Came::Part => self.look_at_hoard(turn),
            Came::Flows => {
                self.begin_next_download(turn);
                self.settle(turn);
            }
            Came::Kept => {
                self.look_at_hoard(turn);
                // What was joined may be shorter than its parts.
                self.maybe_resume(turn);
            }
        }
    }

    /// Its oldest request is answered.
    #[inline(always)]
    fn settle(&mut self, turn: &mut Turn) {
        self.look_at_hoard(turn);
        self.mark_dirty(turn);
        self.maybe_resume(turn);
    }

    /// Looks at a client with many unread bytes soon, and not only when its socket reports room.
    #[inline]
    fn look_at_hoard(&mut self, turn: &mut Turn) {
        if self.unread_bytes() > CLIENT_HOARD_BYTES {
            let at = turn.now.plus_ms(CLIENT_GLUT_STALL_MS);
            self.set_deadline(turn, at);
        }
    }

    /// Everything owed is written: gives up the room for slots that a burst has left behind.
    #[inline]
    pub fn release_slots(&mut self, turn: &mut Turn) {
        self.replies.release_slots(&mut turn.spare_slots);
    }

    pub fn check_invariants(&self) {
        self.replies.check_invariants();
        if self.intake == Intake::Stopped && self.is_open() {
            assert!(!self.has_room(), "a stopped client with room is about to be resumed");
        }
    }
}
