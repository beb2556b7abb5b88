//! Decides what is done with a request, before anything is done.
//!
//! ```text
//!   Head ──▶ decide ──▶ Plan ──▶ carry, or local
//!             ▲
//!             └── Facts: the topology, the policy, the client's state
//! ```
//!
//! [`decide`](decide::decide) gets a whole request, or the beginning of a large one that may flow. It
//! is a pure function: it touches no connection, and its tests need none. It checks in this order:
//!
//! | check                            | RESP | memcached |
//! |----------------------------------|------|-----------|
//! | was CLIENT CACHING YES refused?  | yes  |           |
//! | is the command known?            | yes  | yes       |
//! | has the client authenticated?    | yes  |           |
//! | are there enough arguments?      | yes  | yes       |
//! | where are the keys?              | yes  | yes       |
//! | do they have one owner?          | yes  |           |

pub mod decide;
pub mod failure;
pub mod foreign;
pub mod memcache;
pub mod redis;
pub mod refusal;
mod scan;
mod whole;

use crate::base::{Chance, ShardId};
use crate::command::{
    self, Command, Detail, Flags, Join, Local, Pieces, ScriptUse, Subject, Transact,
    memcache as lines,
};
use crate::protocol::memcache as text;
use crate::protocol::resp::Args;
use crate::proxy::link::ticket::Care;
use crate::topology::{Intent, Out, Placed, Policy, PoolTopology, Reader, Reads};
use refusal::Refusal;

/// Commands without a key go to the owner of this key, as in twemproxy.
pub const PLACEHOLDER: &[u8] = b"placeholder";

/// The part of a request that has come.
#[derive(Clone, Copy)]
pub enum Head<'h, 'a> {
    /// A whole request of RESP.
    Args(&'h Args<'a>),
    /// The beginning of one: its name, the key after it, and how many arguments it will have.
    ArgsBegun { name: &'a [u8], key: &'a [u8], args: usize },
    /// A whole request of memcached's protocol.
    Line(&'h text::Request<'a>),
    /// The line of one whose block is still to come.
    LineBegun { line: &'a [u8] },
}

/// What a decision depends on besides the request.
#[derive(Clone, Copy)]
pub struct Facts<'f> {
    pub topology: &'f PoolTopology,
    pub policy: &'f Policy,
    pub is_authenticated: bool,
    /// The client's last command makes this one fail.
    pub is_barred: bool,
    /// Where its reads go.
    pub reader: Reader,
}

/// What a decision changes.
pub struct Scratch<'s> {
    /// For the `random` distribution.
    pub chance: &'s mut Chance,
    /// The owner of each key, for a plan that is a [`FanOut`].
    pub owners: &'s mut Vec<u16>,
}

pub enum Plan<'a> {
    /// To one server, byte for byte.
    Forward(Forward),
    /// EVAL or EVALSHA: the same, and scripts are looked after.
    Call(Forward, ScriptUse),
    /// It may wait at its server: on a connection of the client's own.
    Wait(Forward),
    /// WAIT: to the shards that the client has used.
    Acknowledge(Join, Sending),
    /// In parts to several servers.
    FanOut(FanOut<'a>),
    /// Answered here.
    Local(Local, &'static Command),
    Subscribe(Subject),
    Unsubscribe(Subject),
    /// PUBSUB.
    Listeners(&'static Command),
    /// PUBLISH and SPUBLISH.
    Publish(Forward, Subject),
    /// MULTI, EXEC, DISCARD, UNWATCH; WATCH with where its keys are, if they have one owner.
    Transact(Transact, Option<Forward>),
    /// The same for memcached's protocol.
    LocalLine(lines::Local),
    Refuse(Refusal<'a>),
    /// The request does not flow. It is decided again when it is whole.
    WhenWhole,
}

#[derive(Clone, Copy, Debug)]
pub struct Forward {
    pub place: Result<Placed, Out>,
    pub sent: Sending,
    /// Its other keys may have other owners. twemproxy did not check them.
    pub is_unchecked: bool,
}

/// How a request is sent, whole or in parts.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    /// The index of its row.
    pub command: u16,
    pub care: Care,
}

pub struct FanOut<'a> {
    pub to: To,
    pub pieces: Pieces<'a>,
    /// A second request for each part; its replies count as parts behind all others.
    pub behind: &'static [u8],
    pub join: Join,
    pub detail: Detail,
    /// The keys of a memcached retrieval, as in the request.
    pub keys: &'a [u8],
    pub intent: Intent,
    pub sent: Sending,
    /// SCRIPT LOAD and SCRIPT FLUSH.
    pub script: ScriptUse,
}

impl<'a> FanOut<'a> {
    /// With nothing besides the parts.
    #[inline]
    pub fn new(
        to: To,
        pieces: Pieces<'a>,
        join: Join,
        (intent, sent): (Intent, Sending),
    ) -> FanOut<'a> {
        FanOut {
            to,
            pieces,
            behind: b"",
            join,
            detail: Detail::None,
            keys: b"",
            intent,
            sent,
            script: ScriptUse::None,
        }
    }

    /// Its parts have connections of their own, since their replies may have to wait for each other. What
    /// its client asks before and after must not overtake it.
    #[inline]
    pub fn is_alone(&self) -> bool {
        self.join == Join::Stream
    }
}

/// Where the parts go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// To the owner of each piece: [`Scratch::owners`].
    Owners,
    /// To every shard. The part of a shard that is out fails.
    All,
    /// The same without shards that are out of the ring: no key is found there.
    InRing,
    One(ShardId),
}

impl Facts<'_> {
    /// To the owner of a key.
    #[inline]
    fn forward_key(
        &self,
        key: &[u8],
        chance: &mut Chance,
        (intent, sent): (Intent, Sending),
    ) -> Forward {
        self.forward(self.topology.owner(key, chance), (intent, sent))
    }

    #[inline]
    fn forward(&self, owner: Option<ShardId>, (intent, sent): (Intent, Sending)) -> Forward {
        let place = if intent == Intent::Write || self.reader.reads == Reads::Primary {
            self.topology.place(owner)
        } else {
            self.place_read(owner, sent)
        };
        Forward { place, sent, is_unchecked: false }
    }

    /// Only reads of keys go to replicas.
    #[cold]
    fn place_read(&self, owner: Option<ShardId>, sent: Sending) -> Result<Placed, Out> {
        let row = command::by_index(usize::from(sent.command));
        if row.is_some_and(Command::is_read) {
            self.topology.place_read(owner, self.reader)
        } else {
            self.topology.place(owner)
        }
    }
}

/// How a command is sent, from its row.
#[inline]
fn sending(command: &Command) -> (Intent, Sending) {
    let intent = if command.flags.has(Flags::WRITE) { Intent::Write } else { Intent::Read };
    (intent, Sending { command: command.index() as u16, care: Care::None })
}

#[cfg(test)]
mod tests;
