//! Acknowledged writes over the death of a primary: what a replica had confirmed stays, and a proxy loses no
//! more than a client that follows the Sentinels by itself.

use crate::cluster::{Cluster, PLAIN, name};
use crate::crowd::{Crowd, Way};
use crate::history::Verdict;
use crate::takeovers::{GAP, SOON};
use crate::{rounds, sleep_ms};
use nuthatch_testbed::RedisSentinel;
use std::time::Instant;

const CLIENTS: usize = 4;

#[test]
fn what_a_replica_confirmed_is_never_lost() {
    for _ in 0..rounds() {
        let [through, direct] = lose("killed", false, |it| it.servers[0][0].kill().unwrap());
        let failed = |verdict: &Verdict| verdict.failed.len() + verdict.unknown.len();
        assert!(failed(&through) < failed(&direct), "the proxy saves no request");
    }
}

/// The old primary lives, and what it takes is lost. The proxy leaves it when a Sentinel announces the promotion,
/// up to a second late; others when the Sentinels demote it, after eight.
#[test]
fn a_failover_that_is_ordered_loses_less_than_without_a_proxy() {
    for _ in 0..rounds() {
        let [through, direct] = lose("SENTINEL FAILOVER", true, |it| {
            let mut sentinel = it.sentinels[0].client().unwrap();
            assert!(sentinel.command(&["SENTINEL", "FAILOVER", &name(0)]).unwrap().is_ok());
        });
        let (lost, without) = (through.lost.len(), direct.lost.len());
        assert!(lost < without, "{lost} lost, {without} without a proxy");
    }
}

/// Clients through the proxy and clients that follow the Sentinels write to the same primary when this happens
/// to it. `old_lives`: it becomes a replica later.
fn lose(story: &str, old_lives: bool, strike: impl FnOnce(&mut Cluster)) -> [Verdict; 2] {
    let mut cluster = Cluster::start(&PLAIN);
    let ports = cluster.sentinels.iter().map(RedisSentinel::port).collect();
    let ways = [cluster.way(), Way::Sentinels(ports)];
    let crowds = ways.map(|way| Crowd::start(CLIENTS, &way, true));
    sleep_ms(1_000);
    let (old, struck) = (cluster.followed(0), Instant::now());
    strike(&mut cluster);
    cluster.await_successor(0, old, SOON);
    if old_lives {
        cluster.await_replicas(0, 1);
    }
    sleep_ms(1_500);
    let [through, direct] = crowds.map(|crowd| Verdict::of(&crowd.finish()));
    through.tell(&format!("{story}, with WAIT, through the proxy"));
    direct.tell(&format!("{story}, with WAIT, without a proxy "));
    let since = struck.checked_sub(GAP).unwrap();
    through.is_good(CLIENTS, since);
    direct.lost_little(since);
    assert!(through.safe > 20 && direct.safe > 20, "too little was confirmed to judge");
    [through, direct]
}
