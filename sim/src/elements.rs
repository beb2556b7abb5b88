//! The checks of elements that servers pop for clients:
//!
//! - an element is popped once;
//! - the client that asked for it gets it, and no other; or its connection or that of the server dies;
//! - nothing is popped for a request that was answered.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub struct Elements {
    /// The request that each was popped for.
    pub popped: BTreeMap<Vec<u8>, u64>,
    pub requests: BTreeSet<u64>,
    /// Requests whose clients know that they get nothing.
    pub closed: BTreeSet<u64>,
    pub received: BTreeSet<Vec<u8>>,
    /// Clients for which CLIENT UNBLOCK was sent, by pool.
    pub unblocked: BTreeSet<(usize, usize)>,
    /// The same for CLIENT KILL.
    pub killed: BTreeSet<(usize, usize)>,
}
