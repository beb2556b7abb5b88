//! Redis Sentinels that watch primaries, quick enough for tests: half a second without an answer is a death.

use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::process::Folder;
use crate::{Client, Process, Release, Value, free_port, poll_until};

const READY: Duration = Duration::from_secs(10);
/// Sentinels announce themselves every two seconds.
const MEET: Duration = Duration::from_secs(20);

/// What a group of Sentinels watches, and how.
#[derive(Default, Clone)]
pub struct Watching<'a> {
    /// Sentinel's name and the port of each primary.
    pub primaries: &'a [(&'a str, u16)],
    /// Of the primaries and their replicas.
    pub server_password: Option<&'a str>,
    /// Of the Sentinels themselves.
    pub password: Option<&'a str>,
    /// Servers are watched and told by their names, not by their addresses.
    pub by_name: bool,
    /// More lines of the config file, such as `user ...`.
    pub lines: &'a [&'a str],
}

/// One Sentinel. Its config file, which it rewrites itself, is in its own folder.
pub struct RedisSentinel {
    process: Process,
    port: u16,
    password: Option<String>,
}

impl RedisSentinel {
    /// `count` of them, which all know each other and so many replicas of each primary.
    pub fn start_group(
        count: u16,
        watching: &Watching<'_>,
        replicas: i64,
    ) -> Result<Vec<RedisSentinel>> {
        let group: Result<Vec<RedisSentinel>> =
            (0..count).map(|_| RedisSentinel::start(watching, count / 2 + 1)).collect();
        let group = group?;
        for sentinel in &group {
            let mut client = sentinel.client()?;
            for (name, _) in watching.primaries {
                let mut has_met = || -> Result<bool> {
                    let seen = |what: &Value| what.text().and_then(|text| text.parse().ok());
                    let fields = client.command(&["SENTINEL", "MASTER", name])?;
                    let fields = fields.items().unwrap_or_default();
                    let field = |name: &str| {
                        let at = fields.iter().position(|it| it.text().as_deref() == Some(name))?;
                        seen(fields.get(at + 1)?)
                    };
                    Ok(field("num-other-sentinels") == Some(i64::from(count) - 1)
                        && field("num-slaves") == Some(replicas))
                };
                ensure!(
                    poll_until(MEET, || has_met().unwrap_or(false)),
                    "a Sentinel does not find the others, or the replicas of {name}"
                );
            }
        }
        Ok(group)
    }

    fn start(watching: &Watching<'_>, quorum: u16) -> Result<RedisSentinel> {
        let (folder, port) = (Folder::new()?, free_port());
        let mut config = format!("port {port}\nbind 127.0.0.1\n");
        if let Some(password) = watching.password {
            writeln!(config, "requirepass {password}")?;
        }
        if watching.by_name {
            config.push_str("sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n");
        }
        let host = if watching.by_name { "localhost" } else { "127.0.0.1" };
        for (name, primary) in watching.primaries {
            writeln!(config, "sentinel monitor {name} {host} {primary} {quorum}")?;
            for (key, value) in [
                ("down-after-milliseconds", "500"),
                ("failover-timeout", "4000"),
                ("parallel-syncs", "1"),
            ] {
                writeln!(config, "sentinel {key} {name} {value}")?;
            }
            if let Some(password) = watching.server_password {
                writeln!(config, "sentinel auth-pass {name} {password}")?;
            }
        }
        for line in watching.lines {
            writeln!(config, "{line}")?;
        }
        let file = folder.path().join("sentinel.conf");
        fs::write(&file, config)?;
        let program = Release::Redis70.program("".as_ref())?;
        let args = [file.as_os_str(), "--sentinel".as_ref()];
        let process = Process::start(&program, args, folder)?;
        let password = watching.password.map(ToOwned::to_owned);
        let mut sentinel = RedisSentinel { process, port, password };
        let sign = format!("process_id:{}\r\n", sentinel.process.pid());
        let login = (port, sentinel.password.clone());
        sentinel.process.wait_ready(READY, || {
            connect(login.0, login.1.as_deref())
                .and_then(|mut client| Ok(client.command(&["INFO", "server"])?))
                .is_ok_and(|info| info.text().is_some_and(|text| text.contains(&sign)))
        })?;
        Ok(sentinel)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// A new connection, with the password if it has one.
    pub fn client(&self) -> Result<Client> {
        connect(self.port, self.password.as_deref())
    }

    /// The port of the primary of this name, as this Sentinel says.
    pub fn primary(&self, name: &str) -> Result<u16> {
        let reply = self.client()?.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name])?;
        let port = reply.items().and_then(|items| items.get(1)?.text()?.parse().ok());
        port.with_context(|| format!("no primary {name}: {reply}"))
    }

    /// pid, log, signals.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    pub fn pause(&mut self) -> Result<()> {
        self.process.pause()
    }

    pub fn resume(&mut self) -> Result<()> {
        self.process.resume()
    }
}

fn connect(port: u16, password: Option<&str>) -> Result<Client> {
    let mut client = Client::connect((Ipv4Addr::LOCALHOST, port))?;
    if let Some(password) = password {
        client.command(&["AUTH", password])?;
    }
    Ok(client)
}
