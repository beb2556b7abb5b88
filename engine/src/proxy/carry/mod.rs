//! Carries out plans, between one client and the upstreams of its pool.
//!
//! | file          | carries out                                                    |
//! |---------------|----------------------------------------------------------------|
//! | `forward.rs`  | a request for one server                                       |
//! | `fan_out.rs`  | a request for several servers, in parts                        |
//! | `script.rs`   | EVAL, EVALSHA, and scripts that a server lacks                 |
//! | `upload.rs`   | a large request, which is sent while it still arrives          |
//! | `download.rs` | a large reply, which is passed on while it still arrives       |
//! | `answer.rs`   | refusals and failures                                          |
//!
//! Whether a request may be carried out is decided before, in `plan`.

pub mod answer;
pub mod download;
pub mod fan_out;
pub mod forward;
pub mod script;
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

/// Whether a request was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    Yes,
    /// It must wait until all earlier requests are answered. Offer it again then.
    NotYet,
}
