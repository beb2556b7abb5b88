//! What an upstream is used for.
//!
//! ```text
//!                       a large value flows            owes nothing
//!   ┌────────┐ ──────────────────────────▶ ┌───────┐ ─────────────▶ ┌───────┐
//!   │ Shared │                             │ Alone │                │ Spare │
//!   └────────┘ ◀──┐                        └───────┘ ◀───────────── └───────┘
//!      │  ▲       │                                   a large request │
//!      ▼  │       └───────────────────────────────────────────────────┘
//!   ┌─────────┐      a new connection is wanted
//!   │ Retired │      its server left the topology; it closes when it owes nothing
//!   └─────────┘
//! ```

use crate::base::Time;
use crate::base::slab::Key;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duty {
    /// It has a place in its pool's table and takes every request for its server and lane.
    Shared,
    /// It takes no new request of others: a large value flows through it, or has flowed, or one client has it
    /// alone. Requests behind a large value are still answered.
    Alone(Why),
    /// It owes no reply. Its connection is kept until this time for the next large value.
    Spare { until: Time, was: Why },
    /// Its server left the topology.
    Retired,
}

/// Why an upstream is alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// A large reply.
    Reply,
    /// A large request; `from` is the client that has not sent all of it yet.
    Request { from: Option<Key> },
    /// A client's alone: it watches keys. `of` is that client until it watches none.
    Watch { of: Option<Key> },
    /// It has subscriptions, for all clients of the worker.
    Hub,
    /// The same as `Watch` while a command of that client waits at the server.
    Wait { of: Option<Key> },
}

impl Duty {
    /// The client whose large request is on its way here.
    #[inline]
    pub fn upload_from(self) -> Option<Key> {
        match self {
            Duty::Alone(Why::Request { from }) => from,
            _ => None,
        }
    }

    /// The client that has it alone.
    #[inline]
    pub fn pinned_by(self) -> Option<Key> {
        match self {
            Duty::Alone(Why::Watch { of } | Why::Wait { of }) => of,
            _ => None,
        }
    }

    /// Whether it has subscriptions.
    #[inline]
    pub fn is_hub(self) -> bool {
        matches!(self, Duty::Alone(Why::Hub))
    }

    /// Whether it belongs to one client, or did.
    pub fn is_pinned(self) -> bool {
        matches!(
            self,
            Duty::Alone(Why::Watch { .. } | Why::Wait { .. })
                | Duty::Spare { was: Why::Watch { .. } | Why::Wait { .. }, .. }
        )
    }

    /// Whether the last large value was a request.
    pub fn took_large_request(self) -> bool {
        matches!(
            self,
            Duty::Alone(Why::Request { .. }) | Duty::Spare { was: Why::Request { .. }, .. }
        )
    }
}
