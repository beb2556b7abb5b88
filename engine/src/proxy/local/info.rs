//! INFO: what clients and tools read when they connect. The answer is about the whole pool.
//!
//! Some sections are ours alone. For the others every shard is asked, and `command/join/info.rs` joins
//! the fields. Numbers of clients are those of the worker that answers.

use super::connection;
use super::hello::redis_version;
use crate::command::info::{Asked, needs_servers};
use crate::command::{Command, Detail, Join, Pieces, info as join};
use crate::protocol::resp::Args;
use crate::proxy::carry::{Exchange, Taken};
use crate::proxy::link::ticket::Care;
use crate::proxy::plan::{FanOut, Sending, To};
use crate::topology::{Intent, ShardState};
use std::fmt::Write;

/// A section: its name in any case, and its lines.
struct Section {
    name: &'static str,
    write: fn(&Exchange<'_>, &mut String),
}

/// In the order in which Redis has them; ours comes last.
const SECTIONS: [Section; 13] = [
    Section { name: "Server", write: server },
    Section { name: "Clients", write: clients },
    Section { name: "Memory", write: |_, _| {} },
    Section { name: "Persistence", write: |_, _| {} },
    Section { name: "Stats", write: stats },
    Section { name: "Replication", write: replication },
    Section { name: "CPU", write: |_, _| {} },
    Section { name: "Modules", write: |_, _| {} },
    Section { name: "Commandstats", write: |_, _| {} },
    Section { name: "Errorstats", write: |_, _| {} },
    Section { name: "Cluster", write: cluster },
    Section { name: "Keyspace", write: |_, _| {} },
    Section { name: "Nuthatch", write: nuthatch },
];

/// Words that ask for more than one section.
const ALL: [&str; 2] = ["all", "everything"];
/// Sections that are shown only if they are asked for.
const EXTRA: [&str; 1] = ["Commandstats"];

/// Seconds in a day.
const DAY_S: u64 = 24 * 60 * 60;

pub fn info(x: &mut Exchange<'_>, command: &'static Command, args: &Args<'_>) -> Taken {
    if connection::must_wait_for_servers(x) {
        return Taken::NotYet;
    }
    let asked = |section: &&Section| {
        let is = |arg: &[u8], name: &str| arg.eq_ignore_ascii_case(name.as_bytes());
        let names = |arg: &[u8]| {
            is(arg, section.name)
                || ALL.iter().any(|all| is(arg, all))
                || (is(arg, "default") && !EXTRA.contains(&section.name))
        };
        (args.len() == 1 && !EXTRA.contains(&section.name)) || args.iter_from(1).any(names)
    };
    let sections = SECTIONS.iter().filter(asked).map(|section| {
        let mut text = String::new();
        (section.write)(x, &mut text);
        (section.name, text)
    });
    let asked = Asked { sections: sections.collect() };
    if !asked.sections.iter().any(|(name, _)| needs_servers(name)) {
        x.answer(|out| {
            join::write(out, &[], &asked);
        });
        return Taken::Yes;
    }
    let is_extra = asked.sections.iter().any(|(name, _)| EXTRA.contains(name));
    let bytes = if is_extra { ASK_ALL } else { ASK };
    let sent = Sending { command: command.index() as u16, care: Care::None };
    let plan = FanOut::new(To::All, Pieces::Whole { bytes }, Join::Info, (Intent::Read, sent));
    x.fan_out(FanOut { detail: Detail::Info(Box::new(asked)), ..plan });
    Taken::Yes
}

/// What each shard is asked.
const ASK: &[u8] = b"*1\r\n$4\r\nINFO\r\n";
const ASK_ALL: &[u8] = b"*2\r\n$4\r\nINFO\r\n$3\r\nall\r\n";

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

fn stats(x: &Exchange<'_>, text: &mut String) {
    let counters = &x.turn.counters[x.pool.id.index()];
    let received = counters.client_connections + counters.client_eof + counters.client_err;
    field(text, "total_connections_received", received);
}

/// For clients that look for a primary.
fn replication(_: &Exchange<'_>, text: &mut String) {
    field(text, "role", "master");
    field(text, "connected_slaves", 0);
    field(text, "master_failover_state", "no-failover");
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
    field(text, "db", x.client.settings.db);
    for (at, shard) in topology.shards.iter().enumerate() {
        let state = match shard.state {
            ShardState::Live => "live",
            ShardState::Ejected => "ejected",
            ShardState::Down => "down",
        };
        let server = topology.server(shard.primary);
        let address = server.map(|server| server.address.to_string()).unwrap_or_default();
        let (name, weight) = (&shard.name, shard.weight);
        let mut value = format!("name={name},server={address},weight={weight},state={state}");
        if x.pool.spec.failover.is_some() {
            let good = shard.replicas.iter().filter(|replica| replica.is_good).count();
            let _ = write!(value, ",replicas={},replicas_good={good}", shard.replicas.len());
        }
        field(text, &format!("shard{at}"), value);
    }
}
