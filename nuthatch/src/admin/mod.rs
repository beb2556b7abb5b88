//! Statistics of a running proxy: twemproxy's stats port, and pages by HTTP on the same port.
//!
//! ```text
//!   reader ──▶ serve.rs     sends nothing, or not HTTP       ──▶ the document, then close
//!                 │         sends a request line             ──▶ pages.rs, in the form of http.rs
//!                 │         sends another protocol           ──▶ foreign.rs: an error, a line in the log
//!                 ▼
//!              collect.rs   counters of all workers, standing of control ──▶ facts
//!                 ▼
//!              document.rs  walks the tables of stats.rs over the facts
//!              metrics.rs   walks them too, and its own, for Prometheus
//! ```
//!
//! All of it runs on control's thread. A reader costs each worker one walk over its upstreams after a
//! turn. Without readers there is no cost. Each reader has limited time and their number is limited,
//! so a stuck reader costs a socket for a while and no more.

mod collect;
mod document;
mod exposition;
mod foreign;
mod http;
mod metrics;
mod metrics_page;
mod pages;
mod process;
mod reference;
mod serve;
mod shards;
mod stats;

pub use document::Members;
pub use http::HEAD_BYTES_MAX;
pub use metrics_page::metrics_reference;
pub use reference::reference;
pub use serve::{StatsSocket, serve};
pub use stats::{Kind, POOL_ROWS, Row, SERVER_ROWS};
