//! Upstreams of one server are grouped by what they were set up with, so that clients of one
//! kind share them and nobody meets another's database, user or protocol.

use crate::protocol::resp::{Version, encode};
use crate::topology::{PoolSpec, Protocol};

/// What every upstream of a lane was set up with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LaneKey {
    pub version: Version,
    pub db: u32,
    /// `None` is the default user.
    pub user: Option<Box<str>>,
    /// Reads only, of replicas.
    pub read_only: bool,
}

impl LaneKey {
    pub fn new(version: Version, spec: &PoolSpec) -> LaneKey {
        // memcached has no databases; the key is taken and ignored, as in twemproxy.
        let db = if spec.protocol == Protocol::Redis { spec.redis_db } else { 0 };
        LaneKey { version, db, user: None, read_only: false }
    }

    /// What an upstream of this lane says first: AUTH, then SELECT. Returns the names of what was
    /// said, each of which gets a reply.
    pub fn handshake(&self, password: Option<&str>, out: &mut Vec<u8>) -> Vec<&'static str> {
        let mut names = Vec::new();
        let user = self.user.as_deref().unwrap_or("default");
        let mut say = |name, words: &[&str]| {
            encode::command(out, words);
            names.push(name);
        };
        match (self.version, password) {
            (Version::Resp3, Some(password)) => {
                say("HELLO with AUTH", &["HELLO", "3", "AUTH", user, password]);
            }
            (Version::Resp3, None) => say("HELLO", &["HELLO", "3"]),
            // Without a user for servers older than Redis 6.
            (Version::Resp2, Some(password)) if self.user.is_none() => {
                say("AUTH", &["AUTH", password]);
            }
            (Version::Resp2, Some(password)) => say("AUTH", &["AUTH", user, password]),
            (Version::Resp2, None) => {}
        }
        if self.db > 0 {
            say("SELECT", &["SELECT", &self.db.to_string()]);
        }
        if self.read_only {
            say("READONLY", &["READONLY"]);
        }
        names
    }
}

/// Whether a server's error in reply to AUTH says that it has no password, in the words of Redis before
/// 6 (and of twemproxy) or of those since.
pub fn wants_no_password(words: &str) -> bool {
    ["no password is set", "without any password configured"].iter().any(|it| words.contains(it))
}
