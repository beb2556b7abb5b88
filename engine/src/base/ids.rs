//! Each id is a type of its own, so that the compiler rejects a shard in place of a server.

/// A pool of this process. The director gives ids out once, at the start in the order of the file's
/// pools as twemproxy sorts them, and never uses one again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PoolId(pub u16);

/// A shard's index in its pool, in the order of twemproxy's sorted servers (shorter name first,
/// then bytewise). Rings, fragments and stats all use this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ShardId(pub u16);

/// One process at one address, within its pool. A shard's primary may become another server
/// without the shard (and so the ring) changing. An id is never given to another address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerId(pub u16);

/// A worker's number, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WorkerId(pub u16);

/// The number of a topology snapshot. A higher one replaces a lower one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Epoch(pub u64);

impl PoolId {
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl ShardId {
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl ServerId {
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl WorkerId {
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Epoch {
    #[must_use]
    pub fn next(self) -> Epoch {
        Epoch(self.0 + 1)
    }
}
