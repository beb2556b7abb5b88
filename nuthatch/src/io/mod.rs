//! The data plane's edge: sockets, the clock, and one loop a worker.
//!
//! ```text
//!            listener (one a pool, shared by the workers)
//!                │ accept: kept here, or mailed to the worker with the fewest clients
//!                ▼
//!   ┌── one thread, one worker ─────────────────────────────────────────────┐
//!   │  epoll ─▶ read into one scratch buffer ─▶ Worker::handle_bytes        │
//!   │    ▲                                          │                       │
//!   │    └──── once a turn: actions, then one write a connection ◀──────────┘
//!   └───────────────────────────────────────────────────────────────────────┘
//!                ▲ mail: snapshots, clients, addresses     │ reports, notes, look-ups
//!                └───────────────── control ◀──────────────┘
//! ```
//!
//! The engine's worker makes all decisions, and the simulation drives the same worker.

mod balance;
mod clock;
mod connection;
mod event_loop;
pub mod fd_limit;
mod json;
mod listener;
pub mod log;
mod mail;
mod stream;
pub mod sys;
mod unix_path;

pub use balance::Balance;
pub use clock::Clock;
pub use event_loop::EventLoop;
pub use json::json_text;
pub use listener::{Listener, Socket};
pub use mail::{Mail, Mailbox, Post, ToControl, Watched, Why};
pub use stream::{Stream, cause_of};
