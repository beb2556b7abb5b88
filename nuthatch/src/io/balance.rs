//! How many clients everybody has. The only counters that workers share, touched when a client
//! comes or goes and at no other time.

use nuthatch_engine::base::{PoolId, WorkerId};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Shared by all workers. The numbers only steer; a stale one does no harm, hence `Relaxed`.
#[derive(Debug)]
pub struct Balance {
    workers: Vec<AtomicUsize>,
    pools: Vec<AtomicUsize>,
    next_id: AtomicU64,
}

impl Balance {
    pub fn new(workers: usize, pools: usize) -> Balance {
        let zeros = |n| (0..n).map(|_| AtomicUsize::new(0)).collect();
        Balance { workers: zeros(workers), pools: zeros(pools), next_id: AtomicU64::new(1) }
    }

    /// The worker that a client accepted by `me` goes to. `me`, unless another has clearly fewer:
    /// a hand-over costs a wake-up, which short connections should not pay.
    pub fn place(&self, me: WorkerId) -> WorkerId {
        let mine = self.workers[me.index()].load(Ordering::Relaxed);
        let (least, fewest) = self
            .workers
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .enumerate()
            .min_by_key(|&(_, count)| count)
            .unwrap_or((me.index(), mine));
        if mine > fewest + 1 + fewest / 16 { WorkerId(least as u16) } else { me }
    }

    /// Counts a client in. `None` when the pool has `limit` already; 0 is no limit.
    pub fn enter(&self, worker: WorkerId, pool: PoolId, limit: u32) -> Option<u64> {
        let before = self.pools[pool.index()].fetch_add(1, Ordering::Relaxed);
        if limit > 0 && before >= limit as usize {
            self.pools[pool.index()].fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        self.workers[worker.index()].fetch_add(1, Ordering::Relaxed);
        Some(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    pub fn leave(&self, worker: WorkerId, pool: PoolId) {
        self.workers[worker.index()].fetch_sub(1, Ordering::Relaxed);
        self.pools[pool.index()].fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_clients_spread_over_two_workers_though_one_accepts_them_all() {
        let balance = Balance::new(2, 1);
        let me = WorkerId(0);
        for _ in 0..100 {
            let to = balance.place(me);
            assert!(balance.enter(to, PoolId(0), 0).is_some());
        }
        let mine = balance.workers[0].load(Ordering::Relaxed);
        assert!((45..=55).contains(&mine), "{mine}");
    }

    #[test]
    fn a_lone_short_connection_stays_where_it_was_accepted() {
        let balance = Balance::new(8, 1);
        for _ in 0..10 {
            assert_eq!(balance.place(WorkerId(3)), WorkerId(3));
            assert!(balance.enter(WorkerId(3), PoolId(0), 0).is_some());
            balance.leave(WorkerId(3), PoolId(0));
        }
    }

    #[test]
    fn the_limit_is_a_pools_own() {
        let balance = Balance::new(1, 2);
        assert!(balance.enter(WorkerId(0), PoolId(0), 1).is_some());
        assert!(balance.enter(WorkerId(0), PoolId(0), 1).is_none());
        assert!(balance.enter(WorkerId(0), PoolId(1), 1).is_some());
        balance.leave(WorkerId(0), PoolId(0));
        assert!(balance.enter(WorkerId(0), PoolId(0), 1).is_some());
    }
}
