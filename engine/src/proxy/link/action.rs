//! What a worker asks of its driver, and the names of connections.

use crate::base::slab::Key;
use crate::base::{Epoch, PoolId, ServerId};
use crate::proxy::link::cause::Cause;
use crate::topology::{Report, Snapshot};
use std::net::SocketAddr;
use std::sync::Arc;

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
    /// Connect to this server, then call `Worker::handle_connected` or
    /// `Worker::handle_closed`.
    Connect { conn: ConnId, pool: PoolId, server: ServerId },
    /// Close; the worker has forgotten it already.
    Close { conn: ConnId },
    /// Everything is written: say so to the peer (FIN), and go on reading.
    ShutdownWrite { conn: ConnId },
    /// Reading may go on after [`Reading::Stop`].
    ResumeReading { conn: ConnId },
    /// Write to a full socket, though it has not said that there is room again.
    TryWriting { conn: ConnId },
    /// For the director.
    Report(Report),
    /// A client waits to hear what the pool's servers can do.
    AskServers { pool: PoolId },
    /// Tell the director that this worker routes by this epoch now.
    Follow { epoch: Epoch },
    /// For the log.
    Note(Note),
}

/// What the driver does next; see [`Worker::poll`](crate::proxy::Worker::poll).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Write the connection's output, and tell the worker how much went.
    Write(ConnId),
    Act(Action),
}

/// Whether output may be held back at the end of a turn, for more to join it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gathering {
    /// No: the driver stops, or has more to do before it looks for events again.
    None,
    /// The turn has brought nothing.
    Idle,
    /// The turn has brought something.
    Busy,
}

/// What control asks of a worker.
#[derive(Clone, Debug)]
pub enum Order {
    /// Route by this snapshot, if it is newer.
    Follow(Arc<Snapshot>),
    /// Report the next reply that any upstream of this server gets, one to come included.
    Watch { pool: PoolId, server: ServerId },
    /// Take no further request, and close each client when it has what it is owed.
    ShutDown,
    /// Keep no buffers for later.
    TrimMemory,
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
