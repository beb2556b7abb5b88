//! Decides on SCAN: which shard its cursor names, and which shard comes after that one.
//!
//! ```text
//!   0 ──▶ the shard with the lowest number ──▶ ... ──▶ the one with the highest ──▶ 0
//! ```
//!
//! A shard that has left the pool is passed over. A shard that has joined is visited if its number is
//! still ahead: it had no key of the pool when the scan began. A MATCH that begins with a literal
//! hash tag asks only the owner of the tag.

use super::refusal::{Refusal, Says};
use super::{Facts, FanOut, Plan, Scratch, To, sending};
use crate::base::ShardId;
use crate::command::cursor::{Cursor, Step};
use crate::command::{Command, Detail, Join, Pieces};
use crate::protocol::resp::Args;
use crate::proxy::link::ticket::Care;
use crate::texts;
use crate::topology::{PoolTopology, ShardState};
use std::cell::Cell;

/// The end of a scan, without a key.
const END: &[u8] = b"*2\r\n$1\r\n0\r\n*0\r\n";

pub fn decide<'a>(
    command: &'static Command,
    args: &Args<'a>,
    facts: &Facts<'_>,
    scratch: &mut Scratch<'_>,
) -> Plan<'a> {
    let topology = facts.topology;
    let Ok(cursor) = Cursor::read(args.get(1).unwrap_or_default()) else {
        return Plan::Refuse(Refusal::error(texts::INVALID_CURSOR.as_bytes()).counted());
    };
    let (intent, mut sent) = sending(command);
    sent.care = Care::Cursor;
    let only = tag_of_match(args, topology).and_then(|tag| topology.owner(tag, scratch.chance));
    let (shard, cursor) = match (only, cursor) {
        (Some(owner), Some(cursor)) if scan_id(topology, owner) == cursor.shard => {
            (owner, Some(cursor))
        }
        (Some(owner), _) => (owner, None),
        (None, None) => match first_from(topology, 0) {
            Some(shard) => (shard, None),
            None => return Plan::Forward(facts.forward(None, (intent, sent))),
        },
        (None, Some(cursor)) => match first_from(topology, cursor.shard) {
            Some(shard) if scan_id(topology, shard) == cursor.shard => (shard, Some(cursor)),
            Some(shard) => (shard, None),
            None => return Plan::Refuse(Refusal::says(Says::Reply(END))),
        },
    };
    let id = scan_id(topology, shard);
    let next = match only {
        Some(_) => None,
        None => first_from(topology, id + 1).map(|next| scan_id(topology, next)),
    };
    let cursor = cursor.filter(|cursor| cursor.server > 0);
    let step = Step {
        shard: id,
        of: cursor.map(|cursor| cursor.tag),
        next,
        found: 0,
        is_wide: Cell::new(false),
    };
    let server = cursor.map_or(0, |cursor| cursor.server);
    let pieces = Pieces::Scan { cursor: server, rest: args.iter_from(2) };
    let plan = FanOut::new(To::One(shard), pieces, Join::Cursor, (intent, sent));
    Plan::FanOut(FanOut { detail: Detail::Cursor(step), ..plan })
}

fn scan_id(topology: &PoolTopology, shard: ShardId) -> u16 {
    topology.scan_ids[shard.index()]
}

/// The shard in the ring with the lowest number from `id` on.
fn first_from(topology: &PoolTopology, id: u16) -> Option<ShardId> {
    let in_ring =
        topology.shard_ids().filter(|&it| topology.shard(it).state != ShardState::Ejected);
    in_ring.filter(|&it| scan_id(topology, it) >= id).min_by_key(|&it| scan_id(topology, it))
}

/// The beginning of the pattern of MATCH, if it is a literal hash tag: every match has it.
fn tag_of_match<'a>(args: &Args<'a>, topology: &PoolTopology) -> Option<&'a [u8]> {
    let tag = topology.spec.hash_tag.filter(|_| topology.keys_have_owners())?;
    let mut options = args.iter_from(2);
    let mut pattern = None;
    // Every option of SCAN has a value. The last MATCH counts.
    while let (Some(name), Some(value)) = (options.next(), options.next()) {
        if name.eq_ignore_ascii_case(b"match") {
            pattern = Some(value);
        }
    }
    let pattern = pattern.filter(|it| it.first() == Some(&tag.open))?;
    let inner = tag.find(pattern)?;
    let is_literal = !inner.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'));
    is_literal.then(|| &pattern[..inner.len() + 2])
}
