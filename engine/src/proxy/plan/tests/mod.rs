//! Plans by examples: a request as a line, and its plan in short form.
//!
//! ```text
//!   forward get shard1                    to one server
//!   forward eval shard1 unchecked         other keys may have other owners
//!   forward set shard0 Mute               memcached, with its fence
//!   forward get down shard0, nowhere      that shard, or every shard, is out
//!   fan out mget to 0 1 0, InOrder Read   the owner of each key; `to all`, `to ring`, `to shard1`
//!   local Ping                            answered here
//!   refuse -ERR ... | counted             and `closes: why`, `MULTI Begin`, `MULTI End`
//!   when whole                            a head that is begun and does not flow
//! ```
//!
//! A pool has two shards. Shard 0 owns the keys `a`, `c` and the placeholder, shard 1 owns `b` and `d`.
//!
//! A row of a table is a request, its plan under modern manners and its plan under twemproxy manners;
//! `=` stands for the same plan.

mod memcache;
mod resp;
mod whole_pool;

use super::decide::decide;
use super::refusal::{Ending, Refusal};
use super::{Facts, FanOut, Forward, Head, Plan, Scratch, To};
use crate::base::Chance;
use crate::command::{self, memcache as lines};
use crate::proxy::link::ticket::Care;
use crate::routing::distribution;
use crate::texts;
use crate::topology::kinds::fixed;
use crate::topology::{
    Address, Manners, Out, Policy, PoolSpec, PoolTopology, Protocol, Reader, ShardState,
};
use std::sync::Arc;

const BOTH: [Manners; 2] = [Manners::Modern, Manners::Twemproxy];

/// What a decision depends on besides the request.
struct Asked {
    topology: PoolTopology,
    manners: Manners,
    is_authenticated: bool,
    is_barred: bool,
}

impl Asked {
    fn of(protocol: Protocol, manners: Manners) -> Asked {
        let topology = topology(protocol, "modula", [ShardState::Live; 2]);
        Asked { topology, manners, is_authenticated: true, is_barred: false }
    }

    /// Some shards are out.
    fn with_states(self, states: [ShardState; 2]) -> Asked {
        let topology = topology(self.topology.spec.protocol, "modula", states);
        Asked { topology, ..self }
    }

    fn decide(&self, head: Head<'_, '_>) -> String {
        let policy = Policy::of(self.manners);
        let facts = Facts {
            topology: &self.topology,
            policy: &policy,
            is_authenticated: self.is_authenticated,
            is_barred: self.is_barred,
            reader: Reader::PRIMARY,
        };
        let mut owners = vec![7; 3];
        let mut scratch = Scratch { chance: &mut Chance::new(1), owners: &mut owners };
        let plan = decide(head, &facts, &mut scratch);
        show(&plan, self.topology.spec.protocol, &owners)
    }
}

/// Compares the plans of the requests in `rows` with those in the table.
fn check(
    rows: &[(&str, &str, &str)],
    asked: impl Fn(Manners) -> Asked,
    plan: impl Fn(&Asked, &str) -> String,
) {
    for &(line, modern, twemproxy) in rows {
        let twemproxy = if twemproxy == "=" { modern } else { twemproxy };
        for (manners, want) in BOTH.into_iter().zip([modern, twemproxy]) {
            assert_eq!(plan(&asked(manners), line), want, "{line} under {manners:?}");
        }
    }
}

fn topology(protocol: Protocol, distribution: &str, states: [ShardState; 2]) -> PoolTopology {
    let addresses = ["one", "two"].map(|path| Address::Unix { path: path.into() });
    let distribution = distribution::by_name(distribution).unwrap();
    let spec = Arc::new(PoolSpec { distribution, ..PoolSpec::plain(protocol, addresses) });
    fixed::topology(&spec, &fixed::primaries(&spec), &states)
}

fn show(plan: &Plan<'_>, protocol: Protocol, owners: &[u16]) -> String {
    let name = |command: u16| match protocol {
        Protocol::Redis => command::by_index(usize::from(command)).unwrap().name,
        Protocol::Memcache => lines::COMMANDS[usize::from(command)].name,
    };
    let fenced = |care: Care| if care == Care::None { String::new() } else { format!(" {care:?}") };
    match plan {
        Plan::Forward(forward) | Plan::Call(forward, _) => {
            let Forward { place, sent, is_unchecked } = forward;
            let place = match place {
                Ok(placed) => format!("shard{}", placed.server.0),
                Err(Out::Down(shard)) => format!("down shard{}", shard.0),
                Err(Out::NoReplica(_)) => "no replica".to_owned(),
                Err(Out::NoneLive) => "nowhere".to_owned(),
            };
            let unchecked = if *is_unchecked { " unchecked" } else { "" };
            format!("forward {} {place}{unchecked}{}", name(sent.command), fenced(sent.care))
        }
        Plan::FanOut(FanOut { to, join, intent, sent, .. }) => {
            let to = match to {
                To::Owners => owners.iter().map(u16::to_string).collect::<Vec<_>>().join(" "),
                To::All => "all".to_owned(),
                To::InRing => "ring".to_owned(),
                To::One(shard) => format!("shard{}", shard.0),
            };
            let (name, care) = (name(sent.command), fenced(sent.care));
            format!("fan out {name} to {to}, {join:?} {intent:?}{care}")
        }
        Plan::Local(local, command) => format!("local {local:?} {}", command.name),
        Plan::Wait(forward) => {
            let place = forward
                .place
                .map_or_else(|out| format!("{out:?}"), |it| format!("shard{}", it.server.0));
            format!("wait {} {place}", name(forward.sent.command))
        }
        Plan::Acknowledge(join, sent) => format!("acknowledge {} {join:?}", name(sent.command)),
        Plan::Subscribe(subject) => format!("subscribe {subject:?}"),
        Plan::Listeners(command) => format!("listeners {}", command.name),
        Plan::Unsubscribe(subject) => format!("unsubscribe {subject:?}"),
        Plan::Publish(forward, subject) => {
            let place = forward
                .place
                .map_or_else(|out| format!("{out:?}"), |it| format!("shard{}", it.server.0));
            format!("publish {subject:?} {place}")
        }
        Plan::Transact(act, None) => format!("transact {act:?}"),
        Plan::Transact(act, Some(forward)) => {
            let place = forward
                .place
                .map_or_else(|out| format!("{out:?}"), |it| format!("shard{}", it.server.0));
            format!("transact {act:?} {place}")
        }
        Plan::LocalLine(local) => format!("local {local:?}"),
        Plan::Refuse(refusal) => show_refusal(refusal),
        Plan::WhenWhole => "when whole".to_owned(),
    }
}

fn show_refusal(refusal: &Refusal<'_>) -> String {
    let mut says = Vec::new();
    refusal.says.write(&mut says);
    let says = String::from_utf8_lossy(&says);
    let mut parts = vec![format!("refuse {}", says.trim_end()).trim_end().to_owned()];
    if refusal.is_counted {
        parts.push("counted".to_owned());
    }
    if let Some(Ending { why, command }) = &refusal.ends {
        parts.push(format!("closes: {}", command.as_deref().unwrap_or(why)));
    }
    parts.join(" | ")
}
