//! What workers say to each other. The driver carries it; the reader finds it among its orders.
//!
//! ```text
//!   a client asks one worker ──▶ Ask to every worker ──▶ each sends an Answer: a part of the reply
//! ```

use crate::base::slab::Key;
use crate::base::{PoolId, WorkerId};
use crate::command::Subject;
use crate::proxy::link::filter::Filter;
use crate::proxy::link::scripts::Sha;
use std::sync::Arc;

/// Who gets a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Workers {
    /// Every worker, the sender too.
    All,
    Others,
    One(WorkerId),
}

impl Workers {
    /// Whether `worker` gets what `sender` says.
    pub fn has(self, worker: WorkerId, sender: WorkerId) -> bool {
        match self {
            Workers::All => true,
            Workers::Others => worker != sender,
            Workers::One(one) => worker == one,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// A script came through the pool.
    Script {
        pool: PoolId,
        sha: Sha,
        body: Arc<[u8]>,
    },
    /// All scripts of the pool were flushed.
    NoScripts {
        pool: PoolId,
    },
    /// `notify-keyspace-events` was set to this in the pool.
    Events {
        pool: PoolId,
        events: Arc<[u8]>,
    },
    /// So many clients of a worker listen to this.
    Listeners {
        pool: PoolId,
        worker: WorkerId,
        subject: Subject,
        name: Box<[u8]>,
        clients: u32,
    },
    Ask(Arc<Question>),
    Answer(Answer),
}

/// What a client wants to know of all workers, or wants all of them to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    pub pool: PoolId,
    pub about: About,
    /// Who asks: a worker, its client, and the client's number for the request.
    pub from: WorkerId,
    pub client: Key,
    pub number: u32,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum About {
    /// CLIENT LIST: a line for each client.
    List(Filter),
    /// CLIENT KILL: how many were closed.
    Kill(Filter),
    /// CLIENT UNBLOCK: 1 if the client with this id waited at a server.
    Unblock { id: u64, by_error: bool },
    /// CLIENT PAUSE.
    Pause { ms: u64, mode: PauseMode },
    /// CLIENT UNPAUSE.
    Unpause,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PauseMode {
    All,
    /// Only commands that write.
    Write,
}

/// A part of the reply to a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub client: Key,
    pub number: u32,
    pub part: u16,
    pub reply: Box<[u8]>,
}
