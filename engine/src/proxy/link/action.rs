//! What a worker and its driver say to each other, and the names of connections.

use crate::base::slab::Key;
use crate::base::{Epoch, PoolId, ServerId, Time};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::message::{Message, Workers};
use crate::topology::{Report, Snapshot};
use std::net::SocketAddr;
use std::sync::Arc;

/// The name of a connection. It is never used again, so a late event reaches no other connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ConnId {
    Client(Key),
    /// An upstream's place, and which of its sockets over time.
    Upstream(Key),
}

/// What the driver does for the worker, besides writing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Connect to this server, then call `Worker::handle_connected` or
    /// `Worker::handle_closed`.
    Connect { conn: ConnId, pool: PoolId, server: ServerId },
    /// Close the connection. The worker has forgotten it already.
    Close { conn: ConnId },
    /// Everything is written: send a FIN, and go on reading.
    ShutdownWrite { conn: ConnId },
    /// Reading may go on after [`Reading::Stop`].
    ResumeReading { conn: ConnId },
    /// Try to write to a full socket, though the system has not reported room.
    TryWriting { conn: ConnId },
    /// For the director.
    Report(Report),
    /// A client waits until the pool's servers have said what they can do.
    AskServers { pool: PoolId },
    /// Tell the director that this worker routes by this epoch now.
    Follow { epoch: Epoch },
    /// Carry this to other workers: each reads it by [`Order::Read`].
    Send { to: Workers, message: Message },
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

/// Whether output may be held back at the end of a turn, so that more can join it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gathering {
    /// Nothing is held back: the driver stops, or has more to do before it waits for events.
    None,
    /// The turn had no event.
    Idle,
    /// The turn had events.
    Busy,
}

/// What control or another worker asks of a worker.
#[derive(Clone, Debug)]
pub enum Order {
    /// A message of another worker, or of this one.
    Read(Message),
    /// Route by this snapshot, if it is newer.
    Follow(Arc<Snapshot>),
    /// Report the next reply of each upstream of this server, also of upstreams made later.
    Watch { pool: PoolId, server: ServerId },
    /// All replicas that answer reads have what their primaries had at this moment.
    CaughtUp { pool: PoolId, at: Time },
    /// Take no further request, and close each client when it has what it is owed.
    ShutDown,
    /// Keep no buffers for later.
    TrimMemory,
}

/// An event for the log.
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
    /// Requests wait at an upstream for a primary. `at`: the upstream.
    RequestsWait { pool: PoolId, server: ServerId, at: u32 },
    /// They wait no more. Each upstream that said that they wait says this too.
    WaitEnded { pool: PoolId, server: ServerId, at: u32, wait: Waited },
    /// A command over several servers went to one of them unchecked (twemproxy manners); once a
    /// command.
    Unchecked { pool: PoolId, command: &'static str },
}

/// How requests waited at an upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waited {
    pub requests: usize,
    /// Of the first of them.
    pub waited_ms: u64,
    /// There is a server for them; otherwise they fail.
    pub is_served: bool,
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
    /// Workers of the process; 0 counts as 1.
    pub workers: u16,
}

/// Whether the loop should go on reading a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    Go,
    /// Not before an [`Action::ResumeReading`].
    Stop,
}
