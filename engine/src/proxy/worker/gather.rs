//! Holding back what is to be written, for more to join it.
//!
//! A write costs more than all the rest that is done for a request, on our side and on the other:
//! it wakes its reader. A proxy that has caught up with its work takes the next request as soon as
//! it comes, passes it on alone, and has everybody woken for each. One that has much to do finds
//! ten requests when it looks again, and writes once; so being slower it would need less of every
//! processor. We gather as if we were, while there is other work to do meanwhile:
//!
//! - a server's requests wait while it has others of ours to answer; while replies are about to be
//!   written to many clients, who will ask again; or when a client has just come, who will ask
//!   next, and is hardly the only one where clients come and go;
//! - a client's replies wait while it is owed more of what it has asked.
//!
//! In either case for `GATHER_US`, and to the end of the turn that is going on then; and not over
//! a turn that brings nothing: whoever waits then waits for nobody. The exception is a client that
//! has sent everything it is owed at once: it waits for all of it, most likely, and the rest is on
//! its way. So a client that asks one thing at a time is never held back where it is alone, one
//! that asks on while it is owed replies has them as soon as there is time, and a loop with time
//! to spare hardly ever holds anything but the first replies of a batch.

use crate::base::Time;
use crate::base::limits::GATHER_CLIENTS;
use crate::base::slab::Key;
use crate::proxy::worker::Worker;
use std::collections::VecDeque;

impl Worker {
    /// Holds back what may be; see the module's head. `is_busy`: the turn has brought something.
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

    /// If something is held back: when the next turn must come at the latest, whether there is an
    /// event or not. At once after a turn that has brought something, within `GATHER_US` after one
    /// that has not.
    #[inline]
    pub fn held_until(&self) -> Option<Time> {
        let is_gathering =
            !self.turn.held_upstreams.is_empty() || !self.turn.held_clients.is_empty();
        is_gathering.then_some(self.turn.held_until)
    }
}

/// Moves those that may wait from one list to the other; when the first of them may no longer.
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
