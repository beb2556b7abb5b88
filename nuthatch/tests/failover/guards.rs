//! Sentinels that are dead, stand still, or want to know who asks.

use crate::cluster::{Cluster, PLAIN, Shape, name};
use crate::history::Verdict;
use crate::takeovers::{GAP, SOON, crowd};
use crate::{beside_each_other, sleep_ms};
use nuthatch_testbed::{RedisSentinel, Value, poll_until};
use std::time::{Duration, Instant};

const CLIENTS: usize = 3;

/// The primary dies under load; the next one is followed.
fn dies_well(story: &str, mut cluster: Cluster) -> Cluster {
    cluster.await_replicas(0, 1);
    let crowd = crowd(&cluster, CLIENTS);
    sleep_ms(500);
    let struck = Instant::now();
    let took = cluster.kill_primary(0);
    sleep_ms(500);
    let verdict = Verdict::of(&crowd.finish());
    verdict.tell(&format!("{story}, followed after {took:?}"));
    verdict.is_good(CLIENTS, struck.checked_sub(GAP).unwrap());
    cluster
}

#[test]
fn sentinels_are_not_all_well() {
    beside_each_other(&[
        ("one_of_three_sentinels_is_dead", one_of_three_sentinels_is_dead),
        ("one_of_three_sentinels_stands_still", one_of_three_sentinels_stands_still),
        ("sentinels_and_servers_with_passwords", sentinels_and_servers_with_passwords),
        ("a_user_that_may_not_listen", a_user_that_may_not_listen),
        ("sentinels_that_tell_names", sentinels_that_tell_names),
        ("sentinels_are_reset", sentinels_are_reset),
        ("sentinels_refuse_the_password", sentinels_refuse_the_password),
    ]);
}

fn one_of_three_sentinels_is_dead() {
    let mut cluster = Cluster::start(&PLAIN);
    cluster.sentinels[0].kill().unwrap();
    dies_well("a dead Sentinel", cluster);
}

fn one_of_three_sentinels_stands_still() {
    let mut cluster = Cluster::start(&PLAIN);
    cluster.sentinels[1].pause().unwrap();
    let mut cluster = dies_well("a stopped Sentinel", cluster);
    // It wakes up and tells what was true before: we stay with the newer primary.
    let primary = cluster.followed(0);
    cluster.sentinels[1].resume().unwrap();
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        assert_eq!(cluster.followed(0), primary);
        sleep_ms(20);
    }
}

fn sentinels_and_servers_with_passwords() {
    let cluster = Cluster::start(&Shape {
        server_password: Some("of-the-servers"),
        sentinel_password: Some("of-the-sentinels"),
        ..PLAIN
    });
    let mut cluster = dies_well("passwords", cluster);
    let log = cluster.proxy.process().log();
    assert!(!log.contains("of-the-"), "a password in the log: {log}");
    // That of the servers would be refused.
    for sentinel in &mut cluster.sentinels {
        assert!(!sentinel.process().log().contains("of-the-servers"));
    }
}

/// The servers of the file are told by name, and are still the same servers.
fn sentinels_that_tell_names() {
    let announced: &[&str] = &["--replica-announce-ip", "localhost"];
    let mut cluster =
        Cluster::start(&Shape { by_name: true, replicas: &[announced, announced], ..PLAIN });
    let mut sentinel = cluster.sentinels[0].client().unwrap();
    let told = sentinel.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", &name(0)]).unwrap();
    let host = told.items().and_then(|items| items[0].text());
    assert_eq!(host.as_deref(), Some("localhost"), "nothing is tested");
    sleep_ms(2_000);
    let log = cluster.proxy.process().log();
    assert!(!log.contains("another primary"), "a server became its own successor: {log}");
    let mut cluster = dies_well("names", cluster);
    // The old one comes back, and is known as the one in the file.
    let first = cluster.followed(0);
    cluster.servers[0][0].restart().unwrap();
    cluster.await_replicas(0, 2);
    assert_eq!(cluster.followed(0), first);
}

/// They forget the replicas and each other, and find them again.
fn sentinels_are_reset() {
    let cluster = Cluster::start(&PLAIN);
    for sentinel in &cluster.sentinels {
        let reply = sentinel.client().unwrap().command(&["SENTINEL", "RESET", &name(0)]);
        assert_eq!(reply.unwrap(), Value::Integer(1));
    }
    let knows = |sentinel: &RedisSentinel, what: &str| {
        let reply = sentinel.client().unwrap().command(&["SENTINEL", what, &name(0)]).unwrap();
        reply.items().map_or(0, <[Value]>::len)
    };
    let is_found = || {
        let all = cluster.sentinels.iter();
        all.clone().all(|it| knows(it, "REPLICAS") == 1 && knows(it, "SENTINELS") == 2)
    };
    assert!(poll_until(Duration::from_secs(20), is_found), "they find nobody");
    dies_well("reset Sentinels", cluster);
}

/// Then the servers of the file are used, and the log says why.
fn sentinels_refuse_the_password() {
    let mut cluster = Cluster::start(&Shape {
        sentinel_password: Some("right"),
        keys: &[("sentinel_auth", "wrong")],
        ..PLAIN
    });
    let mut client = cluster.client();
    assert!(client.command(&["SET", "k", "v"]).unwrap().is_ok());
    let log = cluster.proxy.process().log();
    let refused = log.lines().filter(|line| line.contains("a Sentinel does not answer"));
    let refused: Vec<&str> = refused.collect();
    assert_eq!(refused.len(), 3, "once for each: {log}");
    assert!(refused.iter().all(|line| line.contains("WRONGPASS")), "{log}");
    assert!(!log.contains("error=wrong") && !log.contains("\"wrong\""), "a password: {log}");
}

/// Without events there is still the question that is asked once a second.
fn a_user_that_may_not_listen() {
    let user = "user watcher on >secret -@all +auth +ping +info +sentinel";
    let mut cluster = Cluster::start(&Shape {
        sentinel_lines: &[user],
        keys: &[("sentinel_user", "watcher"), ("sentinel_auth", "secret")],
        ..PLAIN
    });
    let log = cluster.proxy.process().log();
    assert!(log.contains("NOPERM"), "it may listen: nothing is tested: {log}");
    let before = cluster.followed(0);
    let mut sentinel = cluster.sentinels[2].client().unwrap();
    assert!(sentinel.command(&["SENTINEL", "FAILOVER", &name(0)]).unwrap().is_ok());
    let took = cluster.await_successor(0, before, SOON);
    println!("no events, followed after {took:?}");
    dies_well("no events", cluster);
}
