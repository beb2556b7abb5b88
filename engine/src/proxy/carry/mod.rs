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

use crate::command;
use crate::proxy::link::client::Client;
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::pool::Pool;
use crate::proxy::plan::decide::decide;
use crate::proxy::plan::{Facts, Forward, Head, Plan, Scratch};
use crate::topology::{Intent, Placed, Reader, Reads};

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
        let reader = self.reader();
        let Exchange { client, pool, turn, .. } = self;
        let facts = Facts {
            topology: &pool.topology,
            policy: &pool.policy,
            is_authenticated: client.settings.is_authenticated,
            is_barred: std::mem::take(&mut client.settings.is_barred),
            reader,
        };
        let mut scratch = Scratch { chance: &mut turn.chance, owners: &mut turn.owners };
        let plan = decide(head, &facts, &mut scratch);
        if reader.reads != Reads::Primary {
            note_write(client, turn, &plan);
        }
        // A request that is not cut gives its scratch space back here, a cut one in `fan_out`.
        if turn.owners.capacity() > OWNERS_KEPT && !matches!(plan, Plan::FanOut(_)) {
            turn.owners = Vec::new();
        }
        plan
    }

    /// Where the client's reads go now.
    #[inline]
    pub fn reader(&self) -> Reader {
        let reads = self.client.settings.reads;
        if reads == Reads::Primary { Reader::PRIMARY } else { self.reader_of_replicas(reads) }
    }

    /// What a transaction is about is asked of the primary, and what the client has just written.
    fn reader_of_replicas(&self, reads: Reads) -> Reader {
        let session = self.client.session.as_deref();
        let after_ms = self.pool.spec.failover.as_ref().map_or(0, |it| it.read_after_write_ms);
        let is_bound = session.is_some_and(|it| it.transaction.is_some() || it.watch.is_some())
            || after_ms > 0
                && self.client.settings.wrote_at.plus_ms(u64::from(after_ms)) > self.turn.now;
        if is_bound {
            return Reader::PRIMARY;
        }
        // Counted over all workers, from 1: each of them has a first client.
        Reader { client: self.client.origin().id.saturating_sub(1) as u32, reads }
    }

    /// The lane of the client's requests to a server.
    #[inline]
    fn lane_to(&mut self, placed: Placed) -> u16 {
        let lane = self.client.settings.lane;
        if placed.is_replica { self.pool.lane_of_reads(lane) } else { lane }
    }
}

/// A request that may write: `read_after_write_ms` counts from it.
fn note_write(client: &mut Client, turn: &Turn, plan: &Plan<'_>) {
    let writes = match plan {
        Plan::Forward(forward) => !is_read(forward),
        Plan::FanOut(fan_out) => fan_out.intent != Intent::Read,
        Plan::Call(forward, _) => !is_read(forward),
        Plan::Wait(_) | Plan::Transact(..) => true,
        _ => false,
    };
    if writes {
        client.settings.wrote_at = turn.now;
    }
}

fn is_read(forward: &Forward) -> bool {
    let row = command::by_index(usize::from(forward.sent.command));
    row.is_some_and(command::Command::is_read)
}
