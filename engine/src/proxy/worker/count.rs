//! A copy of what a worker has counted, for those who ask.

use super::Worker;
use crate::proxy::measure::counters::ServerCounters;
use crate::proxy::measure::counts::{PoolCounts, WorkerCounts};

impl Worker {
    /// One walk over the upstreams.
    pub fn count(&self) -> WorkerCounts {
        let counters = self.turn.counters.iter();
        let mut pools: Vec<PoolCounts> =
            counters.map(|&counters| PoolCounts { counters, servers: Vec::new() }).collect();
        for upstream in &self.upstreams {
            let servers = &mut pools[upstream.pool().index()].servers;
            let at = upstream.server().index();
            if servers.len() <= at {
                servers.resize(at + 1, ServerCounters::default());
            }
            servers[at].add(&upstream.count());
        }
        WorkerCounts { pools }
    }
}
