//! Where a message begins and ends, and its arguments; no opinion on what they mean.

pub mod memcache;
pub mod resp;
