//! Clients with more on their minds than a GET, while a primary dies or hands over.
//!
//! One cluster for each kind of takeover: the clients do not disturb each other.

use crate::cluster::{Cluster, PLAIN, Shape};
use crate::takeovers::SOON;
use crate::{sleep_ms, valkey};
use nuthatch_testbed::{Client, Value, poll_until};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Keys that exist throughout.
const LASTING: usize = 3_000;
const PIPELINE: usize = 20;
/// A client that would wait longer hangs.
const HANGS: Duration = Duration::from_secs(20);

const UNKNOWN: &str = "outcome unknown";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takeover {
    Death,
    HandOver,
}

#[test]
fn over_a_death() {
    over(Takeover::Death, &PLAIN);
}

#[test]
fn over_a_hand_over() {
    over(Takeover::HandOver, &PLAIN);
}

/// It answers REDIRECT, where Redis says READONLY or UNBLOCKED.
#[test]
fn over_a_hand_over_of_valkey() {
    let Some(program) = valkey() else { return };
    over(Takeover::HandOver, &Shape { program: Some(&program), ..PLAIN });
}

fn over(takeover: Takeover, shape: &Shape<'_>) {
    let mut cluster = Cluster::start(shape);
    let mut client = cluster.client();
    for at in 0..LASTING {
        client.send(&["SET", &format!("lasting:{at}"), "x"]).unwrap();
    }
    for _ in 0..LASTING {
        assert!(client.recv().unwrap().is_ok());
    }
    let script = "redis.call('set', KEYS[1], ARGV[1]) return redis.call('get', KEYS[1])";
    let sha = client.command(&["SCRIPT", "LOAD", script]).unwrap().text().unwrap();
    cluster.await_replicas(0, 1);

    let old = cluster.followed(0);
    let mut listener = cluster.client();
    listener.command(&["SUBSCRIBE", "news"]).unwrap();
    let mut watcher = cluster.client();
    assert!(watcher.command(&["WATCH", "watched"]).unwrap().is_ok());
    let mut blocked = cluster.client();
    blocked.set_timeout(HANGS).unwrap();
    blocked.send(&["BLPOP", "empty", "0"]).unwrap();
    sleep_ms(200);

    let stop = AtomicBool::new(false);
    let (blocks, pipelines, scans, scripts) = thread::scope(|scope| {
        let clients = [(); 4].map(|()| {
            let client = cluster.client();
            client.set_timeout(HANGS).unwrap();
            client
        });
        let [a, b, c, d] = clients;
        let stop = &stop;
        let blocks = scope.spawn(move || transactions(a, stop));
        let pipelines = scope.spawn(move || pipelines(b, stop));
        let scans = scope.spawn(move || scans(c, stop));
        let sha = &sha;
        let scripts = scope.spawn(move || scripts(d, sha, stop));
        sleep_ms(700);
        match takeover {
            Takeover::Death => cluster.server(0, old).kill().unwrap(),
            Takeover::HandOver => {
                let reply = cluster.server(0, old).client().unwrap().command(&["FAILOVER"]);
                assert!(reply.unwrap().is_ok());
            }
        }
        cluster.await_successor(0, old, SOON);
        sleep_ms(1_000);
        stop.store(true, Ordering::Relaxed);
        (blocks.join(), pipelines.join(), scans.join(), scripts.join())
    });
    let unknown_max = usize::from(takeover == Takeover::Death);
    blocks.unwrap().is_good("transactions", unknown_max);
    pipelines.unwrap().is_good("pipelines", unknown_max);
    scans.unwrap().is_good("walks by SCAN", 2 * unknown_max);
    scripts.unwrap().is_good("scripts", unknown_max);

    // An element may have been popped as the primary died. One that steps down says that nothing was, so the
    // command waits at the next primary.
    if takeover == Takeover::HandOver {
        assert_eq!(client.command(&["RPUSH", "empty", "x"]).unwrap(), Value::Integer(1));
    }
    let reply = blocked.recv().expect("a blocked client hangs");
    let texts: Vec<_> = reply.items().unwrap_or_default().iter().filter_map(Value::text).collect();
    match takeover {
        Takeover::Death => assert!(reply.is_error(), "BLPOP: {reply}"),
        Takeover::HandOver => assert_eq!(texts, ["empty", "x"], "BLPOP: {reply}"),
    }
    assert!(watcher.command(&["MULTI"]).unwrap().is_ok());
    watcher.command(&["SET", "watched", "mine"]).unwrap();
    let reply = watcher.command(&["EXEC"]).unwrap();
    assert!(reply.is_nil(), "EXEC after the death of the watched key's server: {reply}");
    assert!(client.command(&["GET", "watched"]).unwrap().is_nil());
    hears(&mut listener, &mut client);
}

/// The subscription is made again by itself.
fn hears(listener: &mut Client, client: &mut Client) {
    let is_back = poll_until(SOON, || {
        client.command(&["PUBLISH", "news", "x"]).unwrap() == Value::Integer(1)
    });
    assert!(is_back, "no subscriber at the next primary");
    let message = listener.recv().expect("no message after the takeover");
    let texts: Vec<_> = message.items().unwrap().iter().filter_map(Value::text).collect();
    assert_eq!(texts, ["message", "news", "x"]);
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    good: usize,
    unknown: usize,
    wrong: Vec<String>,
    slowest: Duration,
}

impl Seen {
    /// Whether the reply is no error.
    fn take(&mut self, reply: &Value) -> bool {
        match reply {
            Value::Error(text) if text.contains(UNKNOWN) => self.unknown += 1,
            Value::Error(text) => self.wrong.push(text.clone()),
            _ => return true,
        }
        false
    }

    #[track_caller]
    fn is_good(&self, what: &str, unknown_max: usize) {
        println!(
            "{what}: {} good, {} unknown, slowest {:?}",
            self.good, self.unknown, self.slowest
        );
        assert!(self.wrong.is_empty(), "{what}: {:?}", &self.wrong[..self.wrong.len().min(5)]);
        assert!(self.unknown <= unknown_max, "{what}: {} of unknown outcome", self.unknown);
        assert!(self.good > 3, "{what}: {} are no load", self.good);
    }
}

/// Two keys that are written together are never found apart.
fn transactions(mut client: Client, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let (value, began) = (format!("v{number}"), Instant::now());
        let block = [
            vec!["MULTI"],
            vec!["SET", "both:1", &value],
            vec!["SET", "both:2", &value],
            vec!["EXEC"],
        ];
        let replies = client.pipeline(&block).expect("a transaction hangs");
        if seen.take(&replies[3]) {
            assert_eq!(replies[3].items().map(<[_]>::len), Some(2), "{}", replies[3]);
        }
        let both = client.command(&["MGET", "both:1", "both:2"]).expect("MGET hangs");
        seen.slowest = seen.slowest.max(began.elapsed());
        if seen.take(&both) {
            let items = both.items().unwrap();
            if items[0] != items[1] {
                seen.wrong.push(format!("half a transaction: {both}"));
            }
            seen.good += 1;
        }
        sleep_ms(2);
    }
    seen
}

/// Each GET of a pipeline finds what the SET before it wrote, and replies keep their order. A pipeline of which
/// something failed counts as one of unknown outcome.
fn pipelines(mut client: Client, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let values: Vec<String> = (0..PIPELINE).map(|at| format!("{}", number + at)).collect();
        number += PIPELINE;
        let pairs = values.iter().flat_map(|value| [vec!["SET", "one", value], vec!["GET", "one"]]);
        let replies = client.pipeline(&pairs.collect::<Vec<_>>()).expect("a pipeline hangs");
        seen.slowest = seen.slowest.max(began.elapsed());
        let mut all = Seen::default();
        let are_good: Vec<bool> = replies.iter().map(|reply| all.take(reply)).collect();
        seen.wrong.append(&mut all.wrong);
        seen.unknown += usize::from(all.unknown > 0);
        for (at, value) in values.iter().enumerate() {
            let is_whole = are_good[2 * at] && are_good[2 * at + 1];
            if is_whole && replies[2 * at + 1] != Value::bulk(value) {
                seen.wrong.push(format!("{} in place of {value}", replies[2 * at + 1]));
            }
        }
        seen.good += usize::from(all.unknown == 0);
        sleep_ms(2);
    }
    seen
}

/// A walk that began at one primary and ends at the next finds every key that exists throughout. A step of unknown
/// outcome is asked again, as clients do.
fn scans(mut client: Client, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut walks = 0;
    while walks < 4 || !stop.load(Ordering::Relaxed) {
        let (mut found, mut cursor) = (BTreeSet::new(), "0".to_owned());
        walks += 1;
        loop {
            let began = Instant::now();
            let words = ["SCAN", &cursor, "MATCH", "lasting:*", "COUNT", "20"];
            let reply = client.command(&words).expect("SCAN hangs");
            seen.slowest = seen.slowest.max(began.elapsed());
            if !seen.take(&reply) {
                if !seen.wrong.is_empty() {
                    return seen;
                }
                continue;
            }
            let items = reply.items().unwrap();
            found.extend(items[1].items().unwrap().iter().filter_map(Value::text));
            cursor = items[0].text().unwrap();
            if cursor == "0" {
                break;
            }
            // Slow enough for the takeover to fall into a walk.
            sleep_ms(3);
        }
        if found.len() != LASTING {
            seen.wrong.push(format!("a walk found {} of {LASTING} keys", found.len()));
        }
        seen.good += 1;
    }
    seen
}

/// A stored script is there at the next primary too.
fn scripts(mut client: Client, sha: &str, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let (value, began) = (format!("v{number}"), Instant::now());
        let reply = client.command(&["EVALSHA", sha, "1", "by-script", &value]);
        let reply = reply.expect("a script hangs");
        seen.slowest = seen.slowest.max(began.elapsed());
        if seen.take(&reply) {
            assert_eq!(reply, Value::bulk(&value));
            seen.good += 1;
        }
        sleep_ms(2);
    }
    seen
}
