//! The checks of a run, and the record that they need.
//!
//! Every request carries a tag of its own (`#123#` in its keys or value). Clients know the right reply
//! to each request, and servers report which requests they execute. The checks:
//!
//! - each reply belongs to its request (`script.rs` compares them);
//! - a write is executed at most once, and never after its client got `not sent`;
//! - a request runs in the pool's database, authenticated, in its client's protocol version;
//! - once all workers know that a server is out, no request sent later reaches it;
//! - transactions are executed whole, and no update of a watched key is lost (`blocks.rs`);
//! - messages come once, in order, to those that listen (`messages.rs`);
//! - a shard whose primary changes loses nothing that it need not lose (`lineage_checks.rs`);
//! - a worker sends nothing to a server that is not the primary for it (`wires.rs`);
//! - an element that a server pops comes to the client that it was popped for (`elements.rs`).
//!
//! The first failure ends the run.

use crate::blocks::Blocks;
use crate::elements::Elements;
use crate::lineage::Lineage;
use crate::messages::Messages;
use crate::trace::Trace;
use nuthatch_engine::base::Time;
use std::collections::{BTreeMap, BTreeSet};

/// What a client knows when it sends a request.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub client: usize,
    pub at: Time,
    /// `None` while an earlier HELLO has no reply.
    pub resp3: Option<bool>,
}

/// A shard is out, and every worker knows it.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    pub since: Time,
    pub server: usize,
}

#[derive(Default)]
pub struct Ledger {
    sent: Vec<Sent>,
    written: BTreeMap<u64, Vec<Vec<u8>>>,
    not_sent: BTreeSet<u64>,
    /// By pool and shard.
    pub out: BTreeMap<(usize, u16), Outage>,
    /// Pools whose keys may have moved or lost their values.
    pub uncertain: BTreeSet<usize>,
    pub blocks: Blocks,
    pub messages: Messages,
    pub elements: Elements,
    pub lineage: Lineage,
    pub failure: Option<String>,
    pub trace: Trace,
    pub replies: u64,
    pub errors: u64,
    pub commands: u64,
}

/// Where and when a command is executed.
#[derive(Clone, Copy)]
pub struct Context {
    pub server: usize,
    pub now: Time,
    pub resp3: bool,
}

/// The tag in a key or value.
pub fn tag_of(bytes: &[u8]) -> Option<u64> {
    let start = bytes.iter().position(|&b| b == b'#')? + 1;
    let len = bytes[start..].iter().position(|&b| b == b'#')?;
    std::str::from_utf8(&bytes[start..start + len]).ok()?.parse().ok()
}

/// The database that a key names: `...@3:...`.
fn database_of(bytes: &[u8]) -> Option<u32> {
    let start = bytes.iter().position(|&b| b == b'@')? + 1;
    let len = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&bytes[start..start + len]).ok()?.parse().ok()
}

impl Ledger {
    pub fn new(trace: Trace) -> Ledger {
        Ledger { trace, ..Ledger::default() }
    }

    pub fn fail(&mut self, text: String) {
        if self.failure.is_none() {
            self.failure = Some(text);
        }
    }

    pub fn check(&mut self, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.fail(text());
        }
    }

    /// Gives a tag to the next request of a client.
    pub fn tag(&mut self, sent: Sent) -> u64 {
        self.sent.push(sent);
        self.sent.len() as u64 - 1
    }

    /// The tag that the next request gets.
    pub fn next_tag(&self) -> u64 {
        self.sent.len() as u64
    }

    /// The client that sent the request with this tag.
    pub fn client_of(&self, tag: u64) -> Option<usize> {
        self.sent.get(tag as usize).map(|sent| sent.client)
    }

    /// A command runs in the database that its keys name, or in that of the pool. `dbs`: that of the pool,
    /// and the one that the connection uses.
    pub fn check_database(&mut self, args: &[&[u8]], (home, db): (u32, u32), server: usize) {
        let is_in_any = args[0].eq_ignore_ascii_case(b"INFO")
            || args[0].eq_ignore_ascii_case(b"SCRIPT")
            || args[0].eq_ignore_ascii_case(b"CLIENT")
            || args[0].to_ascii_uppercase().ends_with(b"PUBLISH")
            || args.get(1).is_some_and(|key| key.starts_with(b"w:"));
        let named = args[1..].iter().find_map(|arg| database_of(arg));
        self.check(is_in_any || named.unwrap_or(home) == db, || {
            let args = args.join(&b' ');
            format!("server {server}: wrong database {db} for {}", args.escape_ascii())
        });
    }

    /// A server has read a command with a tag.
    pub fn arrived(&mut self, tag: u64, context: &Context) {
        self.commands += 1;
        self.trace.note(context.now, || format!("server {} executes {tag}", context.server));
        let Some(sent) = self.sent.get(tag as usize).copied() else {
            return self.fail(format!("server {} got an unknown tag: {tag}", context.server));
        };
        self.check(sent.resp3.is_none_or(|resp3| resp3 == context.resp3), || {
            format!("request {tag} of client {} came in another protocol version", sent.client)
        });
        let out = self.out.values().find(|out| out.server == context.server).copied();
        self.check(out.is_none_or(|out| sent.at < out.since), || {
            format!(
                "server {} is out since {:?} but got request {tag} sent at {:?}",
                context.server, out, sent.at
            )
        });
        self.check(!self.not_sent.contains(&tag), || {
            format!(
                "request {tag} reached server {}, but its error says `not sent`",
                context.server
            )
        });
    }

    /// A server has executed a write of `key`.
    pub fn wrote(&mut self, tag: u64, key: &[u8], server: usize) {
        let keys = self.written.entry(tag).or_default();
        let twice = keys.iter().any(|known| known == key);
        keys.push(key.to_vec());
        self.lineage.wrote(tag, server);
        self.check(!twice, || format!("server {server} executed write {tag} a second time"));
    }

    pub fn is_not_sent(&self, tag: u64) -> bool {
        self.not_sent.contains(&tag)
    }

    /// A client got an error which says that its request was not sent.
    pub fn note_not_sent(&mut self, tag: u64) {
        let written = self.written.contains_key(&tag);
        self.check(!written, || format!("write {tag} was executed, but its error says `not sent`"));
        self.not_sent.insert(tag);
    }
}
