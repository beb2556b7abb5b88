//! A copy of what a worker has counted, for those who ask.

use super::Worker;
use crate::proxy::measure::counts::{PoolCounts, WorkerCounts, add_to};

impl Worker {
    /// One walk over the upstreams.
    pub fn count(&self) -> WorkerCounts {
        let mut pools: Vec<PoolCounts> = Vec::new();
        for (&counters, pool) in self.turn.counters.iter().zip(&self.pools) {
            let servers = pool.left_behind.clone();
            pools.push(PoolCounts { counters, servers, reads: Vec::new() });
        }
        for upstream in &self.upstreams {
            let pool = upstream.pool().index();
            let PoolCounts { servers, reads, .. } = &mut pools[pool];
            let is_read = self.pools[pool].lane_key(upstream.lane()).read_only;
            let of = if is_read { reads } else { servers };
            add_to(of, upstream.server(), &upstream.count());
        }
        WorkerCounts { pools }
    }
}
