//! A lost upstream: which requests fail, and whether the server is to blame.

use super::Worker;
use super::switch::pass_doubts;
use crate::base::limits::SWITCH_RETRY_MS;
use crate::base::slab::Key;
use crate::proxy::link::action::{Action, ConnId, Note};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::flow::Download;
use crate::proxy::link::ticket::{Care, Chore, Lost, Owner};
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::duty::{Duty, Why};
use crate::proxy::link::upstream::pool::Pool;
use crate::proxy::link::upstream::socket::SocketState;
use crate::proxy::plan::failure::{Sent, failure_text};
use crate::topology::Protocol;
use crate::topology::{Report, Sight};

/// How an upstream stood when it was lost.
struct Fall {
    was_ready: bool,
    /// It closed in good order, owing nothing.
    is_orderly: bool,
    /// Its silence has been reported in this period.
    is_reported: bool,
}

impl Worker {
    /// An upstream's socket is gone. `close`: it is still there and must be closed.
    pub(super) fn upstream_down(&mut self, key: Key, cause: &Cause, close: bool) {
        let Worker { pools, upstreams, turn, clients, .. } = self;
        let Some(upstream) = upstreams.get_mut(key.index as usize).filter(|up| up.key() == key)
        else {
            return;
        };
        if upstream.state() == SocketState::Idle {
            return;
        }
        if upstream.is_draining() {
            return self.finish_switch(key.index as usize, cause, close);
        }
        if close {
            turn.actions.push_back(Action::Close { conn: upstream.conn() });
        }
        let pool = &pools[upstream.pool().index()];
        let download = upstream.take_download();
        let fall = fall(pool, upstream, cause, download.is_some(), turn.now);
        count(upstream, cause, &fall);
        back_off(pool, upstream, turn, cause, &fall);
        // What was to be done while keys are watched must not be done when they are not.
        let watches = matches!(upstream.duty(), Duty::Alone(Why::Watch { .. }));
        let is_known = pool.topology.server(upstream.server()).is_some();
        let may_hold = upstream.may_hold(turn.now) && !upstream.duty().is_hub();
        let keep_unsent = !(watches && fall.was_ready)
            && (may_hold || fall.was_ready && is_known && upstream.failures.may_connect(turn.now));
        let reads = if pool.lane_key(upstream.lane()).read_only {
            upstream.take_all(turn)
        } else {
            Vec::new()
        };
        let gone = upstream.take_down(turn, keep_unsent);
        if upstream.queue().is_empty() {
            // What was sent of a large request is lost: the rest is dropped as it comes.
            if let Some(client) = upstream.duty().upload_from().and_then(|it| clients.get_mut(it)) {
                client.resume_upload(turn);
            }
            upstream.end_upload();
        } else {
            self.connect_or_wait(key.index as usize);
        }
        let Worker { upstreams, turn, .. } = self;
        let upstream = &upstreams[key.index as usize];
        let at = key.index as usize;
        if fall.is_orderly && gone.is_empty() && reads.is_empty() {
            // No failure of the server, unless requests fail by it.
            let (pool, server) = (upstream.pool(), upstream.server());
            turn.actions.push_back(Action::Report(Report { pool, server, sight: Sight::Closed }));
            return self.settle_upstream(at);
        }
        self.report_down(at, cause, &fall, &gone);
        self.fail_tickets(at, cause, &gone);
        self.read_elsewhere(at, cause, reads);
        self.settle_upstream(at);
        if let Some(download) = download {
            self.break_download(at, (key, &download), cause);
        }
    }

    /// Tells the log and the director.
    fn report_down(&mut self, at: usize, cause: &Cause, fall: &Fall, gone: &[Lost]) {
        let Worker { pools, upstreams, turn, .. } = self;
        let upstream = &mut upstreams[at];
        // Its next reply is good news for the director.
        upstream.failures.watch();
        let (pool, server) = (upstream.pool(), upstream.server());
        let note = match cause {
            Cause::NoPrimary | Cause::NoReplica => {
                let report = Report { pool, server, sight: Sight::NoPrimary };
                turn.actions.push_back(Action::Report(report));
                return;
            }
            Cause::Handshake(answer) | Cause::Password(answer) => {
                Note::HandshakeRefused { pool, server, answer: answer.clone() }
            }
            _ => {
                let requests = gone.iter().filter(|lost| !lost.ticket.is_swallowed()).count();
                Note::UpstreamFailed { pool, server, cause: cause.clone(), requests }
            }
        };
        turn.actions.push_back(Action::Note(note));
        // A server that refuses our password is up, and one that we have no descriptor for may well
        // be: ejecting it would help no one.
        let is_its_fault =
            !matches!(cause, Cause::Handshake(_) | Cause::Password(_) | Cause::Exhausted(_));
        if is_its_fault && !fall.is_reported {
            let sight = match cause {
                Cause::TimedOut => Sight::Silent,
                _ if may_be_the_request(&pools[pool.index()], upstream, cause, fall) => {
                    Sight::Suspect
                }
                _ => Sight::Failed,
            };
            turn.actions.push_back(Action::Report(Report { pool, server, sight }));
        }
    }

    /// Closes an upstream that cannot be used on, and fails what is on it, a reply that flows too.
    pub(super) fn give_up(&mut self, at: usize, cause: &Cause) {
        let Worker { upstreams, turn, .. } = self;
        let (key, download) = (upstreams[at].key(), upstreams[at].take_download());
        let gone = upstreams[at].abandon(turn);
        self.fail_tickets(at, cause, &gone);
        if let Some(download) = download {
            self.break_download(at, (key, &download), cause);
        }
    }

    /// Part of the reply is written. Only closing the client can report the error. A part of a list that
    /// waited for its turn fails like one that has not begun.
    pub(super) fn break_download(
        &mut self,
        at: usize,
        (from, download): (Key, &Download),
        cause: &Cause,
    ) {
        let Owner::Client { key, number, part } = download.ticket.owner else {
            return;
        };
        let upstream = &self.upstreams[at];
        let (pool, server) = (upstream.pool(), upstream.server());
        if let Some(client) = self.clients.get_mut(key) {
            if download.held.is_some() {
                let of = &self.pools[pool.index()];
                let (protocol, shard) = (of.spec.protocol, of.describe(server));
                let text = failure_text(protocol, &of.policy, cause, shard, Sent::Perhaps);
                if client.lose_part(&mut self.turn, from, (number, part), &text) {
                    return;
                }
            }
            client.leave_by_error();
            client.lose_download();
            let (conn, peer) = (ConnId::Client(key), client.origin().peer);
            let note = Note::StreamBroken { pool, conn, peer, server };
            self.turn.actions.push_back(Action::Note(note));
            self.turn.counters[pool.index()].forward_error += 1;
            self.close_client(key);
        }
    }

    /// Sends an error to the clients of these tickets.
    pub(super) fn fail_tickets(&mut self, at: usize, cause: &Cause, gone: &[Lost]) {
        if gone.is_empty() {
            return;
        }
        let Worker { pools, upstreams, turn, clients, .. } = self;
        let pool = &pools[upstreams[at].pool().index()];
        let shard = pool.describe(upstreams[at].server());
        let text = |sent| failure_text(pool.spec.protocol, &pool.policy, cause, shard, sent);
        let (unsent, perhaps) = (text(Sent::No), text(Sent::Perhaps));
        for Lost { ticket, may_have_left } in gone {
            let (key, number, part) = match ticket.owner {
                Owner::Client { key, number, part } => (key, number, part),
                // The call was refused, and not sent again.
                Owner::Verify { key, number } => {
                    if let Some(client) = clients.get_mut(key)
                        && let Some(call) = client.take_call(number)
                    {
                        client.handle_reply(turn, number, 0, &call.refusal);
                    }
                    continue;
                }
                Owner::Worker(Chore::Role) => {
                    pass_doubts(clients, &mut upstreams[at], turn);
                    continue;
                }
                Owner::Worker(_) => continue,
            };
            if let Some(client) = clients.get_mut(key) {
                if ticket.care == Care::Waiting {
                    client.end_waiting(upstreams[at].key());
                }
                let text = if *may_have_left { &perhaps } else { &unsent };
                let text = (ticket.care != Care::Mute).then_some(text.as_str());
                client.handle_failure(turn, number, part, text);
            }
        }
    }

    /// Closes an upstream whose server has left the topology, and makes one that was alone a spare,
    /// once it owes nothing.
    #[inline]
    pub(super) fn settle_upstream(&mut self, at: usize) {
        let upstream = &mut self.upstreams[at];
        if upstream.is_draining() && upstream.has_drained(self.turn.now) {
            let cause = match upstream.is_leaving() {
                true => Cause::Replaced,
                false if upstream.is_loading() => Cause::NotReady("LOADING"),
                false => Cause::NoPrimary,
            };
            return self.finish_switch(at, &cause, true);
        }
        match upstream.duty() {
            Duty::Shared | Duty::Spare { .. } => {}
            Duty::Alone(Why::Hub) => self.settle_hub(at),
            Duty::Retired if upstream.owes_nothing() => upstream.close(&mut self.turn),
            Duty::Alone(_) if upstream.owes_nothing() => {
                let pool = &mut self.pools[upstream.pool().index()];
                pool.make_spare(upstream, &mut self.turn);
            }
            Duty::Retired | Duty::Alone(_) => {}
        }
    }
}

fn fall(
    pool: &Pool,
    upstream: &mut Upstream,
    cause: &Cause,
    was_flowing: bool,
    now: crate::base::Time,
) -> Fall {
    let was_ready = upstream.state() == SocketState::Ready;
    let is_orderly =
        *cause == Cause::Eof && was_ready && upstream.queue().is_idle_to_server() && !was_flowing;
    // At most one failure a period: a hopeless upstream has been reported as silent.
    let is_reported = was_ready
        && *cause == Cause::TimedOut
        && pool.spec.timeout_ms.is_some_and(|ms| !upstream.fails_by_silence(now, ms));
    Fall { was_ready, is_orderly, is_reported }
}

/// Requests that have not left lose nothing by another try; but only after a connection that stood, and never
/// in a circle: a server may close whatever it accepts. A hub connects again by itself, so it always slows
/// down.
fn back_off(pool: &Pool, upstream: &mut Upstream, turn: &mut Turn, cause: &Cause, fall: &Fall) {
    if fall.is_orderly && upstream.queue().is_empty() && !upstream.duty().is_hub() {
        return;
    }
    upstream.failures.back_off(turn.now, &mut turn.chance, cause, pool.spec.server_failure_limit);
    if upstream.may_hold(turn.now) {
        // Thousands of clients may wait for a server alone; lanes are few.
        let times = if upstream.duty().is_pinned() { 5 } else { 1 };
        upstream.failures.retry_by(turn.now.plus_ms(times * SWITCH_RETRY_MS));
    }
}

fn count(upstream: &mut Upstream, cause: &Cause, fall: &Fall) {
    match cause {
        Cause::Eof => upstream.counters.server_eof += 1,
        // Counted with its silence already.
        Cause::TimedOut if fall.is_reported => {}
        Cause::TimedOut => upstream.counters.server_timedout += 1,
        _ => upstream.counters.server_err += 1,
    }
}

/// Redis closes the connection on a request that is too large for it. A client must not be able to eject
/// a server that way, so a probe decides whether the server failed.
fn may_be_the_request(pool: &Pool, upstream: &Upstream, cause: &Cause, fall: &Fall) -> bool {
    fall.was_ready
        && pool.spec.protocol == Protocol::Redis
        && matches!(cause, Cause::Eof | Cause::Reset | Cause::BrokenPipe)
        && (upstream.duty().took_large_request() || pool.lane_key(upstream.lane()).apart)
}
