//! Connections: clients, which connect to us, and upstreams, which we make. Plain data, and the machines
//! of one connection.
//!
//! ```text
//!   client     settings, gate, input ──▶            ◀── slots, output
//!                                      (worker)
//!   upstream   duty, socket, failures  ──▶ queue: tickets, output
//! ```
//!
//! A client and an upstream do not know each other; only the worker knows both. What both use stands in
//! the files of this folder: tickets, slots, large values that flow, and the [`turn`].

pub mod action;
pub mod bounds;
pub mod cause;
pub mod client;
pub mod filter;
pub mod flow;
pub mod hold;
pub mod hub;
pub mod message;
pub mod scripts;
pub mod slot;
pub mod ticket;
pub mod transaction;
pub mod turn;
pub mod upstream;
