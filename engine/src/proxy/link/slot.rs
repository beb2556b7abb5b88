//! What a client is owed for one request.

use crate::command::Joined;

pub enum Slot {
    Waiting,
    Ready { start: usize, len: usize },
    Merging(Box<Joined>),
}
