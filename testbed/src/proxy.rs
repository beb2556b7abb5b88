//! The proxy under test, and the one it replaces.
//!
//! Both take the same YAML; the caller chooses the ports in it (`free_port`). A proxy counts as
//! ready when every `listen` address of the file takes a connection.
//!
//! Both serve statistics, by default on one port for the whole machine, so tests side by side need
//! one each.

use anyhow::{Context, Result, ensure};
use std::env;
use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::Folder;
use crate::{Client, Process, find_program, free_port};

const READY: Duration = Duration::from_secs(10);

/// A running nuthatch or nutcracker.
pub struct Proxy {
    process: Process,
    listens: Vec<String>,
    /// Where statistics are served on loopback.
    stats_port: u16,
}

/// The proxy of this workspace.
pub struct Nuthatch;

/// The old proxy.
pub struct Nutcracker;

impl Nuthatch {
    /// Starts the binary that NUTHATCH_BIN names. Without it, the binary in the target folder of
    /// the running executable.
    pub fn start(yaml: &str, args: &[&str]) -> Result<Proxy> {
        Proxy::start(&Nuthatch::binary()?, yaml, args)
    }

    /// The binary that `start` uses.
    pub fn binary() -> Result<PathBuf> {
        if let Some(path) = env::var_os("NUTHATCH_BIN") {
            return Ok(path.into());
        }
        // target/debug/deps/some_test-1a2b and target/debug/xtask both lead to target/debug.
        let exe = env::current_exe()?;
        exe.ancestors()
            .skip(1)
            .take(2)
            .map(|dir| dir.join("nuthatch"))
            .find(|file| file.is_file())
            .context("no nuthatch beside this executable: `cargo build`, or set NUTHATCH_BIN")
    }
}

impl Nutcracker {
    pub fn start(yaml: &str) -> Result<Proxy> {
        let program = find_program("nutcracker")
            .context("nutcracker is not installed (Debian, Ubuntu: package nutcracker)")?;
        Proxy::start(&program, yaml, &[])
    }
}

impl Proxy {
    /// Starts a program. A program with another name than nuthatch is the old proxy.
    pub fn start(program: &Path, yaml: &str, args: &[&str]) -> Result<Proxy> {
        let folder = Folder::new()?;
        let config = folder.path().join("pools.yml");
        fs::write(&config, yaml)?;
        let listens = listens(yaml);
        ensure!(!listens.is_empty(), "the config has no `listen`");

        let mut all = vec!["-c".to_owned(), config.to_string_lossy().into_owned()];
        let stats_port = free_port();
        all.extend(["-s", &stats_port.to_string(), "-a", "127.0.0.1"].map(ToOwned::to_owned));
        if program.file_name().is_none_or(|name| name != "nuthatch") {
            // Debian's build logs to a file of its own by default; "" is stderr.
            all.extend(["-v", "4", "-o", ""].map(ToOwned::to_owned));
        }
        all.extend(args.iter().map(ToString::to_string));
        let mut process = Process::start(program, all, folder)?;
        process.wait_ready(READY, || listens.iter().all(|address| answers(address)))?;
        Ok(Proxy { process, listens, stats_port })
    }

    /// The `listen` addresses in the order of the file.
    pub fn listens(&self) -> &[String] {
        &self.listens
    }

    /// A new connection to the file's first pool.
    pub fn client(&self) -> Result<Client> {
        self.client_of(0)
    }

    /// A new connection to the file's n-th pool, counted from 0.
    pub fn client_of(&self, pool: usize) -> Result<Client> {
        let address = self.listens.get(pool).context("no such pool")?;
        if address.starts_with('/') {
            Ok(Client::connect_unix(address)?)
        } else {
            Ok(Client::connect(address.as_str())?)
        }
    }

    /// What a connection to the stats port gets: twemproxy's document.
    pub fn stats(&self) -> Result<String> {
        let mut client = Client::connect((Ipv4Addr::LOCALHOST, self.stats_port))?;
        Ok(String::from_utf8_lossy(&client.recv_to_end()?).into_owned())
    }

    /// The document with nuthatch's own members. nutcracker speaks no HTTP and has none.
    pub fn stats_extended(&self) -> Result<String> {
        let (head, body) = self.http("GET /stats HTTP/1.1\r\n\r\n")?;
        ensure!(head.starts_with("HTTP/1.1 200 "), "no statistics: {head}");
        Ok(body)
    }

    /// Head and body of the stats port's answer to a request.
    pub fn http(&self, request: &str) -> Result<(String, String)> {
        let mut client = Client::connect((Ipv4Addr::LOCALHOST, self.stats_port))?;
        client.send_raw(request.as_bytes())?;
        let text = String::from_utf8_lossy(&client.recv_to_end()?).into_owned();
        let parts = text.split_once("\r\n\r\n").with_context(|| format!("no HTTP: {text}"))?;
        Ok((parts.0.to_owned(), parts.1.to_owned()))
    }

    /// The port on loopback where statistics are served.
    pub fn stats_port(&self) -> u16 {
        self.stats_port
    }

    /// pid, log, signals.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

fn answers(address: &str) -> bool {
    if address.starts_with('/') {
        UnixStream::connect(address).is_ok()
    } else {
        TcpStream::connect(address).is_ok()
    }
}

/// The `listen` values of a config, without quotes and without a socket's mode.
fn listens(yaml: &str) -> Vec<String> {
    yaml.lines()
        .filter_map(|line| line.trim().strip_prefix("listen:"))
        .map(|value| value.trim().trim_matches(['"', '\'']))
        .map(|value| match value.rsplit_once(' ') {
            Some((path, _mode)) if value.starts_with('/') => path.to_owned(),
            _ => value.to_owned(),
        })
        .collect()
}

/// A pool as YAML text: its name, port on loopback, further keys, and entries of `servers`.
pub fn pool_yaml(name: &str, port: u16, keys: &[(&str, &str)], servers: &[String]) -> String {
    let mut yaml = format!("{name}:\n  listen: 127.0.0.1:{port}\n");
    for (key, value) in keys {
        let _ = writeln!(yaml, "  {key}: {value}");
    }
    yaml.push_str("  servers:\n");
    for server in servers {
        let _ = writeln!(yaml, "    - {server}");
    }
    yaml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_where_a_config_listens() {
        let mut yaml = pool_yaml("a", 4000, &[("redis", "true")], &["127.0.0.1:1:1".into()]);
        yaml.push_str("b:\n  listen: /tmp/some.sock 0640\n  servers:\n  - h:1:1\n");
        assert_eq!(listens(&yaml), ["127.0.0.1:4000", "/tmp/some.sock"]);
    }

    #[test]
    fn writes_a_pool() {
        let yaml = pool_yaml("a", 4000, &[("redis", "true")], &["127.0.0.1:1:1 x".into()]);
        let want =
            "a:\n  listen: 127.0.0.1:4000\n  redis: true\n  servers:\n    - 127.0.0.1:1:1 x\n";
        assert_eq!(yaml, want);
    }
}
