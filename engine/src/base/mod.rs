//! Ids, time, limits, random numbers, slab: what every room needs. Nothing here knows Redis.

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
