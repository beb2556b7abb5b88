//! The proxy as a pure machine.
//!
//! There is no socket, clock, thread, file or unsafe here. The caller hands in bytes and the time,
//! and gets bytes and actions back. The rooms are listed in the order of a request's path. A room
//! uses only rooms listed before it (`cargo xtask tidy` checks this).
#![forbid(unsafe_code)]

pub mod base;
pub mod command;
#[doc(hidden)]
pub mod fuzz;
pub mod protocol;
pub mod proxy;
pub mod routing;
mod texts;
pub mod topology;
