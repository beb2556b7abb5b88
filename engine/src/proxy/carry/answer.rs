//! Answers that no server gives: refusals and failures.

use super::Exchange;
use crate::base::ShardId;
use crate::protocol::memcache;
use crate::protocol::resp::encode;
use crate::proxy::link::action::{Action, Note};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::ticket::Care;
use crate::proxy::plan::failure::{Sent, failure_text};
use crate::proxy::plan::refusal::{Ending, Refusal};
use crate::topology::Protocol;

impl Exchange<'_> {
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        self.answer(|out| encode::error(out, text));
    }

    #[inline]
    pub fn answer(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.turn.counters[self.pool.id.index()].requests_local += 1;
        self.client.answer(self.turn, write);
    }

    /// Refuses a request.
    #[cold]
    pub fn refuse(&mut self, refusal: Refusal<'_>) {
        if refusal.is_counted {
            self.count_refused();
        }
        if !refusal.says.is_nothing() {
            self.answer(|out| refusal.says.write(out));
        }
        if let Some(ending) = refusal.ends {
            self.end(ending);
        }
    }

    pub fn count_refused(&mut self) {
        self.turn.counters[self.pool.id.index()].requests_refused += 1;
    }

    /// Takes no further request, and says so in the log.
    pub fn hang_up(&mut self, why: &'static str) {
        self.end(Ending { why, command: None });
    }

    fn end(&mut self, Ending { why, command }: Ending) {
        let (pool, peer) = (self.pool.id, self.client.origin().peer);
        let note = Note::ClientRefused { pool, peer, why, command };
        self.turn.actions.push_back(Action::Note(note));
        self.client.leave_by_error();
        self.client.finish(self.turn, true);
    }

    /// The text of a request that could not be sent to this shard.
    pub fn failure(&self, shard: Option<ShardId>, cause: &Cause) -> String {
        let shard = shard.and_then(|id| self.pool.describe_shard(id));
        failure_text(self.pool.spec.protocol, &self.pool.policy, cause, shard, Sent::No)
    }

    /// A request could not be sent. With `noreply` its client does not hear of it.
    #[cold]
    pub fn fail(&mut self, shard: Option<ShardId>, cause: &Cause, care: Care) {
        self.turn.counters[self.pool.id.index()].forward_error += 1;
        if care == Care::Mute {
            return;
        }
        let text = self.failure(shard, cause);
        match self.pool.spec.protocol {
            Protocol::Redis => self.error(&text),
            Protocol::Memcache => self.answer(|out| memcache::encode::line(out, &text)),
        }
    }
}
