//! What goes into the director and what comes out of it, as plain data.
//!
//! ```text
//!   workers ── Report { a server, what was seen of it } ──▶ director
//!   control ◀── Wish { an epoch to mail, a server to ask, a line for the log } ── director
//! ```
//!
//! The machines that decide are in `health.rs` (one pool's servers) and `director.rs` (all pools).

use super::snapshot::Snapshot;
use crate::base::{PoolId, ServerId, ShardId};
use std::sync::Arc;

/// What a worker saw of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    pub pool: PoolId,
    pub server: ServerId,
    pub sight: Sight,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sight {
    Failed,
    /// It owes a reply, or a connection, and has been silent for a whole period.
    Silent,
    /// It may be of no use: it answered that it cannot serve yet, which a script can say too, or closed
    /// on a large request, which may be the request's fault. A probe finds out.
    Suspect,
    /// It closed an idle connection in good order: no failure, but it may be about to go.
    Closed,
    /// It answered; sent once after a failure or a request to watch.
    Answered,
}

/// What `control` is to do.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Mail this to every worker.
    Publish(Arc<Snapshot>),
    /// Ask every worker to report the server's next reply.
    Watch { pool: PoolId, server: ServerId },
    /// Ask the server whether it is ready, then call `handle_probe`.
    Probe { pool: PoolId, server: ServerId },
    /// Ask the server what it can do, then call `handle_ability`.
    Ask { pool: PoolId, server: ServerId },
    /// For the log and the counters.
    Note { pool: PoolId, shard: ShardId, change: Change },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Out, after this many failures in a row.
    Ejected { failures: u32 },
    /// Back, after this many milliseconds.
    Readmitted { after_ms: u64 },
    /// It answers again, not having been out; so long after its first failure.
    Answers { after_ms: u64 },
    /// It does not grant HELLO 3, so its pool no longer does.
    Resp2Only,
    /// It was the last one that did not, so its pool grants HELLO 3 again.
    Resp3Again,
}
