//! The same dead server under nutcracker and under nuthatch: the same ring while it is out, and
//! after it is back.
//!
//! ```text
//!   all live ──kill──▶ both eject ──▶ 10,000 keys written through each, read through the other
//!                                     and found where the router of the survivors says
//!            ──start─▶ both readmit ─▶ the same again, with the router of all
//! ```
//!
//! One file has four pools over the same three servers: ketama and modula, equal and unequal
//! weights, limits from 1 to 3. Each pool counts failures for itself, in both proxies.
//!
//! The old one ejects and readmits lazily, at a request: after `server_retry_timeout` the dead
//! server is simply in the ring again until it has failed so often once more. So its counter of
//! ejections is read before and after a comparison, and one that a retry fell into is not
//! counted but made again.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

use nuthatch::config;
use nuthatch_engine::base::Chance;
use nuthatch_engine::routing::Router;
use nuthatch_engine::topology::kinds::fixed;
use nuthatch_engine::topology::{Manners, PoolSpec, ShardState};
use nuthatch_testbed::{
    Client, Nutcracker, Nuthatch, Proxy, RedisServer, Value, find_program, free_port, poll_until,
    pool_yaml,
};
use std::fmt::Write;
use std::time::Duration;

const KEYS: usize = 10_000;
/// Requests in flight.
const PIPELINE: usize = 500;
/// Long enough for a comparison, short enough to wait for.
const RETRY_MS: &str = "6000";
/// Comparisons made again because a retry fell into them.
const TRIES: usize = 4;
/// The second by name is the one to die.
const NAMES: [&str; 3] = ["a", "bb", "ccc"];
const DEAD: usize = 1;

/// Distribution, weights, limit.
const POOLS: [(&str, [u32; 3], &str); 4] = [
    ("ketama", [1, 1, 1], "1"),
    ("ketama", [3, 1, 2], "2"),
    ("modula", [1, 1, 1], "3"),
    ("modula", [1, 2, 3], "2"),
];

#[test]
fn the_ring_of_the_survivors_and_the_ring_of_all() {
    if find_program("nutcracker").is_none() {
        eprintln!("nutcracker is not installed: nothing to compare with");
        return;
    }
    let mut stage = Stage::new();
    for pool in 0..POOLS.len() {
        stage.compare(pool, "before", None);
    }
    stage.servers[DEAD].kill().unwrap();
    for pool in 0..POOLS.len() {
        stage.compare(pool, "out", Some(DEAD));
    }
    stage.servers[DEAD].restart().unwrap();
    for pool in 0..POOLS.len() {
        stage.wait_until_back(pool);
        stage.compare(pool, "back", None);
    }
}

struct Stage {
    servers: [RedisServer; 3],
    old: Proxy,
    new: Proxy,
    specs: Vec<PoolSpec>,
}

impl Stage {
    fn new() -> Stage {
        let servers = [(); 3].map(|()| RedisServer::start().unwrap());
        let yaml = || {
            POOLS.iter().enumerate().fold(String::new(), |mut yaml, (at, pool)| {
                let (distribution, weights, limit) = *pool;
                let entries: Vec<String> =
                    (0..3).map(|n| servers[n].entry(weights[n], NAMES[n])).collect();
                let keys = [
                    ("redis", "true"),
                    ("hash", "md5"),
                    ("distribution", distribution),
                    ("auto_eject_hosts", "true"),
                    ("server_retry_timeout", RETRY_MS),
                    ("server_failure_limit", limit),
                    ("timeout", "2000"),
                ];
                let _ = write!(
                    yaml,
                    "{}",
                    pool_yaml(&format!("pool{at}"), free_port(), &keys, &entries)
                );
                yaml
            })
        };
        let ours = yaml();
        let (config, _) = config::parse(&ours, "ours.yml", Manners::Modern).unwrap();
        Stage {
            old: Nutcracker::start(&yaml()).unwrap(),
            new: Nuthatch::start(&ours, &[]).unwrap(),
            specs: config.pools.into_iter().map(|pool| pool.spec).collect(),
            servers,
        }
    }

    fn router(&self, pool: usize, out: Option<usize>) -> Router {
        let spec = &self.specs[pool];
        let states = (0..spec.shards.len())
            .map(|at| if Some(at) == out { ShardState::Ejected } else { ShardState::Live });
        fixed::router(spec, &states.collect::<Vec<_>>())
    }

    /// Keys through either proxy, read through the other, and looked for on the servers.
    fn compare(&self, pool: usize, when: &str, out: Option<usize>) {
        for attempt in 0..TRIES {
            if out.is_some() {
                self.drive_out(pool, &self.old);
                self.drive_out(pool, &self.new);
            }
            let ejections = self.ejections(pool);
            let prefix = format!("{pool}:{when}:{attempt}");
            let faults = self.faults(pool, &prefix, out);
            if self.ejections(pool) != ejections || out.is_some() && self.is_due(pool) {
                continue; // The old one tried the dead server in between.
            }
            assert_eq!(faults, [""; 0], "{:?} {when}", POOLS[pool]);
            return;
        }
        panic!("{:?}: every comparison met a retry; make RETRY_MS longer", POOLS[pool]);
    }

    /// What differs, a line each; some suffice.
    fn faults(&self, pool: usize, prefix: &str, out: Option<usize>) -> Vec<String> {
        let router = self.router(pool, out);
        let mut faults = Vec::new();
        for (writer, reader, way) in [(&self.old, &self.new, "old"), (&self.new, &self.old, "new")]
        {
            let keys: Vec<String> = (0..KEYS).map(|n| format!("{prefix}:{way}:{n}")).collect();
            let sets: Vec<[&str; 3]> = keys.iter().map(|key| ["SET", key, key]).collect();
            let gets: Vec<[&str; 2]> = keys.iter().map(|key| ["GET", key]).collect();
            let stored = pipelined(&mut writer.client_of(pool).unwrap(), &sets);
            let found = pipelined(&mut reader.client_of(pool).unwrap(), &gets);
            for ((key, stored), found) in keys.iter().zip(stored).zip(found) {
                if !stored.is_ok() || found != Value::bulk(key) {
                    faults.push(format!("{key} by {way}: {stored} {found}"));
                }
            }
            for (at, server) in self.servers.iter().enumerate().filter(|(at, _)| Some(*at) != out) {
                let asks: Vec<[&str; 2]> = keys.iter().map(|key| ["EXISTS", key]).collect();
                let found = pipelined(&mut server.client().unwrap(), &asks);
                for (key, found) in keys.iter().zip(found) {
                    let owner = router.route(key.as_bytes(), &mut Chance::new(0)).unwrap();
                    if found != Value::Integer(i64::from(owner.index() == at)) {
                        faults.push(format!("{key} by {way} on {}: {found}", NAMES[at]));
                    }
                }
            }
            faults.truncate(20);
        }
        faults
    }

    /// Requests for the dead server's keys until none fails: that is how the old one ejects.
    fn drive_out(&self, pool: usize, proxy: &Proxy) {
        let key = self.key_of(pool, DEAD, "drive");
        let mut client = proxy.client_of(pool).unwrap();
        let mut well = 0;
        let is_out = poll_until(Duration::from_secs(20), || {
            let reply = client.command(&["GET", &key]).unwrap();
            well = if reply.is_error() { 0 } else { well + 1 };
            well == 3
        });
        assert!(is_out, "{:?} is not ejected", POOLS[pool]);
    }

    /// The dead server serves again, through both.
    fn wait_until_back(&self, pool: usize) {
        for (proxy, name) in [(&self.old, "old"), (&self.new, "new")] {
            let key = self.key_of(pool, DEAD, name);
            let mut client = proxy.client_of(pool).unwrap();
            let mut server = self.servers[DEAD].client().unwrap();
            let is_back = poll_until(Duration::from_secs(30), || {
                client.command(&["SET", &key, "back"]).unwrap().is_ok()
                    && server.command(&["EXISTS", &key]).unwrap() == Value::Integer(1)
            });
            assert!(is_back, "{:?}: {name} does not readmit", POOLS[pool]);
        }
    }

    /// A key that a shard owns when all are live.
    fn key_of(&self, pool: usize, shard: usize, prefix: &str) -> String {
        let router = self.router(pool, None);
        (0..10_000)
            .map(|n| format!("{prefix}:{n}"))
            .find(|key| router.route(key.as_bytes(), &mut Chance::new(0)).unwrap().index() == shard)
            .unwrap()
    }

    /// The old proxy's count for a pool.
    fn ejections(&self, pool: usize) -> u64 {
        self.stats()[&format!("pool{pool}")]["server_ejects"].as_u64().unwrap()
    }

    /// Has the old proxy's wait for the dead server passed?
    fn is_due(&self, pool: usize) -> bool {
        let stats = self.stats();
        let ejected_us =
            stats[&format!("pool{pool}")][NAMES[DEAD]]["server_ejected_at"].as_u64().unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let retry: u64 = RETRY_MS.parse().unwrap();
        now.as_micros() as u64 > ejected_us + retry * 1000
    }

    /// Its numbers lag behind by a wake-up; two requests bring them up to date.
    fn stats(&self) -> serde_json::Value {
        for _ in 0..2 {
            self.old.stats().unwrap();
            self.old.client_of(0).unwrap().command(&["PING"]).unwrap();
        }
        serde_json::from_str(&self.old.stats().unwrap()).unwrap()
    }
}

fn pipelined<const N: usize>(client: &mut Client, requests: &[[&str; N]]) -> Vec<Value> {
    let requests: Vec<Vec<&str>> = requests.iter().map(|request| request.to_vec()).collect();
    requests.chunks(PIPELINE).flat_map(|part| client.pipeline(part).unwrap()).collect()
}
