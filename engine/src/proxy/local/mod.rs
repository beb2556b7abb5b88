//! Requests that are answered here.

pub mod connection;
pub mod hello;
pub mod info;
