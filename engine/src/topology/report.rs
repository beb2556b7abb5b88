//! The input and the output of the director, as plain data.
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
    /// It owes a reply or a connection, and has sent nothing for a whole period.
    Silent,
    /// It may have failed; a probe decides. It answered that it cannot serve yet, but a script can answer
    /// that too. Or it closed during a large request, and the request may be the cause.
    Suspect,
    /// It closed an idle connection with FIN. This is not a failure, but the server may be shutting down.
    Closed,
    /// It was taken for a primary and is none: it refused a request for that, or said so when we connected.
    NoPrimary,
    /// It answered. Reported once after a failure or a [`Wish::Watch`].
    Answered,
}

/// What `control` must do.
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
    Note { pool: PoolId, shard: ShardId, server: ServerId, change: Change },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// The server is out, after this many failures in a row.
    Ejected { failures: u32 },
    /// It is back, after this many milliseconds.
    Readmitted { after_ms: u64 },
    /// It answers again and was never out. The time counts from its first failure.
    Answers { after_ms: u64 },
    /// It does not grant HELLO 3, so its pool stops granting it.
    Resp2Only,
    /// The shard has another primary than this one.
    Switched { from: ServerId },
    /// It was the last server without HELLO 3. Now its pool grants HELLO 3 again.
    Resp3Again,
}
