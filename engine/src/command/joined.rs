//! A request whose reply is made of several servers' replies, of either protocol.

use super::{memcache, merge};

/// The fragments of one request, as their replies come in.
pub enum Joined {
    Redis(merge::Merge),
    Memcache(memcache::Merge),
}

impl Joined {
    pub fn is_complete(&self) -> bool {
        match self {
            Joined::Redis(merge) => merge.is_complete(),
            Joined::Memcache(merge) => merge.is_complete(),
        }
    }

    /// Parts that are still owed.
    pub fn left(&self) -> u16 {
        match self {
            Joined::Redis(merge) => merge.left(),
            Joined::Memcache(merge) => merge.left(),
        }
    }

    /// Bytes of replies that wait here for the others.
    pub fn held_bytes(&self) -> usize {
        match self {
            Joined::Redis(merge) => merge.held_bytes(),
            Joined::Memcache(merge) => merge.held_bytes(),
        }
    }

    pub fn handle_reply(&mut self, part: u16, bytes: &[u8]) {
        match self {
            Joined::Redis(merge) => merge.handle_reply(part, bytes),
            Joined::Memcache(merge) => merge.handle_reply(part, bytes),
        }
    }

    /// The part failed here, for this reason.
    pub fn handle_failure(&mut self, part: u16, text: &str) {
        match self {
            Joined::Redis(merge) => merge.handle_failure(part, text),
            Joined::Memcache(merge) => merge.handle_failure(part, text),
        }
    }

    /// Whether some of the reply is an error, or is missing, that no server spoke of.
    pub fn failed_here(&self) -> bool {
        match self {
            Joined::Redis(merge) => merge.failed_here(),
            Joined::Memcache(merge) => merge.failed_here(),
        }
    }

    /// Whether the reply leaves out what a failed part may have had.
    pub fn is_partial(&self) -> bool {
        match self {
            Joined::Redis(_) => false,
            Joined::Memcache(merge) => merge.is_partial(),
        }
    }

    /// Appends the reply; the merge is complete.
    pub fn finish(&self, out: &mut Vec<u8>) {
        match self {
            Joined::Redis(merge) => merge.finish(out),
            Joined::Memcache(merge) => merge.finish(out),
        }
    }
}
