//! The ticket of a request that an upstream owes the reply to.

use crate::base::Time;
use crate::base::slab::Key;

/// Who gets the reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    Client {
        key: Key,
        /// The client's number for the request.
        number: u32,
        /// Which part of a request that was cut.
        part: u16,
    },
    /// SCRIPT EXISTS: whether the NOSCRIPT that this client's call got is true.
    Verify { key: Key, number: u32 },
    /// No client waits for it.
    Worker(Chore),
}

/// What the worker does with a reply of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chore {
    /// The request timed out and its client has an error: read the late reply and drop it.
    Swallow,
    /// INFO, for the run id of the server.
    Identify,
    /// SCRIPT LOAD, ahead of a call.
    Load,
    /// CLIENT ID, ahead of a command that may wait.
    Number,
    /// What WAIT waits for.
    Mark,
    /// CLIENT UNBLOCK, for a command that waits on another connection.
    Unblock,
    /// UNWATCH, for a client that watches no key any more.
    Unwatch,
    /// CONFIG SET notify-keyspace-events, on a new connection that has subscriptions.
    Events,
    /// ROLE, because a script said that its server is a replica.
    Role,
    /// SELECT or HELLO on a connection that one client has alone.
    Setup,
}

#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    pub owner: Owner,
    /// The index of the command's row in the table of its protocol.
    pub command: u16,
    pub care: Care,
    /// How many replies of the server are the reply: a block of a transaction has several.
    pub replies: u32,
    /// The turn in which the request was taken, or its last bytes came.
    pub since: Time,
    /// Where its request ends in the bytes of this socket.
    pub(super) end: u64,
}

impl Ticket {
    /// For `Upstream::push`, which adds the time and the place.
    #[inline]
    pub fn new(owner: Owner, command: u16, care: Care) -> Ticket {
        Ticket { owner, command, care, replies: 1, since: Time::ZERO, end: 0 }
    }

    /// The client that waits for the reply, if one does.
    #[inline]
    pub fn client(&self) -> Option<Key> {
        match self.owner {
            Owner::Client { key, .. } | Owner::Verify { key, .. } => Some(key),
            Owner::Worker(_) => None,
        }
    }

    #[inline]
    pub fn is_swallowed(&self) -> bool {
        matches!(self.owner, Owner::Worker(Chore::Swallow))
    }
}

/// What is special about a reply. In memcached's protocol it may be silence: then a fence is sent behind
/// the request, and the fence's answer ends the reply (`protocol::memcache::reply`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Care {
    None,
    /// A meta command, which an old server does not know.
    Meta,
    /// A meta command in quiet mode: the client reads of a failure.
    Quiet,
    /// `noreply`: the client reads nothing, not even of a failure.
    Mute,
    /// SCAN: the cursor holds the incarnation of the server.
    Cursor,
    /// EVALSHA: the server may lack the script.
    Call,
    /// SELECT, to learn whether the server has a database.
    Database,
    /// It may wait at the server, on an upstream of its client's own.
    Waiting,
    /// A block of a transaction, from MULTI to EXEC. `calls`: with calls of stored scripts; `scans`: with SCAN.
    Block {
        calls: bool,
        scans: bool,
    },
}

impl Care {
    #[inline]
    pub fn is_sent(self) -> bool {
        matches!(self, Care::Quiet | Care::Mute)
    }
}

/// A ticket whose request failed, and whether the request may have left.
#[derive(Clone, Copy, Debug)]
pub struct Lost {
    pub ticket: Ticket,
    pub may_have_left: bool,
}

// A ticket is copied for each request.
const _: () = assert!(size_of::<Ticket>() <= 40);
const _: () = assert!(size_of::<Owner>() <= 16);
