//! Sends a request to several servers in parts. Their replies are joined.
//!
//! ```text
//!   MGET a b c ──▶ shard 0: MGET b
//!                  shard 1: MGET a c     parts in the order of the shards, as twemproxy has it
//! ```

use super::forward::cause_of;
use super::{Exchange, OWNERS_KEPT};
use crate::base::ShardId;
use crate::command::{Join, Joining, Parts};
use crate::protocol::memcache::reply::FENCE;
use crate::proxy::link::cause::Cause;
use crate::proxy::link::ticket::{Care, Chore};
use crate::proxy::link::upstream::duty::Why;
use crate::proxy::link::upstream::peer::{self, Identity};
use crate::proxy::plan::{FanOut, Sending, To};
use crate::topology::{Intent, Reader, ShardState};

/// A part of the request, and the index of the upstream that it goes to.
struct Part {
    shard: ShardId,
    to: Result<usize, Cause>,
}

/// What ends every part.
struct Ends<'p> {
    tail: &'p [u8],
    behind: &'static [u8],
    sent: Sending,
}

impl Exchange<'_> {
    pub fn fan_out(&mut self, plan: FanOut<'_>) {
        let mut owners = std::mem::take(&mut self.turn.owners);
        let parts = match plan.to {
            To::Owners => self.parts_of_owners(&plan, &mut owners),
            To::All | To::InRing | To::One(_) => self.parts_of_whole(&plan),
        };
        let mut pieces = plan.pieces;
        if plan.to == To::Owners {
            for &part in &owners {
                let (before, piece) = pieces.next_piece();
                if let Ok(at) = parts[usize::from(part)].to {
                    let out = self.upstreams[at].tail(self.turn);
                    out.extend_from_slice(before);
                    out.extend_from_slice(piece);
                }
            }
        }
        let behind = if plan.behind.is_empty() { 0 } else { parts.len() as u16 };
        let joining = Joining::new(
            plan.join,
            Parts {
                count: parts.len() as u16 + behind,
                order: if plan.to == To::Owners { &owners } else { &[] },
                keys: plan.keys,
                names: self.names(plan.to, &parts),
                detail: plan.detail,
                hides_errors: self.pool.policy.hides_errors,
                is_mute: plan.sent.care == Care::Mute,
                is_write: plan.intent == Intent::Write || plan.join == Join::AllSucceeded,
            },
        );
        let number = self.client.expect_parts(self.turn, joining);
        self.turn.counters[self.pool.id.index()].fragments += parts.len() as u64;
        let ends = Ends { tail: pieces.tail(), behind: plan.behind, sent: plan.sent };
        for (at, part) in (0..).zip(parts) {
            self.end_part(&part, number, (at, behind + at), &ends);
        }
        if owners.capacity() <= OWNERS_KEPT {
            self.turn.owners = owners;
        }
    }

    /// Begins a part for each shard that owns a piece. Changes `owners` from the shard of each piece to
    /// its part.
    fn parts_of_owners(&mut self, plan: &FanOut<'_>, owners: &mut [u16]) -> Vec<Part> {
        let mut pieces_of = vec![0usize; self.pool.topology.shards.len()];
        for &owner in owners.iter() {
            pieces_of[usize::from(owner)] += 1;
        }
        let mut part_of = vec![0u16; pieces_of.len()];
        let mut parts = Vec::with_capacity(pieces_of.len().min(owners.len()));
        for (shard, &pieces) in pieces_of.iter().enumerate().filter(|(_, pieces)| **pieces > 0) {
            part_of[shard] = parts.len() as u16;
            let part = self.begin_part(plan, ShardId(shard as u16), pieces);
            // Parts are written in turns: two on one upstream would run into each other.
            debug_assert!(
                part.to.is_err() || parts.iter().all(|other: &Part| other.to != part.to),
                "each shard has an upstream of its own"
            );
            parts.push(part);
        }
        for owner in owners {
            *owner = part_of[usize::from(*owner)];
        }
        parts
    }

    /// Begins a part for each shard that the plan names, also for one that is out.
    fn parts_of_whole(&mut self, plan: &FanOut<'_>) -> Vec<Part> {
        let shards: Vec<ShardId> = match plan.to {
            To::One(shard) => vec![shard],
            To::InRing => {
                let topology = &self.pool.topology;
                let is_in = |shard: &ShardId| topology.shard(*shard).state != ShardState::Ejected;
                topology.shard_ids().filter(is_in).collect()
            }
            To::All | To::Owners => self.pool.topology.shard_ids().collect(),
        };
        shards.into_iter().map(|shard| self.begin_part(plan, shard, 0)).collect()
    }

    /// Writes the head of a part.
    fn begin_part(&mut self, plan: &FanOut<'_>, shard: ShardId, pieces: usize) -> Part {
        // What is about all keys is asked of the primary.
        let is_read = plan.to == To::Owners && plan.intent == Intent::Read;
        let reader = if is_read { self.reader() } else { Reader::PRIMARY };
        let place = self.pool.topology.place_read(Some(shard), reader);
        let to = place.map_err(cause_of).and_then(|placed| {
            if plan.is_alone() {
                self.upstream_alone(placed, Why::Reply)
            } else {
                self.upstream(placed)
            }
        });
        if let Ok(at) = to {
            if plan.sent.care == Care::Cursor {
                self.identify(at, plan.sent.command);
            }
            plan.pieces.write_head(self.upstreams[at].tail(self.turn), pieces);
        }
        Part { shard, to }
    }

    /// Ends a part and pushes its ticket; or fails it. `second`: the part of the request behind it.
    fn end_part(
        &mut self,
        Part { shard, to }: &Part,
        number: u32,
        (part, second): (u16, u16),
        Ends { tail, behind, sent }: &Ends<'_>,
    ) {
        match to {
            Ok(at) => {
                let out = self.upstreams[*at].tail(self.turn);
                out.extend_from_slice(tail);
                if sent.care.is_sent() {
                    out.extend_from_slice(FENCE);
                }
                self.push(*at, number, part, *sent);
                if !behind.is_empty() {
                    self.upstreams[*at].tail(self.turn).extend_from_slice(behind);
                    self.push(*at, number, second, *sent);
                }
            }
            Err(cause) => {
                let text = self.failure(Some(*shard), cause);
                self.client.handle_failure(self.turn, number, part, Some(&text));
                if !behind.is_empty() {
                    self.client.handle_failure(self.turn, number, second, Some(&text));
                }
            }
        }
    }

    /// Asks the server which one it is, before a request whose reply depends on it; once a socket.
    pub(super) fn identify(&mut self, at: usize, command: u16) {
        let upstream = &mut self.upstreams[at];
        if upstream.peer.identity != Identity::Unknown {
            return;
        }
        upstream.peer.identity = Identity::Asked;
        upstream.tail(self.turn).extend_from_slice(peer::QUESTION);
        self.push_chore(at, Chore::Identify, command);
    }

    /// The names of the parts' shards, for a reply or an error that shows them.
    fn names(&self, to: To, parts: &[Part]) -> Box<[Box<str>]> {
        if matches!(to, To::Owners | To::One(_)) {
            return Box::default();
        }
        let topology = &self.pool.topology;
        parts.iter().map(|part| topology.shard(part.shard).name.clone()).collect()
    }
}
