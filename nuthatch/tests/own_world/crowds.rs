//! Crowds, beside clients at work who must not feel them.

use super::{
    SLACK_KIB, at_rest, groups, in_own_world, is_at_rest_again, is_at_rest_with, judge, proxy,
    witness,
};
use nuthatch_testbed::{Client, Proxy, RedisServer, Trial, Value, Witness};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

const CALM: Duration = Duration::from_millis(300);
const IDLE: u64 = 20_000;
/// Files beside the idle clients, on either side.
const ELSE: u64 = 150;
/// What a client's place may take that stays behind it.
const PLACE_BYTES: u64 = 320;

struct Scene {
    servers: [RedisServer; 2],
    proxy: Proxy,
    groups: Vec<Vec<String>>,
    witness: Witness,
}

fn scene() -> Scene {
    let servers = [RedisServer::start().unwrap(), RedisServer::start().unwrap()];
    let entries = [servers[0].entry(1, "a"), servers[1].entry(1, "b")];
    let proxy = proxy("127.0.0.1:", &entries, &[("timeout", "5000")], &[]);
    let mut direct = servers.each_ref().map(|server| server.client().unwrap());
    let groups = groups(&proxy, &mut direct, 5);
    Scene { servers, proxy, groups, witness: witness() }
}

/// Raises what may be open to what is needed; says how much that is.
fn room_for(wanted: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: Some(wanted), maximum: Some(wanted) };
    if limit.current.is_some_and(|soft| soft < wanted)
        && setrlimit(Resource::Nofile, raised).is_err()
    {
        let soft = limit.maximum;
        let _ = setrlimit(Resource::Nofile, Rlimit { current: soft, maximum: soft });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(wanted)
}

/// So many clients, some of them served once, as a pool of an application's would have been.
fn crowd(proxy: &Proxy, count: u64) -> Vec<Client> {
    let mut clients = Vec::new();
    for n in 0..count {
        let mut client = proxy.client().unwrap();
        if n % 100 == 0 {
            assert!(!client.command(&["EXISTS", "k"]).unwrap().is_error());
        }
        clients.push(client);
    }
    clients
}

#[test]
fn twenty_thousand_idle_clients_slow_nobody() {
    in_own_world("crowds::twenty_thousand_idle_clients_slow_nobody", || {
        let count = IDLE.min(room_for(IDLE + ELSE) - ELSE);
        if count < IDLE {
            println!("the hard limit of open files allows {count} clients and not {IDLE}");
        }
        let Scene { servers: _servers, mut proxy, groups, witness } = scene();
        let rest = at_rest(&mut proxy, &groups);
        let mut trial = Trial::start(&witness, &proxy, &groups).unwrap();
        sleep(CALM);
        trial.strike();
        let begun = Instant::now();
        let mut first = crowd(&proxy, count);
        println!("{count} clients came in {:?}", begun.elapsed());
        sleep(Duration::from_secs(1));
        judge(&trial.finish(), None, |_| false);
        for client in first.iter_mut().step_by(499) {
            assert!(!client.command(&["EXISTS", "k"]).unwrap().is_error());
        }
        println!("{} KiB with all of them", proxy.process().rss_kib().unwrap());
        drop(first);
        // A place among the clients is kept for the next who comes: a second crowd costs nothing.
        let kept = PLACE_BYTES * count / 1024;
        let after = is_at_rest_with(&mut proxy, &groups, rest, SLACK_KIB + kept);
        drop(crowd(&proxy, count));
        is_at_rest_with(&mut proxy, &groups, after, SLACK_KIB / 2);
    });
}

#[test]
fn a_thousand_connects_a_second_slow_nobody() {
    const SECONDS: u32 = 5;
    const THREADS: u32 = 4;
    const EACH: u32 = 1000 / THREADS;
    in_own_world("crowds::a_thousand_connects_a_second_slow_nobody", || {
        let Scene { servers: _servers, mut proxy, groups, witness } = scene();
        let addr = proxy.listens()[0].clone();
        let rest = at_rest(&mut proxy, &groups);
        let mut trial = Trial::start(&witness, &proxy, &groups).unwrap();
        sleep(CALM);
        trial.strike();
        let begun = Instant::now();
        let threads: Vec<_> = (0..THREADS)
            .map(|me| {
                let addr = addr.clone();
                thread::spawn(move || {
                    for n in 0..EACH * SECONDS {
                        // A machine that is late catches up: the number is kept, if not the rhythm.
                        let due = begun + Duration::from_secs(1) * n / EACH;
                        sleep(due.saturating_duration_since(Instant::now()));
                        let mut client = Client::connect(addr.as_str()).unwrap();
                        let key = format!("short:{me}:{n}");
                        assert!(client.command(&["SET", &key, &key]).unwrap().is_ok());
                        assert_eq!(client.command(&["GET", &key]).unwrap(), Value::bulk(&key));
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let took = begun.elapsed();
        println!("{} connections in {took:?}", 1000 * SECONDS);
        assert!(took < Duration::from_secs(20), "{took:?}");
        judge(&trial.finish(), None, |_| false);
        is_at_rest_again(&mut proxy, &groups, rest);
    });
}
