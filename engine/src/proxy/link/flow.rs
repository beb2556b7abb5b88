//! Values that are handed on as they come: a large request, a large reply. Plain data; what becomes
//! of them is decided in `carry/upload.rs` and `carry/download.rs`.

use crate::base::Time;
use crate::protocol::{memcache, resp};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::ticket::{Fence, Ticket};
use crate::topology::Protocol;

/// The place in an unfinished reply.
pub enum ReplyProgress {
    Resp(resp::reply::Progress),
    Memcache(memcache::reply::Progress),
}

impl ReplyProgress {
    #[inline]
    pub fn new(protocol: Protocol) -> ReplyProgress {
        match protocol {
            Protocol::Redis => ReplyProgress::Resp(resp::reply::Progress::default()),
            Protocol::Memcache => ReplyProgress::Memcache(memcache::reply::Progress::default()),
        }
    }
}

/// A request on its way.
pub struct Upload {
    /// The upstream's place; it is ours as long as it says so.
    pub at: usize,
    pub rest: Rest,
    pub fence: Fence,
}

/// What is still to come.
pub enum Rest {
    Resp(resp::request::Progress),
    Bytes(usize),
}

impl Upload {
    /// How much of `bytes` belongs to the request, and whether that is its end.
    pub fn pass(&mut self, bytes: &[u8]) -> Result<(usize, bool), resp::request::Error> {
        match &mut self.rest {
            Rest::Resp(progress) => resp::request::pass(bytes, progress),
            Rest::Bytes(left) => {
                let len = bytes.len().min(*left);
                *left -= len;
                Ok((len, *left == 0))
            }
        }
    }
}

/// A reply on its way.
pub struct Download {
    pub ticket: Ticket,
    pub progress: ReplyProgress,
    /// Bytes handed over.
    pub passed: usize,
    /// Nobody wants it any more: late, or its client is gone.
    pub discard: bool,
    /// The upstream is not read until the client has taken more.
    pub paused: bool,
    /// When the last piece came.
    pub moved_at: Time,
}

impl Download {
    /// How much of `bytes` belongs to the reply, and whether that is its end.
    pub fn pass(&mut self, bytes: &[u8]) -> Result<(usize, bool), Cause> {
        let passed = match &mut self.progress {
            ReplyProgress::Resp(progress) => resp::reply::pass(bytes, progress).ok(),
            ReplyProgress::Memcache(progress) => memcache::reply::pass(bytes, progress).ok(),
        };
        passed.ok_or(Cause::Protocol)
    }
}
