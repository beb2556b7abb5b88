//! The benchmark: what a proxy costs, compared with others on the same machine.
//!
//! ```text
//!                     core 0                        core 1
//!   ┌──────────┐  ┌────────────┐   ┌──────────────────────────────────┐
//!   │ load     │─▶│ contestant │──▶│ servers: three null servers,     │
//!   │ (core 1) │◀─│            │◀──│ redis-servers or memcacheds      │
//!   └──────────┘  └────────────┘   └──────────────────────────────────┘
//!        │ one JSON line: rate, latencies, CPU of all processes in the window
//!        ▼
//!   rounds ──▶ rows ──▶ summary ──▶ table, JSON, picture
//! ```
//!
//! The tables are `workloads.rs` (the loads) and `contestants.rs` (the proxies). `measure.rs` makes
//! one row, `rounds.rs` interleaves them, `scenarios/` measures what throughput does not show.
//! `paths/` is another measure: instructions of the engine alone, which need no quiet machine.
//!
//! What always holds: every process is a guarded child of ours, each row of the tables starts a new
//! proxy, all traffic stays on loopback, and a lock file prevents two benchmarks at once. README.md
//! says how to read the results.
#![forbid(unsafe_code)]

pub mod contestants;
mod font;
pub mod load;
pub mod lock;
pub mod measure;
pub mod null;
pub mod paths;
pub mod picture;
pub mod pin;
pub mod proc;
pub mod rounds;
pub mod row;
pub mod scenarios;
pub mod servers;
pub mod summary;
pub mod table;
pub mod workloads;
