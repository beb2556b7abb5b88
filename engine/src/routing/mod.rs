//! Which shard owns a key: prefix or tag, hash, point or slot, shard.
//!
//! Equal to twemproxy 0.5.0 on x86-64 in every bit: the golden vectors in `testdata/` must hold.
//! There are no servers here: a ring is built from the names of shards, and topology knows the
//! server of each shard. Only a pool with [`Colocate`] places keys otherwise. A new hash or
//! distribution is a file in its folder and a row in its table.
//!
//! A request uses [`Router`]. [`explain`](mod@explain) shows operators how a key is routed, and
//! which keys a change would move.

pub mod colocate;
pub mod distribution;
pub mod explain;
pub mod hash;
mod router;
pub mod tag;

pub use colocate::Colocate;
pub use distribution::{DISTRIBUTIONS, Distribution, Member, name_order};
pub use hash::{HASHES, Hash};
pub use router::Router;
pub use tag::HashTag;
