//! A shard as real programs: a primary, its replica, three Sentinels that watch them, and nuthatch before it.

use super::writers::now;
use anyhow::{Context, Result, ensure};
use nuthatch_testbed::{
    Client, Nuthatch, Proxy, RedisSentinel, RedisServer, Watching, free_port, poll_until, pool_yaml,
};
use std::fmt::Write;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// Sentinels' name of the primary.
pub const NAME: &str = "one";

const SENTINELS: u16 = 3;
/// Sentinels that do not agree try again after eight seconds.
const SWITCH_MAX: Duration = Duration::from_secs(25);
const KNOWN_MAX: Duration = Duration::from_secs(10);

pub struct Shard {
    proxy: Proxy,
    primary: RedisServer,
    /// Kept to be ended with the rest.
    _replica: RedisServer,
    sentinels: Vec<RedisSentinel>,
    switches: Receiver<u64>,
}

impl Shard {
    pub fn start() -> Result<Shard> {
        let primary = RedisServer::start_with(&["--repl-diskless-sync-delay", "0"])?;
        let replica = primary.start_replica(&[])?;
        let primaries = [(NAME, primary.port())];
        let watching = Watching { primaries: &primaries, ..Watching::default() };
        let sentinels = RedisSentinel::start_group(SENTINELS, &watching, 1)?;
        let mut list = String::new();
        for sentinel in &sentinels {
            write!(list, "\n    - {}", sentinel.addr())?;
        }
        // Nothing but what the guide sets.
        let keys = [
            ("redis", "true"),
            ("hash", "fnv1a_64"),
            ("distribution", "ketama"),
            ("timeout", "400"),
            ("server_retry_timeout", "1000"),
            ("sentinels", &list),
        ];
        let yaml = pool_yaml("store", free_port(), &keys, &[primary.entry(1, NAME)]);
        let proxy = Nuthatch::start(&yaml, &["-w", "1"])?;
        let switches = watch(&sentinels)?;
        let shard = Shard { proxy, primary, _replica: replica, sentinels, switches };
        shard.await_replica()?;
        Ok(shard)
    }

    /// Waits until the replica confirms a write, and until the proxy has heard of it from the Sentinels.
    fn await_replica(&self) -> Result<()> {
        let mut client = self.primary.client()?;
        let is_whole = poll_until(KNOWN_MAX, || {
            let _ = client.command(&["SET", "first", "1"]);
            client.command(&["WAIT", "1", "100"]).is_ok_and(|count| count.as_int() == Some(1))
        });
        ensure!(is_whole, "the replica does not follow");
        let replies = self.proxy.client()?.command(&["SET", "first", "2"])?;
        ensure!(replies.is_ok(), "the proxy does not answer: {replies}");
        // It asks them at its start. It asks for replicas once it knows the primary.
        thread::sleep(Duration::from_millis(700));
        Ok(())
    }

    pub fn proxy(&self) -> &str {
        &self.proxy.listens()[0]
    }

    pub fn sentinels(&self) -> Vec<u16> {
        self.sentinels.iter().map(RedisSentinel::port).collect()
    }

    /// SIGKILL. Returns when it was sent.
    pub fn kill_primary(&mut self) -> Result<u64> {
        let at = now();
        self.primary.kill()?;
        Ok(at)
    }

    /// When the first of the Sentinels announced another primary.
    pub fn await_switch(&self) -> Result<u64> {
        self.switches.recv_timeout(SWITCH_MAX).context("no Sentinel announces another primary")
    }
}

/// Every Sentinel's `+switch-master`: when it came.
fn watch(sentinels: &[RedisSentinel]) -> Result<Receiver<u64>> {
    let (sender, receiver) = mpsc::channel();
    for sentinel in sentinels {
        let mut client: Client = sentinel.client()?;
        client.command(&["SUBSCRIBE", "+switch-master"])?;
        client.set_timeout(SWITCH_MAX * 3)?;
        let sender = sender.clone();
        // It ends at the latest with its Sentinel.
        thread::spawn(move || {
            if client.recv().is_ok() {
                let _ = sender.send(now());
            }
        });
    }
    Ok(receiver)
}
