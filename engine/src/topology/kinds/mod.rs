//! The kinds of pools. They differ in one point: what decides which server is a shard's primary.
//!
//! A kind makes a pool's topology from its spec, the primaries of its shards and their states. It does
//! not decide which servers are out (`health.rs` does), has no epoch (the director has it) and does
//! not contact servers. The code that watches the servers of a kind calls the director's
//! `handle_primary`.
//!
//! | kind | what decides |
//! |---|---|
//! | [`fixed`] | the file, at the start |
//! | [`sentinel`] | Sentinels; the epoch of a failover settles who is later |
//! | [`nearest`] | nothing: with `read: nearest` it chooses among replicas that can be read |
//! | [`replicated`] | the servers' own roles; and with either, which replicas can be read |

pub mod fixed;
pub mod nearest;
pub mod replicated;
pub mod sentinel;
