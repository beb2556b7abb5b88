//! A worker follows snapshots. It acknowledges each once, adds new pools, and keeps pools that are
//! no longer in a snapshot.

use nuthatch_engine::base::{Epoch, PoolId, Time, WorkerId};
use nuthatch_engine::proxy::{Action, ConnId, Gathering, Order, Step, Worker};
use nuthatch_engine::topology::{Address, Director, PoolSpec, PoolTopology, Protocol, Snapshot};
use std::sync::Arc;

const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";

/// The topologies of two pools. The second pool has `preconnect`.
fn pools() -> Vec<(PoolId, Arc<PoolTopology>)> {
    let spec = |preconnect| {
        let address = Address::Unix { path: "one".into() };
        Arc::new(PoolSpec { preconnect, ..PoolSpec::plain(Protocol::Redis, [address]) })
    };
    let snapshot = Director::new(&[spec(false), spec(true)], 1).snapshot();
    snapshot.pools().map(|(id, pool)| (id, Arc::clone(pool))).collect()
}

fn snapshot(epoch: u64, pools: &[(PoolId, Arc<PoolTopology>)]) -> Snapshot {
    Snapshot::new(Epoch(epoch), pools.iter().cloned())
}

fn follow(worker: &mut Worker, epoch: u64, pools: &[(PoolId, Arc<PoolTopology>)]) {
    worker.handle_order(&Order::Follow(Arc::new(snapshot(epoch, pools))));
}

/// Ends the turn and begins another one; what the worker asked for.
fn actions(worker: &mut Worker) -> Vec<Action> {
    worker.finish_turn(Gathering::None);
    let mut actions = Vec::new();
    while let Some(step) = worker.poll() {
        if let Step::Act(action) = step {
            actions.push(action);
        }
    }
    worker.begin_turn(Time::from_ms(1));
    actions
}

/// The pools that the worker opens connections for when this client sends a request.
fn connects(worker: &mut Worker, client: ConnId) -> Vec<PoolId> {
    worker.handle_bytes(client, GET);
    let connect = |action| match action {
        Action::Connect { pool, .. } => Some(pool),
        _ => None,
    };
    actions(worker).into_iter().filter_map(connect).collect()
}

#[test]
fn each_epoch_is_acknowledged_once() {
    let pools = pools();
    let mut worker = Worker::new(WorkerId(0), 7, &snapshot(1, &pools));
    worker.begin_turn(Time::from_ms(1));
    actions(&mut worker);
    follow(&mut worker, 1, &pools);
    assert_eq!(actions(&mut worker), [], "it began with this one");
    follow(&mut worker, 3, &pools);
    follow(&mut worker, 2, &pools);
    assert_eq!(actions(&mut worker), [Action::Follow { epoch: Epoch(3) }]);
    assert_eq!(worker.epoch(), Epoch(3));
}

#[test]
fn a_new_pool_is_served_and_a_removed_pool_is_kept() {
    let pools = pools();
    let (one, two) = (PoolId(0), PoolId(1));
    let mut worker = Worker::new(WorkerId(0), 7, &snapshot(1, &pools[..1]));
    worker.begin_turn(Time::from_ms(1));
    let old = worker.handle_accept(one, 1, None);
    follow(&mut worker, 2, &pools);
    let made = actions(&mut worker);
    assert!(matches!(made[0], Action::Connect { pool: PoolId(1), .. }), "{made:?}");
    assert_eq!(made[1..], [Action::Follow { epoch: Epoch(2) }]);
    let new = worker.handle_accept(two, 2, None);
    assert_eq!(connects(&mut worker, new), [], "it is connected already");
    assert_eq!((worker.counters(two).client_connections, worker.count().pools.len()), (1, 2));

    follow(&mut worker, 3, &pools[1..]);
    assert_eq!(actions(&mut worker), [Action::Follow { epoch: Epoch(3) }]);
    assert_eq!(connects(&mut worker, old), [one]);
    worker.check_invariants();
}
