//! The whole way of a request, and the only room that knows it.
//!
//! ```text
//!              handle_bytes                              handle_bytes
//!  client ───────────────▶ ┌────────────── Worker ─────────────┐ ◀─────────────── server
//!                          │ client.rs    request.rs           │
//!                          │  input  ──▶  parse, look up,      │
//!                          │              route, check         │
//!                          │  slots  ◀──┐   │  upstream.rs     │
//!                          │  (one a    │   └▶ tickets, output ─┼──▶ poll_flush, output
//!                          │  request,  │        │             │
//!  client ◀────────────────┼─ in order) └────────┘ a reply     │
//!          poll_flush,     │  output     belongs to the        │
//!          output          │             oldest ticket         │
//!                          └───────────────────────────────────┘
//! ```
//!
//! A [`Worker`] owns no socket and no clock. The loop in `nuthatch::io` and the one in `sim` drive
//! it alike: hand in what happened with `handle_*`, and at the end of the turn call
//! [`Worker::end_turn`], write what [`Worker::poll_flush`] names, upstreams before clients, carry
//! out every [`Action`], and do so again until there is neither. Flushing once a turn, not once a
//! request, is where the speed of pipelines comes from.
//!
//! What always holds (`check_invariants`): every request that was read has exactly one slot; every
//! slot that waits has its tickets with upstreams; replies leave a client's slots in order; every
//! queue is within `base::limits`.

mod carry;
mod link;
mod local;
mod measure;
mod plan;
mod worker;

pub use carry::download::StreamBounds;
pub use link::upstream::lane::{server_said, wants_no_password};
pub use measure::counters::{COUNTERS, Counters, Row, ServerCounters};
pub use measure::counts::{PoolCounts, WorkerCounts};
pub use plan::texts::{Cause, too_many_clients};
pub use worker::Worker;
pub use worker::invariants::Backlog;

use crate::base::slab::Key;
use crate::base::{PoolId, ServerId};
use crate::topology::health::Report;
use std::net::SocketAddr;

/// A connection, named so that events for one that is gone reach nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ConnId {
    Client(Key),
    /// An upstream's place, and which of its sockets over time.
    Upstream(Key),
}

/// What the loop is to do. Only what cannot wait for the flush at the end of the turn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Connect to this server, then call [`Worker::handle_connected`] or
    /// [`Worker::handle_closed`].
    Connect { conn: ConnId, pool: PoolId, server: ServerId },
    /// Close; the worker has forgotten it already.
    Close { conn: ConnId },
    /// Everything is written: say so to the peer (FIN), and go on reading.
    ShutdownWrite { conn: ConnId },
    /// Reading may go on after [`Reading::Stop`].
    ResumeReading { conn: ConnId },
    /// Write to a full socket, though it has not said that there is room again.
    TryWriting { conn: ConnId },
    /// For the one who decides on ejection.
    Report(Report),
    /// A client waits to hear what the pool's servers can do.
    AskServers { pool: PoolId },
    /// For the log.
    Note(Note),
}

/// Something an operator wants to know of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    /// We said something to a client and closed it. The command if it was one that we refuse: its
    /// name in our table, or the beginning of what stood in a name's place.
    ClientRefused {
        pool: PoolId,
        peer: Option<SocketAddr>,
        why: &'static str,
        command: Option<Box<str>>,
    },
    /// A client's first line is of another protocol than its pool's; it was answered with an error.
    ClientForeign { pool: PoolId, peer: Option<SocketAddr>, why: &'static str },
    /// A client that did not read was closed.
    ClientStalled { pool: PoolId, conn: ConnId, peer: Option<SocketAddr>, unread_bytes: usize },
    /// A large reply was cut off in the middle, and its client closed for that.
    StreamBroken { pool: PoolId, conn: ConnId, peer: Option<SocketAddr>, server: ServerId },
    /// An upstream was lost or could not be made.
    UpstreamFailed { pool: PoolId, server: ServerId, cause: Cause, requests: usize },
    /// A server refused AUTH, SELECT or HELLO, or turned us away.
    HandshakeRefused { pool: PoolId, server: ServerId, answer: Box<str> },
    /// A server has no password, and the pool's was not needed.
    PasswordNotNeeded { pool: PoolId, server: ServerId },
    /// A command over several servers went to one of them unchecked (twemproxy manners); once a
    /// command.
    Unchecked { pool: PoolId, command: &'static str },
}

/// What the process is, for INFO.
#[derive(Clone, Default, Debug)]
pub struct Identity {
    /// As `uname` has it: system, release, machine.
    pub os: Box<str>,
    pub process_id: u32,
    /// 40 hexadecimal digits, others after each start.
    pub run_id: Box<str>,
    /// Indexed by pool: the TCP port that it listens on, 0 for a Unix socket.
    pub ports: Vec<u16>,
}

/// Whether the loop should go on reading a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    Go,
    /// Not before an [`Action::ResumeReading`].
    Stop,
}

/// Which version of Redis we tell clients that we are while no server has told its own: the newest
/// whose commands our table holds.
pub const REDIS_VERSION: &str = "7.0.0";
