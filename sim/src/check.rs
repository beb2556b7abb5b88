//! What must hold, and the memory it takes to see that it does.
//!
//! Every request carries a tag of its own (`#123#` in its keys or value). Clients know what each
//! must be answered, servers tell which ones they carried out, and here both are compared:
//!
//! - a reply that is not its request's own fails its client's check (`script.rs`);
//! - a write is carried out at most once, and never after we said `not sent`;
//! - it runs in the pool's database, authenticated, in its client's protocol version;
//! - a server that all workers know to be out gets no request sent after that.
//!
//! The first failure ends the run.

use crate::trace::Trace;
use nuthatch_engine::base::Time;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a request when it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub client: usize,
    pub at: Time,
    /// Unknown while a HELLO before it is not answered.
    pub resp3: Option<bool>,
}

/// A shard that is out as far as every worker knows.
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
    /// Pools in which keys may have lost their values or moved.
    pub unsettled: BTreeSet<usize>,
    pub failure: Option<String>,
    pub trace: Trace,
    pub replies: u64,
    pub errors: u64,
    pub commands: u64,
}

/// A server as the ledger sees it when it carries out a command.
#[derive(Clone, Copy)]
pub struct Scene {
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

    /// A tag for a request that is about to be written.
    pub fn tag(&mut self, sent: Sent) -> u64 {
        self.sent.push(sent);
        self.sent.len() as u64 - 1
    }

    /// A server looks at a tagged command.
    pub fn arrived(&mut self, tag: u64, scene: &Scene) {
        self.commands += 1;
        self.trace.note(scene.now, || format!("server {} carries out {tag}", scene.server));
        let Some(sent) = self.sent.get(tag as usize).copied() else {
            return self.fail(format!("server {} got a tag nobody gave: {tag}", scene.server));
        };
        self.check(sent.resp3.is_none_or(|resp3| resp3 == scene.resp3), || {
            format!("request {tag} of client {} came in another protocol version", sent.client)
        });
        let out = self.out.values().find(|out| out.server == scene.server).copied();
        self.check(out.is_none_or(|out| sent.at < out.since), || {
            format!(
                "server {} is out since {:?} but got request {tag} sent at {:?}",
                scene.server, out, sent.at
            )
        });
        self.check(!self.not_sent.contains(&tag), || {
            format!("request {tag} was `not sent` but reached server {}", scene.server)
        });
    }

    /// A server carried out the write of `key`.
    pub fn wrote(&mut self, tag: u64, key: &[u8], server: usize) {
        let keys = self.written.entry(tag).or_default();
        let twice = keys.iter().any(|known| known == key);
        keys.push(key.to_vec());
        self.check(!twice, || format!("server {server} carried out write {tag} a second time"));
    }

    /// A client was told that its request was not sent.
    pub fn told_not_sent(&mut self, tag: u64) {
        let written = self.written.contains_key(&tag);
        self.check(!written, || format!("write {tag} was carried out but told `not sent`"));
        self.not_sent.insert(tag);
    }
}
