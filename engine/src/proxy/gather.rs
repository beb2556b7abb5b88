//! Holding back what is to be written, for more to join it.
//!
//! A write costs more than all the rest that is done for a request, on our side and on the other:
//! it wakes its reader. A proxy that has caught up with its work takes the next request as soon as
//! it comes, passes it on alone, and has everybody woken for each. One that has much to do finds
//! ten requests when it looks again, and writes once; so being slower it would need less of every
//! processor. We gather as if we were, but only while there is other work to do meanwhile:
//!
//! - a server's requests wait while it has others of ours to answer, or while replies are about to
//!   be written to many clients, who will ask again;
//! - a client's replies wait while it is owed more of what it has asked.
//!
//! In either case for `GATHER_US`, and to the end of the turn that is going on then; and never over
//! a turn that brings nothing: whoever waits then waits for nobody. So there is no timer, a client
//! that is alone and asks one thing at a time is never held back, and a loop with time to spare
//! hardly ever holds anything.

use super::Worker;
use crate::base::Time;
use crate::base::limits::{GATHER_CLIENTS, GATHER_US};
use crate::base::slab::Key;
use std::collections::VecDeque;

/// Since when a connection's bytes have been held back.
#[derive(Default)]
pub struct Hold {
    since: Option<Time>,
}

impl Hold {
    /// Begins, if it has not; whether it may last beyond `now`.
    #[inline]
    pub fn may_last(&mut self, now: Time) -> bool {
        now <= self.since.get_or_insert(now).plus_us(GATHER_US)
    }

    #[inline]
    pub fn end(&mut self) {
        self.since = None;
    }
}

impl Worker {
    /// Holds back what may be; see the module's head. Call it at a turn's end, before the flush,
    /// and only in a turn that brought something; see [`Worker::is_gathering`].
    pub fn gather(&mut self) {
        let Worker { clients, upstreams, turn, .. } = self;
        let now = turn.now;
        hold_back(&mut turn.dirty_clients, &mut turn.held_clients, |key| {
            clients.get_mut(key).is_some_and(|client| client.may_gather(now))
        });
        let is_crowded = turn.dirty_clients.len() >= GATHER_CLIENTS;
        hold_back(&mut turn.dirty_upstreams, &mut turn.held_upstreams, |key| {
            let upstream = upstreams.get_mut(key.index as usize).filter(|up| up.key == key);
            upstream.is_some_and(|upstream| upstream.may_gather(now, is_crowded))
        });
    }

    /// Is something held back? Then the next turn must come without waiting for an event, and
    /// one that brings none must not call [`Worker::gather`].
    pub fn is_gathering(&self) -> bool {
        !self.turn.held_upstreams.is_empty() || !self.turn.held_clients.is_empty()
    }
}

fn hold_back(dirty: &mut VecDeque<Key>, held: &mut Vec<Key>, mut may: impl FnMut(Key) -> bool) {
    dirty.retain(|&key| {
        let holds = may(key);
        if holds {
            held.push(key);
        }
        !holds
    });
}
