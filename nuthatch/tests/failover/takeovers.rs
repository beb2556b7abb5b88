//! A shard gets another primary, in every way there is.

use crate::cluster::{Cluster, PLAIN, Shape, name};
use crate::crowd::Crowd;
use crate::history::Verdict;
use crate::{beside_each_other, rounds, sleep_ms, valkey};
use nuthatch_testbed::{RedisSentinel, RedisServer, Value, poll_until};
use std::time::{Duration, Instant};

const CLIENTS: usize = 4;
/// Sentinels must agree first; if each votes for itself they wait for eight seconds. The proxy itself takes a
/// moment.
pub const SOON: Duration = Duration::from_secs(20);
/// Sentinels wait for eight seconds before they demote an old primary.
const DEMOTED: Duration = Duration::from_secs(20);
/// What the replica of a server that works on loopback may not have had yet.
pub const GAP: Duration = Duration::from_millis(300);

const TWO_SHARDS: Shape<'static> = Shape { shards: 2, ..PLAIN };

pub fn crowd(cluster: &Cluster, clients: usize) -> Crowd {
    Crowd::start(clients, &cluster.way(), false)
}

/// Clients ask while `strike` happens; all that is wrong with it fails the test. `unknown_max`: how many requests
/// may fail as of unknown outcome. Returns the verdict and how long the shard was without a primary.
fn play(
    story: &str,
    cluster: &mut Cluster,
    unknown_max: usize,
    strike: impl FnOnce(&mut Cluster),
) -> Verdict {
    let before = cluster.followed(0);
    let crowd = crowd(cluster, CLIENTS);
    sleep_ms(700);
    let struck = Instant::now();
    strike(cluster);
    let took = cluster.await_successor(0, before, SOON);
    sleep_ms(700);
    let verdict = Verdict::of(&crowd.finish());
    verdict.tell(&format!("{story}, followed after {took:?}"));
    verdict.is_good(unknown_max, struck.checked_sub(GAP).unwrap());
    verdict
}

#[test]
fn a_shard_gets_another_primary() {
    beside_each_other(&[
        ("a_primary_is_killed", a_primary_is_killed),
        ("sentinel_is_told_to_fail_over", sentinel_is_told_to_fail_over),
        ("a_primary_hands_over", a_primary_hands_over),
        ("a_stopped_primary_comes_back", a_stopped_primary_comes_back),
        ("two_primaries_die_one_after_the_other", two_primaries_die_one_after_the_other),
        ("a_replica_cannot_be_told", a_replica_cannot_be_told),
        ("a_rolling_restart", a_rolling_restart),
        ("valkeys_are_killed_and_hand_over", valkeys_are_killed_and_hand_over),
    ]);
}

fn a_primary_is_killed() {
    for _ in 0..rounds() {
        let mut cluster = Cluster::start(&TWO_SHARDS);
        play("killed", &mut cluster, CLIENTS, |it| it.servers[0][0].kill().unwrap());
    }
}

fn sentinel_is_told_to_fail_over() {
    for _ in 0..rounds() {
        let mut cluster = Cluster::start(&TWO_SHARDS);
        play("SENTINEL FAILOVER", &mut cluster, CLIENTS, |it| {
            let mut sentinel = it.sentinels[0].client().unwrap();
            let reply = sentinel.command(&["SENTINEL", "FAILOVER", &name(0)]).unwrap();
            assert!(reply.is_ok(), "{reply}");
        });
    }
}

/// The server hands over by itself: no connection closes, and it answers READONLY. It has waited for its replica,
/// so nothing is lost, and nothing fails.
fn a_primary_hands_over() {
    for _ in 0..rounds() {
        let mut cluster = Cluster::start(&TWO_SHARDS);
        let verdict = play("FAILOVER", &mut cluster, 0, |it| {
            let reply = it.servers[0][0].client().unwrap().command(&["FAILOVER"]).unwrap();
            assert!(reply.is_ok(), "{reply}");
        });
        assert!(verdict.lost.is_empty(), "{:?}", verdict.lost);
    }
}

/// As an operator updates servers: the replica first; then the primary hands over and is restarted.
fn a_rolling_restart() {
    let mut cluster = Cluster::start(&PLAIN);
    let ports: Vec<u16> = cluster.servers[0].iter().map(RedisServer::port).collect();
    let crowd = crowd(&cluster, CLIENTS);
    let began = Instant::now();
    cluster.servers[0][1].restart().unwrap();
    cluster.await_replicas(0, 1);
    let reply = cluster.server(0, ports[0]).client().unwrap().command(&["FAILOVER"]).unwrap();
    assert!(reply.is_ok(), "{reply}");
    cluster.await_successor(0, ports[0], SOON);
    // Sentinels must know of it, or they would make the old one the primary again.
    let knows =
        |sentinel: &RedisSentinel| sentinel.primary(&name(0)).is_ok_and(|it| it == ports[1]);
    let are_told = || cluster.sentinels.iter().all(knows);
    assert!(poll_until(DEMOTED * 3, are_told), "the Sentinels do not follow");
    let port = ports[1].to_string();
    cluster.servers[0][0].restart().unwrap();
    let words = ["REPLICAOF", "127.0.0.1", &port];
    assert!(cluster.servers[0][0].client().unwrap().command(&words).unwrap().is_ok());
    cluster.await_replicas(0, 1);
    assert_eq!(cluster.followed(0), ports[1]);
    let verdict = Verdict::of(&crowd.finish());
    verdict.tell("a rolling restart");
    // Sentinels close the connections of the server that they find promoted.
    verdict.is_good(CLIENTS, began.checked_sub(GAP).unwrap());
    assert!(verdict.lost.is_empty(), "{:?}", verdict.lost);
}

/// A Valkey that is no primary any more says so to reads too, if it was asked to.
fn valkeys_are_killed_and_hand_over() {
    let Some(program) = valkey() else { return };
    let shape = Shape { program: Some(&program), ..TWO_SHARDS };
    let mut cluster = Cluster::start(&shape);
    let verdict = play("FAILOVER of a Valkey", &mut cluster, 0, |it| {
        let reply = it.servers[0][0].client().unwrap().command(&["FAILOVER"]).unwrap();
        assert!(reply.is_ok(), "{reply}");
    });
    assert!(verdict.lost.is_empty(), "{:?}", verdict.lost);
    let asked = cluster.servers[0][1].calls("client|capa").unwrap();
    assert!(asked > 0, "no connection to the new primary asks it to answer REDIRECT");
    let mut cluster = Cluster::start(&shape);
    play("a Valkey killed", &mut cluster, CLIENTS, |it| it.servers[0][0].kill().unwrap());
}

/// The old primary wakes up, and believes for a while that it still is one: it gets nothing that was not on its
/// way before.
fn a_stopped_primary_comes_back() {
    for _ in 0..rounds() {
        let mut cluster = Cluster::start(&TWO_SHARDS);
        let crowd = crowd(&cluster, CLIENTS);
        sleep_ms(700);
        let (old, struck) = (cluster.followed(0), Instant::now());
        let gets = cluster.servers[0][0].calls("get").unwrap();
        let asked = Instant::now();
        cluster.servers[0][0].pause().unwrap();
        let asked_for = asked.elapsed();
        let took = cluster.await_successor(0, old, SOON);
        sleep_ms(300);
        cluster.servers[0][0].resume().unwrap();
        let woke = cluster.servers[0][0].calls("get").unwrap();
        let sets = cluster.servers[0][0].calls("set").unwrap();
        // Its own words, for as long as it takes itself for a primary: later ones come from the new primary.
        let mut polls = 0;
        let is_demoted = poll_until(DEMOTED, || {
            let server = &cluster.servers[0][0];
            let now = server.calls("set").unwrap();
            let is_primary = server.role().unwrap() == "master";
            if is_primary {
                assert_eq!(now, sets, "the old primary got a write");
                polls += 1;
            }
            !is_primary
        });
        assert!(is_demoted, "no Sentinel demotes the old primary");
        sleep_ms(500);
        // Reads are not replicated.
        assert_eq!(cluster.servers[0][0].calls("get").unwrap(), woke, "the old primary was read");
        assert_ne!(cluster.servers[0][0].port(), cluster.followed(0));
        let verdict = Verdict::of(&crowd.finish());
        verdict.tell(&format!("stopped, followed after {took:?}, {polls} looks at the old one"));
        verdict.is_good(CLIENTS, struck.checked_sub(GAP).unwrap());
        // Between our look and the stop it worked; then it had only what was on its way.
        let rate = verdict.requests as f64 / struck.elapsed().as_secs_f64();
        let more = (rate * asked_for.as_secs_f64()) as u64 * 2 + 2 * CLIENTS as u64 + 20;
        assert!(woke <= gets + more, "{gets} reads before, {woke} after");
    }
}

fn two_primaries_die_one_after_the_other() {
    for _ in 0..rounds() {
        let mut cluster = Cluster::start(&Shape { replicas: &[&[], &[]], ..PLAIN });
        let crowd = crowd(&cluster, CLIENTS);
        sleep_ms(500);
        let struck = Instant::now();
        let first = cluster.kill_primary(0);
        // The last replica follows the new primary.
        let port = cluster.followed(0);
        cluster.await_replicas(0, 1);
        // Sentinels hold a shard's next failover back, for twice `failover-timeout`, if it is not asked for.
        let mut sentinel = cluster.sentinels[1].client().unwrap();
        let is_begun = poll_until(2 * SOON, || {
            let words = ["SENTINEL", "FAILOVER", &name(0)];
            sentinel.command(&words).is_ok_and(|reply| reply.is_ok())
        });
        assert!(is_begun, "no second failover");
        cluster.server(0, port).kill().unwrap();
        let second = cluster.await_successor(0, port, SOON);
        sleep_ms(500);
        let verdict = Verdict::of(&crowd.finish());
        verdict.tell(&format!("two deaths, followed after {first:?} and {second:?}"));
        verdict.is_good(2 * CLIENTS, struck.checked_sub(GAP).unwrap());
    }
}

/// A replica does not do what Sentinels say, so the Sentinel that leads shows the old address in SENTINEL
/// MASTER until its failover has timed out. We follow long before.
fn a_replica_cannot_be_told() {
    let deaf: &[&str] = &["--rename-command", "SLAVEOF", "", "--replica-priority", "0"];
    for _ in 0..rounds() {
        let mut cluster = Cluster::start(&Shape { replicas: &[&[], deaf], ..PLAIN });
        let (old, next) = (cluster.servers[0][0].port(), cluster.servers[0][1].port());
        let crowd = crowd(&cluster, CLIENTS);
        sleep_ms(500);
        let struck = Instant::now();
        cluster.servers[0][0].kill().unwrap();
        cluster.await_successor(0, old, SOON);
        let took = struck.elapsed();
        assert_eq!(cluster.followed(0), next);
        let is_shown_still = cluster.sentinels.iter().any(|sentinel| {
            let fields = sentinel.client().unwrap().command(&["SENTINEL", "MASTER", &name(0)]);
            let fields = fields.unwrap();
            let texts: Vec<_> = fields.items().unwrap().iter().map(Value::text).collect();
            let at = texts.iter().position(|it| it.as_deref() == Some("port")).unwrap();
            texts[at + 1].as_deref() == Some(&*old.to_string())
        });
        assert!(is_shown_still, "the leader does not wait for the deaf replica: nothing is tested");
        sleep_ms(500);
        let verdict = Verdict::of(&crowd.finish());
        verdict.tell(&format!("a deaf replica, followed after {took:?}"));
        verdict.is_good(CLIENTS, struck.checked_sub(GAP).unwrap());
    }
}
