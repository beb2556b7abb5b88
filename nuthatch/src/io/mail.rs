//! What control and workers write to each other. A worker reads its mail between two turns, so
//! nothing on a request's path is shared.

use super::stream::Stream;
use mio::Waker;
use nuthatch_engine::base::{Epoch, PoolId, ServerId, WorkerId};
use nuthatch_engine::proxy::{ConnId, Note, WorkerCounts};
use nuthatch_engine::topology::{Ability, Report, Snapshot};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use tokio::sync::mpsc::UnboundedSender;

/// To a worker.
pub enum Mail {
    Snapshot(Arc<Snapshot>),
    /// Report the server's next reply.
    Watch {
        pool: PoolId,
        server: ServerId,
    },
    /// A client that another worker accepted, already counted in.
    Client {
        pool: PoolId,
        stream: Stream,
        peer: Option<SocketAddr>,
        id: u64,
    },
    /// The answer to a [`ToControl::Resolve`]; `None`: the name has no address.
    Resolved {
        conn: ConnId,
        address: Option<SocketAddr>,
    },
    /// Take no further client, close the idle ones, finish with the others.
    Drain,
    /// From another worker that drains: it has sent us its last client.
    DoorsClosed,
    /// To be answered with [`ToControl::HereIAm`].
    AreYouThere,
    /// Give memory that nobody uses back to the system.
    Release,
    /// Say what you counted, at the end of the turn.
    Count(UnboundedSender<(WorkerId, WorkerCounts)>),
    /// Close everything and end.
    Stop,
}

/// From a worker.
#[derive(Debug)]
pub enum ToControl {
    Report(Report),
    /// A client waits to hear what the pool's servers can do.
    AskServers(PoolId),
    /// The worker routes by this epoch now.
    Follow(WorkerId, Epoch),
    Note(WorkerId, Note),
    Resolve {
        worker: WorkerId,
        conn: ConnId,
        host: Box<str>,
        port: u16,
    },
    /// What a name stands for, from control's own tasks.
    LookedUp {
        host: Box<str>,
        port: u16,
        address: Option<SocketAddr>,
    },
    /// A probe's outcome, from control's own tasks: ready, or what was heard instead.
    Probed {
        pool: PoolId,
        server: ServerId,
        heard: Result<(), String>,
    },
    /// What a server says that it can do, from control's own tasks; `None`: it said nothing.
    AbilityHeard {
        pool: PoolId,
        server: ServerId,
        ability: Option<Ability>,
        /// It has no password, though the pool has.
        has_no_password: bool,
    },
    HereIAm(WorkerId),
    /// No client is left after a [`Mail::Drain`].
    Empty(WorkerId),
}

/// Where a worker's mail is put in.
#[derive(Clone)]
pub struct Mailbox {
    pub sender: Sender<Mail>,
    pub waker: Arc<Waker>,
}

impl Mailbox {
    /// Mail for a worker that has ended is dropped: the process is ending then.
    pub fn send(&self, mail: Mail) {
        if self.sender.send(mail).is_ok()
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "a worker cannot be woken");
        }
    }
}

/// A worker's way to everybody else.
#[derive(Clone)]
pub struct Post {
    pub control: UnboundedSender<ToControl>,
    /// Indexed by worker.
    pub workers: Arc<Vec<Mailbox>>,
}
