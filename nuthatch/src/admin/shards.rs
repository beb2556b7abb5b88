//! The page `/shards`: who serves each shard since when, and how its replicas are.
//!
//! It is a document of its own: collectors take each object of the stats document for a pool or a server. Names
//! are values here and never members, so no name of an operator's can be in conflict with ours.

use crate::control::ShardStanding;
use crate::io::json_text;
use nuthatch_engine::proxy::ServerCounters;
use nuthatch_engine::topology::kinds::replicated::{Fault, ReplicaView, Sight};
use nuthatch_engine::topology::{PoolTopology, Reads, Shard, ShardState};
use std::fmt::Display;

/// A shard's part of the page.
pub struct ShardPart {
    pub name: String,
    pub state: ShardState,
    pub primary: String,
    pub standing: ShardStanding,
    pub replicas: Vec<ReplicaPart>,
}

pub struct ReplicaPart {
    pub address: String,
    pub is_good: bool,
    /// Why nothing is read from it, if it is well by what was heard of it.
    otherwise: &'static str,
    /// What was heard of it, if it was asked.
    pub view: Option<ReplicaView>,
    /// What it did as a replica.
    pub counters: ServerCounters,
}

impl ShardPart {
    /// `reads`: what servers did as replicas, indexed by server.
    pub fn new(
        topology: &PoolTopology,
        shard: &Shard,
        standing: &ShardStanding,
        reads: &[ServerCounters],
    ) -> ShardPart {
        let failover = topology.spec.failover.as_ref();
        let otherwise = match failover.map(|failover| failover.reads) {
            Some(Reads::Nearest) => "another server is nearer, or requests to it failed",
            _ => "requests to it failed",
        };
        let replicas = shard.replicas.iter().filter_map(|replica| {
            let address = &topology.server(replica.server)?.address;
            let views = &standing.watched.replicas;
            Some(ReplicaPart {
                address: address.to_string(),
                is_good: replica.is_good,
                otherwise,
                view: views.iter().find(|view| view.address == *address).cloned(),
                counters: reads.get(replica.server.index()).copied().unwrap_or_default(),
            })
        });
        ShardPart {
            name: shard.name.to_string(),
            state: shard.state,
            primary: topology
                .server(shard.primary)
                .map(|it| it.address.to_string())
                .unwrap_or_default(),
            standing: standing.clone(),
            replicas: replicas.collect(),
        }
    }
}

/// The page, in one line, with the line end.
pub fn render(pools: &[(String, Vec<ShardPart>)]) -> String {
    let pools = pools.iter().map(|(name, shards)| {
        object(&[("name", json_text(name)), ("shards", list(shards.iter().map(of_shard)))])
    });
    let mut page = object(&[("pools", list(pools))]);
    page.push('\n');
    page
}

fn of_shard(shard: &ShardPart) -> String {
    let ShardStanding { since_us, switches, last_switch, watched, .. } = &shard.standing;
    let state = match shard.state {
        ShardState::Live => "live",
        ShardState::Ejected => "ejected",
        ShardState::Down => "down",
    };
    let last_switch = last_switch.as_ref().map(|last| {
        object(&[
            ("at", last.at_us.to_string()),
            ("from", json_text(&last.from)),
            ("to", json_text(&last.to)),
            ("why", json_text(last.why.text())),
            ("sentinel_epoch", or_null(last.why.epoch())),
        ])
    });
    object(&[
        ("name", json_text(&shard.name)),
        ("state", json_text(state)),
        ("primary", json_text(&shard.primary)),
        ("since", since_us.to_string()),
        ("sentinel_epoch", or_null(watched.epoch)),
        ("two_primaries", watched.is_split.to_string()),
        ("switches", switches.to_string()),
        ("last_switch", or_null(last_switch)),
        ("replicas", list(shard.replicas.iter().map(of_replica))),
    ])
}

fn of_replica(replica: &ReplicaPart) -> String {
    let view = replica.view.as_ref();
    let (role, link) = match view.and_then(|view| view.sight.as_ref()) {
        None => (None, None),
        Some(Sight::Primary { .. }) => (Some("primary"), None),
        Some(Sight::Replica { link_is_up, .. }) => {
            (Some("replica"), Some(if *link_is_up { "up" } else { "down" }))
        }
    };
    let why = (!replica.is_good).then(|| {
        let fault = view.and_then(|view| view.fault).map(Fault::text);
        json_text(fault.unwrap_or(replica.otherwise))
    });
    let is_asked = view.is_none_or(|view| view.fault != Some(Fault::NotWanted));
    object(&[
        ("address", json_text(&replica.address)),
        ("good", or_null(is_asked.then_some(replica.is_good))),
        ("why_not", or_null(why)),
        ("role", or_null(role.map(json_text))),
        ("link", or_null(link.map(json_text))),
        ("lag_bytes", or_null(view.and_then(|view| view.lag_bytes))),
        ("lag_ms", or_null(view.and_then(|view| view.lag_s).map(|s| s * 1_000))),
        ("requests", replica.counters.requests.to_string()),
        ("responses", replica.counters.responses.to_string()),
    ])
}

fn or_null<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

fn object(members: &[(&str, String)]) -> String {
    let members = members.iter().map(|(name, value)| format!("{}:{value}", json_text(name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

fn list(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(", "))
}
