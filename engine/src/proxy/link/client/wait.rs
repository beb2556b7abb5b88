//! A client whose HELLO or INFO waits until servers have said what they can do: it is read no further.

use crate::base::Time;
use crate::proxy::link::client::Client;
use crate::proxy::link::turn::Turn;

/// Whether it waits, or has waited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerWait {
    /// It has not waited, or the answers have come.
    Free,
    Waits {
        until: Time,
    },
    /// It has waited long enough, once for all that it asks.
    Waited,
}

impl Client {
    /// Begins to wait. `false`: it does already, or has done so.
    pub fn begin_wait(&mut self, turn: &mut Turn, until: Time) -> bool {
        if self.server_wait != ServerWait::Free {
            return false;
        }
        self.server_wait = ServerWait::Waits { until };
        self.watch(turn, until);
        true
    }

    /// Lets its request go on, now that servers have answered or will not in time.
    pub fn end_wait(&mut self, turn: &mut Turn, as_now: ServerWait) {
        if let ServerWait::Waits { .. } = self.server_wait {
            self.server_wait = as_now;
            self.maybe_resume(turn);
        }
    }

    pub fn wait_deadline(&mut self, turn: &mut Turn) {
        if let ServerWait::Waits { until } = self.server_wait {
            if until <= turn.now {
                self.end_wait(turn, ServerWait::Waited);
            } else {
                self.watch(turn, until);
            }
        }
    }
}
