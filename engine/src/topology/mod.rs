//! Which server is a shard now.
//!
//! A pool is written down once as a [`PoolSpec`] (what the file says) and lives on as a chain of
//! [`Snapshot`]s, each with a higher [`Epoch`](crate::base::Epoch). A snapshot never changes;
//! the [`Director`] makes the next one and `control` mails it to the workers, who swap it between two
//! events. The ring is keyed by shard *names*; servers are only addresses behind them, so a failover
//! changes an address and never the ring.
//!
//! ```text
//!   spec ──▶ kinds: topology of a pool ──▶ snapshot
//!                ▲                            ▲
//!   health: which servers are out ──▶ director: one epoch a change ◀── ability: what they can do
//! ```

pub mod ability;
mod director;
pub mod health;
pub mod kinds;
pub mod place;
pub mod policy;
mod report;
pub mod snapshot;
pub mod spec;

pub use ability::{Ability, Common, Release};
pub use director::Director;
pub use place::{Intent, Out, Placed};
pub use policy::Policy;
pub use report::{Change, Report, Sight, Wish};
pub use snapshot::{PoolTopology, Server, Shard, ShardState, Snapshot};
pub use spec::{Address, Eject, Manners, PoolSpec, Protocol, ShardSpec};
