//! Publish and subscribe: a hub for each worker and pool.
//!
//! ```text
//!   SUBSCRIBE news ──▶ requests.rs ──▶ hub.rs ──▶ one connection to the owner's server: SUBSCRIBE news
//!                        waits for ◀── messages.rs ◀── its confirmation
//!   client A ◀── message ──┬── messages.rs ◀── its messages
//!   client B ◀── message ──┘
//! ```
//!
//! A server has one subscription for all clients of a worker. A channel is subscribed at its owner, a pattern
//! at every primary. The connection speaks RESP2, so it is the same for all servers; a message in RESP3
//! differs in its first byte. When the connection is lost, we connect and
//! subscribe again.
//!
//! A server notifies of changes of keys only if its configuration says so. What a client has set through us is
//! remembered (`events.rs`), since the next primary, or the same server after a restart, does not know it.

pub mod events;
pub mod hub;
pub mod messages;
pub mod requests;
