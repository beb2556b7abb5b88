//! Carries requests out: to their upstreams and back.

pub mod download;
pub mod memcache;
pub mod request;
pub mod upload;
