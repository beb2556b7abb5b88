//! The connections: those made to us and those we make. Plain data and the machines of one
//! connection; a client and an upstream do not know each other.

pub mod action;
pub mod bounds;
pub mod cause;
pub mod client;
pub mod flow;
pub mod hold;
pub mod slot;
pub mod ticket;
pub mod turn;
pub mod upstream;
