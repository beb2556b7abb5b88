//! What a worker counts. Plain numbers that it alone writes; `control` asks for a copy.

/// A worker's counters for one pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    pub client_eof: u64,
    pub client_err: u64,
    pub client_connections: u64,
    pub clients_paused: u64,
    pub clients_stalled: u64,
    pub cursors_wide: u64,
    pub failover: FailoverCounters,
    pub forward_error: u64,
    pub fragments: u64,
    pub replies_streamed: u64,
    pub requests_local: u64,
    pub requests_refused: u64,
    pub requests_streamed: u64,
    pub requests_unchecked: u64,
    pub retrievals_partial: u64,
    pub scripts_reloaded: u64,
    pub subscribers_slow: u64,
    pub subscriptions_lost: u64,
    pub tombstones: u64,
    pub upstream_queue_full: u64,
}

/// The part of it that only pools with replicas count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FailoverCounters {
    pub reads_elsewhere: u64,
    pub requests_held: u64,
    pub requests_resent: u64,
}

/// A counter's name, what it says, and where it is.
pub struct CounterRow {
    pub name: &'static str,
    pub about: &'static str,
    pub read: fn(&Counters) -> u64,
    /// Only pools with replicas have it.
    pub is_of_replicas: bool,
}

const fn row(name: &'static str, about: &'static str, read: fn(&Counters) -> u64) -> CounterRow {
    CounterRow { name, about, read, is_of_replicas: false }
}

/// A row that only pools with replicas have.
const fn row_of_replicas(
    name: &'static str,
    about: &'static str,
    read: fn(&Counters) -> u64,
) -> CounterRow {
    CounterRow { is_of_replicas: true, ..row(name, about, read) }
}

/// Every counter of a pool, sorted by name.
pub static COUNTERS: [CounterRow; 22] = [
    row("client_connections", "clients now", |c| c.client_connections),
    row("client_eof", "clients that left in order", |c| c.client_eof),
    row("client_err", "clients that left by an error, theirs or our refusal", |c| c.client_err),
    row("clients_paused", "times a client was not read, its window or output being full", |c| {
        c.clients_paused
    }),
    row("clients_stalled", "clients closed for not reading their replies", |c| c.clients_stalled),
    row("cursors_wide", "SCAN cursors above 2^53, which JavaScript cannot hold", |c| {
        c.cursors_wide
    }),
    row("forward_error", "error replies made here because a server failed, one a request", |c| {
        c.forward_error
    }),
    row("fragments", "parts of commands that were split over servers", |c| c.fragments),
    row_of_replicas(
        "reads_elsewhere",
        "reads that a replica failed to answer, sent to another server",
        |c| c.failover.reads_elsewhere,
    ),
    row("replies_streamed", "large replies handed over as they came", |c| c.replies_streamed),
    row_of_replicas(
        "requests_held",
        "times a request waited since its shard had no primary",
        |c| c.failover.requests_held,
    ),
    row("requests_local", "requests answered here", |c| c.requests_local),
    row(
        "requests_refused",
        "requests that we would not take, whether or not the client stayed",
        |c| c.requests_refused,
    ),
    row_of_replicas(
        "requests_resent",
        "requests sent again, since a server refused them without doing them",
        |c| c.failover.requests_resent,
    ),
    row("requests_streamed", "large requests sent on as they came", |c| c.requests_streamed),
    row(
        "requests_unchecked",
        "commands over several servers sent to one (twemproxy manners)",
        |c| c.requests_unchecked,
    ),
    row(
        "retrievals_partial",
        "memcached: retrievals answered without the keys of a server that failed",
        |c| c.retrievals_partial,
    ),
    row("scripts_reloaded", "calls sent again, since the server had lost the script", |c| {
        c.scripts_reloaded
    }),
    row("subscribers_slow", "subscribers closed for not reading their messages", |c| {
        c.subscribers_slow
    }),
    row(
        "subscriptions_lost",
        "connections with subscriptions that were lost: messages may have been missed",
        |c| c.subscriptions_lost,
    ),
    row("tombstones", "requests that timed out on the wire", |c| c.tombstones),
    row("upstream_queue_full", "requests refused because an upstream's queue was full", |c| {
        c.upstream_queue_full
    }),
];

impl Counters {
    /// Adds another worker's.
    pub fn add(&mut self, other: &Counters) {
        self.client_eof += other.client_eof;
        self.client_err += other.client_err;
        self.client_connections += other.client_connections;
        self.clients_paused += other.clients_paused;
        self.clients_stalled += other.clients_stalled;
        self.cursors_wide += other.cursors_wide;
        self.failover.reads_elsewhere += other.failover.reads_elsewhere;
        self.failover.requests_held += other.failover.requests_held;
        self.failover.requests_resent += other.failover.requests_resent;
        self.forward_error += other.forward_error;
        self.fragments += other.fragments;
        self.replies_streamed += other.replies_streamed;
        self.requests_local += other.requests_local;
        self.requests_streamed += other.requests_streamed;
        self.requests_refused += other.requests_refused;
        self.requests_unchecked += other.requests_unchecked;
        self.retrievals_partial += other.retrievals_partial;
        self.scripts_reloaded += other.scripts_reloaded;
        self.subscribers_slow += other.subscribers_slow;
        self.subscriptions_lost += other.subscriptions_lost;
        self.tombstones += other.tombstones;
        self.upstream_queue_full += other.upstream_queue_full;
    }
}

/// A worker's counters for one server. The fields behind `response_bytes` are gauges: they are read
/// from the upstreams at the moment when control asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ServerCounters {
    pub server_eof: u64,
    pub server_err: u64,
    pub server_timedout: u64,
    /// Connections tried, with or without success.
    pub connects: u64,
    pub requests: u64,
    pub request_bytes: u64,
    pub responses: u64,
    pub response_bytes: u64,
    /// Connections that stand.
    pub server_connections: u64,
    /// The same, and those that are still connecting.
    pub sockets: u64,
    /// Requests that have not left whole, and their bytes.
    pub in_queue: u64,
    pub in_queue_bytes: u64,
    /// Requests that have left and whose reply has not come, late ones included.
    pub out_queue: u64,
    pub out_queue_bytes: u64,
}

impl ServerCounters {
    /// Adds another upstream's, or another worker's.
    pub fn add(&mut self, other: &ServerCounters) {
        self.server_eof += other.server_eof;
        self.server_err += other.server_err;
        self.server_timedout += other.server_timedout;
        self.connects += other.connects;
        self.requests += other.requests;
        self.request_bytes += other.request_bytes;
        self.responses += other.responses;
        self.response_bytes += other.response_bytes;
        self.server_connections += other.server_connections;
        self.sockets += other.sockets;
        self.in_queue += other.in_queue;
        self.in_queue_bytes += other.in_queue_bytes;
        self.out_queue += other.out_queue;
        self.out_queue_bytes += other.out_queue_bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_its_row_and_is_added() {
        assert!(COUNTERS.is_sorted_by(|a, b| a.name < b.name));
        // As many rows as fields, each field read by exactly one row and added by `add`.
        assert_eq!(size_of::<Counters>(), COUNTERS.len() * size_of::<u64>());
        let one = Counters {
            client_eof: 1,
            client_err: 2,
            client_connections: 3,
            clients_paused: 4,
            clients_stalled: 5,
            forward_error: 6,
            fragments: 7,
            requests_local: 8,
            requests_unchecked: 9,
            tombstones: 10,
            upstream_queue_full: 11,
            requests_refused: 12,
            retrievals_partial: 13,
            replies_streamed: 14,
            requests_streamed: 15,
            cursors_wide: 16,
            scripts_reloaded: 17,
            subscribers_slow: 18,
            subscriptions_lost: 19,
            failover: FailoverCounters {
                reads_elsewhere: 20,
                requests_held: 21,
                requests_resent: 22,
            },
        };
        let mut sum = one;
        sum.add(&one);
        let mut read: Vec<u64> = COUNTERS.iter().map(|row| (row.read)(&sum)).collect();
        read.sort_unstable();
        assert_eq!(read, (1..=22).map(|n| 2 * n).collect::<Vec<u64>>());
        assert!(COUNTERS.iter().all(|row| !row.about.is_empty()));
    }
}
