//! The whole way of a request, in eight rooms.
//!
//! ```text
//!            ┌───────────────────────────── worker ─────────────────────────────┐
//!   client   │ intake ──▶ plan ──▶ carry ──▶ link::upstream: tickets, output    │   server
//!   bytes ──▶│   ▲         │                                                    │──▶ bytes
//!            │   │         └────▶ local: answered here                          │
//!   bytes ◀──│ link::client: slots, output ◀── carry, join ◀── replies_in       │◀── bytes
//!            └──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Each room uses only those before it:
//!
//! | room      | what it is                                                                   |
//! |-----------|------------------------------------------------------------------------------|
//! | `measure` | what is counted                                                              |
//! | `link`    | plain data, and the machines of one connection; a client and an upstream do not know each other |
//! | `plan`    | what becomes of a request: pure, knows no connection                         |
//! | `carry`   | does what a plan says                                                        |
//! | `local`   | requests that are answered here                                              |
//! | `pubsub`  | what clients listen to: a hub for each worker and pool                        |
//! | `session` | what a client has begun and not ended: transactions, watched keys             |
//! | `worker`  | joins them, and is what a driver drives                                      |
//!
//! A [`Worker`] owns no socket and no clock. How it is driven stands at its head.
//!
//! What always holds (`check_invariants`): every request that was read has exactly one slot; every
//! slot that waits has its tickets with upstreams; replies leave a client's slots in order; every
//! queue is within `base::limits`.

mod carry;
mod link;
mod local;
mod measure;
mod plan;
mod pubsub;
mod session;
mod worker;

pub use link::action::{Action, ConnId, Gathering, Identity, Note, Order, Reading, Step, Waited};
pub use link::bounds::FlowBounds;
pub use link::cause::Cause;
pub use link::message::{Message, Workers};
pub use link::upstream::lane::{server_said, wants_no_password};
pub use local::hello::REDIS_VERSION;
pub use measure::counters::{COUNTERS, CounterRow, Counters, ServerCounters};
pub use measure::counts::{PoolCounts, WorkerCounts};
pub use plan::refusal::too_many_clients;
pub use worker::Worker;
pub use worker::invariants::Backlog;
