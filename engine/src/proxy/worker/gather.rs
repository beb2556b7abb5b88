//! Holds output back, so that more can join it (ADR 13).
//!
//! A write costs more than everything else that is done for a request, here and at the receiver, because
//! it wakes the receiver. A proxy with nothing else to do passes each request on alone, and wakes a
//! server for each. A proxy with much to do finds ten requests when it looks again, and writes once. We
//! gather like the second one, while there is other work to do:
//!
//! - requests for a server wait while it has other requests of ours to answer; while many clients are
//!   about to get replies, because they will ask again; and in a turn in which a client was accepted,
//!   because it will ask next;
//! - replies for a client wait while it is owed more replies.
//!
//! Both wait for `GATHER_US`, and until the end of the turn that runs then. They do not wait over a turn
//! without events, with one exception: if one read brought all the requests that a client waits for, it
//! waits for all replies, most likely, and the rest is on its way. So a single client that asks one
//! thing at a time is never held back. A client that asks more while it is owed replies gets them as
//! soon as there is time. A loop with time to spare holds only the first replies of a batch.

use crate::base::Time;
use crate::base::limits::GATHER_CLIENTS;
use crate::base::slab::Key;
use crate::proxy::worker::Worker;
use std::collections::VecDeque;

impl Worker {
    /// Holds back what may wait; see the module's head. `is_busy`: the turn had events.
    pub(super) fn gather(&mut self, is_busy: bool) {
        let Worker { clients, upstreams, turn, .. } = self;
        let now = turn.now;
        let end = hold_back(&mut turn.dirty_clients, &mut turn.held_clients, |key| {
            clients.get_mut(key).and_then(|client| client.gathers_until(now, is_busy))
        });
        if !is_busy {
            turn.held_until = turn.held_until.min(end);
            return;
        }
        turn.held_until = now;
        let is_crowded = turn.dirty_clients.len() >= GATHER_CLIENTS || turn.has_newcomer;
        hold_back(&mut turn.dirty_upstreams, &mut turn.held_upstreams, |key| {
            let upstream = upstreams.get_mut(key.index as usize).filter(|up| up.key() == key);
            upstream.and_then(|upstream| upstream.gathers_until(now, is_crowded))
        });
    }

    /// If output is held back: when the next turn must begin, with or without an event. At once after a
    /// turn with events, within `GATHER_US` after a turn without.
    #[inline]
    pub fn held_until(&self) -> Option<Time> {
        let is_gathering =
            !self.turn.held_upstreams.is_empty() || !self.turn.held_clients.is_empty();
        is_gathering.then_some(self.turn.held_until)
    }
}

/// Moves the connections that may wait to the other list. Returns when the first of them must be
/// written.
fn hold_back(
    dirty: &mut VecDeque<Key>,
    held: &mut Vec<Key>,
    mut until: impl FnMut(Key) -> Option<Time>,
) -> Time {
    let mut first = Time::NEVER;
    dirty.retain(|&key| {
        let end = until(key);
        if let Some(end) = end {
            held.push(key);
            first = first.min(end);
        }
        end.is_none()
    });
    first
}
