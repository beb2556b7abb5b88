//! What an operator sees of a pool with replicas: counters over a switch, the page `/shards`, the log, `/ready`.
#![allow(clippy::unwrap_used, reason = "tests, their helpers included")]

mod tools;

use nuthatch_testbed::{
    Client, Folder, Nuthatch, Process, Proxy, RedisServer, find_program, free_port, poll_until,
    pool_yaml,
};
use serde_json::Value as Json;
use std::fs;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);
/// Members of a shard that never fall.
const COUNTERS: [&str; 7] = [
    "server_eof",
    "server_err",
    "requests",
    "request_bytes",
    "responses",
    "response_bytes",
    "server_connects",
];

/// A primary, a replica of it, and the proxy.
struct Stage {
    primary: RedisServer,
    replica: RedisServer,
    _sentinels: Vec<Process>,
    proxy: Proxy,
}

impl Stage {
    fn new(keys: &[(&str, &str)], sentinels: usize) -> Stage {
        let primary = RedisServer::start().unwrap();
        let of = ["--replicaof", "127.0.0.1", &primary.port().to_string()];
        let quick = ["--repl-diskless-sync-delay", "0"];
        let replica = RedisServer::start_with(&[&of[..], &quick].concat()).unwrap();
        let is_up = || info(&replica, "master_link_status") == "up";
        assert!(poll_until(SOON, is_up), "the replica follows");
        let ports: Vec<u16> = (0..sentinels).map(|_| free_port()).collect();
        let processes = ports.iter().map(|&port| sentinel(port, primary.port())).collect();
        let list: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let list = format!("[{}]", list.join(", "));
        let replicas = format!("\n    - {} one", replica.addr());
        let mut all = vec![("redis", "true"), ("server_retry_timeout", "200")];
        all.push(if sentinels > 0 { ("sentinels", &list) } else { ("replicas", &replicas) });
        all.extend(keys);
        let yaml = pool_yaml("p", free_port(), &all, &[primary.entry(1, "one")]);
        let proxy = Nuthatch::start(&yaml, &["-w", "2"]).unwrap();
        Stage { primary, replica, _sentinels: processes, proxy }
    }

    fn stats(&self) -> Json {
        serde_json::from_str(&self.proxy.stats_extended().unwrap()).unwrap()
    }

    fn shard(&self) -> Json {
        let (head, body) = self.proxy.http("GET /shards HTTP/1.1\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let page: Json = serde_json::from_str(&body).unwrap();
        page["pools"][0]["shards"][0].clone()
    }

    fn until(&self, what: &str, is_so: impl Fn(&Json) -> bool) -> Json {
        assert!(poll_until(SOON, || is_so(&self.shard())), "{what}: {}", self.shard());
        self.shard()
    }

    fn is_ready(&self) -> bool {
        let (head, _) = self.proxy.http("GET /ready HTTP/1.1\r\n\r\n").unwrap();
        head.starts_with("HTTP/1.1 200 ")
    }

    /// The lines of the log with this text.
    fn lines(&mut self, text: &str) -> Vec<String> {
        let log = self.proxy.process().log();
        log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }

    fn until_logged(&mut self, text: &str) -> String {
        assert!(poll_until(SOON, || !self.lines(text).is_empty()), "{text}");
        self.lines(text).remove(0)
    }

    /// The replica becomes the primary, and the primary its replica.
    fn change_over(&self) {
        let mut to = self.replica.client().unwrap();
        assert!(to.command(&["REPLICAOF", "NO", "ONE"]).unwrap().is_ok());
        let mut from = self.primary.client().unwrap();
        let port = self.replica.port().to_string();
        assert!(from.command(&["REPLICAOF", "127.0.0.1", &port]).unwrap().is_ok());
    }
}

/// A Sentinel that watches this primary as `one`.
fn sentinel(port: u16, primary: u16) -> Process {
    let folder = Folder::new().unwrap();
    let file = folder.path().join("sentinel.conf");
    let text = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor one 127.0.0.1 {primary} 1\n\
         sentinel down-after-milliseconds one 500\nsentinel failover-timeout one 5000\n",
        folder.path().display()
    );
    fs::write(&file, text).unwrap();
    let args = [file.to_str().unwrap().to_owned(), "--sentinel".to_owned()];
    let program = find_program("redis-server").unwrap();
    let mut process = Process::start(&program, args, folder).unwrap();
    let knows_replica = || {
        let mut client = Client::connect(("127.0.0.1", port)).ok()?;
        let found = client.command(&["SENTINEL", "REPLICAS", "one"]).ok()?;
        Some(!found.items()?.is_empty())
    };
    process.wait_ready(SOON, || knows_replica() == Some(true)).unwrap();
    process
}

fn info(server: &RedisServer, name: &str) -> String {
    let answer = server.client().unwrap().command(&["INFO", "replication"]).unwrap();
    let text = answer.text().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().to_owned()
}

fn set(client: &mut Client, times: usize) {
    for n in 0..times {
        assert!(client.command(&["SET", &format!("key:{n}"), "value"]).unwrap().is_ok());
    }
}

fn number(stats: &Json, name: &str) -> u64 {
    stats["p"]["one"][name].as_u64().unwrap_or_else(|| panic!("no {name}: {stats}"))
}

#[test]
fn counters_go_on_when_another_server_takes_over() {
    let mut stage = Stage::new(&[], 0);
    let (first, second) = (stage.primary.addr().to_string(), stage.replica.addr().to_string());
    let mut clients: Vec<Client> = (0..4).map(|_| stage.proxy.client().unwrap()).collect();
    for client in &mut clients {
        set(client, 25);
    }
    let before = stage.stats();
    assert_eq!((number(&before, "requests"), number(&before, "responses")), (100, 100));
    assert_eq!(before["p"]["primary_switches"], 0);
    let shard = stage.until("the replica is seen", |it| it["replicas"][0]["good"] == true);
    assert_eq!((&shard["primary"], &shard["last_switch"]), (&first.clone().into(), &Json::Null));
    assert_eq!(shard["replicas"][0]["role"], "replica");
    assert_eq!(shard["replicas"][0]["link"], "up");
    assert!(shard["replicas"][0]["lag_bytes"].is_u64() && shard["replicas"][0]["lag_ms"].is_u64());

    stage.change_over();
    // Asked all along: no number falls at any moment of the switch.
    let mut last = before.clone();
    assert!(poll_until(SOON, || {
        set(&mut clients[0], 1);
        let now = stage.stats();
        for name in COUNTERS {
            assert!(number(&now, name) >= number(&last, name), "{name} fell: {last} {now}");
        }
        assert!(now["total_connections"].as_u64() >= last["total_connections"].as_u64());
        last = now;
        last["p"]["primary_switches"] == 1
    }));
    let before = stage.stats();
    for client in &mut clients {
        set(client, 25);
    }
    let after = stage.stats();
    for name in ["requests", "responses"] {
        assert_eq!(number(&after, name) - number(&before, name), 100, "{name}");
    }
    assert_eq!(number(&after, "requests"), number(&after, "responses"), "each is counted once");
    assert_eq!(number(&after, "in_queue") + number(&after, "out_queue"), 0);
    assert_eq!(after["p"]["reads_of_replicas"], 0);

    let shard = stage.until("its primary is a replica", |it| it["replicas"][0]["good"] == true);
    assert_eq!((&shard["primary"], &shard["switches"]), (&second.clone().into(), &1.into()));
    assert_eq!(shard["last_switch"]["from"], first);
    assert_eq!(shard["last_switch"]["to"], second);
    assert_eq!(shard["last_switch"]["at"], shard["since"]);
    assert_eq!(shard["last_switch"]["why"], "the primary has handed over to it");
    assert_eq!(shard["replicas"][0]["address"], first);
    assert_eq!(number(&stage.stats(), "primary_since"), shard["since"].as_u64().unwrap());

    let line = stage.until_logged("the shard has another primary");
    for text in [&*first, &*second, "the primary has handed over to it"] {
        assert!(line.contains(text), "{line}");
    }
    assert_eq!(stage.lines("the shard has another primary").len(), 1);
}

#[test]
fn reads_of_replicas_are_counted_apart() {
    let stage = Stage::new(&[("read", "prefer_replica")], 0);
    let mut client = stage.proxy.client().unwrap();
    set(&mut client, 1);
    stage.until("the replica is good", |it| it["replicas"][0]["good"] == true);
    assert!(poll_until(SOON, || {
        stage.replica.client().unwrap().command(&["DBSIZE"]).unwrap().as_int() == Some(1)
    }));
    let before = stage.stats();
    for _ in 0..30 {
        assert_eq!(client.command(&["GET", "key:0"]).unwrap().as_bytes(), Some(&b"value"[..]));
    }
    let after = stage.stats();
    assert_eq!(number(&before, "requests"), number(&after, "requests"), "none at the primary");
    let reads = |stats: &Json| stats["p"]["reads_of_replicas"].as_u64().unwrap();
    assert_eq!(reads(&after) - reads(&before), 30);
    assert_eq!(stage.shard()["replicas"][0]["responses"], 30);
    assert_eq!((number(&after, "replicas"), number(&after, "replicas_good")), (1, 1));
    assert_eq!(after["p"]["reads_elsewhere"], 0);
    let bare = stage.proxy.stats().unwrap();
    assert!(!bare.contains("replica") && !bare.contains("switch"), "{bare}");
}

/// A server that was promoted by hand while the primary goes on.
#[test]
fn two_primaries_are_told_once() {
    let mut stage = Stage::new(&[], 0);
    let first = stage.primary.addr().to_string();
    stage.until("the replica is good", |it| it["replicas"][0]["good"] == true);
    let promoted = stage.replica.client().unwrap().command(&["REPLICAOF", "NO", "ONE"]);
    assert!(promoted.unwrap().is_ok());
    let shard = stage.until("both are seen", |it| it["two_primaries"] == true);
    assert_eq!((&shard["primary"], &shard["switches"]), (&first.into(), &0.into()));
    assert_eq!(shard["replicas"][0]["why_not"], "it says that it is a primary");
    stage.until_logged("a replica cannot be read");
    assert_eq!(stage.lines("two servers of a shard say that they are primaries").len(), 1);
    let port = stage.primary.port().to_string();
    let back = stage.replica.client().unwrap().command(&["REPLICAOF", "127.0.0.1", &port]);
    assert!(back.unwrap().is_ok());
    stage.until("there is one again", |it| it["two_primaries"] == false);
}

#[test]
fn a_bad_replica_has_its_reason_and_one_line() {
    let mut stage = Stage::new(&[("read", "prefer_replica")], 0);
    let mut client = stage.proxy.client().unwrap();
    set(&mut client, 1);
    stage.until("the replica is good", |it| it["replicas"][0]["good"] == true);
    assert!(client.command(&["GET", "key:0"]).is_ok());
    stage.replica.pause().unwrap();
    // It stands still, so what it owes goes to the primary once it counts as bad.
    assert!(client.command(&["GET", "key:0"]).unwrap().as_bytes().is_some());
    let shard = stage.until("it is bad", |it| it["replicas"][0]["good"] == false);
    assert_eq!(shard["replicas"][0]["why_not"], "it does not answer");
    assert!(stage.stats()["p"]["reads_elsewhere"].as_u64().unwrap() > 0);
    let line = stage.until_logged("a replica cannot be read");
    assert!(line.contains("it does not answer"), "{line}");
    stage.replica.resume().unwrap();
    stage.until("it is good again", |it| it["replicas"][0]["good"] == true);
    stage.until_logged("a replica can be read again");
    assert_eq!(stage.lines("a replica cannot be read").len(), 1);
}

#[test]
fn a_switch_by_sentinels_is_told_with_its_epoch_and_its_wait() {
    let mut stage = Stage::new(&[("failover_hold_ms", "20000")], 1);
    let second = stage.replica.addr().to_string();
    let mut client = stage.proxy.client().unwrap();
    set(&mut client, 10);
    let shard = stage.until("a Sentinel is heard", |it| it["sentinel_epoch"].is_u64());
    let replica = &shard["replicas"][0];
    assert_eq!((&replica["address"], &replica["good"]), (&second.clone().into(), &Json::Null));
    assert_eq!(replica["why_not"], "reads go to the primary, so it is not asked");
    let epoch = shard["sentinel_epoch"].as_u64().unwrap();
    stage.primary.kill().unwrap();
    client.set_timeout(Duration::from_secs(25)).unwrap();
    client.send(&["SET", "held", "value"]).unwrap();
    stage.until_logged("the shard has no primary now: its requests wait");
    assert!(stage.is_ready(), "a request waits, and none fails");
    assert!(client.recv().unwrap().is_ok());
    let shard = stage.until("the switch", |it| it["primary"] == second);
    assert_eq!(shard["last_switch"]["why"], "Sentinels say so");
    assert!(shard["last_switch"]["sentinel_epoch"].as_u64().unwrap() > epoch);
    let stats = stage.stats();
    assert_eq!(stats["p"]["requests_held"], 1);
    assert_eq!((number(&stats, "requests"), number(&stats, "responses")), (11, 11));
    let line = stage.until_logged("the requests that waited go on");
    assert!(line.contains("requests=1") && line.contains("waited_ms="), "{line}");
    assert_eq!(stage.lines("its requests wait").len(), 1);
    assert!(stage.is_ready());
}

#[test]
fn a_pool_without_a_primary_is_ready_until_requests_have_waited() {
    for eject in ["fail_fast", "off"] {
        let mut stage = Stage::new(&[("failover_hold_ms", "3000"), ("eject", eject)], 0);
        let mut client = stage.proxy.client().unwrap();
        set(&mut client, 1);
        stage.primary.kill().unwrap();
        client.send(&["SET", "held", "value"]).unwrap();
        stage.until_logged("its requests wait");
        assert!(stage.is_ready(), "{eject}: it waits");
        assert!(client.recv().unwrap().is_error());
        assert!(poll_until(SOON, || !stage.is_ready()), "{eject}: it has waited");
        let line = stage.until_logged("requests have waited for a primary in vain");
        assert!(line.contains("requests_failed=1"), "{line}");
        let mut replica = stage.replica.client().unwrap();
        assert!(replica.command(&["REPLICAOF", "NO", "ONE"]).unwrap().is_ok());
        assert!(poll_until(SOON, || stage.is_ready()), "{eject}: it has a primary again");
        let shard = stage.until("the switch", |it| it["switches"] == 1);
        assert_eq!(shard["last_switch"]["why"], "it says that it is the primary");
    }
}
