//! Without Sentinels: the server that says of itself that it is the primary.

use crate::cluster::{Cluster, PLAIN, Shape, Told};
use crate::history::Verdict;
use crate::sleep_ms;
use crate::takeovers::{GAP, SOON, crowd};
use nuthatch_testbed::RedisServer;
use std::time::Instant;

const CLIENTS: usize = 4;
const SHAPE: Shape<'static> = Shape { shards: 2, told: Told::ByServers, ..PLAIN };

fn promote(server: &RedisServer) {
    let mut client = server.client().unwrap();
    assert!(client.command(&["REPLICAOF", "NO", "ONE"]).unwrap().is_ok());
}

fn demote(server: &RedisServer, under: &RedisServer) {
    let port = under.port().to_string();
    let mut client = server.client().unwrap();
    assert!(client.command(&["REPLICAOF", "127.0.0.1", &port]).unwrap().is_ok());
}

#[test]
fn an_operator_promotes_the_replica_of_a_dead_primary() {
    let mut cluster = Cluster::start(&SHAPE);
    let crowd = crowd(&cluster, CLIENTS);
    sleep_ms(500);
    let (struck, port) = (Instant::now(), cluster.followed(0));
    cluster.servers[0][0].kill().unwrap();
    sleep_ms(500);
    promote(&cluster.servers[0][1]);
    let took = cluster.await_successor(0, port, SOON);
    sleep_ms(500);
    let verdict = Verdict::of(&crowd.finish());
    verdict.tell(&format!("promoted by hand, followed after {took:?}"));
    verdict.is_good(CLIENTS, struck.checked_sub(GAP).unwrap());
}

/// Two primaries: nobody knows which one is meant until ours is demoted, so the other one gets nothing.
#[test]
fn two_primaries_at_once() {
    let mut cluster = Cluster::start(&SHAPE);
    let crowd = crowd(&cluster, CLIENTS);
    sleep_ms(500);
    let (ours, other) = (cluster.servers[0][0].port(), cluster.servers[0][1].port());
    promote(&cluster.servers[0][1]);
    let split = Instant::now();
    sleep_ms(100);
    let calls = || {
        let server = &cluster.servers[0][1];
        ["set", "get"].map(|command| server.calls(command).unwrap())
    };
    let before = calls();
    sleep_ms(2_500);
    assert_eq!(cluster.followed(0), ours);
    assert_eq!(calls(), before, "the other primary was asked");
    let log = cluster.proxy.process().log();
    assert!(log.contains("say that they are primaries"), "the log does not tell: {log}");
    demote(&cluster.servers[0][0], &cluster.servers[0][1]);
    let took = cluster.await_successor(0, ours, SOON);
    assert_eq!(cluster.followed(0), other);
    sleep_ms(500);
    let verdict = Verdict::of(&crowd.finish());
    verdict.tell(&format!("two primaries, followed after {took:?}"));
    // What the demoted one had alone is lost: since the split, which the operator made.
    verdict.is_good(CLIENTS, split.checked_sub(GAP).unwrap());
    assert!(!verdict.lost.is_empty(), "nothing lost: the load did not reach the shard");
}
