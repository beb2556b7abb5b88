//! The numbers of the stats document: one table for pools, one for servers.
//!
//! The first rows are twemproxy's, in its order and with its descriptions: the document, the
//! reference page and `-D` walk them. Ours come after them. Our rows of a pool are the other counters
//! in the engine's table, so a new counter appears here without a change.

use nuthatch_engine::proxy::{COUNTERS, CounterRow, Counters, ServerCounters};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// The current value.
    Gauge,
    /// Microseconds since the epoch; 0 is never.
    Timestamp,
}

/// A number: its name, its meaning, and how to read it.
pub struct Row<T: 'static> {
    pub name: &'static str,
    pub about: &'static str,
    pub kind: Kind,
    pub read: fn(&T) -> u64,
}

const fn row<T>(
    name: &'static str,
    about: &'static str,
    kind: Kind,
    read: fn(&T) -> u64,
) -> Row<T> {
    Row { name, about, kind, read }
}

/// The data of a pool, over all workers.
#[derive(Clone, Debug, Default)]
pub struct PoolFacts {
    pub counters: Counters,
    pub ejects: u64,
    /// Of a pool with replicas.
    pub replicated: Option<Replicated>,
}

/// Numbers that only a pool with replicas has.
#[derive(Clone, Debug, Default)]
pub struct Replicated {
    pub switches: u64,
    pub reads_of_replicas: u64,
}

/// The data of a server, over all workers.
#[derive(Clone, Debug, Default)]
pub struct ServerFacts {
    pub counters: ServerCounters,
    pub ejected_at_us: u64,
    pub live: bool,
    /// Of a pool with replicas.
    pub replicas: Option<Replicas>,
}

/// Numbers that only a shard of a pool with replicas has.
#[derive(Clone, Debug, Default)]
pub struct Replicas {
    pub since_us: u64,
    pub count: u64,
    pub good: u64,
}

use Kind::{Counter, Gauge, Timestamp};

/// twemproxy's numbers of a pool, in its order.
pub static POOL_ROWS: [Row<PoolFacts>; 6] = [
    row("client_eof", "# eof on client connections", Counter, |p| p.counters.client_eof),
    row("client_err", "# errors on client connections", Counter, |p| p.counters.client_err),
    row("client_connections", "# active client connections", Gauge, |p| {
        p.counters.client_connections
    }),
    row("server_ejects", "# times backend server was ejected", Counter, |p| p.ejects),
    row("forward_error", "# times we encountered a forwarding error", Counter, |p| {
        p.counters.forward_error
    }),
    row("fragments", "# fragments created from a multi-vector request", Counter, |p| {
        p.counters.fragments
    }),
];

/// twemproxy's numbers of a server, in its order.
pub static SERVER_ROWS: [Row<ServerFacts>; 13] = [
    row("server_eof", "# eof on server connections", Counter, |s| s.counters.server_eof),
    row("server_err", "# errors on server connections", Counter, |s| s.counters.server_err),
    row("server_timedout", "# timeouts on server connections", Counter, |s| {
        s.counters.server_timedout
    }),
    row("server_connections", "# active server connections", Gauge, |s| {
        s.counters.server_connections
    }),
    row(
        "server_ejected_at",
        "timestamp when server was ejected in usec since epoch",
        Timestamp,
        |s| s.ejected_at_us,
    ),
    row("requests", "# requests", Counter, |s| s.counters.requests),
    row("request_bytes", "total request bytes", Counter, |s| s.counters.request_bytes),
    row("responses", "# responses", Counter, |s| s.counters.responses),
    row("response_bytes", "total response bytes", Counter, |s| s.counters.response_bytes),
    row("in_queue", "# requests in incoming queue", Gauge, |s| s.counters.in_queue),
    row("in_queue_bytes", "current request bytes in incoming queue", Gauge, |s| {
        s.counters.in_queue_bytes
    }),
    row("out_queue", "# requests in outgoing queue", Gauge, |s| s.counters.out_queue),
    row("out_queue_bytes", "current request bytes in outgoing queue", Gauge, |s| {
        s.counters.out_queue_bytes
    }),
];

/// Ours, at the end of a server's object.
pub static SERVER_ROWS_OURS: [Row<ServerFacts>; 2] = [
    row("server_connects", "# attempts to connect, failed ones too", Counter, |s| {
        s.counters.connects
    }),
    row("server_live", "1 while requests go to it, 0 while it is ejected", Gauge, |s| {
        u64::from(s.live)
    }),
];

/// Ours, at the end of a pool's object: what the engine counts and twemproxy did not.
pub fn pool_rows_ours() -> impl Iterator<Item = &'static CounterRow> {
    let is_ours = |ours: &&CounterRow| POOL_ROWS.iter().all(|row| row.name != ours.name);
    COUNTERS.iter().filter(is_ours).filter(|row| !row.is_of_replicas)
}

/// What the engine counts in pools with replicas only; after the others, and before `REPLICATED_ROWS`.
pub fn replicated_counters() -> impl Iterator<Item = &'static CounterRow> {
    COUNTERS.iter().filter(|row| row.is_of_replicas)
}

/// The last members of a pool with replicas.
pub static REPLICATED_ROWS: [Row<Replicated>; 2] = [
    row("reads_of_replicas", "reads that replicas answered", Counter, |r| r.reads_of_replicas),
    row("primary_switches", "times a shard got another primary", Counter, |r| r.switches),
];

/// The last members of a server of a pool with replicas.
pub static REPLICAS_ROWS: [Row<Replicas>; 3] = [
    row(
        "primary_since",
        "timestamp when its server became the primary, or the start, in usec since epoch",
        Timestamp,
        |r| r.since_us,
    ),
    row("replicas", "# replicas", Gauge, |r| r.count),
    row("replicas_good", "# replicas that can be read", Gauge, |r| r.good),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_described() {
        let mut pool: Vec<_> = POOL_ROWS.iter().map(|row| (row.name, row.about)).collect();
        let counters = pool_rows_ours().chain(replicated_counters());
        pool.extend(counters.map(|row| (row.name, row.about)));
        assert_eq!(pool.len(), COUNTERS.len() + 1, "`server_ejects` is control's");
        pool.extend(REPLICATED_ROWS.iter().map(|row| (row.name, row.about)));
        let servers = SERVER_ROWS.iter().chain(&SERVER_ROWS_OURS);
        let mut server: Vec<_> = servers.map(|row| (row.name, row.about)).collect();
        server.extend(REPLICAS_ROWS.iter().map(|row| (row.name, row.about)));
        for rows in [&mut pool, &mut server] {
            assert!(rows.iter().all(|(_, about)| !about.is_empty()));
            let before = rows.len();
            rows.sort_unstable();
            rows.dedup_by_key(|row| row.0);
            assert_eq!(rows.len(), before);
        }
    }

    /// Every counter of the engine is shown: each field has another value, and each row reads one.
    #[test]
    fn a_servers_rows_read_different_fields() {
        let counters = ServerCounters {
            server_eof: 1,
            server_err: 2,
            server_timedout: 3,
            connects: 4,
            requests: 5,
            request_bytes: 6,
            responses: 7,
            response_bytes: 8,
            server_connections: 9,
            sockets: 0,
            in_queue: 10,
            in_queue_bytes: 11,
            out_queue: 12,
            out_queue_bytes: 13,
        };
        let facts = ServerFacts { counters, ejected_at_us: 14, live: true, replicas: None };
        let rows = SERVER_ROWS.iter().map(|row| (row.read)(&facts));
        assert_eq!(rows.collect::<Vec<_>>(), [1, 2, 3, 9, 14, 5, 6, 7, 8, 10, 11, 12, 13]);
        let ours = SERVER_ROWS_OURS.iter().map(|row| (row.read)(&facts));
        assert_eq!(ours.collect::<Vec<_>>(), [4, 1]);
    }
}
