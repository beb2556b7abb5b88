//! Which server serves a shard now.
//!
//! A [`PoolSpec`] holds what the file says of a pool. The current state of all pools is a [`Snapshot`].
//! A snapshot never changes. The [`Director`] makes the next one, with a higher
//! [`Epoch`](crate::base::Epoch), and `control` mails it to the workers, who swap it between two events.
//! The ring is made from shard *names*, and a server is only an address behind a name. So a failover
//! changes an address and never the ring.
//!
//! ```text
//!   spec ──▶ kinds: topology of a pool ──▶ snapshot
//!                ▲                            ▲
//!   health: which servers are out ──▶ director: one epoch a change ◀── ability: what servers can do
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
pub use place::{Intent, Out, Placed, Reader};
pub use policy::Policy;
pub use report::{Change, Report, Sight, Wish};
pub use snapshot::{PoolTopology, Replica, Server, Shard, ShardState, Snapshot};
pub use spec::{
    Address, AfterWrite, Eject, Failover, LagBounds, Manners, PoolSpec, Protocol, Reads,
    ReplicaSpec, Serves, ShardSpec,
};
