//! A client's side of pub/sub: messages between its replies.

use super::Client;
use super::session::Topics;
use crate::base::limits::SUBSCRIBER_SOFT_MS;
use crate::command::Subject;
use crate::protocol::resp::Version;
use crate::proxy::link::turn::Turn;

/// How much of messages a client may leave unread.
#[derive(Clone, Copy, Debug)]
pub struct ListeningBounds {
    pub bytes: usize,
    /// For a minute at most.
    pub soft_bytes: usize,
}

impl Client {
    pub fn is_listening(&self) -> bool {
        self.topics().is_some()
    }

    pub fn topics(&self) -> Option<&Topics> {
        self.session.as_ref()?.topics.as_deref()
    }

    pub fn topics_mut(&mut self) -> Option<&mut Topics> {
        self.session.as_mut()?.topics.as_deref_mut()
    }

    /// RESP2 has no way to tell a message from a reply: a client that listens may ask for little else.
    pub fn is_restricted(&self) -> bool {
        self.settings.version == Version::Resp2
            && self.topics().is_some_and(|topics| !topics.is_empty())
    }

    /// A message, in RESP2. `false`: the client has left too much unread.
    pub fn take_message(
        &mut self,
        turn: &mut Turn,
        message: &[u8],
        bounds: ListeningBounds,
    ) -> bool {
        // After QUIT, or when its end is shut.
        if !self.is_open() {
            return true;
        }
        let is_busy = self.download_from.is_some();
        let Some(topics) = self.session.as_mut().and_then(|session| session.topics.as_mut()) else {
            return true;
        };
        let is_held = is_busy || topics.unconfirmed;
        let out = if is_held { &mut topics.held } else { self.replies.out.tail(&mut turn.buffers) };
        let start = out.len();
        out.extend_from_slice(message);
        // The same in RESP3, but for the first byte.
        if self.settings.version == Version::Resp3 {
            out[start] = b'>';
        }
        let unread = topics.held.len() + self.replies.unread_bytes();
        if unread <= bounds.soft_bytes {
            topics.slow_since = None;
        }
        let is_slow = unread > bounds.soft_bytes
            && topics.slow_since.get_or_insert(turn.now).plus_ms(SUBSCRIBER_SOFT_MS) <= turn.now;
        if !is_held {
            self.mark_dirty(turn);
        }
        unread <= bounds.bytes && !is_slow
    }

    /// What kept messages back is over.
    pub fn release_messages(&mut self, turn: &mut Turn) {
        if self.download_from.is_some() {
            return;
        }
        let Some(topics) = self.session.as_mut().and_then(|session| session.topics.as_mut()) else {
            return;
        };
        if !topics.unconfirmed && !topics.held.is_empty() {
            let held = std::mem::take(&mut topics.held);
            self.replies.out.tail(&mut turn.buffers).extend_from_slice(&held);
            self.mark_dirty(turn);
        }
    }

    /// A server has refused this subscription.
    pub fn stop_listening(&mut self, subject: Subject, name: &[u8]) {
        let Some(session) = &mut self.session else {
            return;
        };
        if let Some(topics) = &mut session.topics {
            topics.of(subject).remove(name);
            if topics.is_empty() {
                session.topics = None;
            }
        }
        if session.is_over() {
            self.session = None;
        }
    }

    /// Its subscriptions are confirmed.
    pub fn handle_confirmed(&mut self, turn: &mut Turn) {
        if let Some(topics) = self.topics_mut() {
            topics.unconfirmed = false;
        }
        self.release_messages(turn);
    }
}
