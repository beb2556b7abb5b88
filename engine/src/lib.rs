//! The proxy as a pure machine.
//!
//! No socket, clock, thread, file or unsafe lives here: bytes and time are handed in, bytes and
//! wishes come out. The rooms are listed in the order of a request's own path, and a room uses
//! only rooms listed before it (`cargo xtask tidy` checks).
#![forbid(unsafe_code)]

pub mod base;
pub mod command;
#[doc(hidden)]
pub mod fuzz;
pub mod protocol;
pub mod proxy;
pub mod routing;
pub mod topology;
