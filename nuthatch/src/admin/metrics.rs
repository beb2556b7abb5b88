//! The page `/metrics`, for Prometheus: the numbers of the stats document under the same names, by pool, shard
//! and server, and those of the process.
//!
//! ```text
//!   stats.rs, the engine's counters ──▶ nuthatch_NAME[_total]{pool}, nuthatch_server_NAME[_total]{pool,shard,server,role}
//!   the tables here                 ──▶ what the document has no word for
//! ```
//!
//! The number of series follows from the file: pools, shards and their servers, and never from clients or keys.

use super::exposition::{Exposition, Form, Labels, Number};
use super::process;
use super::stats::{
    Kind, POOL_ROWS, PoolFacts, REPLICATED_ROWS, Replicated, Row, SERVER_ROWS, SERVER_ROWS_OURS,
    ServerFacts, pool_rows_ours, replicated_counters,
};
use nuthatch_engine::proxy::Counters;

/// The whole proxy.
pub struct ProxyFacts {
    pub uptime_s: f64,
    pub workers: u64,
    pub workers_missing: u64,
    pub epoch: u64,
    pub is_ready: bool,
    pub connections: u64,
    pub connections_ever: u64,
    pub pools: Vec<PoolPart>,
}

pub struct PoolPart {
    pub name: String,
    pub facts: PoolFacts,
    /// All of its servers are out or fail.
    pub is_dark: bool,
    pub shards: Vec<ShardPart>,
}

pub struct ShardPart {
    pub name: String,
    pub facts: ShardFacts,
    pub servers: Vec<ServerPart>,
}

/// A shard as such, whoever serves it.
pub struct ShardFacts {
    pub is_live: bool,
    pub ejected_at_us: u64,
    pub since_us: u64,
    pub switches: u64,
    pub has_two_primaries: bool,
}

pub struct ServerPart {
    pub address: String,
    pub is_replica: bool,
    /// Requests go to it, or it may answer reads. `None`: a replica that is not asked whether it could.
    pub is_up: Option<bool>,
    pub lag_bytes: Option<u64>,
    pub lag_s: Option<u64>,
    /// What it did as a primary and as a replica; the second in pools with replicas.
    pub as_primary: ServerFacts,
    pub as_replica: Option<ServerFacts>,
}

/// A metric that the stats document has no word for. Its full name.
pub struct Metric<T: 'static> {
    pub name: &'static str,
    pub about: &'static str,
    pub kind: Kind,
    pub read: fn(&T) -> Option<Number>,
}

const fn metric<T>(
    name: &'static str,
    about: &'static str,
    kind: Kind,
    read: fn(&T) -> Option<Number>,
) -> Metric<T> {
    Metric { name, about, kind, read }
}

use Kind::{Counter, Gauge};

#[allow(clippy::unnecessary_wraps, reason = "the tables' readers return options")]
fn int(number: impl Into<u64>) -> Option<Number> {
    Some(Number::Int(number.into()))
}

#[allow(clippy::unnecessary_wraps, reason = "the tables' readers return options")]
fn seconds(microseconds: u64) -> Option<Number> {
    Some(Number::Float(microseconds as f64 / 1e6))
}

pub static PROXY: [Metric<ProxyFacts>; 7] = [
    metric("nuthatch_uptime_seconds", "time since the start", Gauge, |p| {
        Some(Number::Float(p.uptime_s))
    }),
    metric("nuthatch_workers", "threads that serve clients", Gauge, |p| int(p.workers)),
    metric(
        "nuthatch_workers_missing",
        "those that did not answer within a second; their last numbers are in the sums",
        Gauge,
        |p| int(p.workers_missing),
    ),
    metric(
        "nuthatch_topology_epoch",
        "how often a server, a pool or a shard's state has changed",
        Gauge,
        |p| int(p.epoch),
    ),
    metric("nuthatch_ready", "1 while /ready answers 200", Gauge, |p| int(p.is_ready)),
    metric(
        "nuthatch_connections",
        "open connections: clients, servers, listening sockets",
        Gauge,
        |p| int(p.connections),
    ),
    metric(
        "nuthatch_connections_opened_total",
        "the same since the start, attempts to connect too",
        Counter,
        |p| int(p.connections_ever),
    ),
];

pub static POOL: [Metric<PoolPart>; 1] =
    [metric("nuthatch_pool_dark", "1 while all servers of the pool are out or fail", Gauge, |p| {
        int(p.is_dark)
    })];

pub static SHARD: [Metric<ShardFacts>; 5] = [
    metric("nuthatch_shard_live", "1 while requests go to its primary", Gauge, |s| int(s.is_live)),
    metric(
        "nuthatch_shard_ejected_timestamp_seconds",
        "when it was ejected last; 0 is never",
        Gauge,
        |s| seconds(s.ejected_at_us),
    ),
    metric(
        "nuthatch_shard_primary_timestamp_seconds",
        "when its server became its primary, or the start",
        Gauge,
        |s| seconds(s.since_us),
    ),
    metric("nuthatch_shard_primary_switches_total", "times it got another primary", Counter, |s| {
        int(s.switches)
    }),
    metric(
        "nuthatch_shard_two_primaries",
        "1 while two servers say that they are primaries",
        Gauge,
        |s| int(s.has_two_primaries),
    ),
];

pub static SERVER: [Metric<ServerPart>; 3] = [
    metric(
        "nuthatch_server_up",
        "1 while requests go to it: to a primary that is not ejected, to a replica that can be read",
        Gauge,
        |s| s.is_up.and_then(int),
    ),
    metric(
        "nuthatch_server_lag_bytes",
        "how many bytes a replica is behind its primary",
        Gauge,
        |s| s.lag_bytes.map(Number::Int),
    ),
    metric(
        "nuthatch_server_lag_seconds",
        "how long ago its primary has heard of a replica",
        Gauge,
        |s| s.lag_s.map(Number::Int),
    ),
];

/// One of the stats document's numbers of a pool.
pub struct PoolRow {
    pub name: String,
    pub kind: Kind,
    pub about: &'static str,
    read: ReadPool,
}

enum ReadPool {
    Facts(fn(&PoolFacts) -> u64),
    Counters(fn(&Counters) -> u64),
    /// In pools with replicas only, as the next.
    CountersOfReplicas(fn(&Counters) -> u64),
    Replicated(fn(&Replicated) -> u64),
}

impl PoolRow {
    fn read(&self, facts: &PoolFacts) -> Option<u64> {
        match self.read {
            ReadPool::Facts(read) => Some(read(facts)),
            ReadPool::Counters(read) => Some(read(&facts.counters)),
            ReadPool::CountersOfReplicas(read) => {
                facts.replicated.as_ref().map(|_| read(&facts.counters))
            }
            ReadPool::Replicated(read) => facts.replicated.as_ref().map(read),
        }
    }
}

pub fn pool_rows() -> impl Iterator<Item = PoolRow> {
    let row = |name, kind, text, read| PoolRow {
        name: name_of("", name, kind),
        kind,
        about: about(text),
        read,
    };
    let theirs = POOL_ROWS.iter();
    let theirs = theirs.map(move |it| row(it.name, it.kind, it.about, ReadPool::Facts(it.read)));
    let ours = pool_rows_ours()
        .map(move |it| row(it.name, Counter, it.about, ReadPool::Counters(it.read)));
    let of_replicas = replicated_counters()
        .map(move |it| row(it.name, Counter, it.about, ReadPool::CountersOfReplicas(it.read)));
    let last = REPLICATED_ROWS
        .iter()
        .map(move |it| row(it.name, it.kind, it.about, ReadPool::Replicated(it.read)));
    theirs.chain(ours).chain(of_replicas).chain(last)
}

/// The same of a server. Times and states are the shard's.
pub fn server_rows() -> impl Iterator<Item = &'static Row<ServerFacts>> {
    let rows = SERVER_ROWS.iter().chain(&SERVER_ROWS_OURS);
    rows.filter(|row| row.kind != Kind::Timestamp && row.name != "server_live")
}

/// `nuthatch_NAME`, and `_total` behind it if it is a counter.
pub fn name_of(level: &str, name: &str, kind: Kind) -> String {
    let name = name.strip_prefix(level).unwrap_or(name);
    let total = if kind == Counter { "_total" } else { "" };
    format!("nuthatch_{level}{name}{total}")
}

/// twemproxy's texts begin with a sign for "number of".
pub fn about(text: &'static str) -> &'static str {
    text.trim_start_matches("# ")
}

/// The page.
pub fn render(facts: &ProxyFacts, form: Form) -> String {
    let mut page = Exposition::new(form);
    page.begin("nuthatch_build_info", Gauge, "always 1; its labels are the version");
    let version = env!("CARGO_PKG_VERSION");
    page.sample("nuthatch_build_info", &[("version", version)], Number::Int(1));
    for row in &PROXY {
        page.begin(row.name, row.kind, row.about);
        if let Some(number) = (row.read)(facts) {
            page.sample(row.name, &[], number);
        }
    }
    for (metric, number) in process::read() {
        page.begin(metric.name, metric.kind, metric.about);
        page.sample(metric.name, &[], number);
    }
    of_pools(&mut page, &facts.pools);
    of_shards(&mut page, &facts.pools);
    of_servers(&mut page, &facts.pools);
    page.end()
}

fn of_pools(page: &mut Exposition, pools: &[PoolPart]) {
    for row in &POOL {
        page.begin(row.name, row.kind, row.about);
        for pool in pools {
            if let Some(number) = (row.read)(pool) {
                page.sample(row.name, &[("pool", &pool.name)], number);
            }
        }
    }
    for row in pool_rows() {
        page.begin(&row.name, row.kind, row.about);
        for pool in pools {
            if let Some(number) = row.read(&pool.facts) {
                page.sample(&row.name, &[("pool", &pool.name)], Number::Int(number));
            }
        }
    }
}

fn of_shards(page: &mut Exposition, pools: &[PoolPart]) {
    for row in &SHARD {
        page.begin(row.name, row.kind, row.about);
        for pool in pools {
            for shard in &pool.shards {
                if let Some(number) = (row.read)(&shard.facts) {
                    let labels: Labels<'_> = &[("pool", &pool.name), ("shard", &shard.name)];
                    page.sample(row.name, labels, number);
                }
            }
        }
    }
}

fn of_servers(page: &mut Exposition, pools: &[PoolPart]) {
    let all: Vec<(&PoolPart, &ShardPart, &ServerPart)> = pools
        .iter()
        .flat_map(|pool| pool.shards.iter().map(move |shard| (pool, shard)))
        .flat_map(|(pool, shard)| shard.servers.iter().map(move |server| (pool, shard, server)))
        .collect();
    let sample = |page: &mut Exposition, name: &str, at: usize, role: &str, number: Number| {
        let (pool, shard, server) = all[at];
        let labels: Labels<'_> = &[
            ("pool", &pool.name),
            ("shard", &shard.name),
            ("server", &server.address),
            ("role", role),
        ];
        page.sample(name, labels, number);
    };
    for row in &SERVER {
        page.begin(row.name, row.kind, row.about);
        for (at, (.., server)) in all.iter().enumerate() {
            if let Some(number) = (row.read)(server) {
                let role = if server.is_replica { "replica" } else { "primary" };
                sample(page, row.name, at, role, number);
            }
        }
    }
    for row in server_rows() {
        let name = name_of("server_", row.name, row.kind);
        page.begin(&name, row.kind, about(row.about));
        for (at, (.., server)) in all.iter().enumerate() {
            sample(page, &name, at, "primary", Number::Int((row.read)(&server.as_primary)));
            if let Some(facts) = &server.as_replica {
                sample(page, &name, at, "replica", Number::Int((row.read)(facts)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn facts() -> ProxyFacts {
        let server = |address: &str, is_replica| ServerPart {
            address: address.to_owned(),
            is_replica,
            is_up: (!is_replica).then_some(true),
            lag_bytes: is_replica.then_some(7),
            lag_s: None,
            as_primary: ServerFacts::default(),
            as_replica: Some(ServerFacts::default()),
        };
        let shard = ShardPart {
            name: "s".to_owned(),
            facts: ShardFacts {
                is_live: true,
                ejected_at_us: 0,
                since_us: 1_500_000,
                switches: 2,
                has_two_primaries: false,
            },
            servers: vec![server("h:1", false), server("h:2", true)],
        };
        let replicated = Some(Replicated { switches: 2, reads_of_replicas: 3 });
        let pool = PoolPart {
            name: "p".to_owned(),
            facts: PoolFacts { replicated, ..PoolFacts::default() },
            is_dark: false,
            shards: vec![shard],
        };
        let plain = PoolPart {
            name: "plain".to_owned(),
            facts: PoolFacts::default(),
            is_dark: true,
            shards: Vec::new(),
        };
        ProxyFacts {
            uptime_s: 1.0,
            workers: 2,
            workers_missing: 0,
            epoch: 3,
            is_ready: true,
            connections: 4,
            connections_ever: 5,
            pools: vec![pool, plain],
        }
    }

    #[test]
    fn every_metric_is_there_once_in_both_forms() {
        for form in [Form::Classic, Form::OpenMetrics] {
            let page = render(&facts(), form);
            let families: Vec<&str> = page
                .lines()
                .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
                .collect();
            let unique: BTreeSet<&str> = families.iter().copied().collect();
            assert_eq!(unique.len(), families.len(), "a name twice: {families:?}");
            let helps = page.lines().filter(|line| line.starts_with("# HELP "));
            assert_eq!(helps.count(), families.len());
        }
        let page = render(&facts(), Form::Classic);
        for line in [
            "nuthatch_pool_dark{pool=\"plain\"} 1",
            "nuthatch_primary_switches_total{pool=\"p\"} 2",
            "nuthatch_shard_primary_timestamp_seconds{pool=\"p\",shard=\"s\"} 1.500000",
            "nuthatch_server_up{pool=\"p\",shard=\"s\",server=\"h:1\",role=\"primary\"} 1",
            "nuthatch_server_lag_bytes{pool=\"p\",shard=\"s\",server=\"h:2\",role=\"replica\"} 7",
            "nuthatch_server_eof_total{pool=\"p\",shard=\"s\",server=\"h:2\",role=\"replica\"} 0",
        ] {
            assert!(page.lines().any(|it| it == line), "no {line} in\n{page}");
        }
        // What is not known is absent.
        assert!(!page.contains("primary_switches_total{pool=\"plain\"}"), "{page}");
        assert!(!page.contains("server_up{pool=\"p\",shard=\"s\",server=\"h:2\""), "{page}");
    }
}
