//! What a worker counts. Counters are plain additions where something happens; they are summed when
//! control asks for them.

pub mod counters;
pub mod counts;
