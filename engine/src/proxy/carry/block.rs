//! Sends a block of a transaction in one piece, and reads its replies.
//!
//! ```text
//!   MULTI, its commands, EXEC      one write, one ticket
//!   +OK, +QUEUED ..., EXEC's reply      one reply, see `Ticket::replies`
//! ```

use super::Exchange;
use super::script::load;
use crate::command;
use crate::protocol::resp::{encode, reply};
use crate::proxy::link::client::Client;
use crate::proxy::link::ticket::{Care, Owner, Ticket};
use crate::proxy::link::transaction::Block;
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::pool::Pool;
use crate::texts;

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";
const OK: &[u8] = b"+OK\r\n";
const QUEUED: &[u8] = b"+QUEUED\r\n";

impl Exchange<'_> {
    /// Sends a block to this upstream, for part `part` of request `number`. `db`: the database that the
    /// upstream must be left in.
    pub fn send_block(&mut self, at: usize, (number, part): (u32, u16), mut block: Block, db: u32) {
        let exec = command::lookup(b"exec").map_or(0, |row| row.index() as u16);
        for &sha in &block.scripts {
            if let Some(body) = self.pool.scripts.get(sha) {
                load(self.pool, &mut self.upstreams[at], self.turn, (sha, &body), exec);
            }
        }
        if block.scans {
            self.identify(at, exec);
        }
        block.select(db);
        let out = self.upstreams[at].tail(self.turn);
        out.extend_from_slice(MULTI);
        out.extend_from_slice(&block.requests);
        out.extend_from_slice(EXEC);
        self.note_sent(exec);
        let owner = Owner::Client { key: self.client.key(), number, part };
        let care = Care::Block { calls: !block.scripts.is_empty(), scans: block.scans };
        let mut ticket = Ticket::new(owner, exec, care);
        ticket.replies = block.commands + 2;
        self.upstreams[at].push(self.turn, ticket, self.pool.spec.timeout_ms);
        self.upstreams[at].counters.requests += u64::from(block.commands) + 1;
    }
}

/// The replies to a block, part `part` of request `number`.
pub struct BlockReply<'w> {
    pub pool: &'w mut Pool,
    pub upstream: &'w mut Upstream,
    pub client: &'w mut Client,
    pub turn: &'w mut Turn,
    pub number: u32,
    pub part: u16,
    /// Stored scripts are called in it.
    pub calls: bool,
}

impl BlockReply<'_> {
    /// `count`: how many replies there are, that of EXEC included.
    pub fn handle(&mut self, replies: &[u8], count: u32) {
        let Some(exec) = before_exec(replies, count - 2).map(|len| &replies[len..]) else {
            return self.handle_refused(replies, count);
        };
        // Somebody flushed the server's scripts: the next call loads its script again.
        if self.calls && exec.windows(9).any(|window| window == b"-NOSCRIPT") {
            self.upstream.peer.loaded.clear();
        }
        if exec.starts_with(b"*") && !exec.starts_with(b"*-") {
            self.settle();
        }
        self.client.handle_reply(self.turn, self.number, self.part, exec);
    }

    /// The transaction was done, on one shard at least: the client has the settings that it has made.
    fn settle(&mut self) {
        let Some(session) = &mut self.client.session else {
            return;
        };
        let after = session.after_exec.take_if(|after| after.number == self.number);
        if let Some(after) = after {
            let settings = &mut self.client.settings;
            (settings.db, settings.names) = (after.db, after.names);
            settings.lane = self.pool.lane(settings.version, after.db, settings.is_untouching);
        }
        if session.is_over() {
            self.client.session = None;
        }
    }

    /// The server refused MULTI, or a command that we have said QUEUED to.
    #[cold]
    fn handle_refused(&mut self, replies: &[u8], count: u32) {
        let mut text = Vec::new();
        match refusal_of_block(replies, count) {
            Some((0, why)) => encode::error(&mut text, texts::multi_refused(why)),
            Some((at, why)) if at < count - 1 => {
                encode::error(&mut text, texts::exec_refused(why));
            }
            _ => text.extend_from_slice(last_reply(replies, count)),
        }
        self.client.handle_reply(self.turn, self.number, self.part, &text);
    }
}

/// The last of so many replies.
fn last_reply(replies: &[u8], count: u32) -> &[u8] {
    (1..count).fold(replies, |rest, _| &rest[reply::element(rest)..])
}

/// The error with which a server refused a block of so many replies, and which reply it is: MULTI's is number 0,
/// and EXEC's the last one. Nothing of the block was done, unless MULTI was refused: then its commands were done
/// one by one.
pub fn refusal_of_block(replies: &[u8], count: u32) -> Option<(u32, &[u8])> {
    let exec = last_reply(replies, count);
    let mut rest = replies;
    let mut first = None;
    for at in 0..count - 1 {
        let (reply, after) = rest.split_at(reply::element(rest));
        if reply.starts_with(b"-") {
            first = first.or(Some((at, reply)));
        }
        rest = after;
    }
    if exec.starts_with(b"-") { first.or(Some((count - 1, exec))) } else { None }
}

/// Where the reply to EXEC begins, if everything before it was taken.
pub fn before_exec(replies: &[u8], commands: u32) -> Option<usize> {
    let len = OK.len() + QUEUED.len() * commands as usize;
    let queued = replies.get(..len)?.strip_prefix(OK)?;
    queued.chunks_exact(QUEUED.len()).all(|line| line == QUEUED).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_ran_has_no_refusal() {
        let refusal = |replies: &'static str| {
            let found = refusal_of_block(replies.as_bytes(), 3);
            found.map(|(at, error)| (at, String::from_utf8_lossy(error).into_owned()))
        };
        let says = |at, error: &str| Some((at, format!("{error}\r\n")));
        assert_eq!(refusal("+OK\r\n-READONLY no\r\n-EXECABORT x\r\n"), says(1, "-READONLY no"));
        assert_eq!(refusal("+OK\r\n+QUEUED\r\n-REDIRECT h:1\r\n"), says(2, "-REDIRECT h:1"));
        assert_eq!(refusal("-NOPERM no\r\n:1\r\n-ERR no\r\n"), says(0, "-NOPERM no"));
        // A command of it failed, and the others were done.
        assert_eq!(refusal("+OK\r\n+QUEUED\r\n*1\r\n-READONLY says a script\r\n"), None);
    }

    #[test]
    fn the_last_reply_is_that_of_exec() {
        let replies = b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n";
        assert_eq!(
            before_exec(replies, 2).map(|len| &replies[len..]),
            Some(&b"*2\r\n:1\r\n:2\r\n"[..])
        );
        assert_eq!(before_exec(b"+OK\r\n-OOM no\r\n-EXECABORT\r\n", 1), None);
        assert_eq!(before_exec(b"-NOPERM no\r\n:1\r\n-ERR\r\n", 1), None);
        assert_eq!(before_exec(b"+OK\r\n+QUE", 1), None);
    }
}
