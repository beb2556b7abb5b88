//! The whole way of a request, and the only room that knows it.
//!
//! ```text
//!              handle_bytes                              handle_bytes
//!  client ───────────────▶ ┌────────────── Worker ─────────────┐ ◀─────────────── server
//!                          │ client.rs    request.rs           │
//!                          │  input  ──▶  parse, look up,      │
//!                          │              route, check         │
//!                          │  slots  ◀──┐   │  upstream.rs     │
//!                          │  (one a    │   └▶ tickets, output ─┼──▶ poll_flush, output
//!                          │  request,  │        │             │
//!  client ◀────────────────┼─ in order) └────────┘ a reply     │
//!          poll_flush,     │  output     belongs to the        │
//!          output          │             oldest ticket         │
//!                          └───────────────────────────────────┘
//! ```
//!
//! A [`Worker`] owns no socket and no clock. The loop in `nuthatch::io` and the one in `sim` drive
//! it alike: hand in what happened with `handle_*`, and at the end of the turn call
//! [`Worker::end_turn`], write what [`Worker::poll_flush`] names, upstreams before clients, carry
//! out every [`Action`], and do so again until there is neither. Flushing once a turn, not once a
//! request, is where the speed of pipelines comes from.
//!
//! What always holds (`check_invariants`): every request that was read has exactly one slot; every
//! slot that waits has its tickets with upstreams; replies leave a client's slots in order; every
//! queue is within `base::limits`.

mod carry;
mod link;
mod local;
mod measure;
mod plan;
mod worker;

pub use link::action::{Action, ConnId, Gathering, Identity, Note, Order, Reading, Step};
pub use link::bounds::FlowBounds;
pub use link::cause::Cause;
pub use link::upstream::lane::{server_said, wants_no_password};
pub use local::hello::REDIS_VERSION;
pub use measure::counters::{COUNTERS, Counters, Row, ServerCounters};
pub use measure::counts::{PoolCounts, WorkerCounts};
pub use plan::texts::too_many_clients;
pub use worker::Worker;
pub use worker::invariants::Backlog;
