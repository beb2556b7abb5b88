//! What is known of the data of shards whose primary changes.
//!
//! The *line* of a shard is the data of its primary, through all failovers. A write is *lost* when the next
//! primary has not got it, or when a server does it that is not the shard's primary any more.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub struct Lineage {
    /// The group of each shard, by pool and shard.
    pub groups: BTreeMap<(usize, u16), usize>,
    /// The group of each server of a pool with replicas.
    pub group_of: BTreeMap<usize, usize>,
    /// Indexed by group: the server that is the primary.
    pub primaries: Vec<usize>,
    /// All that have been one, by group.
    former: BTreeSet<(usize, usize)>,
    /// Groups with a primary that had been one before.
    returned: BTreeSet<usize>,
    /// When each write was executed: the number of the execution.
    pub done: BTreeMap<u64, u64>,
    pub lost: BTreeSet<u64>,
    /// The values that a client knows of a key, as the tags of their writes.
    pub known: BTreeMap<(usize, Vec<u8>), Vec<u64>>,
    /// Those of its own writes.
    pub own: BTreeMap<(usize, Vec<u8>), Vec<u64>>,
    /// The last confirmed write of a client, by group.
    pub last: BTreeMap<(usize, usize), u64>,
    /// Confirmed writes, by group.
    pub confirmed: Vec<(usize, u64)>,
}

impl Lineage {
    /// A worker that has not heard of the takeover in between finds a primary that has returned, and leaves it
    /// again for the one in between. Sentinels wait for so long that nobody does; here they do not.
    pub fn become_primary(&mut self, group: usize, server: usize) {
        let from = std::mem::replace(&mut self.primaries[group], server);
        self.former.insert((group, from));
        if self.former.contains(&(group, server)) {
            self.returned.insert(group);
        }
    }

    /// Whether a client that reads from primaries never reads an older value after a newer one.
    pub fn is_in_order(&self, group: usize) -> bool {
        !self.returned.contains(&group)
    }

    /// A server has executed a write.
    pub fn wrote(&mut self, tag: u64, server: usize) {
        let Some(&group) = self.group_of.get(&server) else { return };
        self.done.insert(tag, self.done.len() as u64 + 1);
        if self.primaries[group] != server {
            self.lost.insert(tag);
        }
    }

    /// The shard's data is `to` from now on. It was `from`.
    pub fn replace(&mut self, from: &[u64], to: &[u64]) {
        let kept: BTreeSet<u64> = to.iter().copied().collect();
        self.lost.extend(from.iter().filter(|tag| !kept.contains(tag)));
    }

    pub fn group(&self, pool: usize, shard: u16) -> Option<usize> {
        self.groups.get(&(pool, shard)).copied()
    }

    pub fn is_executed(&self, tag: u64) -> bool {
        self.done.contains_key(&tag)
    }

    /// When the newest of these values of a key was written, and which it is. Lost ones do not count.
    pub fn newest(&self, known: &[u64]) -> Option<(u64, u64)> {
        let kept = known.iter().filter(|tag| !self.lost.contains(tag));
        kept.map(|tag| (self.done[tag], *tag)).max()
    }
}
