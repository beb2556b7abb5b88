//! Carries out plans, between one client and the upstreams of its pool.
//!
//! | file          | carries out                                                    |
//! |---------------|----------------------------------------------------------------|
//! | `forward.rs`  | a request for one server                                       |
//! | `fan_out.rs`  | a request for several servers, in parts                        |
//! | `block.rs`    | a block of a transaction                                       |
//! | `pin.rs`      | upstreams that one client has alone                            |
//! | `script.rs`   | EVAL, EVALSHA, and scripts that a server lacks                 |
//! | `upload.rs`   | a large request, which is sent while it still arrives          |
//! | `download.rs` | a large reply, which is passed on while it still arrives       |
//! | `wait.rs`     | commands that wait at their server                             |
//! | `answer.rs`   | refusals and failures                                          |
//!
//! Whether a request may be carried out is decided before, in `plan`.

pub mod answer;
pub mod block;
pub mod download;
pub mod fan_out;
pub mod forward;
pub mod pin;
pub mod script;
pub mod upload;
pub mod wait;

use crate::proxy::link::client::Client;
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::pool::Pool;
use crate::proxy::plan::decide::decide;
use crate::proxy::plan::{Facts, Head, Plan, Scratch};

/// The worker keeps its scratch space after a request of up to so many keys.
const OWNERS_KEPT: usize = 64 * 1024;

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

impl Exchange<'_> {
    /// Decides what becomes of a request.
    #[inline(always)]
    pub fn plan<'a>(&mut self, head: Head<'_, 'a>) -> Plan<'a> {
        let Exchange { client, pool, turn, .. } = self;
        let facts = Facts {
            topology: &pool.topology,
            policy: &pool.policy,
            is_authenticated: client.settings.is_authenticated,
            is_barred: std::mem::take(&mut client.settings.is_barred),
        };
        let mut scratch = Scratch { chance: &mut turn.chance, owners: &mut turn.owners };
        let plan = decide(head, &facts, &mut scratch);
        // A request that is not cut gives its scratch space back here, a cut one in `fan_out`.
        if turn.owners.capacity() > OWNERS_KEPT && !matches!(plan, Plan::FanOut(_)) {
            turn.owners = Vec::new();
        }
        plan
    }
}
