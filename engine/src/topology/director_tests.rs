//! Examples for the director. `engine/tests/properties_topology.rs` tests all orders of events.

use super::*;
use crate::topology::{Failover, Reads, Release, Sight};

const POOL: PoolId = PoolId(0);
const S0: ServerId = ServerId(0);
const S1: ServerId = ServerId(1);
const S2: ServerId = ServerId(2);

fn address(server: u16) -> Address {
    Address::Tcp { host: format!("s{server}").into(), port: 6379 }
}

fn spec(shards: u16) -> Arc<PoolSpec> {
    Arc::new(PoolSpec {
        eject: Eject::Remap,
        ..PoolSpec::plain(Protocol::Redis, (0..shards).map(address))
    })
}

/// One pool of two shards.
fn director() -> Director {
    Director::new(&[spec(2)], 2)
}

fn ms(ms: u64) -> Time {
    Time::from_ms(ms)
}

fn fails(director: &mut Director, server: ServerId, now: Time) {
    director.handle_report(Report { pool: POOL, server, sight: Sight::Failed }, now);
}

fn moves(director: &mut Director, shard: u16, to: u16, now: Time) {
    director.handle_primary(POOL, ShardId(shard), &address(to), now);
}

/// The director's wishes as text. A snapshot is shown by its epoch.
fn wishes(director: &mut Director) -> Vec<String> {
    let text = |wish| match wish {
        Wish::Publish(snapshot) => format!("epoch {}", snapshot.epoch.0),
        Wish::Watch { server, .. } => format!("watch s{}", server.0),
        Wish::Probe { server, .. } => format!("probe s{}", server.0),
        Wish::Ask { server, .. } => format!("ask s{}", server.0),
        Wish::Note { shard, change, .. } => format!("shard{} {change:?}", shard.0),
    };
    std::iter::from_fn(|| director.poll_wish()).map(text).collect()
}

/// Each shard's primary and state.
fn shards(director: &Director) -> Vec<(ServerId, ShardState)> {
    let snapshot = director.snapshot();
    let pool = snapshot.pool(POOL).expect("is there");
    pool.shards.iter().map(|shard| (shard.primary, shard.state)).collect()
}

#[test]
fn an_ejection_and_a_move_do_not_undo_each_other() {
    use ShardState::{Ejected, Live};
    let mut director = director();
    fails(&mut director, S1, ms(1000));
    moves(&mut director, 0, 2, ms(1000));
    assert_eq!(shards(&director), [(S2, Live), (S1, Ejected)]);
    assert_eq!(wishes(&mut director), ["shard1 Ejected { failures: 1 }", "epoch 2", "epoch 3"]);
    // The readmission keeps the move, and the move back keeps the ejection.
    director.handle_deadline(ms(2000));
    director.handle_probe(POOL, S1, true, ms(2000));
    assert_eq!(shards(&director), [(S2, Live), (S1, Live)]);
    fails(&mut director, S1, ms(2001));
    moves(&mut director, 0, 0, ms(2001));
    assert_eq!(shards(&director), [(S0, Live), (S1, Ejected)]);
}

#[test]
fn a_new_primary_begins_without_failures() {
    let mut director = director();
    fails(&mut director, S0, ms(1000));
    director.handle_deadline(ms(2000));
    assert_eq!(shards(&director)[0], (S0, ShardState::Ejected));
    moves(&mut director, 0, 2, ms(2000));
    assert_eq!(shards(&director)[0], (S2, ShardState::Live));
    wishes(&mut director);
    // Late reports about the old primary do not count for the new one.
    fails(&mut director, S0, ms(2001));
    director.handle_probe(POOL, S0, false, ms(2001));
    director.handle_ability(POOL, S0, None, ms(2001));
    assert_eq!((wishes(&mut director).len(), director.deadline()), (0, None));
    moves(&mut director, 0, 0, ms(2002));
    assert_eq!(shards(&director)[0], (S0, ShardState::Live));
}

#[test]
fn each_change_is_an_epoch_and_without_a_change_there_is_none() {
    let mut director = director();
    moves(&mut director, 0, 0, ms(1));
    moves(&mut director, 7, 3, ms(1));
    director.handle_primary(PoolId(7), ShardId(0), &address(3), ms(1));
    director.handle_report(Report { pool: POOL, server: S0, sight: Sight::Answered }, ms(1));
    director.handle_report(Report { pool: POOL, server: S2, sight: Sight::Failed }, ms(1));
    director.handle_probe(POOL, S0, true, ms(1));
    assert_eq!((wishes(&mut director).len(), director.snapshot().epoch), (0, Epoch(1)));
    moves(&mut director, 0, 2, ms(2));
    moves(&mut director, 0, 2, ms(3));
    assert_eq!(wishes(&mut director), ["epoch 2"]);
    assert_eq!(director.snapshot().epoch, Epoch(2));
}

#[test]
fn an_id_always_has_the_same_address() {
    let mut director = director();
    for (at, want) in [(2, 2), (3, 3), (0, 0), (4, 4), (2, 2), (5, 5)] {
        moves(&mut director, 0, at, ms(1));
        assert_eq!(shards(&director)[0].0, ServerId(want), "of the server at s{at}");
    }
    let snapshot = director.snapshot();
    let pool = snapshot.pool(POOL).expect("is there");
    let servers: Vec<_> = pool.servers.iter().map(|it| (it.id.0, it.address.clone())).collect();
    assert_eq!(servers, [(1, address(1)), (5, address(5))]);
}

#[test]
fn shards_with_one_address_have_a_server_each() {
    let twice = PoolSpec::plain(Protocol::Redis, [address(0), address(0)]);
    let mut director = Director::new(&[Arc::new(twice)], 1);
    let primaries =
        |director: &Director| shards(director).iter().map(|it| it.0).collect::<Vec<_>>();
    assert_eq!(primaries(&director), [S0, S1]);
    moves(&mut director, 1, 2, ms(1));
    moves(&mut director, 1, 0, ms(1));
    assert_eq!(primaries(&director), [S0, S1]);
}

#[test]
fn a_shard_that_moves_to_the_address_of_another_has_a_server_of_its_own() {
    let mut director = director();
    moves(&mut director, 1, 0, ms(1));
    wishes(&mut director);
    fails(&mut director, S0, ms(2));
    assert_eq!(shards(&director), [(S0, ShardState::Ejected), (S2, ShardState::Live)]);
    assert_eq!(wishes(&mut director), ["shard0 Ejected { failures: 1 }", "epoch 3"]);
    assert!(!director.is_dark(POOL));
    fails(&mut director, S2, ms(3));
    assert!(director.is_dark(POOL));
}

#[test]
fn a_new_server_is_asked_if_its_pool_was_asked_before() {
    let old = Ability { resp3: false, redis: Some(Release([5, 0, 0])), valkey: None };
    let new = Ability { resp3: true, redis: Some(Release([7, 0, 0])), valkey: None };
    let common = |director: &Director| director.snapshot().pool(POOL).expect("is there").common;
    let mut director = director();
    moves(&mut director, 0, 2, ms(1));
    director.handle_deadline(ms(1));
    assert_eq!(wishes(&mut director), ["epoch 2"], "no client has asked");
    director.handle_wanted(POOL, ms(2));
    director.handle_deadline(ms(2));
    assert_eq!(wishes(&mut director), ["ask s1", "ask s2"]);
    director.handle_ability(POOL, S1, Some(new), ms(3));
    director.handle_ability(POOL, S2, Some(old), ms(3));
    assert_eq!(wishes(&mut director), ["epoch 3", "shard0 Resp2Only", "epoch 4"]);
    assert!(common(&director).settled);
    // The old server leaves, and its answer no longer counts.
    moves(&mut director, 0, 3, ms(4));
    assert_eq!((common(&director).settled, common(&director).resp3), (false, Some(true)));
    director.handle_deadline(ms(4));
    assert_eq!(wishes(&mut director), ["shard0 Resp3Again", "epoch 5", "ask s3"]);
}

#[test]
fn an_epoch_is_followed_when_all_workers_follow_it() {
    let mut director = director();
    assert_eq!(director.followed(), Epoch(1));
    moves(&mut director, 0, 2, ms(1));
    moves(&mut director, 0, 3, ms(1));
    director.handle_follow(WorkerId(0), Epoch(3));
    assert_eq!(director.followed(), Epoch(1));
    director.handle_follow(WorkerId(1), Epoch(2));
    assert_eq!(director.followed(), Epoch(2));
    director.handle_follow(WorkerId(1), Epoch(3));
    director.handle_follow(WorkerId(1), Epoch(2));
    director.handle_follow(WorkerId(9), Epoch(1));
    assert_eq!(director.followed(), Epoch(3));
}

#[test]
fn pool_ids_follow_the_order_of_the_file() {
    let director = Director::new(&[spec(1), spec(3)], 1);
    let snapshot = director.snapshot();
    let pools: Vec<_> = snapshot.pools().map(|(id, pool)| (id.0, pool.spec.shards.len())).collect();
    assert_eq!(pools, [(0, 1), (1, 3)]);
    assert!(snapshot.pool(PoolId(2)).is_none());
}

#[test]
fn replicas_are_asked_too() {
    let spec = PoolSpec {
        failover: Some(Arc::new(Failover::plain(1_000, Reads::Primary))),
        ..PoolSpec::plain(Protocol::Redis, [address(0)])
    };
    let (pool, now) = (POOL, ms(1));
    let mut director = Director::new(&[Arc::new(spec)], 1);
    director.handle_replicas(pool, ShardId(0), &[(address(1), true)], now);
    director.handle_wanted(pool, now);
    let ability = Ability { resp3: true, redis: None, valkey: None };
    for server in [S0, S1] {
        director.handle_ability(pool, server, Some(ability), now);
    }
    let snapshot = director.snapshot();
    let topology = snapshot.pool(pool).unwrap();
    assert!(topology.common.settled, "{:?}", topology.common);
    let replica = Replica { server: S1, is_good: true };
    assert_eq!(topology.shards[0].replicas, [replica]);
    // It becomes the primary, and the one before its replica.
    director.handle_primary(pool, ShardId(0), &address(1), now);
    director.handle_replicas(pool, ShardId(0), &[(address(0), false), (address(1), true)], now);
    let snapshot = director.snapshot();
    let shard = &snapshot.pool(pool).unwrap().shards[0];
    assert_eq!(shard.primary, S1);
    assert_eq!(shard.replicas, [Replica { server: S0, is_good: false }]);
}
