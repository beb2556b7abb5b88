//! Sends a request to one server, unchanged.

use super::Exchange;
use crate::base::ServerId;
use crate::command;
use crate::protocol::memcache::reply::FENCE;
use crate::proxy::link::action::{Action, Note};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::ticket::{Care, Chore, Owner, Ticket};
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::pool::Pool;
use crate::proxy::plan::{Forward, Sending, memcache};
use crate::topology::{Out, Placed, Reads};
use std::sync::Arc;

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

    /// The index of the upstream for a place. It is ready to take a request. A read for a replica that
    /// cannot be reached goes elsewhere.
    #[inline]
    pub fn upstream(&mut self, placed: Placed) -> Result<usize, Cause> {
        self.client.use_shard(placed.shard);
        let (lane, affinity) = (self.lane_to(placed), self.client.key().index);
        let at = self.pool.upstream(self.upstreams, placed.server, lane, affinity);
        match self.upstreams[at].prepare(self.turn, self.pool.spec.connect_timeout_ms) {
            Ok(()) => Ok(at),
            Err(cause) => self.unprepared(cause, placed.server, (lane, affinity)),
        }
    }

    #[cold]
    fn unprepared(
        &mut self,
        cause: Cause,
        server: ServerId,
        (lane, affinity): (u16, u32),
    ) -> Result<usize, Cause> {
        if self.pool.lane_key(lane).read_only {
            let read = Unanswered { server, lane, affinity, client: self.client.number() };
            let to = elsewhere(self.pool, self.upstreams, self.turn, read);
            let to = to.map_err(|other| other.unwrap_or(cause))?;
            self.turn.counters[self.pool.id.index()].failover.reads_elsewhere += 1;
            return Ok(to);
        }
        if cause == Cause::QueueFull {
            self.turn.counters[self.pool.id.index()].upstream_queue_full += 1;
        }
        Err(cause)
    }

    /// Fails a request that has no server now.
    #[cold]
    pub fn fail_out(&mut self, out: Out, care: Care) {
        self.fail(out.shard(), &cause_of(out), care);
    }

    /// Pushes the ticket of the request, or of its part, whose bytes end this upstream's output.
    #[inline(always)]
    pub fn push(&mut self, at: usize, number: u32, part: u16, sent: Sending) {
        self.note_sent(sent.command);
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

/// A read that a server has not answered.
#[derive(Clone, Copy)]
pub struct Unanswered {
    pub server: ServerId,
    pub lane: u16,
    /// Chooses among upstreams of one server.
    pub affinity: u32,
    /// Its client's number.
    pub client: u32,
}

/// An upstream for it at the next server: the replicas behind this one in its client's order, then the primary.
/// So none is tried twice. `Err`: why there is none, if it has a reason of its own.
#[cold]
pub fn elsewhere(
    pool: &mut Pool,
    upstreams: &mut Vec<Upstream>,
    turn: &mut Turn,
    read: Unanswered,
) -> Result<usize, Option<Cause>> {
    let Unanswered { server, lane, affinity, client } = read;
    let topology = Arc::clone(&pool.topology);
    let shard = topology.shard_of(server).ok_or(None)?;
    for next in topology.shard(shard).readers_behind(server, client) {
        let at = pool.upstream(upstreams, next, lane, affinity);
        if upstreams[at].prepare(turn, pool.spec.connect_timeout_ms).is_ok() {
            return Ok(at);
        }
    }
    if pool.spec.reads() == Reads::Replica {
        return Err(None);
    }
    let placed = topology.place(Some(shard)).map_err(|out| Some(cause_of(out)))?;
    let lane = pool.lane_of_writes(lane);
    let at = pool.upstream(upstreams, placed.server, lane, affinity);
    upstreams[at].prepare(turn, pool.spec.connect_timeout_ms).map_err(Some)?;
    Ok(at)
}

/// The cause that clients of a shard that is out read.
pub fn cause_of(out: Out) -> Cause {
    match out {
        Out::NoneLive => Cause::NoneLive,
        Out::NoReplica(_) => Cause::NoReplica,
        Out::Down(_) => Cause::Down,
    }
}
