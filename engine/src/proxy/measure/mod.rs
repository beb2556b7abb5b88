//! What is counted.

pub mod counters;
pub mod counts;
