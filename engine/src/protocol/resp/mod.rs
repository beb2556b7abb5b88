//! RESP2 and RESP3, the protocol of Redis and Valkey
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).
//!
//! Parsers return ranges of the bytes they are given. Needing more bytes is not an error.

mod args;
mod bulk;
pub mod encode;
pub mod inline;
pub mod reply;
pub mod request;

pub use args::{Args, ArgsIter};

/// The protocol version that a client chose with HELLO. Its requests use upstreams of that version.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Version {
    Resp2,
    Resp3,
}
