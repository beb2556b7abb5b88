//! The network between two hosts is gone, in silence. It needs what `own_world` needs.
//!
//! ```text
//!   near host                           far host
//!   replica, Sentinels, a proxy ═ veth ═ primary, and as the story has it Sentinels and a proxy
//! ```
//!
//! A primary that is cut off together with a proxy goes on, and what it takes is lost: only
//! `min-replicas-to-write` at the servers can prevent it.

use crate::cluster::HOLD_MS;
use crate::crowd::{Crowd, Way};
use crate::history::Verdict;
use crate::sleep_ms;
use crate::takeovers::SOON;
use crate::world::far::{FAR, FarHost, NEAR, PORT, direct};
use crate::world::in_own_world;
use nuthatch_testbed::{
    Client, Folder, Nuthatch, Process, Proxy, RedisServer, find_program, free_port, poll_until,
    pool_yaml,
};
use std::fs;
use std::time::{Duration, Instant};

const CLIENTS: usize = 3;
/// A client's request is on its way when the cable is cut; after `timeout`, a second, its next one is sent into the
/// same void, until the Sentinels have agreed.
const UNKNOWN_MAX: usize = 5 * CLIENTS;
const SENTINEL_PORTS: [u16; 3] = [26_001, 26_002, 26_003];
const FAR_LISTEN: u16 = 7_000;
/// Sentinels of a host that was cut off learn from the others every two seconds.
const HEALED: Duration = Duration::from_secs(15);

struct Halves {
    replica: RedisServer,
    proxy: Proxy,
    /// On the far host, if wanted.
    far_proxy: Option<Process>,
    _primary: Process,
    _sentinels: Vec<Process>,
    far: FarHost,
}

impl Halves {
    /// With so many of the three Sentinels near.
    fn new(sentinels_near: usize, has_far_proxy: bool) -> Halves {
        let far = FarHost::new();
        let primary = far.redis();
        let port = PORT.to_string();
        let args = ["--bind", "0.0.0.0", "--protected-mode", "no", "--replicaof", FAR, &port];
        let replica = RedisServer::start_with(&args).unwrap();
        let follows = || info(&mut replica.client().unwrap()).contains("master_link_status:up");
        assert!(poll_until(SOON, follows));
        let sentinels = (0..3).map(|at| sentinel(at, (at >= sentinels_near).then_some(&far)));
        let sentinels: Vec<Process> = sentinels.collect();
        for (at, port) in SENTINEL_PORTS.iter().enumerate() {
            let mut client = Client::connect((host(at < sentinels_near), *port)).unwrap();
            let mut has_met = || {
                let reply = client.command(&["INFO", "sentinel"]).unwrap();
                reply.text().unwrap().contains("slaves=1,sentinels=3")
            };
            assert!(poll_until(2 * SOON, &mut has_met), "Sentinel {at} knows too few");
        }
        let addresses =
            [0, 1, 2].map(|at| format!("{}:{}", host(at < sentinels_near), SENTINEL_PORTS[at]));
        let addresses = format!("\n    - {}", addresses.join("\n    - "));
        // With a minority there is no successor, and requests must be answered nevertheless.
        let hold = if sentinels_near < 2 { "3000" } else { HOLD_MS };
        let keys = [
            ("redis", "true"),
            ("sentinels", &*addresses),
            ("timeout", "1000"),
            ("failover_hold_ms", hold),
        ];
        let servers = [format!("{FAR}:{PORT}:1 shard-0")];
        let proxy =
            Nuthatch::start(&pool_yaml("store", free_port(), &keys, &servers), &["-w", "2"]);
        let far_proxy = has_far_proxy.then(|| {
            let folder = Folder::new().unwrap();
            let yaml =
                pool_yaml("store", FAR_LISTEN, &keys, &servers).replace("127.0.0.1", "0.0.0.0");
            let file = folder.path().join("pools.yml");
            fs::write(&file, yaml).unwrap();
            let program = Nuthatch::binary().unwrap();
            let args = ["-c", file.to_str().unwrap(), "-w", "1"];
            let mut proxy = far.start(program.to_str().unwrap(), &args);
            let is_up = || Client::connect((FAR, FAR_LISTEN)).is_ok();
            proxy.wait_ready(SOON, is_up).unwrap();
            proxy
        });
        let proxy = proxy.unwrap();
        sleep_ms(1_000);
        Halves { replica, proxy, far_proxy, _primary: primary, _sentinels: sentinels, far }
    }

    fn way(&self) -> Way {
        Way::Proxy(self.proxy.listens()[0].clone(), None)
    }

    /// The server that the near proxy follows.
    fn followed(&self) -> String {
        followed(&mut self.proxy.client().unwrap())
    }

    fn near_address(&self) -> String {
        format!("{NEAR}:{}", self.replica.port())
    }
}

fn followed(client: &mut Client) -> String {
    let text = client.command(&["INFO", "nuthatch"]).unwrap().text().unwrap();
    text.split("server=").nth(1).unwrap().split(',').next().unwrap().to_owned()
}

fn host(is_near: bool) -> &'static str {
    if is_near { NEAR } else { FAR }
}

fn info(client: &mut Client) -> String {
    client.command(&["INFO", "replication"]).unwrap().text().unwrap()
}

fn sentinel(at: usize, far: Option<&FarHost>) -> Process {
    let folder = Folder::new().unwrap();
    let file = folder.path().join("sentinel.conf");
    let config = format!(
        "port {}\nbind 0.0.0.0\nprotected-mode no\nsentinel monitor shard-0 {FAR} {PORT} 2\n\
         sentinel down-after-milliseconds shard-0 500\nsentinel failover-timeout shard-0 4000\n",
        SENTINEL_PORTS[at]
    );
    fs::write(&file, config).unwrap();
    let args = [file.to_str().unwrap(), "--sentinel"];
    let mut sentinel = match far {
        Some(far) => far.start_in(folder, "redis-server", &args),
        None => Process::start(&find_program("redis-server").unwrap(), args, folder).unwrap(),
    };
    let is_up = || Client::connect((host(far.is_none()), SENTINEL_PORTS[at])).is_ok();
    sentinel.wait_ready(SOON, is_up).unwrap();
    sentinel
}

/// Calls of SET at the far primary.
fn sets(client: &mut Client) -> u64 {
    let text = client.command(&["INFO", "commandstats"]).unwrap().text().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("cmdstat_set:calls="));
    line.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
}

#[test]
fn the_primary_is_cut_off() {
    in_own_world("partitions::the_primary_is_cut_off", || {
        let halves = Halves::new(3, false);
        let crowd = Crowd::start(CLIENTS, &halves.way(), false);
        sleep_ms(700);
        let struck = Instant::now();
        halves.far.cut();
        assert!(poll_until(SOON, || halves.followed() == halves.near_address()), "not followed");
        let took = struck.elapsed();
        sleep_ms(1_000);
        halves.far.mend();
        // It takes itself for a primary until the Sentinels have waited for long enough.
        let mut old = direct().expect("the far host is not back");
        let woke = sets(&mut old);
        sleep_ms(3_000);
        assert!(info(&mut old).contains("role:master"), "nothing is tested");
        // The system goes on to send what was on its way, though its sender has given up.
        let late = sets(&mut old) - woke;
        assert!(late <= CLIENTS as u64, "the old primary got {late} writes");
        assert_eq!(halves.followed(), halves.near_address());
        let verdict = Verdict::of(&crowd.finish());
        verdict.tell(&format!("cut off, followed after {took:?}"));
        verdict.is_good(UNKNOWN_MAX, struck.checked_sub(Duration::from_millis(300)).unwrap());
    });
}

/// Nobody can outvote anybody: the proxy stays with the primary that it cannot reach, fails with an answer, and
/// goes on when the cable is whole.
#[test]
fn the_proxy_has_the_minority_of_the_sentinels() {
    in_own_world("partitions::the_proxy_has_the_minority_of_the_sentinels", || {
        let halves = Halves::new(1, false);
        let mut client = halves.proxy.client().unwrap();
        assert!(client.command(&["SET", "k", "before"]).unwrap().is_ok());
        halves.far.cut();
        let until = Instant::now() + Duration::from_secs(5);
        let mut answers = 0;
        while Instant::now() < until {
            let reply = client.command(&["SET", "k", "between"]).expect("a request hangs");
            assert!(reply.is_error(), "{reply}");
            answers += 1;
            sleep_ms(20);
        }
        assert_eq!(halves.followed(), format!("{FAR}:{PORT}"));
        assert!(info(&mut halves.replica.client().unwrap()).contains("role:slave"));
        halves.far.mend();
        let mended = Instant::now();
        let is_well = || {
            let reply = client.command(&["SET", "k", "after"]).expect("a request hangs");
            reply.is_ok()
        };
        let is_back = poll_until(2 * HEALED, is_well);
        println!("a minority: {answers} answers, well {:?} after the mend", mended.elapsed());
        assert!(is_back, "the pool does not come back");
        assert!(answers > 2, "{answers} answers in five seconds");
    });
}

/// The majority promotes the replica. The far proxy cannot know, and serves from the old primary; when the cable
/// is whole it follows, before the old primary itself is told.
#[test]
fn a_proxy_is_cut_off_with_the_old_primary() {
    in_own_world("partitions::a_proxy_is_cut_off_with_the_old_primary", || {
        let halves = Halves::new(2, true);
        let _far_proxy = halves.far_proxy.as_ref().unwrap();
        let near = Crowd::start(CLIENTS, &halves.way(), false);
        sleep_ms(500);
        let mut far_client = Client::connect((FAR, FAR_LISTEN)).unwrap();
        assert!(far_client.command(&["SET", "far", "1"]).unwrap().is_ok());
        let struck = Instant::now();
        halves.far.cut();
        assert!(poll_until(SOON, || halves.followed() == halves.near_address()), "not followed");
        sleep_ms(1_000);
        halves.far.mend();
        let mended = Instant::now();
        let mut far_client = Client::connect((FAR, FAR_LISTEN)).unwrap();
        let is_told = || followed(&mut far_client) == halves.near_address();
        assert!(poll_until(HEALED, is_told), "the far proxy stays with the old primary");
        let took = mended.elapsed();
        let role = info(&mut direct().unwrap());
        let still = role.contains("role:master");
        println!(
            "a far proxy followed {took:?} after the mend; the old primary still is one: {still}"
        );
        let mut near_client = halves.proxy.client().unwrap();
        for (number, client) in [&mut far_client, &mut near_client].into_iter().enumerate() {
            let value = format!("both {number}");
            assert!(client.command(&["SET", "far", &value]).unwrap().is_ok());
            let found = halves.replica.client().unwrap().command(&["GET", "far"]).unwrap();
            assert_eq!(found.text(), Some(value), "the proxies do not agree");
        }
        let verdict = Verdict::of(&near.finish());
        verdict.tell("the near half");
        verdict.is_good(UNKNOWN_MAX, struck.checked_sub(Duration::from_millis(300)).unwrap());
    });
}
