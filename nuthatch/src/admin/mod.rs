//! Looking at a running proxy: the stats port, which is twemproxy's, and what HTTP adds to it.
//!
//! ```text
//!   reader ──▶ serve.rs    who is this?   says nothing, or not HTTP ──▶ the document, and closed
//!                 │                       a request line            ──▶ pages.rs, in http.rs' form
//!                 │                       not for us (foreign.rs)  ──▶ an error, and a line in the log
//!                 ▼
//!              collect.rs   asks every worker to count, and control's standing ──▶ facts
//!                 ▼
//!              document.rs walks the tables of stats.rs over the facts
//! ```
//!
//! All of it runs on control's thread. A reader costs each worker one walk over its upstreams
//! between two turns, and nothing when nobody looks. Every reader is bounded in time and their
//! number is bounded, so a stuck one costs a socket for a while and no more.

mod collect;
mod document;
mod foreign;
mod http;
mod pages;
mod reference;
mod serve;
mod stats;

pub use document::Members;
pub use http::HEAD_BYTES_MAX;
pub use reference::reference;
pub use serve::{Door, serve};
pub use stats::{Kind, POOL_ROWS, Row, SERVER_ROWS};
