//! What a client has begun and not ended: a transaction, watched keys.

use crate::base::slab::Key;
use crate::base::{ShardId, Time};
use crate::command::Subject;
use crate::proxy::link::client::settings::Names;
use crate::proxy::link::transaction::Transaction;
use std::collections::BTreeSet;

#[derive(Default)]
pub struct Session {
    /// From MULTI to EXEC or DISCARD.
    pub transaction: Option<Transaction>,
    /// From WATCH to EXEC, DISCARD or UNWATCH.
    pub watch: Option<Watch>,
    /// What it listens to.
    pub topics: Option<Box<Topics>>,
    /// Upstreams at which a command of it waits.
    pub waits: Vec<Key>,
    /// EXEC is on its way, and its transaction changes settings.
    pub after_exec: Option<Box<AfterExec>>,
}

/// The client's settings if its transaction is done. It may still fail as a whole.
pub struct AfterExec {
    /// EXEC's.
    pub number: u32,
    pub db: u32,
    pub names: Option<Box<Names>>,
}

/// The upstream that watches keys for one client alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watch {
    /// The socket. After another one the keys are not watched any more. `None`: WATCH has failed.
    pub on: Option<Key>,
    pub shard: Option<ShardId>,
    /// How often the pool's shards had changed at the first WATCH.
    pub changes: u32,
    pub keys: u32,
    /// The server was asked for a database that its transaction uses.
    pub has_asked: bool,
}

impl Session {
    pub fn is_over(&self) -> bool {
        self.transaction.is_none()
            && self.watch.is_none()
            && self.topics.is_none()
            && self.waits.is_empty()
            && self.after_exec.is_none()
    }
}

/// What a client listens to, and messages that it cannot be given yet.
#[derive(Default)]
pub struct Topics {
    pub channels: BTreeSet<Box<[u8]>>,
    pub patterns: BTreeSet<Box<[u8]>>,
    pub sharded: BTreeSet<Box<[u8]>>,
    /// Messages that wait until a large reply has passed or a subscription is confirmed.
    pub held: Vec<u8>,
    /// A confirmation is on its way.
    pub unconfirmed: bool,
    /// Since when more than the soft bound is unread.
    pub slow_since: Option<Time>,
}

impl Topics {
    pub fn of(&mut self, subject: Subject) -> &mut BTreeSet<Box<[u8]>> {
        match subject {
            Subject::Channel => &mut self.channels,
            Subject::Pattern => &mut self.patterns,
            Subject::Sharded => &mut self.sharded,
        }
    }

    pub fn names(&self, subject: Subject) -> &BTreeSet<Box<[u8]>> {
        match subject {
            Subject::Channel => &self.channels,
            Subject::Pattern => &self.patterns,
            Subject::Sharded => &self.sharded,
        }
    }

    pub fn has(&self, subject: Subject, name: &[u8]) -> bool {
        self.names(subject).contains(name)
    }

    /// The number in a confirmation: shard channels are counted for themselves.
    pub fn count(&self, subject: Subject) -> usize {
        match subject {
            Subject::Sharded => self.sharded.len(),
            Subject::Channel | Subject::Pattern => self.channels.len() + self.patterns.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty() && self.sharded.is_empty()
    }
}
