//! Properties of the director for every order of events. Reports, probes, answers and moves may come at
//! any time, about servers in the topology and about servers that have left.

use nuthatch_engine::base::{Epoch, PoolId, ServerId, ShardId, Time, WorkerId};
use nuthatch_engine::topology::{
    Ability, Address, Director, Eject, PoolSpec, Protocol, Report, ShardState, Sight, Snapshot,
    Wish,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const POOLS: u16 = 2;
const SHARDS: u16 = 3;

/// Something happens to a server of a pool, by number.
#[derive(Clone, Copy, Debug)]
enum Event {
    Report(u16, u16, Sight),
    Probed(u16, u16, bool),
    Answered(u16, u16, bool),
    Wanted(u16),
    Primary { pool: u16, shard: u16, address: u16 },
    Follow,
    Later(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let pool = || 0..=POOLS; // the last one does not exist
    let server = || 0..8u16;
    let sight = prop_oneof![
        4 => Just(Sight::Failed),
        1 => Just(Sight::Silent),
        1 => Just(Sight::Suspect),
        1 => Just(Sight::Closed),
        1 => Just(Sight::Answered),
    ];
    let event = prop_oneof![
        4 => (pool(), server(), sight).prop_map(|(pool, server, it)| Event::Report(pool, server, it)),
        2 => (pool(), server(), any::<bool>()).prop_map(|(p, s, ready)| Event::Probed(p, s, ready)),
        1 => (pool(), server(), any::<bool>()).prop_map(|(p, s, it)| Event::Answered(p, s, it)),
        1 => pool().prop_map(Event::Wanted),
        3 => (pool(), 0..=SHARDS, server())
            .prop_map(|(pool, shard, address)| Event::Primary { pool, shard, address }),
        1 => Just(Event::Follow),
        2 => (0..1500u64).prop_map(Event::Later),
    ];
    vec(event, 0..60)
}

fn address(port: u16) -> Address {
    Address::Tcp { host: "server".into(), port }
}

fn specs() -> Vec<Arc<PoolSpec>> {
    let pool = |(eject, protocol)| {
        let plain = PoolSpec::plain(protocol, (0..SHARDS).map(address));
        Arc::new(PoolSpec { eject, server_failure_limit: 2, ..plain })
    };
    [(Eject::Remap, Protocol::Redis), (Eject::FailFast, Protocol::Memcache)].map(pool).into()
}

fn happen(director: &mut Director, event: Event, now: &mut Time) {
    match event {
        Event::Report(pool, server, sight) => {
            let (pool, server) = (PoolId(pool), ServerId(server));
            director.handle_report(Report { pool, server, sight }, *now);
        }
        Event::Probed(pool, server, ready) => {
            director.handle_probe(PoolId(pool), ServerId(server), ready, *now);
        }
        Event::Answered(pool, server, resp3) => {
            let ability = Some(Ability { resp3, redis: None, valkey: None });
            director.handle_ability(PoolId(pool), ServerId(server), ability, *now);
        }
        Event::Wanted(pool) => director.handle_wanted(PoolId(pool), *now),
        Event::Primary { pool, shard, address: at } => {
            director.handle_primary(PoolId(pool), ShardId(shard), &address(at), *now);
        }
        Event::Follow => {
            let epoch = director.snapshot().epoch;
            director.handle_follow(WorkerId(0), epoch);
        }
        Event::Later(ms) => {
            *now = now.plus_ms(ms);
            if director.deadline().is_some_and(|at| at <= *now) {
                director.handle_deadline(*now);
            }
        }
    }
}

/// All servers that were ever in a topology, with their addresses.
type Known = BTreeMap<(PoolId, ServerId), Address>;

fn check(snapshot: &Snapshot, known: &mut Known) {
    assert_eq!(snapshot.pools().count(), usize::from(POOLS));
    for (id, pool) in snapshot.pools() {
        assert_eq!(pool.shards.len(), usize::from(SHARDS));
        for shard in &pool.shards {
            assert!(pool.server(shard.primary).is_some(), "{id:?}: {shard:?} has a server");
            let is_ejected = shard.state == ShardState::Ejected;
            assert!(
                !is_ejected || pool.spec.eject == Eject::Remap,
                "only a pool with remap ejects"
            );
        }
        for server in &pool.servers {
            let is_used = pool.shards.iter().any(|shard| shard.primary == server.id);
            assert!(is_used, "{id:?}: {server:?} is a primary");
            let address = known.entry((id, server.id)).or_insert_with(|| server.address.clone());
            assert_eq!(*address, server.address, "an id always has the same address");
        }
    }
}

proptest! {
    #[test]
    fn every_shard_has_a_server_and_every_change_is_an_epoch(events in events()) {
        let mut director = Director::new(&specs(), 1);
        let (mut now, mut known) = (Time::from_ms(1000), Known::new());
        let mut epoch = director.snapshot().epoch;
        check(&director.snapshot(), &mut known);
        for event in events {
            happen(&mut director, event, &mut now);
            director.check_invariants();
            while let Some(wish) = director.poll_wish() {
                if let Wish::Publish(snapshot) = wish {
                    epoch = epoch.next();
                    prop_assert_eq!(snapshot.epoch, epoch, "the next epoch");
                    check(&snapshot, &mut known);
                }
            }
            prop_assert_eq!(director.snapshot().epoch, epoch);
            prop_assert!(Epoch(1) <= director.followed() && director.followed() <= epoch);
        }
    }
}
