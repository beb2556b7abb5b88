//! Ids, time, limits, chance, slab: what every room needs and none of it has heard of Redis.

pub mod buffer;
pub mod chance;
pub mod ids;
pub mod limits;
pub mod scan;
pub mod slab;
pub mod time;

pub use chance::Chance;
pub use ids::{Epoch, PoolId, ServerId, ShardId, WorkerId};
pub use time::Time;
