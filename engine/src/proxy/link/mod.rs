//! The connections: those made to us and those we make.

pub mod client;
pub mod turn;
pub mod upstream;
