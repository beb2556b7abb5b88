//! The shutdown of a worker, for its clients.
//!
//! ```text
//!   a client that is owed nothing          closed at once
//!   a client that waits for replies        gets them, then our FIN, then a moment to read them
//!   a client whose requests wait           gets the replies to them; nothing more is read
//!   a client that connects now             closed at once
//! ```
//!
//! Control decides how long that may take, and stops the worker then.

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
            // A stopped client has whole requests in its input. It finishes after the last one.
            if client.is_open() && !client.is_stopped() && client.upload().is_none() {
                let is_owed = client.owed() > 0 || !client.out().is_empty();
                client.finish(turn, is_owed);
            }
        }
    }

    /// Whether all clients are gone after [`Order::ShutDown`](crate::proxy::Order::ShutDown).
    pub fn is_shut_down(&self) -> bool {
        self.shutting_down && self.clients.is_empty()
    }
}
