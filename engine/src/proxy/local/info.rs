//! INFO: what clients and tools read when they connect. The answer is about the whole pool.
//!
//! Some libraries read a field without checking that it is there, so every field that all servers have
//! is here. Numbers that only servers know (keys, memory of the data set) are 0, since the proxy holds
//! no data. Numbers of clients are those of the worker that answers.

use super::hello;
use super::hello::redis_version;
use crate::protocol::resp::{Args, encode};
use crate::proxy::carry::{Exchange, Taken};
use crate::topology::ShardState;
use std::fmt::Write;

/// A section: its name in any case, and its lines.
struct Section {
    name: &'static str,
    write: fn(&Exchange<'_>, &mut String),
}

/// In the order in which Redis has them; ours comes last.
const SECTIONS: [Section; 8] = [
    Section { name: "Server", write: server },
    Section { name: "Clients", write: clients },
    Section { name: "Memory", write: memory },
    Section { name: "Persistence", write: persistence },
    Section { name: "Stats", write: stats },
    Section { name: "Replication", write: replication },
    Section { name: "Cluster", write: cluster },
    Section { name: "Nuthatch", write: nuthatch },
];

/// Words that ask for every section.
const EVERY: [&str; 3] = ["all", "default", "everything"];

/// Seconds in a day.
const DAY_S: u64 = 24 * 60 * 60;

pub fn info(x: &mut Exchange<'_>, args: &Args<'_>) -> Taken {
    if hello::must_wait_for_servers(x) {
        return Taken::NotYet;
    }
    let asked = |section: &Section| {
        let is = |arg: &[u8], name: &str| arg.eq_ignore_ascii_case(name.as_bytes());
        let names = |arg| is(arg, section.name) || EVERY.iter().any(|every| is(arg, every));
        args.len() == 1 || args.iter_from(1).any(names)
    };
    let mut text = String::new();
    for section in SECTIONS.iter().filter(|section| asked(section)) {
        let gap = if text.is_empty() { "" } else { "\r\n" };
        let _ = write!(text, "{gap}# {}\r\n", section.name);
        (section.write)(x, &mut text);
    }
    x.answer(|out| encode::bulk(out, text.as_bytes()));
    Taken::Yes
}

fn field(text: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = write!(text, "{name}:{value}\r\n");
}

fn server(x: &Exchange<'_>, text: &mut String) {
    let (identity, common) = (&x.turn.identity, &x.pool.topology.common);
    let uptime_s = x.turn.now.as_ms() / 1000;
    field(text, "redis_version", redis_version(common));
    if let Some(release) = common.valkey {
        field(text, "server_name", "valkey");
        field(text, "valkey_version", release);
    }
    field(text, "redis_mode", "standalone");
    field(text, "os", &identity.os);
    field(text, "arch_bits", usize::BITS);
    field(text, "process_id", identity.process_id);
    field(text, "run_id", &identity.run_id);
    let port = identity.ports.get(x.pool.id.index()).copied();
    field(text, "tcp_port", port.unwrap_or_default());
    field(text, "uptime_in_seconds", uptime_s);
    field(text, "uptime_in_days", uptime_s / DAY_S);
    field(text, "nuthatch_version", env!("CARGO_PKG_VERSION"));
}

fn clients(x: &Exchange<'_>, text: &mut String) {
    let counters = &x.turn.counters[x.pool.id.index()];
    field(text, "connected_clients", counters.client_connections);
    if x.pool.spec.client_connections > 0 {
        field(text, "maxclients", x.pool.spec.client_connections);
    }
    field(text, "blocked_clients", 0);
    field(text, "tracking_clients", 0);
}

fn memory(_: &Exchange<'_>, text: &mut String) {
    field(text, "used_memory", 0);
    field(text, "used_memory_human", "0B");
    field(text, "maxmemory", 0);
    field(text, "maxmemory_human", "0B");
}

fn persistence(_: &Exchange<'_>, text: &mut String) {
    field(text, "loading", 0);
    field(text, "async_loading", 0);
    field(text, "rdb_bgsave_in_progress", 0);
    field(text, "aof_enabled", 0);
}

fn stats(x: &Exchange<'_>, text: &mut String) {
    let counters = &x.turn.counters[x.pool.id.index()];
    let received = counters.client_connections + counters.client_eof + counters.client_err;
    field(text, "total_connections_received", received);
}

/// For clients that look for a primary.
fn replication(_: &Exchange<'_>, text: &mut String) {
    field(text, "role", "master");
    field(text, "connected_slaves", 0);
}

fn cluster(_: &Exchange<'_>, text: &mut String) {
    field(text, "cluster_enabled", 0);
}

fn nuthatch(x: &Exchange<'_>, text: &mut String) {
    let topology = &x.pool.topology;
    let live = topology.shards.iter().filter(|shard| shard.state == ShardState::Live).count();
    field(text, "pool", &x.pool.spec.name);
    field(text, "worker", x.turn.worker.0);
    field(text, "epoch", x.turn.epoch.0);
    field(text, "shards", topology.shards.len());
    field(text, "shards_live", live);
    field(text, "db", x.pool.spec.redis_db);
    for (at, shard) in topology.shards.iter().enumerate() {
        let state = match shard.state {
            ShardState::Live => "live",
            ShardState::Ejected => "ejected",
            ShardState::Down => "down",
        };
        let server = topology.server(shard.primary);
        let address = server.map(|server| server.address.to_string()).unwrap_or_default();
        let (name, weight) = (&shard.name, shard.weight);
        let value = format!("name={name},server={address},weight={weight},state={state}");
        field(text, &format!("shard{at}"), value);
    }
}
