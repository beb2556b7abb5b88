//! What becomes of a request: decided once, before anything is done.
//!
//! ```text
//!   Head ──▶ decide ──▶ Plan ──▶ carry, or local
//!             ▲
//!             └── Facts: the topology, the policy, the client's state
//! ```
//!
//! [`decide`](decide::decide) is asked for a whole request, and for the head of a large one that may
//! flow. It is pure: it touches no connection, and its tests need none. The gates stand in one order:
//!
//! | gate                     | RESP | memcached |
//! |--------------------------|------|-----------|
//! | is MULTI refused before? | yes  |           |
//! | is the command known?    | yes  | yes       |
//! | is the client allowed?   | yes  |           |
//! | are there enough words?  | yes  | yes       |
//! | where are the keys?      | yes  | yes       |
//! | have they one owner?     | yes  |           |

pub mod decide;
pub mod failure;
pub mod foreign;
pub mod memcache;
pub mod redis;
pub mod refusal;

use crate::base::{Chance, ShardId};
use crate::command::{Command, Join, Local, Pieces, memcache as lines};
use crate::protocol::memcache as text;
use crate::protocol::resp::Args;
use crate::proxy::link::ticket::Fence;
use crate::topology::{Intent, Out, Placed, Policy, PoolTopology};
use refusal::Refusal;

/// Routes commands without a key, as in twemproxy.
pub const PLACEHOLDER: &[u8] = b"placeholder";

/// As much of a request as is known.
#[derive(Clone, Copy)]
pub enum Head<'h, 'a> {
    /// A whole request of RESP.
    Args(&'h Args<'a>),
    /// The beginning of one: its name, the key behind that, and how many arguments it will have.
    ArgsBegun { name: &'a [u8], key: &'a [u8], args: usize },
    /// A whole request of memcached's protocol.
    Line(&'h text::Request<'a>),
    /// The line of one whose block is still to come.
    LineBegun { line: &'a [u8] },
}

/// What else decides.
#[derive(Clone, Copy)]
pub struct Facts<'f> {
    pub topology: &'f PoolTopology,
    pub policy: &'f Policy,
    pub is_authenticated: bool,
    /// MULTI was refused, and neither EXEC nor DISCARD has come.
    pub in_refused_multi: bool,
}

/// What a decision uses up.
pub struct Scratch<'s> {
    /// For the `random` distribution.
    pub chance: &'s mut Chance,
    /// The owner of each key, for a plan that is a [`FanOut`].
    pub owners: &'s mut Vec<u16>,
}

pub enum Plan<'a> {
    /// To one server, as it came.
    Forward(Forward),
    /// In parts to several servers.
    FanOut(FanOut<'a>),
    /// Answered here.
    Local(Local, &'static Command),
    /// Answered here, memcached's.
    LocalLine(lines::Local),
    Refuse(Refusal<'a>),
    /// Of a head that is begun: it is decided when it is whole.
    Gather,
}

#[derive(Clone, Copy, Debug)]
pub struct Forward {
    pub place: Result<Placed, Out>,
    pub sent: Sending,
    /// Other keys of it may have other owners, and twemproxy did not look.
    pub is_unchecked: bool,
}

/// How a request is sent, whole or in parts.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    /// The index of its row.
    pub command: u16,
    pub fence: Fence,
}

pub struct FanOut<'a> {
    pub to: To,
    pub pieces: Pieces<'a>,
    pub join: Join,
    /// memcached's keys, as they stand in the request.
    pub keys: &'a [u8],
    pub intent: Intent,
    pub sent: Sending,
}

/// Whom the parts go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// The owner of each piece, as the scratch says.
    Owners,
    /// Every shard, those that are out too: what has not reached one is not done.
    All,
}

impl Facts<'_> {
    /// To the owner of a key.
    #[inline]
    fn forward_key(&self, key: &[u8], chance: &mut Chance, (intent, sent): Sent) -> Forward {
        self.forward(self.topology.owner(key, chance), (intent, sent))
    }

    #[inline]
    fn forward(&self, owner: Option<ShardId>, (intent, sent): Sent) -> Forward {
        Forward { place: self.topology.place(owner, intent), sent, is_unchecked: false }
    }
}

/// What a command does to its keys, and how it is sent.
type Sent = (Intent, Sending);

#[cfg(test)]
mod tests;
