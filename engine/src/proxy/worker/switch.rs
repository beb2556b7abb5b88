//! Another server takes over: requests that a server has refused, and upstreams that go to the next primary.
//!
//! ```text
//!   READONLY, LOADING ...  ─▶ set aside, with all behind it ─┐
//!   a newer topology       ─▶ nothing more is sent          ─┤ drained ─▶ the next socket, in order
//!   a replica is lost      ─▶ its reads go to another server at once
//! ```
//!
//! A request may be sent again only if it was not done. A server that refuses a write as a replica has done
//! none of it, and none of the writes behind it. It has answered the reads behind it, from a state that is
//! old, so their replies are dropped and they are sent again too. A script can answer with any words after it has
//! written, so a call that is refused first is sent again only when its server says by ROLE that it is a replica.

use super::Worker;
use crate::base::limits::SWITCH_RETRY_MS;
use crate::base::slab::Slab;
use crate::base::{PoolId, ServerId};
use crate::command::{self, Command, Flags, ScriptUse, Verb, wait_time};
use crate::protocol::resp::{encode, request};
use crate::proxy::carry::block::refusal_of_block;
use crate::proxy::carry::forward::{Unanswered, elsewhere};
use crate::proxy::link::action::Action;
use crate::proxy::link::cause::Cause;
use crate::proxy::link::client::Client;
use crate::proxy::link::ticket::{Care, Chore, Lost, Owner, Ticket};
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::duty::{Duty, Why};
use crate::proxy::link::upstream::lane::fits_role;
use crate::proxy::link::upstream::pool::Pool;
use crate::proxy::link::upstream::socket::SocketState;
use crate::proxy::link::upstream::switch::Doubt;
use crate::proxy::measure::counts::add_to;
use crate::texts;
use crate::topology::{PoolTopology, Report, Sight};
use std::sync::Arc;

/// Words with which a server says that it must not serve, or not yet.
const REFUSALS: [&[u8]; 4] = [b"READONLY", b"REDIRECT", b"LOADING", b"MASTERDOWN"];

const LOADING: usize = 2;

/// The server's role has changed.
const UNBLOCKED: &[u8] = b"-UNBLOCKED force unblock";

fn begins_with(reply: &[u8], words: &[&[u8]]) -> bool {
    let says =
        |word: &&[u8]| reply[1..].strip_prefix(*word).is_some_and(|rest| rest.starts_with(b" "));
    reply.starts_with(b"-") && words.iter().any(says)
}

/// The oldest request of this upstream got this reply. Returns whether the request is set aside, to be sent
/// again.
#[cold]
#[inline(never)]
pub fn sets_aside(
    pool: &Pool,
    clients: &mut Slab<Client>,
    upstream: &mut Upstream,
    turn: &mut Turn,
    reply: &[u8],
) -> bool {
    let Some(&ticket) = upstream.queue().front() else {
        return false;
    };
    let is_wanted = match ticket.owner {
        Owner::Client { key, .. } | Owner::Verify { key, .. } => clients.get(key).is_some(),
        Owner::Worker(chore) => chore != Chore::Swallow,
    };
    if !is_wanted {
        return false;
    }
    if ticket.care == Care::Waiting {
        return waits_elsewhere(pool, upstream, turn, ticket, reply);
    }
    let is_doubtful = is_call(&ticket)
        && begins_with(reply, &REFUSALS)
        && !begins_with(reply, &REFUSALS[LOADING..=LOADING]);
    if is_doubtful && !upstream.queue().has_aside() {
        ask_for_role(pool, upstream, turn, reply);
        return true;
    }
    let is_again = if upstream.queue().has_aside() {
        let is_done = is_done(&ticket, reply, upstream.is_loading());
        if is_done {
            fail_aside(clients, upstream, turn);
        }
        !is_done
    } else {
        is_refused(&ticket, reply)
    };
    if is_again {
        let is_first = !upstream.queue().has_aside();
        let is_loading = says(&ticket, reply, &REFUSALS[LOADING..=LOADING]);
        upstream.set_aside(turn, is_loading);
        if is_first && !is_loading {
            upstream.confirm_doubts();
            report_no_primary(pool.id, upstream, turn);
        }
    }
    is_again
}

/// A server that is no primary any more ends the commands that wait there, and nothing was popped: they wait at
/// the next one for the rest of their time.
fn waits_elsewhere(
    pool: &Pool,
    upstream: &mut Upstream,
    turn: &mut Turn,
    ticket: Ticket,
    reply: &[u8],
) -> bool {
    // CLIENT UNBLOCK has other words.
    if !reply.starts_with(UNBLOCKED) && !begins_with(reply, &REFUSALS) {
        return false;
    }
    let waited_ms = turn.now.since(ticket.since).as_millis() as u64;
    for (ticket, bytes) in upstream.take_all(turn) {
        let row = command::by_index(usize::from(ticket.command));
        let mut progress = request::Progress::default();
        let request = request::parse(&bytes, &mut progress, request::Trust::Authenticated);
        let out = upstream.tail(turn);
        match (row, request) {
            (Some(row), Ok(request::Parsed::Request(args))) => {
                wait_time::write_rest(row, &args, waited_ms, out);
            }
            _ => out.extend_from_slice(&bytes),
        }
        upstream.push(turn, ticket, None);
    }
    upstream.leave_server(turn);
    report_no_primary(pool.id, upstream, turn);
    true
}

/// Only the server itself knows whether it is a replica, or a script has said so.
fn ask_for_role(pool: &Pool, upstream: &mut Upstream, turn: &mut Turn, reply: &[u8]) {
    if upstream.doubt(turn, reply) {
        encode::command(upstream.tail(turn), &["ROLE"]);
        let row = command::lookup(b"role").map_or(0, |row| row.index() as u16);
        let ticket = Ticket::new(Owner::Worker(Chore::Role), row, Care::None);
        upstream.push(turn, ticket, pool.spec.timeout_ms);
    }
}

/// The answer: on a replica nothing was written, and the calls go to the next primary. Otherwise their
/// replies are theirs.
pub fn take_role(
    pool: &Pool,
    clients: &mut Slab<Client>,
    upstream: &mut Upstream,
    turn: &mut Turn,
    role: &[u8],
) {
    if fits_role(role, false).is_err() {
        upstream.confirm_doubts();
        upstream.leave_server(turn);
        report_no_primary(pool.id, upstream, turn);
    } else {
        pass_doubts(clients, upstream, turn);
    }
}

/// Gives the clients of calls in doubt the replies that came.
pub fn pass_doubts(clients: &mut Slab<Client>, upstream: &mut Upstream, turn: &mut Turn) {
    for Doubt { ticket, reply, .. } in upstream.take_doubts() {
        if let Owner::Client { key, number, part } = ticket.owner
            && let Some(client) = clients.get_mut(key)
        {
            client.handle_reply(turn, number, part, &reply);
        }
    }
}

/// A server that has loaded its data did a later request: to do the earlier ones now would turn the order
/// round.
fn fail_aside(clients: &mut Slab<Client>, upstream: &mut Upstream, turn: &mut Turn) {
    for ticket in upstream.take_aside(turn) {
        if let Owner::Client { key, number, part } = ticket.owner
            && let Some(client) = clients.get_mut(key)
        {
            client.handle_reply(turn, number, part, texts::REFUSED_BEFORE.as_bytes());
        }
    }
}

/// A replica that cannot answer reads gives them all back.
pub fn check_replica(reply: &[u8]) -> Result<(), Cause> {
    if begins_with(reply, &REFUSALS) { Err(Cause::NoReplica) } else { Ok(()) }
}

fn report_no_primary(pool: PoolId, upstream: &Upstream, turn: &mut Turn) {
    let report = Report { pool, server: upstream.server(), sight: Sight::NoPrimary };
    turn.actions.push_back(Action::Report(report));
}

/// Whether the reply, or the error in the place of a block's, begins with one of these words.
fn says(ticket: &Ticket, reply: &[u8], words: &[&[u8]]) -> bool {
    if let Care::Block { .. } = ticket.care {
        // Behind a refused MULTI its commands were done one by one.
        let refusal = refusal_of_block(reply, ticket.replies).filter(|(at, _)| *at > 0);
        return refusal.is_some_and(|(_, error)| begins_with(error, words));
    }
    begins_with(reply, words)
}

/// A script can answer with any words, and may have written before.
fn is_call(ticket: &Ticket) -> bool {
    let row = command::by_index(usize::from(ticket.command));
    row.is_none_or(|row| row.script != ScriptUse::None)
}

/// Whether the server refused this request without doing it.
fn is_refused(ticket: &Ticket, reply: &[u8]) -> bool {
    says(ticket, reply, if is_call(ticket) { &REFUSALS[LOADING..=LOADING] } else { &REFUSALS })
}

/// Whether the server may have done this request though it refused one before it. A replica does no write;
/// a server that has loaded its data does all.
fn is_done(ticket: &Ticket, reply: &[u8], is_loading: bool) -> bool {
    if matches!(ticket.care, Care::Block { .. }) || is_call(ticket) {
        return !says(
            ticket,
            reply,
            if is_loading { &REFUSALS[LOADING..=LOADING] } else { &REFUSALS },
        );
    }
    let row = command::by_index(usize::from(ticket.command));
    // A replica publishes too, and once is enough.
    let acts = |row: &Command| row.flags.has(Flags::WRITE) || row.verb == Verb::Publish;
    row.is_none_or(acts) && !reply.starts_with(b"-")
}

impl Worker {
    /// A shard has another primary: its upstreams go there.
    pub(super) fn follow_primaries(&mut self, id: PoolId, before: &PoolTopology) {
        let after = Arc::clone(&self.pools[id.index()].topology);
        for (old, new) in before.shards.iter().zip(&after.shards) {
            if old.primary == new.primary {
                continue;
            }
            for at in 0..self.upstreams.len() {
                let upstream = &self.upstreams[at];
                let is_of = (upstream.pool(), upstream.home()) == (id, old.primary);
                // The lanes of another pool have other numbers.
                if is_of && !self.pools[id.index()].lane_key(upstream.lane()).read_only {
                    self.go_to(at, new.primary);
                }
            }
        }
    }

    /// Reads that a replica has not answered go elsewhere when it is not to be read any more: it may never
    /// answer. Where a large reply flows, it does answer.
    pub(super) fn leave_bad_replicas(&mut self, id: PoolId) {
        let topology = Arc::clone(&self.pools[id.index()].topology);
        let replicas = || topology.shards.iter().flat_map(|shard| &shard.replicas);
        for at in 0..self.upstreams.len() {
            let Worker { pools, upstreams, turn, .. } = self;
            let upstream = &mut upstreams[at];
            let reads = || pools[id.index()].lane_key(upstream.lane()).read_only;
            let is_good = || replicas().any(|it| it.server == upstream.server() && it.is_good);
            let is_idle = upstream.queue().is_empty() || upstream.download().is_some();
            if upstream.pool() != id || !reads() || is_idle || is_good() {
                continue;
            }
            let reads = upstream.take_all(turn);
            upstream.close(turn);
            self.read_elsewhere(at, &Cause::NoReplica, reads);
            self.settle_upstream(at);
        }
    }

    fn go_to(&mut self, at: usize, server: ServerId) {
        let Worker { pools, upstreams, turn, .. } = self;
        let upstream = &mut upstreams[at];
        let pool = &mut pools[upstream.pool().index()];
        match upstream.duty() {
            Duty::Alone(Why::Hub) | Duty::Spare { .. } => {}
            // Its keys are watched at the server that is left: EXEC must not find them watched elsewhere.
            Duty::Alone(Why::Watch { .. }) if upstream.state() == SocketState::Ready => {
                self.give_up(at, &Cause::Replaced);
                self.settle_upstream(at);
            }
            Duty::Shared | Duty::Retired | Duty::Alone(_) => {
                if upstream.duty() == Duty::Shared {
                    pool.change_place(at as u32, server);
                }
                if !upstream.go_to(turn, server) {
                    self.finish_switch(at, &Cause::Replaced, true);
                }
            }
        }
    }

    /// The upstream awaits no more answers: what waits goes on, to the next primary or when this server is
    /// one again. `close`: its socket is still there and must be closed.
    pub(super) fn finish_switch(&mut self, at: usize, cause: &Cause, close: bool) {
        let Worker { pools, upstreams, turn, clients, .. } = self;
        let upstream = &mut upstreams[at];
        let pool = &mut pools[upstream.pool().index()];
        let (key, before) = (upstream.key(), upstream.server());
        let download = upstream.take_download();
        if !upstream.is_replica() {
            pass_doubts(clients, upstream, turn);
        }
        turn.counters[pool.id.index()].failover.requests_resent +=
            (upstream.queue().aside_len() + upstream.doubts().len()) as u64;
        let (lost, has_moved) = upstream.finish_switch(turn, close);
        if has_moved && upstream.duty().is_pinned() {
            pool.move_pin(before, upstream.server());
        }
        if has_moved {
            // What it has counted belongs to the server that it leaves.
            add_to(&mut pool.left_behind, before, &std::mem::take(&mut upstream.counters));
        } else {
            upstream.failures.back_off(turn.now, &mut turn.chance, cause, 0);
            upstream.failures.retry_by(turn.now.plus_ms(SWITCH_RETRY_MS));
        }
        if upstream.queue().is_empty() {
            if let Some(client) = upstream.duty().upload_from().and_then(|it| clients.get_mut(it)) {
                client.resume_upload(turn);
            }
            upstream.end_upload();
        }
        upstream.failures.watch();
        self.fail_tickets(at, cause, &lost);
        self.upstreams[at].unpin_if_empty();
        self.connect_or_wait(at);
        self.settle_upstream(at);
        if let Some(download) = download {
            self.break_download(at, (key, &download), cause);
        }
    }

    /// What waits at this upstream goes on as soon as there is a server. The client that has it alone learns of
    /// the new socket.
    pub(super) fn connect_or_wait(&mut self, at: usize) {
        let Worker { pools, upstreams, turn, clients, .. } = self;
        let upstream = &mut upstreams[at];
        let before = upstream.key();
        let pool = &pools[upstream.pool().index()];
        upstream.connect_or_wait(turn, pool.spec.connect_timeout_ms);
        let of = upstream.duty().pinned_by().filter(|_| upstream.key() != before);
        if let Some(client) = of.and_then(|key| clients.get_mut(key)) {
            client.follow_upstream(before, upstream.key());
        }
        // They have waited too long before, and no server has done anything since.
        if self.upstreams[at].is_stranded() {
            self.give_up_waiting(at);
        }
    }

    /// An upstream for reads is lost: other servers answer them, as long as there are some.
    pub(super) fn read_elsewhere(
        &mut self,
        at: usize,
        cause: &Cause,
        reads: Vec<(Ticket, Vec<u8>)>,
    ) {
        for (ticket, bytes) in reads {
            if let Err(cause) = self.read_again(at, &ticket, &bytes, cause) {
                let lost = Lost { ticket, may_have_left: false };
                self.fail_tickets(at, &cause, &[lost]);
            }
        }
    }

    /// Sends a read, which the server of this upstream has not answered, to another one.
    fn read_again(
        &mut self,
        at: usize,
        ticket: &Ticket,
        bytes: &[u8],
        cause: &Cause,
    ) -> Result<(), Cause> {
        // What was asked beside a read was about that server.
        let Owner::Client { key, .. } = ticket.owner else {
            return Err(cause.clone());
        };
        let Worker { pools, upstreams, turn, clients, .. } = self;
        let Some(client) = clients.get(key) else {
            return Ok(());
        };
        let (server, lane) = (upstreams[at].server(), upstreams[at].lane());
        let read = Unanswered { server, lane, affinity: key.index, client: client.number() };
        let pool = &mut pools[upstreams[at].pool().index()];
        let to =
            elsewhere(pool, upstreams, turn, read).map_err(|it| it.unwrap_or(cause.clone()))?;
        let upstream = &mut upstreams[to];
        upstream.tail(turn).extend_from_slice(bytes);
        upstream.push(turn, *ticket, pool.spec.timeout_ms);
        turn.counters[pool.id.index()].failover.reads_elsewhere += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_refuse() {
        assert!(begins_with(b"-READONLY You can't write\r\n", &REFUSALS));
        assert!(begins_with(b"-REDIRECT 10.0.0.1:6379\r\n", &REFUSALS));
        assert!(!begins_with(b"-READONLYX no\r\n", &REFUSALS));
        assert!(!begins_with(b"$9\r\nREADONLY \r\n", &REFUSALS));
        assert!(begins_with(b"-LOADING wait\r\n", &REFUSALS[LOADING..=LOADING]));
    }
}
