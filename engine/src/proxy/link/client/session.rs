//! What a client has begun and not ended: a transaction, watched keys.

use crate::base::ShardId;
use crate::base::slab::Key;
use crate::proxy::link::transaction::Transaction;

#[derive(Default)]
pub struct Session {
    /// From MULTI to EXEC or DISCARD.
    pub transaction: Option<Transaction>,
    /// From WATCH to EXEC, DISCARD or UNWATCH.
    pub watch: Option<Watch>,
    /// EXEC is on its way, and its transaction has changed the database: its number, and the database.
    pub selects: Option<(u32, u32)>,
}

/// The upstream that watches keys for one client alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watch {
    /// The socket. After another one the keys are not watched any more. `None`: WATCH has failed.
    pub on: Option<Key>,
    pub shard: Option<ShardId>,
    /// The database that the upstream uses.
    pub db: u32,
    /// How often the pool's shards had changed at the first WATCH.
    pub changes: u32,
    pub keys: u32,
}

impl Session {
    pub fn is_over(&self) -> bool {
        self.transaction.is_none() && self.watch.is_none() && self.selects.is_none()
    }
}
