//! Three shards of a primary and a replica, three Sentinels, and nuthatch in front of them.

use anyhow::{Context, Result, ensure};
use nuthatch_testbed::{
    Client, Folder, Process, Proxy, RedisServer, Value, find_program, free_port, poll_until,
};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use super::look::ask;
use crate::paint;
use crate::stop::Stop;

pub const NAMES: [&str; 3] = ["one", "two", "three"];

const SENTINELS: usize = 3;
/// Sentinels call a server down after this time without an answer.
const DOWN_AFTER_MS: u32 = 1_000;
/// They try again after twice this time, if the first attempt fails.
const FAILOVER_TIMEOUT_MS: u32 = 3_000;
/// More than a second attempt takes: this runs on busy machines too.
const HOLD_MS: u32 = 15_000;
const READY: Duration = Duration::from_secs(20);

pub struct Stage {
    /// For each shard, its first primary and its first replica.
    servers: Vec<[RedisServer; 2]>,
    sentinels: Vec<Sentinel>,
    proxy: Proxy,
    port: u16,
}

struct Sentinel {
    process: Process,
    port: u16,
}

impl Stage {
    pub fn set(binary: &Path, stop: &Stop) -> Result<Stage> {
        let mut servers = Vec::new();
        for _ in NAMES {
            let primary = RedisServer::start()?;
            let port = primary.port().to_string();
            let of = ["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"];
            servers.push([primary, RedisServer::start_with(&of)?]);
            stop.check()?;
        }
        let sentinels =
            (0..SENTINELS).map(|_| Sentinel::start(&servers)).collect::<Result<Vec<_>>>()?;
        let is_ready = || sentinels.iter().all(|it| it.knows_all(&servers));
        ensure!(poll_until(READY, is_ready), "the Sentinels do not know all servers");
        stop.check()?;

        let port = free_port();
        let yaml = yaml(port, &sentinels, &servers);
        let mut proxy = Proxy::start(binary, &yaml, &[])?;
        paint::heading("Running");
        for (i, pair) in servers.iter_mut().enumerate() {
            for (server, role) in pair.iter_mut().zip(["primary", "replica"]) {
                let name = paint::server(i, &format!("{:<6}", NAMES[i]));
                let (port, pid) = (server.port(), server.process().pid());
                println!("  redis-server  {name} {role:<8} port {port:<6} pid {pid}");
            }
        }
        for sentinel in &sentinels {
            let (port, pid) = (sentinel.port, sentinel.process.pid());
            println!("  {:<29} port {port:<6} pid {pid}", "redis-server --sentinel");
        }
        println!("  {:<29} port {port:<6} pid {}", "nuthatch", proxy.process().pid());
        paint::heading("The proxy's config");
        for line in yaml.lines() {
            println!("  {line}");
        }
        Ok(Stage { servers, sentinels, proxy, port })
    }

    pub fn client(&self) -> Result<Client> {
        self.proxy.client()
    }

    pub fn proxy_ended(&mut self) -> Option<ExitStatus> {
        self.proxy.process().ended()
    }

    /// What can be asked, for the screen.
    pub fn ports(&self) -> Vec<(String, u16)> {
        let mut ports = vec![("all shards, through the proxy".to_owned(), self.port)];
        for (pair, name) in self.servers.iter().zip(NAMES) {
            ports.extend(pair.iter().map(|server| (format!("a server of {name}"), server.port())));
        }
        ports.extend(self.sentinels.iter().map(|it| ("a Sentinel".to_owned(), it.port)));
        ports
    }

    /// A key of each shard.
    pub fn keys(&self) -> Result<Vec<String>> {
        let mut client = self.client()?;
        let mut keys = vec![None; NAMES.len()];
        for n in 0..1_000 {
            let key = format!("visits:{n}:today");
            client.command(&["SET", &key, "0"])?;
            for (pair, slot) in self.servers.iter().zip(&mut keys) {
                let is_here = ask(pair[0].port(), &["EXISTS", &key])?.as_int() == Some(1);
                if is_here && slot.is_none() {
                    *slot = Some(key.clone());
                }
            }
            if keys.iter().all(Option::is_some) {
                return Ok(keys.into_iter().flatten().collect());
            }
            client.command(&["DEL", &key])?;
        }
        anyhow::bail!("no key for each of the shards")
    }

    /// The port of the server that was the shard's primary at the start.
    pub fn primary_port(&self, shard: usize) -> u16 {
        self.servers[shard][0].port()
    }

    pub fn kill_primary(&mut self, shard: usize) -> Result<()> {
        self.servers[shard][0].kill()
    }

    /// Starts it again with the arguments that it had, so as a primary, and without data.
    pub fn restart_old(&mut self, shard: usize) -> Result<()> {
        self.servers[shard][0].restart()
    }

    /// The port of the shard's primary, if all Sentinels agree.
    pub fn primary_by_sentinels(&self, shard: usize) -> Result<Option<u16>> {
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAMES[shard]];
        let mut ports = Vec::new();
        for sentinel in &self.sentinels {
            let answer = ask(sentinel.port, &words)?;
            let port = answer.items().and_then(|items| items.last()).and_then(Value::text);
            ports.push(port.context("a Sentinel knows no address")?.parse()?);
        }
        Ok(ports.iter().all(|port| *port == ports[0]).then_some(ports[0]))
    }

    /// What the proxy's log says of another primary.
    pub fn switch_lines(&mut self) -> Vec<String> {
        let log = self.proxy.process().log();
        log.lines().filter(|line| line.contains("another primary")).map(ToOwned::to_owned).collect()
    }
}

impl Sentinel {
    fn start(servers: &[[RedisServer; 2]]) -> Result<Sentinel> {
        let program = find_program("redis-server").context("redis-server is not installed")?;
        let (port, folder) = (free_port(), Folder::new()?);
        let mut text = format!("port {port}\nbind 127.0.0.1\n");
        for (pair, name) in servers.iter().zip(NAMES) {
            let _ = write!(
                text,
                "sentinel monitor {name} 127.0.0.1 {} 2\n\
                 sentinel down-after-milliseconds {name} {DOWN_AFTER_MS}\n\
                 sentinel failover-timeout {name} {FAILOVER_TIMEOUT_MS}\n",
                pair[0].port()
            );
        }
        let file = folder.path().join("sentinel.conf");
        fs::write(&file, text)?;
        let file = file.to_string_lossy().into_owned();
        let mut process = Process::start(&program, [file.as_str(), "--sentinel"], folder)?;
        process.wait_ready(READY, || ask(port, &["PING"]).is_ok())?;
        Ok(Sentinel { process, port })
    }

    /// Whether it knows the replica of each shard, and the other Sentinels.
    fn knows_all(&self, servers: &[[RedisServer; 2]]) -> bool {
        let line = |info: &str, name: &str, pair: &[RedisServer; 2]| {
            let wanted = format!(
                "name={name},status=ok,address=127.0.0.1:{},slaves=1,sentinels={SENTINELS}",
                pair[0].port()
            );
            info.lines().any(|line| line.ends_with(&wanted))
        };
        let info = ask(self.port, &["INFO", "sentinel"]).ok().and_then(|info| info.text());
        info.is_some_and(|info| {
            servers.iter().zip(NAMES).all(|(pair, name)| line(&info, name, pair))
        })
    }
}

fn yaml(port: u16, sentinels: &[Sentinel], servers: &[[RedisServer; 2]]) -> String {
    let mut yaml = format!(
        "store:\n  listen: 127.0.0.1:{port}\n  redis: true\n  hash: fnv1a_64\n  distribution: \
         ketama\n  failover_hold_ms: {HOLD_MS}\n  sentinels:\n"
    );
    for sentinel in sentinels {
        let _ = writeln!(yaml, "    - 127.0.0.1:{}", sentinel.port);
    }
    yaml.push_str("  servers:\n");
    for (pair, name) in servers.iter().zip(NAMES) {
        let _ = writeln!(yaml, "    - {}", pair[0].entry(1, name));
    }
    yaml
}
