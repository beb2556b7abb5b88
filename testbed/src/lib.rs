//! Real servers on loopback, for tests and for the demo.
//!
//! ```text
//!   a test ──▶ RedisServer::start()    redis-server   free port, private folder
//!          ──▶ RedisSentinel::start_group()  Sentinels of primaries that run
//!          ──▶ MemcachedServer::start() memcached     likewise
//!          ──▶ Nuthatch::start(yaml)   nuthatch       the given config
//!          ──▶ Nutcracker::start(yaml) nutcracker     the same config, the old proxy
//!          ──▶ FakeServer::start(what)   a server that is none: silence, garbage
//!          ──▶ Load::start(addr, ..)   clients that check what they wrote
//!          ──▶ Trial::start(..)        p99 before and during a fault, compared with a witness
//!          ──▶ Client::connect(addr)   speaks RESP and memcached's text, blocking, with timeouts
//! ```
//!
//! What always holds: traffic stays on loopback, every wait has an end, and no process outlives
//! its parent, whether that returns, panics or is killed (`spawn.rs` says how).
//! Signals go to the pid of a child of ours, never to a name.
//!
//! The client shares no code with the engine on purpose: a test that reads replies with the
//! proxy's own parser would agree with its mistakes.
#![forbid(unsafe_code)]

mod client;
mod fake_server;
mod inspect;
mod load;
mod memcached;
mod ports;
mod process;
mod proxy;
mod redis;
mod releases;
mod sentinel;
mod spawn;
mod text;
mod trial;
mod value;
mod wait;

pub use client::{Client, encode, is_timeout};
pub use fake_server::{Answer, FakeServer};
pub use load::{Load, Outcome, Sample, Speech};
pub use memcached::MemcachedServer;
pub use ports::free_port;
pub use process::{Folder, Process};
pub use proxy::{Nutcracker, Nuthatch, Proxy, pool_yaml};
pub use redis::RedisServer;
pub use releases::Release;
pub use sentinel::{RedisSentinel, Watching};
pub use spawn::{Guard, find_program, find_program_or_skip, guarded, is_root};
pub use text::text_reply_len;
pub use trial::{Pace, Rest, Seen, Trial, Witness};
pub use value::{ParseError, Value, parse};
pub use wait::poll_until;
