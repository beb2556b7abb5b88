//! Which shard owns a key: tag, hash, point or slot, shard.
//!
//! Bit-exact with twemproxy 0.5.0 on x86-64; the golden vectors in `testdata/` are the contract.
//! Nothing here knows of servers: a ring is keyed by the names of shards, and topology says which
//! server is one now. A new hash or distribution is a file in its folder and a row in its table.
//!
//! [`Router`] is what a request asks. [`explain`](mod@explain) shows how it came to an answer and
//! what a change would move, to people who are about to make one.

pub mod distribution;
pub mod explain;
pub mod hash;
mod router;
pub mod tag;

pub use distribution::{DISTRIBUTIONS, Distribution, Member, name_order};
pub use hash::{HASHES, Hash};
pub use router::Router;
pub use tag::HashTag;
