//! The checks of transactions: see `blocks.rs`.

use crate::blocks::{Counter, Sent};
use crate::check::Ledger;

impl Ledger {
    /// A client begins a transaction.
    pub fn begin_transaction(&mut self, tag: u64, sent: Sent) {
        self.blocks.sent.insert(tag, sent);
    }

    /// A server executes a block that has these arguments with tags.
    pub fn executed(&mut self, tag: u64, pieces: &[Vec<u8>], server: usize) {
        let Some(sent) = self.blocks.sent.get(&tag).cloned() else {
            return self.fail(format!("server {server} executed a block of request {tag}"));
        };
        let given_up = self.blocks.given_up.contains(&tag);
        self.check(!given_up, || format!("transaction {tag} was given up and then executed"));
        let first = pieces.first().cloned().unwrap_or_default();
        let is_new = self.blocks.executed.insert((tag, first.clone()));
        self.check(is_new, || format!("server {server} executed transaction {tag} a second time"));
        self.blocks.begun.insert(tag);
        let names: Vec<&Vec<u8>> = sent.pieces.iter().map(|(name, _)| name).collect();
        let is_whole = if !sent.per_shard {
            pieces.iter().eq(names.iter().copied())
        } else if sent.has_owners {
            let owner =
                sent.pieces.iter().find(|(name, _)| *name == first).map(|&(_, owner)| owner);
            let of_owner = sent.pieces.iter().filter(|(_, of)| Some(*of) == owner);
            pieces.iter().eq(of_owner.map(|(name, _)| name))
        } else {
            let mut rest = names.iter();
            pieces.iter().all(|piece| rest.any(|name| *name == piece))
        };
        self.check(is_whole, || {
            let pieces: Vec<_> =
                pieces.iter().map(|piece| piece.escape_ascii().to_string()).collect();
            format!("server {server} executed {pieces:?} of transaction {tag}: {sent:?}")
        });
    }

    /// The client was told that its transaction was not executed.
    pub fn give_up(&mut self, tag: u64) {
        let begun = self.blocks.begun.contains(&tag);
        self.check(!begun, || format!("transaction {tag} was executed and then given up"));
        self.blocks.given_up.insert(tag);
    }

    /// A watched key had changed.
    pub fn answered_null(&mut self, tag: u64) {
        self.blocks.nulls.insert(tag);
    }

    pub fn server_said_null(&self, tag: u64) -> bool {
        self.blocks.nulls.contains(&tag)
    }

    /// A server executes a SET of a counter.
    pub fn counted(&mut self, key: &[u8], (before, after): (u64, u64), server: usize) {
        self.check(after == before + 1, || {
            let key = key.escape_ascii();
            format!("server {server}: an update of {key} is lost, {before} became {after}")
        });
    }

    pub fn counter(&mut self, pool: usize, key: &[u8]) -> &mut Counter {
        self.blocks.counters.entry((pool, key.to_vec())).or_default()
    }
}
