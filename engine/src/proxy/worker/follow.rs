//! Following the topology: a newer snapshot, and what it says of servers.

use crate::base::PoolId;
use crate::protocol::resp::Version;
use crate::proxy::link::action::{Action, Note};
use crate::proxy::link::client::ClientState;
use crate::proxy::link::client::wait::ServerWait;
use crate::proxy::worker::Worker;
use crate::topology::Common;
impl Worker {
    /// What is known of a pool's servers has changed.
    pub(in crate::proxy) fn handle_common(&mut self, pool: PoolId, before: Common, now: Common) {
        let Worker { clients, turn, .. } = self;
        if now.settled && !before.settled {
            for client in clients.values_mut().filter(|client| client.pool == pool) {
                client.end_wait(turn, ServerWait::Free);
            }
        }
        if now.resp3 != Some(false) || before.resp3 == Some(false) {
            return;
        }
        let mut uploading = Vec::new();
        for client in clients.values_mut().filter(|client| client.pool == pool) {
            if client.version != Version::Resp3 || client.state != ClientState::Open {
                continue;
            }
            let (peer, why) = (client.peer, "a server of its pool speaks no RESP3");
            let note = Note::ClientRefused { pool, peer, why, command: None };
            turn.actions.push_back(Action::Note(note));
            // The rest of its request would never be read.
            if client.upload.is_some() {
                uploading.push(client.key);
            } else {
                client.finish(turn, true);
            }
        }
        for key in uploading {
            self.close_client(key);
        }
    }
}
