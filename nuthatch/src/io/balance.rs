//! How many clients each worker and each pool has, and whether one more is allowed. The only counters
//! that workers share. They change only when a client comes or goes.

use nuthatch_engine::base::{PoolId, WorkerId};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Shared by all workers. The numbers only steer; a stale one does no harm, hence `Relaxed`. Its size
/// is that of the start: a pool with a later id has no place here.
#[derive(Debug)]
pub struct Balance {
    workers: Vec<AtomicUsize>,
    /// Indexed by the ids of the pools that there were at the start.
    pools: Vec<AtomicUsize>,
    /// Clients of all pools.
    all: AtomicUsize,
    /// The most clients of all pools. The other files are for servers.
    room: usize,
    next_id: AtomicU64,
}

/// The limit for which a client is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Full {
    /// Its pool's `client_connections`.
    Pool,
    /// The limit of open files.
    Files { room: usize },
}

impl Balance {
    pub fn new(workers: usize, pools: usize, room: usize) -> Balance {
        let zeros = |n| (0..n).map(|_| AtomicUsize::new(0)).collect();
        Balance {
            workers: zeros(workers),
            pools: zeros(pools),
            all: AtomicUsize::new(0),
            room,
            next_id: AtomicU64::new(1),
        }
    }

    /// The worker for a client that `me` accepted: `me`, unless another has clearly fewer clients.
    /// To pass a client on costs a wake-up, too much for short connections.
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

    /// Counts a client and returns its id. Fails when the pool has `limit` clients already (0 is no
    /// limit), or when no file is left for clients.
    pub fn enter(&self, worker: WorkerId, pool: PoolId, limit: u32) -> Result<u64, Full> {
        let before = self.pools[pool.index()].fetch_add(1, Ordering::Relaxed);
        if limit > 0 && before >= limit as usize {
            self.pools[pool.index()].fetch_sub(1, Ordering::Relaxed);
            return Err(Full::Pool);
        }
        if self.all.fetch_add(1, Ordering::Relaxed) >= self.room {
            self.all.fetch_sub(1, Ordering::Relaxed);
            self.pools[pool.index()].fetch_sub(1, Ordering::Relaxed);
            return Err(Full::Files { room: self.room });
        }
        self.workers[worker.index()].fetch_add(1, Ordering::Relaxed);
        Ok(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    pub fn leave(&self, worker: WorkerId, pool: PoolId) {
        self.workers[worker.index()].fetch_sub(1, Ordering::Relaxed);
        self.pools[pool.index()].fetch_sub(1, Ordering::Relaxed);
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_clients_spread_over_two_workers_though_one_accepts_them_all() {
        let balance = Balance::new(2, 1, 1000);
        let me = WorkerId(0);
        for _ in 0..100 {
            let to = balance.place(me);
            assert!(balance.enter(to, PoolId(0), 0).is_ok());
        }
        let mine = balance.workers[0].load(Ordering::Relaxed);
        assert!((45..=55).contains(&mine), "{mine}");
    }

    #[test]
    fn a_single_short_connection_stays_with_the_worker_that_accepted_it() {
        let balance = Balance::new(8, 1, 1000);
        for _ in 0..10 {
            assert_eq!(balance.place(WorkerId(3)), WorkerId(3));
            assert!(balance.enter(WorkerId(3), PoolId(0), 0).is_ok());
            balance.leave(WorkerId(3), PoolId(0));
        }
    }

    #[test]
    fn each_pool_has_its_own_limit() {
        let balance = Balance::new(1, 2, 1000);
        assert!(balance.enter(WorkerId(0), PoolId(0), 1).is_ok());
        assert_eq!(balance.enter(WorkerId(0), PoolId(0), 1), Err(Full::Pool));
        assert!(balance.enter(WorkerId(0), PoolId(1), 1).is_ok());
        balance.leave(WorkerId(0), PoolId(0));
        assert!(balance.enter(WorkerId(0), PoolId(0), 1).is_ok());
    }

    #[test]
    fn all_pools_share_the_files() {
        let balance = Balance::new(2, 2, 2);
        assert!(balance.enter(WorkerId(0), PoolId(0), 0).is_ok());
        assert!(balance.enter(WorkerId(1), PoolId(1), 1).is_ok());
        assert_eq!(balance.enter(WorkerId(0), PoolId(0), 0), Err(Full::Files { room: 2 }));
        assert_eq!(balance.enter(WorkerId(0), PoolId(1), 1), Err(Full::Pool));
        balance.leave(WorkerId(1), PoolId(1));
        assert!(balance.enter(WorkerId(0), PoolId(1), 1).is_ok());
    }
}
