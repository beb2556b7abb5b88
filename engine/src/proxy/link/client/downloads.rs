//! Large parts of a client's oldest reply (KEYS): they wait in their servers and flow one after the other.

use crate::base::slab::Key;

#[derive(Default)]
pub struct Downloads {
    /// Upstreams whose parts wait for their turn.
    pub(super) next: Vec<Key>,
    /// Upstreams whose turn has come, at the end of this turn of the worker.
    pub(super) due: Vec<(Key, Due)>,
}

/// What becomes of a large part that has waited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    Flows,
    /// Nobody wants it any more.
    Dropped,
}
