//! Large values that are passed on while they still arrive: a request, a reply. Plain data. The logic is
//! in `carry/upload.rs` and `carry/download.rs`.

use crate::base::Time;
use crate::protocol::{memcache, resp};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::ticket::{Care, Ticket};
use crate::topology::Protocol;

/// The place in an unfinished request.
pub enum RequestProgress {
    Resp(resp::request::Progress),
    Memcache(memcache::request::Progress),
}

impl RequestProgress {
    #[inline]
    pub fn new(protocol: Protocol) -> RequestProgress {
        match protocol {
            Protocol::Redis => RequestProgress::Resp(resp::request::Progress::default()),
            Protocol::Memcache => RequestProgress::Memcache(memcache::request::Progress::default()),
        }
    }
}

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

/// A large request on its way.
pub struct Upload {
    /// The index of the upstream that sends it. `None`: there was no upstream, so the bytes are dropped.
    pub to: Option<usize>,
    pub rest: UploadRest,
    pub care: Care,
}

/// What is still to come.
pub enum UploadRest {
    Resp(resp::request::Progress),
    Bytes(usize),
}

impl Upload {
    /// How much of `bytes` belongs to the request, and whether that is its end.
    pub fn pass(&mut self, bytes: &[u8]) -> Result<(usize, bool), resp::request::Error> {
        match &mut self.rest {
            UploadRest::Resp(progress) => resp::request::pass(bytes, progress),
            UploadRest::Bytes(left) => {
                let len = bytes.len().min(*left);
                *left -= len;
                Ok((len, *left == 0))
            }
        }
    }
}

/// A large reply on its way.
pub struct Download {
    pub ticket: Ticket,
    pub progress: ReplyProgress,
    /// Bytes handed over.
    pub passed: usize,
    /// Bytes at its beginning that the client does not get: the head of a list that is joined.
    pub skip: usize,
    /// What has come of a reply that waits for its turn. It is paused meanwhile.
    pub held: Option<Vec<u8>>,
    /// The upstream is not read until the client has taken more.
    pub is_paused: bool,
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

    /// When the server has sent nothing for too long, if we read it.
    pub fn stuck_at(&self, timeout_ms: u32) -> Option<Time> {
        (!self.is_paused).then(|| self.moved_at.plus_ms(u64::from(timeout_ms)))
    }
}
