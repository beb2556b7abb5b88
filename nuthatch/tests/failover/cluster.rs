//! Servers, Sentinels and the proxy in front of them.

use crate::crowd::Way;
use nuthatch_testbed::{
    Client, Nuthatch, Process, Proxy, RedisSentinel, RedisServer, Watching, free_port, poll_until,
    pool_yaml,
};
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Who tells which server is primary.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Told {
    BySentinels,
    ByServers,
}

pub struct Shape<'a> {
    pub shards: usize,
    /// More arguments of each replica of a shard.
    pub replicas: &'a [&'a [&'a str]],
    pub told: Told,
    pub server_password: Option<&'a str>,
    pub sentinel_password: Option<&'a str>,
    pub sentinel_lines: &'a [&'a str],
    /// Sentinels know servers by name, the file knows them by address.
    pub by_name: bool,
    /// More keys of the pool.
    pub keys: &'a [(&'a str, &'a str)],
    /// The program of the servers; the Sentinels are Debian's. `None`: theirs too.
    pub program: Option<&'a Path>,
}

pub const PLAIN: Shape<'static> = Shape {
    shards: 1,
    replicas: &[&[]],
    told: Told::BySentinels,
    server_password: None,
    sentinel_password: None,
    sentinel_lines: &[],
    by_name: false,
    keys: &[],
    program: None,
};

/// As long as Sentinels may take, also on a busy machine.
pub const HOLD_MS: &str = "15000";

pub struct Cluster {
    /// The servers of each shard; the first one begins as the primary.
    pub servers: Vec<Vec<RedisServer>>,
    pub sentinels: Vec<RedisSentinel>,
    pub proxy: Proxy,
    /// What clients tell the proxy first.
    password: Option<String>,
}

impl Cluster {
    pub fn start(shape: &Shape<'_>) -> Cluster {
        let servers: Vec<Vec<RedisServer>> = (0..shape.shards).map(|_| servers(shape)).collect();
        let names: Vec<String> = (0..shape.shards).map(name).collect();
        let primaries: Vec<(&str, u16)> =
            names.iter().zip(&servers).map(|(name, it)| (&**name, it[0].port())).collect();
        let sentinels = if shape.told == Told::BySentinels {
            let watching = Watching {
                primaries: &primaries,
                server_password: shape.server_password,
                password: shape.sentinel_password,
                by_name: shape.by_name,
                lines: shape.sentinel_lines,
            };
            RedisSentinel::start_group(3, &watching, shape.replicas.len() as i64).unwrap()
        } else {
            Vec::new()
        };
        let proxy = proxy(shape, &servers, &sentinels);
        let password = shape.server_password.map(ToOwned::to_owned);
        let cluster = Cluster { servers, sentinels, proxy, password };
        cluster.is_known();
        cluster
    }

    /// Waits until the proxy has asked the Sentinels or the servers once.
    fn is_known(&self) {
        let mut client = self.client();
        assert!(client.command(&["SET", "first", "1"]).unwrap().is_ok());
        super::sleep_ms(700);
    }

    pub fn client(&self) -> Client {
        let mut client = self.proxy.client().unwrap();
        if let Some(password) = &self.password {
            assert!(client.command(&["AUTH", password]).unwrap().is_ok());
        }
        client
    }

    /// How a crowd gets to the proxy.
    pub fn way(&self) -> Way {
        Way::Proxy(self.proxy.listens()[0].clone(), self.password.clone())
    }

    /// Waits until so many replicas of the primary confirm a write: one that INFO calls `online` may still get none.
    pub fn await_replicas(&mut self, shard: usize, count: usize) {
        let port = self.followed(shard);
        let mut client = self.server(shard, port).client().unwrap();
        let count = count.to_string();
        let is_whole = poll_until(Duration::from_secs(15), || {
            client.command(&["SET", "await-replicas", "x"]).unwrap();
            let confirmed = client.command(&["WAIT", &count, "100"]).unwrap();
            confirmed.as_int() >= count.parse().ok()
        });
        assert!(is_whole, "{count} replicas do not follow the primary on port {port}");
    }

    /// The port of a shard's primary in the proxy's own INFO.
    pub fn followed(&self, shard: usize) -> u16 {
        let text = self.client().command(&["INFO", "nuthatch"]).unwrap().text().unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("shard{shard}:")));
        let server = line.and_then(|line| line.split("server=").nth(1)?.split(',').next());
        server.and_then(|server| server.rsplit(':').next()?.parse().ok()).unwrap()
    }

    /// Waits until the proxy follows another server than this one; returns how long it took.
    pub fn await_successor(&self, shard: usize, of: u16, limit: Duration) -> Duration {
        let since = Instant::now();
        let is_replaced = poll_until(limit, || self.followed(shard) != of);
        assert!(is_replaced, "no other primary of shard {shard} after {limit:?}");
        since.elapsed()
    }

    /// Kills the primary and waits for the next one.
    pub fn kill_primary(&mut self, shard: usize) -> Duration {
        let port = self.followed(shard);
        let server = self.servers[shard].iter_mut().find(|it| it.port() == port).unwrap();
        server.kill().unwrap();
        self.await_successor(shard, port, Duration::from_secs(20))
    }

    /// The server of the shard on this port.
    pub fn server(&mut self, shard: usize, port: u16) -> &mut RedisServer {
        self.servers[shard].iter_mut().find(|it| it.port() == port).unwrap()
    }
}

pub fn name(shard: usize) -> String {
    format!("shard-{shard}")
}

fn servers(shape: &Shape<'_>) -> Vec<RedisServer> {
    let mut args = vec!["--repl-diskless-sync-delay", "0"];
    if let Some(password) = shape.server_password {
        args.extend(["--requirepass", password, "--masterauth", password]);
    }
    let primary = match shape.program {
        Some(program) => RedisServer::start_program(program, &args).unwrap(),
        None => RedisServer::start_with(&args).unwrap(),
    };
    let replicas: Vec<RedisServer> =
        shape.replicas.iter().map(|more| primary.start_replica(more).unwrap()).collect();
    std::iter::once(primary).chain(replicas).collect()
}

fn proxy(shape: &Shape<'_>, servers: &[Vec<RedisServer>], sentinels: &[RedisSentinel]) -> Proxy {
    let (mut list, mut entries) = (String::new(), Vec::new());
    for sentinel in sentinels {
        let _ = write!(list, "\n    - {}", sentinel.addr());
    }
    for (at, of_shard) in servers.iter().enumerate() {
        entries.push(of_shard[0].entry(1, &name(at)));
        for replica in of_shard[1..].iter().filter(|_| shape.told == Told::ByServers) {
            let _ = write!(list, "\n    - {} {}", replica.addr(), name(at));
        }
    }
    let told = if shape.told == Told::BySentinels { "sentinels" } else { "replicas" };
    let mut keys = vec![("redis", "true"), (told, &*list)];
    keys.extend(shape.server_password.map(|password| ("redis_auth", password)));
    if !shape.keys.iter().any(|(key, _)| *key == "sentinel_auth") {
        keys.extend(shape.sentinel_password.map(|password| ("sentinel_auth", password)));
    }
    if !shape.keys.iter().any(|(key, _)| *key == "failover_hold_ms") {
        keys.push(("failover_hold_ms", HOLD_MS));
    }
    keys.extend_from_slice(shape.keys);
    let yaml = pool_yaml("store", free_port(), &keys, &entries);
    Nuthatch::start(&yaml, &["-w", "2"]).unwrap()
}

/// What a failed test leaves behind: everyone's last words.
impl Drop for Cluster {
    fn drop(&mut self) {
        const LINES: usize = 40;
        if !std::thread::panicking() {
            return;
        }
        let tell = |who: &str, process: &mut Process| {
            let log = process.log();
            // Redis greets with a picture.
            let lines: Vec<&str> = log.lines().filter(|line| line.contains(':')).collect();
            let last = &lines[lines.len().saturating_sub(LINES)..];
            println!("---- {who}\n{}", last.join("\n"));
        };
        tell("the proxy", self.proxy.process());
        for server in self.servers.iter_mut().flatten() {
            tell(&format!("server {}", server.port()), server.process());
        }
        for sentinel in &mut self.sentinels {
            tell(&format!("Sentinel {}", sentinel.port()), sentinel.process());
        }
    }
}
