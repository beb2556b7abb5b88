//! The end of a worker, as far as its clients are concerned.
//!
//! ```text
//!   a client that is owed nothing          closed at once
//!   one that waits for replies             gets them, then our FIN, then a moment to read them
//!   one that was paused with requests      those it has sent are answered first; no more are read
//!   one that comes now                     closed at once
//! ```
//!
//! How long that may take is not decided here: the one who drains a worker stops it when he has
//! waited long enough.

use super::Worker;

impl Worker {
    /// Takes no further request, and closes each client when it has what it is owed.
    pub(super) fn shut_down(&mut self) {
        if std::mem::replace(&mut self.shutting_down, true) {
            return;
        }
        let Worker { clients, turn, .. } = self;
        for key in clients.keys() {
            let Some(client) = clients.get_mut(key) else { continue };
            client.end_wait(turn, false);
            // A paused one has whole requests in its input; its last one finishes it.
            if client.is_open() && !client.is_stopped() && client.upload().is_none() {
                let is_owed = client.owed() > 0 || !client.out().is_empty();
                client.finish(turn, is_owed);
            }
        }
    }

    /// Is everybody gone after [`Order::ShutDown`](crate::proxy::Order::ShutDown)?
    pub fn is_drained(&self) -> bool {
        self.shutting_down && self.clients.is_empty()
    }
}
