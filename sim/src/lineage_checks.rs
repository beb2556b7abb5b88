//! The checks of shards whose primary changes:
//!
//! - a write whose client got its reply was executed, and the final primary has it unless it is lost;
//! - a write that was refused was not executed;
//! - confirmed writes of a client to a shard are executed in its order;
//! - with reads from primaries, a client never reads an older value than one that it has written or read
//!   before, unless that one is lost; with `read_after_write_ms: auto` than one that it has written.

use crate::check::Ledger;
use std::collections::BTreeSet;

/// Which values a client never reads an older one after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    None,
    /// After its own confirmed writes.
    OwnWrites,
    /// After these, and after what it has read.
    Everything,
}

impl Ledger {
    /// A client got the reply to a write of one shard.
    pub fn confirmed(&mut self, client: usize, group: usize, tag: u64, key: &[u8]) {
        let lineage = &mut self.lineage;
        let Some(&done) = lineage.done.get(&tag) else {
            return self.fail(format!("write {tag} of client {client} is confirmed, not executed"));
        };
        lineage.confirmed.push((group, tag));
        if !key.is_empty() {
            lineage.known.entry((client, key.to_vec())).or_default().push(tag);
            lineage.own.entry((client, key.to_vec())).or_default().push(tag);
        }
        let before = lineage.last.insert((client, group), tag).unwrap_or(tag);
        let done_before = lineage.done[&before];
        self.check(done_before <= done, || {
            format!("write {tag} of client {client} was executed before its write {before}")
        });
    }

    /// A client got an error that says that its write was not done.
    pub fn refused(&mut self, client: usize, tag: u64, text: &str) {
        let is_executed = self.lineage.is_executed(tag);
        self.check(!is_executed, || {
            format!("write {tag} of client {client} was executed, and its reply is {text}")
        });
    }

    /// A client has read this value. `order`: what it may rely on.
    pub fn has_read(&mut self, client: usize, key: &[u8], value: Option<u64>, order: Order) {
        if let Some(tag) = value {
            let is_executed = self.lineage.is_executed(tag);
            self.check(is_executed, || format!("client {client} read {tag}, which nobody wrote"));
        }
        let lineage = &self.lineage;
        // From a replica of a primary that was replaced.
        let is_lost = value.is_some_and(|tag| lineage.lost.contains(&tag));
        if self.failure.is_some() || is_lost {
            return;
        }
        let done = value.map_or(0, |tag| lineage.done[&tag]);
        let place = (client, key.to_vec());
        let known = match order {
            Order::None => None,
            Order::OwnWrites => lineage.own.get(&place),
            Order::Everything => lineage.known.get(&place),
        };
        if let Some((newest, tag)) = known.and_then(|known| lineage.newest(known)) {
            let key = key.escape_ascii();
            self.check(newest <= done, || {
                format!("client {client} knows value {tag} of {key}, and has read {value:?}")
            });
        }
        self.lineage.known.entry(place).or_default().extend(value);
    }

    /// Compares confirmed writes with the data of the last primary.
    pub fn check_line(&mut self, group: usize, log: &[u64]) {
        let mut kept = BTreeSet::new();
        for &tag in log {
            kept.insert(tag);
            let is_refused = self.is_not_sent(tag);
            self.check(!is_refused, || format!("write {tag} was not sent, and is in the data"));
        }
        let lineage = &self.lineage;
        let of_group = lineage.confirmed.iter().filter(|(of, _)| *of == group);
        let missing: Vec<u64> = of_group
            .map(|(_, tag)| *tag)
            .filter(|tag| !lineage.lost.contains(tag) && !kept.contains(tag))
            .collect();
        self.check(missing.is_empty(), || {
            format!(
                "the last primary of group {group} has not got {missing:?}, which were confirmed"
            )
        });
    }
}
