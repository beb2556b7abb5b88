//! The ticket of a request that an upstream owes the reply to.

use crate::base::Time;
use crate::base::slab::Key;

/// Whom a reply belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    pub client: Key,
    /// The client's number for the request.
    pub number: u32,
    /// Which part of a split request.
    pub part: u16,
    pub tombstone: bool,
    pub fence: Fence,
    pub since: Time,
    /// Where its request ends in the bytes of this socket.
    pub(super) end: u64,
}

/// What is special of the reply to a request of memcached's. It may be silence: then a fence was
/// sent behind the request, whose answer ends its reply (`protocol::memcache::reply`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fence {
    None,
    /// A meta command, which an old server does not know.
    Meta,
    /// One in quiet mode: a failure is told.
    Quiet,
    /// `noreply`: nothing is told.
    Mute,
}

impl Fence {
    #[inline]
    pub fn is_sent(self) -> bool {
        matches!(self, Fence::Quiet | Fence::Mute)
    }
}
