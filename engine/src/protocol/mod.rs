//! Where a message begins and ends, and its arguments. What they mean is not known here.

pub mod memcache;
pub mod resp;
