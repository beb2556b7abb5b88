//! The place of one request's reply among the replies of its client.

use crate::command::Joining;

pub enum Slot {
    /// For one reply.
    Waiting,
    /// For one reply, which the client does not get (CLIENT REPLY OFF).
    Muted,
    /// Its reply waits in the stash for older ones.
    Ready { start: usize, len: usize },
    /// For the parts of a request that was cut.
    Joining(Box<Joining>),
}
