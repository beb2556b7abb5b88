//! The benchmark: what a proxy costs, measured beside others on the same machine.
//!
//! ```text
//!                     core 0                        core 1
//!   ┌──────────┐  ┌────────────┐   ┌──────────────────────────────────┐
//!   │ load     │─▶│ contestant │──▶│ servers: three null servers,     │
//!   │ (core 1) │◀─│            │◀──│ redis-servers or memcacheds      │
//!   └──────────┘  └────────────┘   └──────────────────────────────────┘
//!        │ one JSON line: rate, latencies, CPU of everybody in the window
//!        ▼
//!   rounds ──▶ rows ──▶ summary ──▶ table, JSON, picture
//! ```
//!
//! The tables are `workloads.rs` (what is asked) and `contestants.rs` (of whom). `measure.rs` makes
//! one row, `rounds.rs` interleaves them, `scenarios/` asks what throughput does not tell. `paths/`
//! is another yardstick: instructions of the engine alone, which need no quiet machine.
//!
//! What always holds: every process is a guarded child of ours, the proxy is a fresh one for each
//! row of the tables, all traffic stays on loopback, and a lock file keeps two benchmarks from
//! measuring at once. README.md says how to read the results.
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
