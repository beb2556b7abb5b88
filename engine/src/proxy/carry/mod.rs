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

use crate::base::Time;
use crate::command::{self, Command};
use crate::proxy::link::client::Client;
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::pool::Pool;
use crate::proxy::plan::decide::decide;
use crate::proxy::plan::{Facts, Head, Plan, Scratch};
use crate::topology::{AfterWrite, Placed, Reader, Reads};

/// The worker keeps its scratch space after a request of up to so many keys.
const OWNERS_KEPT: usize = 64 * 1024;

/// No turn takes longer, as a rule: its time is that of its beginning.
const TURN_MS: u64 = 100;

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
        // A request that is not cut gives its scratch space back here, a cut one in `fan_out`.
        if turn.owners.capacity() > OWNERS_KEPT && !matches!(plan, Plan::FanOut(_)) {
            turn.owners = Vec::new();
        }
        plan
    }

    /// Where the client's reads go now.
    #[inline(always)]
    pub fn reader(&mut self) -> Reader {
        let reads = self.client.settings.reads;
        if reads == Reads::Primary { Reader::PRIMARY } else { self.reader_of_replicas(reads) }
    }

    /// What a transaction is about is asked of the primary, and what the client has just written.
    #[cold]
    fn reader_of_replicas(&mut self, reads: Reads) -> Reader {
        let session = self.client.session.as_deref();
        let is_bound = session.is_some_and(|it| it.transaction.is_some() || it.watch.is_some());
        if is_bound || self.may_lack_writes() {
            return Reader::PRIMARY;
        }
        Reader { client: self.client.number(), reads }
    }

    /// Whether a replica may lack what this client has written.
    fn may_lack_writes(&mut self) -> bool {
        let (now, settings) = (self.turn.now, &self.client.settings);
        match self.pool.spec.failover.as_ref().map(|it| it.after_write) {
            None | Some(AfterWrite::Ms(0)) => false,
            Some(AfterWrite::Ms(ms)) => settings.wrote_at.plus_ms(u64::from(ms)) > now,
            // It may be done at any time.
            Some(AfterWrite::Auto) if settings.is_writing && self.client.owed() > 0 => true,
            Some(AfterWrite::Auto) => {
                let settings = &mut self.client.settings;
                if std::mem::take(&mut settings.is_writing) {
                    settings.wrote_at = now;
                }
                let wrote_at = settings.wrote_at;
                wrote_at > Time::ZERO && wrote_at.plus_ms(TURN_MS) >= self.pool.caught_up_at
            }
        }
    }

    /// The lane of the client's requests to a server.
    #[inline(always)]
    fn lane_to(&mut self, placed: Placed) -> u16 {
        if self.client.settings.reads == Reads::Primary {
            self.client.settings.lane
        } else {
            self.lane_of_replicas(placed)
        }
    }

    #[cold]
    fn lane_of_replicas(&mut self, placed: Placed) -> u16 {
        let lane = self.client.settings.lane;
        if self.pool.topology.shard(placed.shard).primary == placed.server {
            lane
        } else {
            self.pool.lane_of_reads(lane)
        }
    }

    /// A request that may write is sent: `read_after_write_ms` counts from it.
    #[inline(always)]
    pub fn note_sent(&mut self, command: u16) {
        if self.client.settings.reads != Reads::Primary {
            self.note_write(command);
        }
    }

    #[cold]
    fn note_write(&mut self, command: u16) {
        let row = command::by_index(usize::from(command));
        if !row.is_some_and(Command::is_read) {
            self.client.settings.wrote_at = self.turn.now;
            self.client.settings.is_writing = true;
        }
    }
}
