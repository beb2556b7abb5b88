//! A worker's answer when control asks: a copy of its counters, and gauges that are read from its
//! upstreams at that moment. Gauges are not updated with each request, so they cannot drift.

use super::counters::{Counters, ServerCounters};
use crate::base::ServerId;

/// Everything one worker counted, or the sum over several.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WorkerCounts {
    /// Indexed by pool.
    pub pools: Vec<PoolCounts>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PoolCounts {
    pub counters: Counters,
    /// Indexed by server. A server without a request so far may be missing at the end.
    pub servers: Vec<ServerCounters>,
    /// The same of what servers do as replicas: reads, on connections of their own.
    pub reads: Vec<ServerCounters>,
}

/// Adds numbers to those of a server.
pub fn add_to(servers: &mut Vec<ServerCounters>, server: ServerId, more: &ServerCounters) {
    if servers.len() <= server.index() {
        servers.resize(server.index() + 1, ServerCounters::default());
    }
    servers[server.index()].add(more);
}

impl PoolCounts {
    /// Adds another worker's.
    fn add(&mut self, other: &PoolCounts) {
        self.counters.add(&other.counters);
        let lists = [(&mut self.servers, &other.servers), (&mut self.reads, &other.reads)];
        for (sum, of_other) in lists {
            for (at, server) in of_other.iter().enumerate() {
                add_to(sum, ServerId(at as u16), server);
            }
        }
    }
}

impl WorkerCounts {
    /// Adds another worker's.
    pub fn add(&mut self, other: &WorkerCounts) {
        if self.pools.len() < other.pools.len() {
            self.pools.resize_with(other.pools.len(), PoolCounts::default);
        }
        for (sum, pool) in self.pools.iter_mut().zip(&other.pools) {
            sum.add(pool);
        }
    }

    /// Connections to servers ever tried.
    pub fn connects(&self) -> u64 {
        self.servers().map(|server| server.connects).sum()
    }

    /// Connections to servers now, those being made included.
    pub fn sockets(&self) -> u64 {
        self.servers().map(|server| server.sockets).sum()
    }

    /// Clients ever accepted: each one is still here, or has left in one of two ways.
    pub fn accepted(&self) -> u64 {
        let ever = |c: &Counters| c.client_connections + c.client_eof + c.client_err;
        self.pools.iter().map(|pool| ever(&pool.counters)).sum()
    }

    /// Clients now.
    pub fn clients(&self) -> u64 {
        self.pools.iter().map(|pool| pool.counters.client_connections).sum()
    }

    fn servers(&self) -> impl Iterator<Item = &ServerCounters> {
        self.pools.iter().flat_map(|pool| pool.servers.iter().chain(&pool.reads))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_take_the_longer_list_of_servers() {
        let counts = |servers: usize| WorkerCounts {
            pools: vec![PoolCounts {
                counters: Counters { client_connections: 2, client_eof: 3, ..Counters::default() },
                servers: vec![ServerCounters { connects: 1, ..ServerCounters::default() }; servers],
                reads: vec![ServerCounters { connects: 1, ..ServerCounters::default() }],
            }],
        };
        let mut sum = WorkerCounts::default();
        for servers in [1, 3, 2] {
            sum.add(&counts(servers));
        }
        assert_eq!(sum.pools[0].servers.len(), 3);
        assert_eq!(sum.pools[0].servers[0].connects, 3);
        assert_eq!(sum.pools[0].reads[0].connects, 3);
        assert_eq!((sum.connects(), sum.accepted(), sum.clients()), (9, 15, 6));
    }
}
