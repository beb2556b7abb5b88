//! What memcached's clients see while servers die, stall and come back, through two workers.
//!
//! ```text
//!   under a checked load: a server killed, stopped, started anew: only its own keys fail, no
//!                         client reads another key's value, no acknowledged write is gone but
//!                         with the server that held it
//!   one by one:           late answers, silence in line behind them, ejection and readmission by
//!                         `version`, fail_fast, a cas unique that outlives its server
//! ```
//!
//! As in `faults/`, times are generous; what fails a test is a stranger's value, a lost write, a
//! healthy server's request that failed, or a wait without end.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, their helpers included")]

use nuthatch_testbed::{
    Client, Load, MemcachedServer, Nuthatch, Outcome, Proxy, Sample, Speech, free_port, poll_until,
    pool_yaml,
};
use std::thread::sleep;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(15);
const TIMEOUT: (&str, &str) = ("timeout", "300");
const REMAP: [(&str, &str); 4] = [
    TIMEOUT,
    ("auto_eject_hosts", "true"),
    ("server_failure_limit", "3"),
    ("server_retry_timeout", "500"),
];
const FAIL_FAST: [(&str, &str); 4] = [
    TIMEOUT,
    ("eject", "fail_fast"),
    ("server_failure_limit", "3"),
    ("server_retry_timeout", "500"),
];

/// Three servers behind a proxy, and some keys of each.
struct Scene {
    servers: Vec<MemcachedServer>,
    proxy: Proxy,
    keys: Vec<Vec<String>>,
}

impl Scene {
    fn new(keys: &[(&str, &str)]) -> Scene {
        let servers: Vec<MemcachedServer> =
            (0..3).map(|_| MemcachedServer::start().unwrap()).collect();
        let entries: Vec<String> =
            servers.iter().enumerate().map(|(at, s)| s.entry(1, &format!("s{at}"))).collect();
        let yaml = pool_yaml("p", free_port(), keys, &entries);
        let proxy = Nuthatch::start(&yaml, &["-w", "2"]).unwrap();
        let mut scene = Scene { servers, proxy, keys: vec![Vec::new(); 3] };
        scene.find_keys();
        scene
    }

    /// Four keys of each server, by asking the servers who got what.
    fn find_keys(&mut self) {
        let mut client = self.client();
        let mut direct: Vec<Client> = self.servers.iter().map(|s| s.client().unwrap()).collect();
        for n in 0..1000 {
            let key = format!("key-{n}");
            assert_eq!(set(&mut client, &key, "x"), "STORED");
            let owner = direct
                .iter_mut()
                .position(|server| ask(server, &format!("delete {key}")) == "DELETED")
                .unwrap();
            if self.keys[owner].len() < 4 {
                self.keys[owner].push(key);
            }
            if self.keys.iter().all(|keys| keys.len() == 4) {
                return;
            }
        }
        panic!("a server owns fewer than 4 of 1,000 keys");
    }

    fn client(&self) -> Client {
        self.proxy.client().unwrap()
    }

    /// A checked load, a client a server, while `fault` happens.
    fn under_load(&mut self, fault: impl FnOnce(&mut Scene)) -> Vec<Sample> {
        let address = self.proxy.listens()[0].parse().unwrap();
        let load = Load::start_in(Speech::Memcached, address, &self.keys);
        sleep(Duration::from_millis(300));
        fault(self);
        sleep(Duration::from_millis(300));
        load.finish()
    }

    fn shards_live(&self) -> u64 {
        let stats = self.proxy.stats_extended().unwrap();
        let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
        (0..3).filter_map(|at| stats["p"][format!("s{at}")]["server_live"].as_u64()).sum()
    }

    fn waits_for_live(&self, count: u64) {
        let come = poll_until(PATIENCE, || self.shards_live() == count);
        assert!(come, "{} shards are live, not {count}", self.shards_live());
    }
}

fn ask(client: &mut Client, line: &str) -> String {
    let reply = client.ask(format!("{line}\r\n")).unwrap();
    String::from_utf8_lossy(&reply).trim_end().to_owned()
}

fn set(client: &mut Client, key: &str, value: &str) -> String {
    ask(client, &format!("set {key} 0 0 {}\r\n{value}", value.len()))
}

/// The value, or the answer that is none.
fn get(client: &mut Client, key: &str) -> String {
    let reply = ask(client, &format!("get {key}"));
    match reply.strip_prefix(&format!("VALUE {key} 0 ")) {
        Some(item) => item.lines().nth(1).unwrap().to_owned(),
        None => reply,
    }
}

/// What may never happen, and what may not happen to others than the server at fault.
fn judge(samples: &[Sample], at_fault: usize, may_lose: bool) {
    let mut failed = 0;
    for sample in samples {
        match &sample.outcome {
            Outcome::Good => {}
            Outcome::Failed(text) if sample.group == at_fault => {
                failed += 1;
                assert!(text.starts_with("SERVER_ERROR "), "{text}");
            }
            Outcome::Lost(_) if may_lose && sample.group == at_fault => {}
            _ => panic!("{sample:?}"),
        }
    }
    for group in 0..3 {
        let good =
            samples.iter().filter(|s| s.group == group && s.outcome == Outcome::Good).count();
        assert!(good > 20, "only {good} good answers of server {group}");
    }
    println!("{} requests, {failed} failed", samples.len());
}

#[test]
fn a_server_killed_and_started_anew() {
    let mut scene = Scene::new(&[TIMEOUT]);
    let samples = scene.under_load(|scene| {
        scene.servers[1].kill().unwrap();
        sleep(Duration::from_millis(300));
        scene.servers[1].restart().unwrap();
        sleep(Duration::from_millis(1200));
    });
    judge(&samples, 1, true);
    let last = samples.iter().rfind(|sample| sample.group == 1).unwrap();
    assert_eq!(last.outcome, Outcome::Good, "it did not come back");
}

#[test]
fn a_server_stopped_and_resumed_loses_nothing() {
    let mut scene = Scene::new(&[TIMEOUT]);
    let samples = scene.under_load(|scene| {
        scene.servers[0].pause().unwrap();
        sleep(Duration::from_millis(700));
        scene.servers[0].resume().unwrap();
        sleep(Duration::from_millis(500));
    });
    judge(&samples, 0, false);
    let late = samples.iter().filter(
        |sample| matches!(&sample.outcome, Outcome::Failed(text) if text.contains("timed out")),
    );
    assert!(late.count() >= 1, "nobody waited for the stopped server");
}

#[test]
fn an_ejected_server_is_stood_in_for_under_load() {
    let mut scene = Scene::new(&REMAP);
    let samples = scene.under_load(|scene| {
        scene.servers[2].kill().unwrap();
        scene.waits_for_live(2);
        sleep(Duration::from_millis(300));
        scene.servers[2].restart().unwrap();
        scene.waits_for_live(3);
    });
    judge(&samples, 2, true);
}

/// A late answer is swallowed, whatever its shape, and who is young gets his own.
#[test]
fn late_answers_reach_nobody() {
    let mut scene = Scene::new(&[TIMEOUT]);
    let (slow, well) = (scene.keys[0].clone(), scene.keys[1][0].clone());
    let mut client = scene.client();
    for key in &slow {
        assert_eq!(set(&mut client, key, &format!("value of {key}")), "STORED");
    }
    scene.servers[0].pause().unwrap();
    let mut others: Vec<Client> = (0..6).map(|_| scene.client()).collect();
    let requests = [
        format!("get {}", slow[0]),
        format!("get {} {well}", slow[1]),
        format!("set {} 0 0 4 noreply\r\nmute\r\nget {}", slow[2], slow[3]),
        format!("mg {} v k q\r\nmn", slow[3]),
        format!("gats 100 {} {}", slow[0], slow[1]),
        format!("ms {} 5 q O7\r\nquiet\r\nmg {} k", slow[1], slow[0]),
    ];
    for (other, request) in others.iter_mut().zip(&requests) {
        other.send_raw(format!("{request}\r\n").as_bytes()).unwrap();
    }
    for (nth, other) in others.iter_mut().enumerate() {
        let reply = String::from_utf8(other.recv_text().unwrap()).unwrap();
        match nth {
            1 => assert_eq!(reply, "END\r\n", "the other server has it not, and answered"),
            _ => assert!(reply.starts_with("SERVER_ERROR Connection timed out"), "{reply}"),
        }
        assert!(nth != 3 || other.recv_text().unwrap() == b"MN\r\n");
        if nth == 5 {
            let reply = String::from_utf8(other.recv_text().unwrap()).unwrap();
            assert!(reply.starts_with("SERVER_ERROR Connection timed out"), "{reply}");
        }
    }
    scene.servers[0].resume().unwrap();
    // The same connections now carry the late answers and then ours. The two workers have one each,
    // and the server reads them in an order of its own.
    let mut is_written = |key, value| poll_until(PATIENCE, || get(&mut client, key) == value);
    assert!(is_written(&slow[2], "mute") && is_written(&slow[1], "quiet"));
    for other in &mut others {
        assert_eq!(get(other, &slow[0]), format!("value of {}", slow[0]));
        assert_eq!(get(other, &slow[1]), "quiet");
        assert_eq!(get(other, &slow[3]), format!("value of {}", slow[3]));
    }
}

/// Silence that waits its turn behind two servers that are late one after the other.
#[test]
fn silence_waits_in_line() {
    let mut scene = Scene::new(&[]);
    let [a, b, c] = [0, 1, 2].map(|at| scene.keys[at][0].clone());
    let mut client = scene.client();
    for key in [&a, &b, &c] {
        assert_eq!(set(&mut client, key, key), "STORED");
    }
    for stopped in [0, 2] {
        scene.servers[stopped].pause().unwrap();
    }
    let talk = format!(
        "get {a}\r\nget {b}\r\nget {c}\r\nset {b} 0 0 1 noreply\r\nx\r\nmg nothing-{b} q\r\n"
    );
    client.send_raw(talk.as_bytes()).unwrap();
    sleep(Duration::from_millis(100));
    scene.servers[0].resume().unwrap();
    for key in [&a, &b] {
        let reply = String::from_utf8(client.recv_text().unwrap()).unwrap();
        assert_eq!(reply, format!("VALUE {key} 0 {}\r\n{key}\r\nEND\r\n", key.len()));
    }
    scene.servers[2].resume().unwrap();
    let reply = String::from_utf8(client.recv_text().unwrap()).unwrap();
    assert_eq!(reply, format!("VALUE {c} 0 {}\r\n{c}\r\nEND\r\n", c.len()));
    assert_eq!(get(&mut client, &b), "x");
}

#[test]
fn remapped_after_the_limit_and_back_by_a_probe() {
    let mut scene = Scene::new(&REMAP);
    let [mine, other] = [0, 1].map(|at| scene.keys[at][0].clone());
    let mut client = scene.client();
    for key in [&mine, &other] {
        assert_eq!(set(&mut client, key, "old"), "STORED");
    }
    scene.servers[0].pause().unwrap();
    let mut failed = 0;
    let out = poll_until(PATIENCE, || {
        failed += usize::from(get(&mut client, &mine).starts_with("SERVER_ERROR"));
        scene.shards_live() == 2
    });
    assert!(out && failed >= 3, "{failed} failures");
    assert!(poll_until(PATIENCE, || set(&mut client, &mine, "stand-in") == "STORED"));
    assert_eq!(get(&mut client, &mine), "stand-in");
    // Stopped, it takes connections and answers no probe: time alone brings nobody back.
    sleep(Duration::from_millis(1200));
    assert_eq!(scene.shards_live(), 2);
    scene.servers[0].resume().unwrap();
    scene.waits_for_live(3);
    assert!(poll_until(PATIENCE, || get(&mut client, &mine) == "old"), "its own server has it");
    assert_eq!(get(&mut client, &other), "old");
}

#[test]
fn fail_fast_keeps_the_owner_and_fails_at_once() {
    let mut scene = Scene::new(&FAIL_FAST);
    let [mine, other] = [0, 1].map(|at| scene.keys[at][0].clone());
    let mut client = scene.client();
    assert_eq!(set(&mut client, &mine, "kept"), "STORED");
    assert_eq!(set(&mut client, &other, "there"), "STORED");
    scene.servers[0].pause().unwrap();
    assert!(poll_until(PATIENCE, || {
        get(&mut client, &mine);
        scene.shards_live() == 2
    }));
    let mut took = Vec::new();
    assert!(poll_until(PATIENCE, || get(&mut client, &mine).contains("not sent")));
    for _ in 0..20 {
        let start = Instant::now();
        let reply = get(&mut client, &mine);
        took.push(start.elapsed());
        assert!(reply.starts_with("SERVER_ERROR Connection refused: the server is out"), "{reply}");
        // A retrieval of several returns what can be had.
        let reply = ask(&mut client, &format!("get {mine} {other}"));
        assert_eq!(reply, format!("VALUE {other} 0 5\r\nthere\r\nEND"));
    }
    took.sort_unstable();
    assert!(took[10] < Duration::from_millis(50), "that is not at once: {took:?}");
    scene.servers[0].resume().unwrap();
    scene.waits_for_live(3);
    assert!(poll_until(PATIENCE, || get(&mut client, &mine) == "kept"));
}

/// A unique is its server's: the one that stands in knows nothing of it, and what it gives may
/// mean another state at the one that is back. It is documented; here is what it looks like.
#[test]
fn a_cas_unique_does_not_outlive_the_ejection_of_its_server() {
    let mut scene = Scene::new(&REMAP);
    let mine = scene.keys[0][0].clone();
    let mut client = scene.client();
    assert_eq!(set(&mut client, &mine, "old"), "STORED");
    let unique = unique(&ask(&mut client, &format!("gets {mine}")));
    let cas = |unique: &str| format!("cas {mine} 0 0 3 {unique}\r\nnew");
    scene.servers[0].kill().unwrap();
    assert!(poll_until(PATIENCE, || {
        get(&mut client, &mine);
        scene.shards_live() == 2
    }));
    assert!(poll_until(PATIENCE, || ask(&mut client, &cas(&unique)) == "NOT_FOUND"));
    // Enough writes that the stand-in's count is not by chance the same.
    for _ in 0..50 {
        assert_eq!(set(&mut client, &mine, "stand-in"), "STORED");
    }
    assert_eq!(ask(&mut client, &cas(&unique)), "EXISTS");
    let stand_ins = self::unique(&ask(&mut client, &format!("gets {mine}")));
    assert_eq!(ask(&mut client, &cas(&stand_ins)), "STORED");
    scene.servers[0].restart().unwrap();
    scene.waits_for_live(3);
    assert!(poll_until(PATIENCE, || ask(&mut client, &cas(&stand_ins)) == "NOT_FOUND"));
}

fn unique(reply: &str) -> String {
    let unique = reply.lines().next().and_then(|line| line.split(' ').nth(4));
    unique.unwrap_or_else(|| panic!("no unique in {reply}")).to_owned()
}
