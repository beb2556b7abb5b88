//! What a client is owed for one request.

use crate::command::Joining;

pub enum Slot {
    /// For one reply.
    Waiting,
    /// Its reply waits in the stash for older ones.
    Ready { start: usize, len: usize },
    /// For the parts of a request that was cut.
    Joining(Box<Joining>),
}
