//! Carrying a plan out: between one client and the upstreams of its pool.

pub mod answer;
pub mod download;
pub mod fan_out;
pub mod forward;
pub mod upload;

use crate::proxy::link::client::Client;
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::pool::Pool;

/// Everything that one request of a client touches.
pub struct Exchange<'a> {
    pub client: &'a mut Client,
    pub pool: &'a mut Pool,
    pub upstreams: &'a mut Vec<Upstream>,
    pub turn: &'a mut Turn,
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    Yes,
    /// It must wait until everything before it has been answered; offer it again then.
    NotYet,
}
