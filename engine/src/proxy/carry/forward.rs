//! Sends a request to one server, unchanged.

use super::Exchange;
use crate::command;
use crate::protocol::memcache::reply::FENCE;
use crate::proxy::link::action::{Action, Note};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::ticket::{Care, Chore, Owner, Ticket};
use crate::proxy::plan::{Forward, Sending, memcache};
use crate::topology::{Out, Placed};

impl Exchange<'_> {
    #[inline(always)]
    pub fn forward(&mut self, plan: Forward, bytes: &[u8]) {
        if plan.is_unchecked {
            self.count_unchecked(plan.sent.command);
        }
        let placed = match plan.place {
            Ok(placed) => placed,
            Err(out) => return self.fail_out(out, plan.sent.care),
        };
        match self.upstream(placed) {
            Ok(at) => {
                let sent = plan.sent;
                if sent.care != Care::None && self.lacks_meta(sent, placed) {
                    return;
                }
                let out = self.upstreams[at].tail(self.turn);
                out.extend_from_slice(bytes);
                if sent.care.is_sent() {
                    out.extend_from_slice(FENCE);
                }
                let number = self.client.expect(self.turn);
                self.push(at, number, 0, sent);
            }
            Err(cause) => self.fail(Some(placed.shard), &cause, plan.sent.care),
        }
    }

    /// The index of the upstream for a place. It is ready to take a request.
    #[inline]
    pub fn upstream(&mut self, placed: Placed) -> Result<usize, Cause> {
        self.client.use_shard(placed.shard);
        let (lane, affinity) = (self.client.settings.lane, self.client.key().index);
        let at = self.pool.upstream(self.upstreams, placed.server, lane, affinity);
        match self.upstreams[at].prepare(self.turn, self.pool.spec.connect_timeout_ms) {
            Ok(()) => Ok(at),
            Err(cause) => {
                if cause == Cause::QueueFull {
                    self.turn.counters[self.pool.id.index()].upstream_queue_full += 1;
                }
                Err(cause)
            }
        }
    }

    /// Fails a request that has no server now.
    #[cold]
    pub fn fail_out(&mut self, out: Out, care: Care) {
        self.fail(out.shard(), &cause_of(out), care);
    }

    /// Pushes the ticket of the request, or of its part, whose bytes end this upstream's output.
    #[inline(always)]
    pub fn push(&mut self, at: usize, number: u32, part: u16, sent: Sending) {
        let owner = Owner::Client { key: self.client.key(), number, part };
        let ticket = Ticket::new(owner, sent.command, sent.care);
        self.upstreams[at].push(self.turn, ticket, self.pool.spec.timeout_ms);
    }

    /// Pushes the ticket of a request of our own, whose bytes end this upstream's output. `command`: the index of
    /// a row.
    pub fn push_chore(&mut self, at: usize, chore: Chore, command: u16) {
        let ticket = Ticket::new(Owner::Worker(chore), command, Care::None);
        self.upstreams[at].push(self.turn, ticket, self.pool.spec.timeout_ms);
    }

    /// Refuses a meta command if its memcached does not know them. Returns whether it did.
    fn lacks_meta(&mut self, sent: Sending, placed: Placed) -> bool {
        let is_meta = matches!(sent.care, Care::Meta | Care::Quiet);
        let lacks = is_meta && self.pool.knows_no_meta(placed.server, self.turn.now);
        if lacks {
            self.refuse(memcache::no_meta(sent.command, &self.pool.policy));
        }
        lacks
    }

    #[cold]
    fn count_unchecked(&mut self, command: u16) {
        self.turn.counters[self.pool.id.index()].requests_unchecked += 1;
        let Some(row) = command::by_index(usize::from(command)) else {
            return;
        };
        if self.pool.note_unchecked(row.name) {
            let note = Note::Unchecked { pool: self.pool.id, command: row.name };
            self.turn.actions.push_back(Action::Note(note));
        }
    }
}

/// The cause that clients of a shard that is out read.
pub fn cause_of(out: Out) -> Cause {
    match out {
        Out::NoneLive => Cause::NoneLive,
        Out::Down(_) => Cause::Down,
    }
}
