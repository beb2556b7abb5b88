//! Faults that need a machine of their own: hosts that vanish, names that move, a disk that is
//! full, and crowds that would take everybody's ports.
//!
//! ```text
//!   the test ──▶ unshare --net --mount ──▶ this executable again, for this one test
//!                                            │  own loopback, own /etc/hosts, own file systems
//!                                            ├──▶ proxies, servers, clients: as anywhere
//!                                            └──▶ a far host: one more network, a cable between
//! ```
//!
//! Nothing is to be cleaned up: networks and mounts go with the last process that lives in them.
//! It needs Linux, root, util-linux and iproute2; elsewhere each test says so and passes over.
//!
//! ```text
//!   vanishing.rs   hosts that are gone without a word: a server's, a client's
//!   names.rs       a server's name that comes to mean another address
//!   full_disk.rs   a log that cannot be written
//!   crowds.rs      20,000 idle clients; 1,000 connects a second
//! ```
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, their helpers included")]

mod crowds;
mod full_disk;
mod names;
mod vanishing;
#[path = "../world/mod.rs"]
mod world;

use nuthatch_testbed::{
    Client, Nuthatch, Outcome, Proxy, Rest, Seen, Value, Witness, free_port, poll_until, pool_yaml,
};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use world::run;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
/// Memory that may stay behind a fault.
const SLACK_KIB: u64 = 4 * 1024;
/// How long a server's requests may go on to fail once it is there again: a probe a second at most,
/// the TCP of a network that was away, and a busy machine.
const BACK_WITHIN: Duration = Duration::from_secs(6);
const WORKERS: u16 = 2;

/// Runs the story in a world of its own: `test` is the calling test's full name.
fn in_own_world(test: &str, story: impl FnOnce()) {
    // What one measures another's crowd would spoil. One that panicked has spoilt nothing. In the world
    // itself there is only one test.
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    world::in_own_world(test, story);
}

/// A proxy with one pool of these servers; `keys` beside `redis: true`.
fn proxy(listen: &str, entries: &[String], keys: &[(&str, &str)], more: &[&str]) -> Proxy {
    let mut all = vec![("redis", "true")];
    all.extend_from_slice(keys);
    let yaml = pool_yaml("p", free_port(), &all, entries).replace("127.0.0.1:", listen);
    let workers = WORKERS.to_string();
    let args: Vec<&str> = ["-w", &workers].iter().chain(more).copied().collect();
    Nuthatch::start(&yaml, &args).unwrap()
}

/// `count` keys of each server, by asking the servers, one client each, who got what.
fn groups(proxy: &Proxy, direct: &mut [Client], count: usize) -> Vec<Vec<String>> {
    let mut client = proxy.client().unwrap();
    let mut groups: Vec<Vec<String>> = vec![Vec::new(); direct.len()];
    for n in 0..10_000 {
        let key = format!("key:{n}");
        assert!(client.command(&["SET", &key, "here"]).unwrap().is_ok());
        let mut has_it = |s: &mut Client| s.command(&["DEL", &key]).unwrap() == Value::Integer(1);
        let owner = direct.iter_mut().position(&mut has_it).unwrap();
        if groups[owner].len() < count {
            groups[owner].push(key);
        }
        if groups.iter().all(|group| group.len() == count) {
            return groups;
        }
    }
    panic!("a server owns fewer than {count} of 10,000 keys");
}

fn field(client: &mut Client, name: &str) -> String {
    let text = client.command(&["INFO", "nuthatch"]).unwrap().text().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.unwrap().to_owned()
}

/// A client of each worker. All who came stay until the end: among few clients a worker keeps
/// those it accepts, and only if it has some already does the next go to the other.
fn a_client_each(proxy: &Proxy) -> Vec<Client> {
    let mut workers: Vec<String> = Vec::new();
    let mut clients: Vec<Client> = Vec::new();
    let found = poll_until(Duration::from_secs(10), || {
        let mut client = proxy.client().unwrap();
        workers.push(field(&mut client, "worker"));
        clients.push(client);
        workers.iter().collect::<BTreeSet<_>>().len() == usize::from(WORKERS)
    });
    assert!(found, "a worker that gets nobody");
    let mut seen = BTreeSet::new();
    let one_each = workers.iter().zip(clients).filter(|(worker, _)| seen.insert(*worker));
    one_each.map(|(_, client)| client).collect()
}

/// Whether each worker gets an answer from the server of each of these keys.
fn all_serve(proxy: &Proxy, keys: &[&String]) -> bool {
    a_client_each(proxy)
        .iter_mut()
        .all(|client| keys.iter().all(|key| !client.command(&["EXISTS", key]).unwrap().is_error()))
}

/// The proxy at rest, with every worker connected to every server as in use.
fn at_rest(proxy: &mut Proxy, groups: &[Vec<String>]) -> Rest {
    let keys: Vec<&String> = groups.iter().filter_map(|group| group.first()).collect();
    assert!(all_serve(proxy, &keys));
    Rest::of(proxy.process()).unwrap()
}

/// And again, after all is over.
fn is_at_rest_again(proxy: &mut Proxy, groups: &[Vec<String>], rest: Rest) {
    is_at_rest_with(proxy, groups, rest, SLACK_KIB);
}

/// The same with at most so much more memory; returns what it is now.
fn is_at_rest_with(proxy: &mut Proxy, groups: &[Vec<String>], rest: Rest, slack_kib: u64) -> Rest {
    let keys: Vec<&String> = groups.iter().filter_map(|group| group.first()).collect();
    assert!(all_serve(proxy, &keys));
    let (now, is_back) = rest.is_back(proxy.process(), slack_kib);
    println!("at rest before: {rest:?}, after: {now:?}");
    assert!(is_back, "at rest before: {rest:?}, after: {now:?}");
    now
}

/// Whom a fault may hurt, and until when.
struct Victim {
    group: usize,
    /// When its server was there again, on the clock of the samples.
    there_again: Duration,
}

/// All requests were answered rightly, but for those to the victim between the strike and the
/// recovery, of which `forgiven` decides; and the others kept their pace. Returns how many failed.
fn judge(seen: &Seen, victim: Option<&Victim>, forgiven: impl Fn(&Outcome) -> bool) -> usize {
    let mut failed = 0;
    for sample in &seen.samples {
        let is_hurt = victim.is_some_and(|victim| {
            sample.group == victim.group
                && sample.ended() >= seen.struck
                && sample.at <= victim.there_again + BACK_WITHIN
        });
        match &sample.outcome {
            Outcome::Good => {}
            other if is_hurt && forgiven(other) => failed += 1,
            other => panic!(
                "{other:?} of group {} at {:?}; struck at {:?}",
                sample.group, sample.at, seen.struck
            ),
        }
    }
    let victim = victim.map(|victim| victim.group);
    let pace = seen.pace(|group| Some(group) != victim);
    println!("{failed} of {} failed; the healthy ones' p99: {pace:?}", seen.samples.len());
    assert!(pace.is_some_and(|pace| pace.is_kept()), "the healthy ones' p99: {pace:?}");
    failed
}

fn witness() -> Witness {
    Witness::start().unwrap()
}
