//! What touches the world: text to checked values, sockets, threads, signals. The engine decides.
//!
//! A room uses only rooms listed before it, and the engine.

#![warn(
    clippy::print_stderr,
    reason = "it panics where stderr is full or closed: cli/print.rs has `tell!`"
)]

pub mod admin;
pub mod cli;
pub mod config;
pub mod control;
pub mod io;
