//! Scripts: what came through the pool is remembered, and loaded on a connection before it is called there
//! for the first time.
//!
//! ```text
//!   EVALSHA of a script that we know, the first on this socket:
//!      SCRIPT LOAD ──▶ EVALSHA      one write; the first reply is ours
//!
//!   NOSCRIPT nevertheless (somebody flushed the server):
//!      the script makes no errors of its own ──▶ SCRIPT LOAD, EVALSHA again
//!      it may make some ──▶ SCRIPT EXISTS ──▶ 0: the same
//!                                         └─▶ 1: the client gets the text
//! ```
//!
//! A call is sent again only if no later request of its client is on the way to that server: otherwise
//! the two would change places. A script that makes errors can answer with any text after it has written.
//! So its text alone is no reason to call it twice.

use super::Exchange;
use crate::command::{Detail, ScriptUse};
use crate::protocol::resp::{Args, encode};
use crate::proxy::link::action::Action;
use crate::proxy::link::client::Client;
use crate::proxy::link::message::{Message, Workers};
use crate::proxy::link::scripts::Sha;
use crate::proxy::link::ticket::{Care, Chore, Owner, Ticket};
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::pool::Pool;
use crate::proxy::plan::Forward;
use std::sync::Arc;

/// How the answer of a server without the script begins.
const NOSCRIPT: &[u8] = b"-NOSCRIPT No matching script";

/// The answer of SCRIPT EXISTS to a script that is not there.
const ABSENT: &[u8] = b"*1\r\n:0\r\n";

impl Exchange<'_> {
    /// Sends EVAL or EVALSHA.
    pub fn call(&mut self, mut plan: Forward, script: ScriptUse, args: &Args<'_>) {
        if script == ScriptUse::Runs {
            self.note_script(script, args);
        } else if let Some(sha) = args.get(1).and_then(Sha::read)
            && let Ok(placed) = plan.place
            && let Some(body) = self.pool.scripts.get(sha)
            && let Ok(at) = self.upstream(placed)
        {
            let upstream = &mut self.upstreams[at];
            load(self.pool, upstream, self.turn, (sha, &body), plan.sent.command);
            plan.sent.care = Care::Call;
            self.client.keep_call(sha, args.bytes());
        }
        self.forward(plan, args.bytes());
    }

    /// A command about scripts is on its way.
    pub fn note_script(&mut self, script: ScriptUse, args: &Args<'_>) {
        let pool = self.pool.id;
        let body = match script {
            ScriptUse::Runs => args.get(1),
            ScriptUse::Loads => args.get(2),
            // Servers refuse another word, and flush nothing.
            ScriptUse::Flushes if !is_flush(args) => None,
            ScriptUse::Flushes => {
                forget_scripts(self.pool, self.upstreams);
                return self.send(Workers::Others, Message::NoScripts { pool });
            }
            ScriptUse::Calls | ScriptUse::Asks | ScriptUse::None => None,
        };
        let Some(body) = body.filter(|body| !self.pool.scripts.knows_body(body)) else {
            return;
        };
        let (sha, body) = (Sha::of(body), Arc::<[u8]>::from(body));
        self.pool.scripts.add(sha, Arc::clone(&body));
        self.send(Workers::Others, Message::Script { pool, sha, body });
    }

    /// SCRIPT EXISTS: a script that we remember counts as stored, since we load it where it is called.
    pub fn known_scripts(&self, args: &Args<'_>) -> Detail {
        let shas = args.iter_from(2);
        let is_known = |sha| Sha::read(sha).is_some_and(|sha| self.pool.scripts.knows(sha));
        Detail::Known(shas.map(is_known).collect())
    }

    pub fn send(&mut self, to: Workers, message: Message) {
        self.turn.actions.push_back(Action::Send { to, message });
    }
}

fn is_flush(args: &Args<'_>) -> bool {
    let is = |word: &[u8]| args.get(2).is_some_and(|it| it.eq_ignore_ascii_case(word));
    args.len() == 2 || args.len() == 3 && (is(b"SYNC") || is(b"ASYNC"))
}

/// Forgets all scripts of a pool, and where they were loaded.
pub fn forget_scripts(pool: &mut Pool, upstreams: &mut [Upstream]) {
    pool.scripts.clear();
    for upstream in upstreams.iter_mut().filter(|upstream| upstream.pool() == pool.id) {
        upstream.peer.loaded.clear();
    }
}

/// Loads a script, unless this socket has it.
pub fn load(
    pool: &Pool,
    upstream: &mut Upstream,
    turn: &mut Turn,
    (sha, body): (Sha, &[u8]),
    command: u16,
) {
    if upstream.peer.loaded.has(sha) {
        return;
    }
    upstream.peer.loaded.add(sha);
    let out = upstream.tail(turn);
    encode::array(out, 3);
    for word in [b"SCRIPT", &b"LOAD"[..], body] {
        encode::bulk(out, word);
    }
    let ticket = Ticket::new(Owner::Worker(Chore::Load), command, Care::None);
    upstream.push(turn, ticket, pool.spec.timeout_ms);
}

/// A reply about a call of a stored script, request `number` of `client`.
pub struct CallReply<'w> {
    pub pool: &'w mut Pool,
    pub upstream: &'w mut Upstream,
    pub client: &'w mut Client,
    pub turn: &'w mut Turn,
    pub number: u32,
    pub command: u16,
}

impl CallReply<'_> {
    /// The reply to the call. `true`: it says that the server lacks the script, which is being looked into,
    /// and the client goes on waiting.
    #[cold]
    pub fn is_looked_into(&mut self, reply: &[u8]) -> bool {
        if !reply.starts_with(NOSCRIPT) {
            return false;
        }
        let (key, number) = (self.client.key(), self.number);
        let is_followed =
            self.upstream.queue().tickets().any(|ticket| ticket.client() == Some(key));
        let Some(call) = self.client.call_mut(number).filter(|_| !is_followed) else {
            return false;
        };
        let Some(body) = self.pool.scripts.get(call.sha) else {
            return false;
        };
        self.client.await_replies();
        if !makes_errors(&body) {
            self.call_again(&body);
            return true;
        }
        if let Some(call) = self.client.call_mut(number) {
            call.refusal = reply.into();
            let out = self.upstream.tail(self.turn);
            encode::array(out, 3);
            for word in [b"SCRIPT", &b"EXISTS"[..], sha_of(&call.request)] {
                encode::bulk(out, word);
            }
            self.push(Owner::Verify { key, number });
        }
        true
    }

    /// The answer to SCRIPT EXISTS.
    #[cold]
    pub fn handle_verified(&mut self, reply: &[u8]) {
        let Some(call) = self.client.call_mut(self.number) else {
            return;
        };
        if let Some(body) = self.pool.scripts.get(call.sha).filter(|_| reply == ABSENT) {
            return self.call_again(&body);
        }
        if let Some(call) = self.client.take_call(self.number) {
            self.client.handle_reply(self.turn, self.number, 0, &call.refusal);
        }
    }

    /// Loads the script and calls it once more. The next NOSCRIPT is the client's.
    fn call_again(&mut self, body: &[u8]) {
        let Some(call) = self.client.take_call(self.number) else {
            return;
        };
        self.upstream.peer.loaded.remove(call.sha);
        load(self.pool, self.upstream, self.turn, (call.sha, body), self.command);
        self.upstream.tail(self.turn).extend_from_slice(&call.request);
        self.push(Owner::Client { key: self.client.key(), number: self.number, part: 0 });
        self.turn.counters[self.pool.id.index()].scripts_reloaded += 1;
    }

    fn push(&mut self, owner: Owner) {
        let ticket = Ticket::new(owner, self.command, Care::None);
        self.upstream.push(self.turn, ticket, self.pool.spec.timeout_ms);
    }
}

/// Whether a script may answer with an error that it has made: every way to do so has these letters
/// (`error`, `error_reply`, `{err = ...}`).
fn makes_errors(body: &[u8]) -> bool {
    body.windows(3).any(|window| window == b"err")
}

/// Argument 1 of a call that was parsed before.
fn sha_of(request: &[u8]) -> &[u8] {
    let mut lines = request.split(|&byte| byte == b'\n');
    lines.nth(4).unwrap_or_default().trim_ascii_end()
}
