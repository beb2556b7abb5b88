//! Deadlines: late requests, slow connections, clients that read nothing.

use super::Worker;
use crate::base::Time;
use crate::base::limits::{
    CLIENT_GLUT_BYTES, CLIENT_GLUT_STALL_MS, CLIENT_HOARD_BYTES, CLIENT_HOARD_STALL_MS,
    STREAM_SHARED_STALL_MS,
};
use crate::base::slab::Key;
use crate::proxy::link::action::{Action, ConnId, Note};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::client::ClientState;
use crate::proxy::link::ticket::{Chore, Owner};
use crate::topology::{Report, Sight};

impl Worker {
    /// Looks at everything that has a deadline. Cheap: once a timeout period, not once a request.
    #[cold]
    pub(super) fn handle_deadline(&mut self) {
        self.turn.deadline = Time::NEVER;
        for at in 0..self.upstreams.len() {
            self.upstream_deadline(at);
            let upstream = &self.upstreams[at];
            let timeout_ms = self.pools[upstream.pool().index()].spec.timeout_ms;
            self.turn.wake_at(upstream.deadline(timeout_ms));
        }
        for key in std::mem::take(&mut self.turn.clients_with_deadline) {
            self.client_deadline(key);
        }
    }

    fn upstream_deadline(&mut self, at: usize) {
        let now = self.turn.now;
        let upstream = &mut self.upstreams[at];
        let key = upstream.key();
        if upstream.is_late_to_open(now) {
            return self.upstream_down(key, &Cause::TimedOut, true);
        }
        if upstream.duty().is_hub() {
            return self.hub_deadline(at);
        }
        if upstream.is_spare_until(now) {
            upstream.close(&mut self.turn);
        }
        if upstream.is_draining() {
            return self.settle_upstream(at);
        }
        if upstream.has_waited_too_long(now) {
            return self.give_up_waiting(at);
        }
        let pool = upstream.pool();
        if upstream.is_waiting() && upstream.failures.may_connect(now) {
            return self.connect_or_wait(at);
        }
        let Some(timeout_ms) = self.pools[pool.index()].spec.timeout_ms else {
            return;
        };
        if upstream.is_download_stuck(now, timeout_ms) {
            return self.upstream_down(key, &Cause::TimedOut, true);
        }
        let late = upstream.expire(now, timeout_ms);
        let owed = late.iter().filter(|lost| lost.may_have_left).count();
        self.report_late(at, timeout_ms, owed);
        let upstream = &self.upstreams[at];
        // Part of a request that no client waits for any more is of no use.
        let is_hopeless = upstream.is_hopeless(now, timeout_ms)
            || (upstream.duty().upload_from().is_some() && !late.is_empty());
        self.fail_tickets(at, &Cause::TimedOut, &late);
        // WATCH has failed for its client, so EXEC must not succeed. Or UNWATCH was taken out, or SELECT: the
        // connection is not as the next client needs it.
        let is_spoiled = late
            .iter()
            .any(|lost| matches!(lost.ticket.owner, Owner::Worker(Chore::Unwatch | Chore::Setup)));
        let is_pinned = self.upstreams[at].duty().pinned_by().is_some();
        if is_spoiled || is_pinned && !late.is_empty() {
            self.give_up(at, &Cause::TimedOut);
        } else if is_hopeless {
            self.upstream_down(key, &Cause::TimedOut, true);
        }
        self.settle_upstream(at);
    }

    /// No server came that serves: what waited for one fails.
    pub(super) fn give_up_waiting(&mut self, at: usize) {
        let Worker { upstreams, turn, clients, .. } = self;
        let cause = upstreams[at].failures.last_cause().clone();
        let from = upstreams[at].duty().upload_from();
        let gone = upstreams[at].give_up_waiting(turn);
        // The rest of a large request is dropped as it comes.
        if let Some(client) = from.and_then(|key| clients.get_mut(key)) {
            client.resume_upload(turn);
        }
        self.fail_tickets(at, &cause, &gone);
        self.settle_upstream(at);
    }

    /// Reports that this many requests, which an upstream has sent, are late.
    fn report_late(&mut self, at: usize, timeout_ms: u32, requests: usize) {
        if requests == 0 {
            return;
        }
        let Worker { upstreams, turn, .. } = self;
        let upstream = &mut upstreams[at];
        let (pool, server) = (upstream.pool(), upstream.server());
        turn.counters[pool.index()].tombstones += requests as u64;
        if upstream.fails_by_silence(turn.now, timeout_ms) {
            upstream.failures.watch();
            // twemproxy closed its connection here, and counted that.
            upstream.counters.server_timedout += 1;
            // The reason first: what is done about it names it.
            let cause = Cause::TimedOut;
            let note = Note::UpstreamFailed { pool, server, cause, requests };
            turn.actions.push_back(Action::Note(note));
            turn.actions.push_back(Action::Report(Report { pool, server, sight: Sight::Silent }));
        }
    }

    fn client_deadline(&mut self, key: Key) {
        let now = self.turn.now;
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.forget_deadline();
        client.handle_wait_deadline(&mut self.turn);
        if let ClientState::Lingering { until } = client.state() {
            if until <= now {
                self.close_client(key);
            } else {
                client.set_deadline(&mut self.turn, until);
            }
            return;
        }
        let Some(since) = client.full_since() else {
            return;
        };
        let (max_ms, look_ms) = self.stall_bounds(key);
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let until = since.plus_ms(max_ms);
        if until > now {
            client.forget_try();
            // Looked at often enough to see a hoard grow.
            client.set_deadline(&mut self.turn, until.min(now.plus_ms(look_ms)));
            return;
        }
        // Linux tells that a socket has room when a third of it is free and half of what it may hold
        // unsent has left. A slow reader may have taken a megabyte since, and has not stalled. It is
        // tried once, and not where memory is short.
        if client.unread_bytes() <= CLIENT_GLUT_BYTES && client.try_again() {
            self.turn.actions.push_back(Action::TryWriting { conn: ConnId::Client(key) });
            client.set_deadline(&mut self.turn, now);
            return;
        }
        self.close_stalled(key);
    }

    /// How long a client may take nothing, and how soon it is looked at again.
    fn stall_bounds(&self, key: Key) -> (u64, u64) {
        let Some(client) = self.clients.get(key) else {
            return (0, 0);
        };
        let stall_ms = u64::from(self.pools[client.pool().index()].spec.serves.client_stall_ms);
        let (max_ms, look_ms) = match client.unread_bytes() {
            n if n <= CLIENT_HOARD_BYTES => (stall_ms, CLIENT_HOARD_STALL_MS),
            n if n <= CLIENT_GLUT_BYTES => (CLIENT_HOARD_STALL_MS, CLIENT_GLUT_STALL_MS),
            _ => (CLIENT_GLUT_STALL_MS, CLIENT_GLUT_STALL_MS),
        };
        let holds_up_others = client.download_from().is_some_and(|from| {
            self.upstream_ref(from).is_some_and(|up| up.queue().is_waited_for_beside(key))
        });
        let (max_ms, look_ms) = if holds_up_others {
            (max_ms.min(STREAM_SHARED_STALL_MS), STREAM_SHARED_STALL_MS)
        } else {
            (max_ms, look_ms)
        };
        // A client that hoards is never given more time than one that does not.
        (max_ms.min(stall_ms), look_ms)
    }

    fn close_stalled(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let (pool, conn, peer) = (client.pool(), ConnId::Client(key), client.origin().peer);
        let note = Note::ClientStalled { pool, conn, peer, unread_bytes: client.unread_bytes() };
        client.leave_by_error();
        self.turn.actions.push_back(Action::Note(note));
        self.turn.counters[pool.index()].clients_stalled += 1;
        self.close_client(key);
    }
}
