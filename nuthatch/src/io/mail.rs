//! Messages between control and the workers. A worker reads its mail in its own turn, so nothing on
//! a request's path is shared.

use super::stream::Stream;
use mio::Waker;
use nuthatch_engine::base::{Epoch, PoolId, ServerId, ShardId, Time, WorkerId};
use nuthatch_engine::proxy::{ConnId, Message, Note, WorkerCounts, Workers};
use nuthatch_engine::topology::kinds::replicated::ReplicaView;
use nuthatch_engine::topology::{Ability, Address, Report, Snapshot};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use tokio::sync::mpsc::UnboundedSender;

/// To a worker.
pub enum Mail {
    Snapshot(Arc<Snapshot>),
    /// From another worker, or from this one.
    Message(Message),
    /// Report the server's next reply.
    Watch {
        pool: PoolId,
        server: ServerId,
    },
    /// All replicas that answer reads had what their primaries had at this moment.
    CaughtUp {
        pool: PoolId,
        at: Time,
    },
    /// A client that another worker accepted and counted.
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
    /// Shut down: accept no further client, close idle ones, answer the others.
    Drain,
    /// From another worker that shuts down: it has sent us its last client.
    ListenersClosed,
    /// To be answered with [`ToControl::HereIAm`].
    AreYouThere,
    /// Return free memory to the system.
    Release,
    /// Send your counters, at the end of the turn.
    Count(UnboundedSender<(WorkerId, WorkerCounts)>),
    /// Close everything and end.
    Stop,
}

/// From a worker.
#[derive(Debug)]
pub enum ToControl {
    Report(Report),
    /// A client waits for the ability of the pool's servers.
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
    /// The address of a name, from a task of control.
    LookedUp {
        host: Box<str>,
        port: u16,
        address: Option<SocketAddr>,
    },
    /// The result of a probe, from a task of control: ready, or the reason why not.
    Probed {
        pool: PoolId,
        server: ServerId,
        heard: Result<(), String>,
    },
    /// The ability of a server, from a task of control. `None`: it did not answer.
    AbilityHeard {
        pool: PoolId,
        server: ServerId,
        ability: Option<Ability>,
        /// The server has no password, but the pool has one.
        has_no_password: bool,
    },
    /// Another server is a shard's primary now, from the task that watches the pool.
    Primary {
        pool: PoolId,
        shard: ShardId,
        address: Address,
        why: Why,
    },
    /// The replicas of a shard, and whether each can be read.
    Replicas {
        pool: PoolId,
        shard: ShardId,
        replicas: Vec<(Address, bool)>,
    },
    /// For [`Mail::CaughtUp`].
    CaughtUp {
        pool: PoolId,
        at: Time,
    },
    /// What was heard of the servers of a shard, for the stats port.
    Watched {
        pool: PoolId,
        shard: ShardId,
        watched: Watched,
    },
    HereIAm(WorkerId),
    /// No client is left after a [`Mail::Drain`].
    Empty(WorkerId),
}

/// Why a shard has another primary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Sentinels say so, as of this epoch of theirs.
    Sentinels { epoch: u64 },
    /// The primary says that it is a replica now, and one of its replicas that it is the primary.
    HandedOver,
    /// The server calls itself a primary, and there are no Sentinels.
    OwnRole,
}

impl Why {
    pub fn text(self) -> &'static str {
        match self {
            Why::Sentinels { .. } => "Sentinels say so",
            Why::HandedOver => "the primary has handed over to it",
            Why::OwnRole => "it says that it is the primary",
        }
    }

    /// The epoch of the Sentinels.
    pub fn epoch(self) -> Option<u64> {
        match self {
            Why::Sentinels { epoch } => Some(epoch),
            Why::HandedOver | Why::OwnRole => None,
        }
    }
}

/// What was heard of the servers of a shard.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Watched {
    /// The epoch of the Sentinels that have confirmed the primary.
    pub epoch: Option<u64>,
    /// Two servers say that they are primaries.
    pub is_split: bool,
    pub replicas: Vec<ReplicaView>,
}

/// Sends mail to a worker.
#[derive(Clone)]
pub struct Mailbox {
    pub sender: Sender<Mail>,
    pub waker: Arc<Waker>,
}

impl Mailbox {
    /// Mail for a worker that has ended is dropped. The process is ending then.
    pub fn send(&self, mail: Mail) {
        if self.sender.send(mail).is_ok()
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "a worker cannot be woken");
        }
    }
}

/// Sends mail from a worker to control and to the other workers.
#[derive(Clone)]
pub struct Post {
    pub control: UnboundedSender<ToControl>,
    /// Indexed by worker.
    pub workers: Arc<Vec<Mailbox>>,
}

impl Post {
    /// Carries a message of one worker to others.
    pub fn carry(&self, from: WorkerId, to: Workers, message: &Message) {
        for (at, worker) in self.workers.iter().enumerate() {
            if to.has(WorkerId(at as u16), from) {
                worker.send(Mail::Message(message.clone()));
            }
        }
    }
}
