//! Hosts that are gone without a word: no FIN, no RST, no ICMP, as after a power cut.
//!
//! ```text
//!   the world's network              the far host's network
//!   proxy, load, healthy server      redis-server, or clients
//!   10.77.0.1 ───────── veth ─────────── 10.77.0.2
//! ```
//!
//! A host vanishes when its address is taken away: what is sent to it still travels down the
//! cable (the neighbour's entry is permanent, so that no ARP gives it away) and is dropped there
//! in silence. Given back its address, it goes on as after a break in the network, connections
//! and all. A host that was switched off is another one, under the same address, that knows
//! nothing of them.

use super::{
    Victim, a_client_each, all_serve, at_rest, groups, in_own_world, is_at_rest_again, judge,
    proxy, witness,
};
use crate::world::far::{FAR, FarHost, NEAR, PORT, direct};
use nuthatch_testbed::{Outcome, Proxy, RedisServer, Trial, Value, find_program, poll_until};
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

const CALM: Duration = Duration::from_millis(300);
const TIMES: [(&str, &str); 3] =
    [("timeout", "300"), ("server_failure_limit", "3"), ("server_retry_timeout", "300")];

/// A healthy server here, one on the far host, a proxy before both.
struct Scene {
    _healthy: RedisServer,
    proxy: Proxy,
    /// Of the healthy one, of the far one.
    groups: Vec<Vec<String>>,
}

fn scene(keys: &[(&str, &str)]) -> Scene {
    let healthy = RedisServer::start().unwrap();
    let entries = [healthy.entry(1, "near"), format!("{FAR}:{PORT}:1 far")];
    let all: Vec<_> = TIMES.iter().chain(keys).copied().collect();
    let proxy = proxy("127.0.0.1:", &entries, &all, &[]);
    let groups = groups(&proxy, &mut [healthy.client().unwrap(), direct().unwrap()], 5);
    Scene { _healthy: healthy, proxy, groups }
}

fn late(outcome: &Outcome) -> bool {
    let whose = format!("(shard far, server {FAR}:{PORT})");
    let known = [
        "ERR Connection timed out",
        "MASTERDOWN Connection timed out",
        "MASTERDOWN Connection refused: the server is out until",
    ];
    matches!(outcome, Outcome::Failed(text)
        if known.iter().any(|known| text.starts_with(known)) && text.contains(&whose))
}

#[test]
fn a_servers_host_vanishes_and_comes_back() {
    in_own_world("vanishing::a_servers_host_vanishes_and_comes_back", || {
        for policy in ["off", "fail_fast"] {
            let far = FarHost::new();
            let _redis = far.redis();
            let Scene { _healthy, mut proxy, groups } = scene(&[("eject", policy)]);
            let witness = witness();
            let rest = at_rest(&mut proxy, &groups);
            let mut trial = Trial::start(&witness, &proxy, &groups).unwrap();
            sleep(CALM);
            trial.strike();
            far.vanish();
            // Beyond the patience of 4 timeouts: connections are given up, new ones are not made.
            sleep(Duration::from_millis(2500));
            far.appear();
            let there_again = trial.elapsed();
            let well = || all_serve(&proxy, &[&groups[1][0]]);
            assert!(poll_until(Duration::from_secs(15), well), "{policy}: it did not come back");
            let well_again = trial.elapsed();
            sleep(CALM);
            let seen = trial.finish();
            // Nothing was lost: the server itself never failed.
            let failed = judge(&seen, Some(&Victim { group: 1, there_again }), late);
            assert!(failed > 0, "{policy}: nobody noticed");
            let late_ones = seen.samples.iter().filter(|s| s.at > well_again);
            assert!(late_ones.clone().all(|s| s.outcome == Outcome::Good), "{policy}");
            is_at_rest_again(&mut proxy, &groups, rest);
        }
    });
}

#[test]
fn a_servers_host_is_switched_off_and_on_while_nobody_asks() {
    in_own_world("vanishing::a_servers_host_is_switched_off_and_on_while_nobody_asks", || {
        let far = FarHost::new();
        let redis = far.redis();
        let Scene { _healthy, mut proxy, groups } = scene(&[("eject", "off")]);
        let witness = witness();
        let rest = at_rest(&mut proxy, &groups);
        let healthy = std::slice::from_ref(&groups[0]);
        let mut trial = Trial::start(&witness, &proxy, healthy).unwrap();
        sleep(CALM);
        trial.strike();
        far.vanish();
        // It dies unheard, and another stands in its place that knows no connection of old.
        drop((redis, far));
        let far = FarHost::new();
        let _redis = far.redis();
        // Connections of old are found to be none by the first who asks: one a worker at the most.
        for client in &mut a_client_each(&proxy) {
            let replies: Vec<Value> =
                (0..5).map(|_| client.command(&["SET", &groups[1][0], "v"]).unwrap()).collect();
            let failed = replies.iter().filter(|reply| reply.is_error()).count();
            assert!(failed <= 1, "{replies:?}");
            if let Value::Error(text) = &replies[0] {
                println!("the first who asked: {text}");
                let whose = format!("(shard far, server {FAR}:{PORT})");
                assert!(text.contains(&whose) && text.ends_with("outcome unknown"), "{text}");
            }
        }
        sleep(CALM);
        judge(&trial.finish(), None, |_| false);
        is_at_rest_again(&mut proxy, &groups, rest);
    });
}

/// Knobs of this network's TCP, lest a test take hours.
fn set(knob: &str, value: &str) -> bool {
    fs::write(Path::new("/proc/sys/net/ipv4").join(knob), value).is_ok()
}

#[test]
fn clients_that_vanish_are_let_go_by_tcpkeepalive() {
    in_own_world("vanishing::clients_that_vanish_are_let_go_by_tcpkeepalive", || {
        let knobs = [
            ("tcp_keepalive_time", "1"),
            ("tcp_keepalive_intvl", "1"),
            ("tcp_keepalive_probes", "2"),
            ("tcp_retries2", "3"),
        ];
        if find_program("redis-cli").is_none() || !knobs.iter().all(|(k, v)| set(k, v)) {
            println!("no redis-cli, or /proc/sys is read-only: passed over");
            return;
        }
        let far = FarHost::new();
        let servers = [RedisServer::start().unwrap(), RedisServer::start().unwrap()];
        let entries = [servers[0].entry(1, "a"), servers[1].entry(1, "b")];
        let keys = [("tcpkeepalive", "true"), ("timeout", "1000")];
        let mut proxy = proxy("0.0.0.0:", &entries, &keys, &[]);
        let mut clients = servers.each_ref().map(|server| server.client().unwrap());
        let groups = groups(&proxy, &mut clients, 5);
        let witness = witness();
        let rest = at_rest(&mut proxy, &groups);
        let port = proxy.listens()[0].rsplit_once(':').unwrap().1.to_owned();
        // Some ask now and then; one asked once and is idle.
        let cli =
            |more: &[&str]| far.start("redis-cli", &[&["-h", NEAR, "-p", &port], more].concat());
        let ask = ["-r", "-1", "-i", "0.05", "GET", &groups[0][0]];
        let _gone = [cli(&ask), cli(&ask), cli(&["-r", "2", "-i", "300", "PING"])];
        let process = proxy.process();
        let there = || process.open_files().unwrap() >= rest.files + 3;
        assert!(poll_until(Duration::from_secs(10), there), "{:?}", process.open_files());
        let mut trial = Trial::start(&witness, &proxy, &groups).unwrap();
        sleep(CALM);
        trial.strike();
        far.vanish();
        sleep(Duration::from_secs(2));
        judge(&trial.finish(), None, |_| false);
        is_at_rest_again(&mut proxy, &groups, rest);
    });
}
