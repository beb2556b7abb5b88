//! What is compared: one table, and how one row of it is started.

use crate::pin;
use anyhow::{Context, Result, bail};
use nuthatch_testbed::{Folder, Nuthatch, Process, find_program, free_port};
use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

/// Ratios are to this contestant.
pub const BASE: &str = "nutcracker";
pub const OURS: &str = "nuthatch";

/// One row.
pub struct Contestant {
    pub name: &'static str,
    /// For people.
    pub what: &'static str,
    /// How its program is found. None: no program, the load connects to the first server.
    program: Option<fn() -> Result<PathBuf>>,
    config: fn(&Layout) -> String,
    args: fn(&Layout) -> Vec<String>,
    /// It uses one server and does not shard: a reference.
    pub is_reference: bool,
}

/// What a contestant gets in its configuration.
#[derive(Clone, Debug)]
pub struct Layout {
    pub port: u16,
    pub stats_port: u16,
    pub is_memcached: bool,
    pub servers: Vec<u16>,
    pub workers: usize,
    /// Milliseconds, if requests time out.
    pub timeout_ms: Option<u32>,
    /// Milliseconds for a client that reads nothing, if the contestant has such a setting.
    pub client_stall_ms: Option<u32>,
    /// The path of the configuration file, when it is written.
    pub config: String,
}

pub static CONTESTANTS: [Contestant; 4] = [
    Contestant {
        name: OURS,
        what: "nuthatch, release build, one worker",
        program: Some(Nuthatch::binary),
        config: |layout| {
            let stall = layout.client_stall_ms.map(|ms| ("client_stall_ms", ms.to_string()));
            pool(layout, stall)
        },
        args: |layout| {
            let stats = layout.stats_port.to_string();
            let workers = layout.workers.to_string();
            words(&["-w", &workers, "-c", &layout.config, "-a", "127.0.0.1", "-s", &stats])
        },
        is_reference: false,
    },
    Contestant {
        name: BASE,
        // At its default level each request costs a getpeername and a line that is not written.
        what: "nutcracker -v 4",
        program: Some(|| program("nutcracker")),
        config: |layout| pool(layout, None),
        args: |layout| {
            let stats = layout.stats_port.to_string();
            let config = layout.config.as_str();
            words(&["-v", "4", "-o", "", "-c", config, "-a", "127.0.0.1", "-s", &stats])
        },
        is_reference: false,
    },
    Contestant {
        name: "haproxy",
        what: "HAProxy in TCP mode, one server, one thread: forwards bytes, does not shard",
        program: Some(|| program("haproxy")),
        // It needs two descriptors for each client, and small machines allow 20,000.
        config: |layout| {
            format!(
                "global\n    maxconn 9000\n    nbthread 1\ndefaults\n    mode tcp\n    \
                 timeout connect 5s\n    timeout client 600s\n    timeout server 600s\n\
                 listen bench\n    bind 127.0.0.1:{}\n    maxconn 9000\n    \
                 server one 127.0.0.1:{} maxconn 9000\n",
                layout.port, layout.servers[0]
            )
        },
        args: |layout| words(&["-db", "-f", &layout.config]),
        is_reference: true,
    },
    Contestant {
        name: "none",
        what: "no proxy: the load on one server",
        program: None,
        config: |_| String::new(),
        args: |_| Vec::new(),
        is_reference: true,
    },
];

pub fn by_name(name: &str) -> Option<&'static Contestant> {
    CONTESTANTS.iter().find(|contestant| contestant.name == name)
}

/// A running contestant, and its port.
pub struct Running {
    pub port: u16,
    pub process: Option<Process>,
}

impl Running {
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }
}

impl Layout {
    pub fn new(servers: &[u16], is_memcached: bool) -> Layout {
        Layout {
            port: free_port(),
            stats_port: free_port(),
            is_memcached,
            servers: servers.to_vec(),
            workers: 1,
            timeout_ms: None,
            client_stall_ms: None,
            config: String::new(),
        }
    }
}

impl Contestant {
    pub fn start(&self, mut layout: Layout, core: Option<usize>) -> Result<Running> {
        let Some(program) = self.program else {
            return Ok(Running { port: layout.servers[0], process: None });
        };
        let program = program()?;
        let folder = Folder::new()?;
        let config = folder.path().join("config");
        fs::write(&config, (self.config)(&layout))?;
        layout.config = config.to_string_lossy().into_owned();
        let args: Vec<OsString> = (self.args)(&layout).into_iter().map(OsString::from).collect();
        let mut process = pin::start(core, &program, args, folder)?;
        let port = layout.port;
        process.wait_ready(Duration::from_secs(10), || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        })?;
        Ok(Running { port, process: Some(process) })
    }
}

/// The pool for nuthatch and nutcracker, and `own`: a key that only one of them knows.
fn pool(layout: &Layout, own: Option<(&'static str, String)>) -> String {
    let keys = [
        ("hash", "fnv1a_64".to_owned()),
        ("distribution", "ketama".to_owned()),
        ("redis", (!layout.is_memcached).to_string()),
        ("auto_eject_hosts", "true".to_owned()),
        ("server_retry_timeout", "2000".to_owned()),
        ("server_failure_limit", "3".to_owned()),
    ];
    let mut keys: Vec<(&str, String)> = keys.to_vec();
    if let Some(timeout_ms) = layout.timeout_ms {
        keys.push(("timeout", timeout_ms.to_string()));
    }
    keys.extend(own);
    let keys: Vec<(&str, &str)> = keys.iter().map(|(key, value)| (*key, value.as_str())).collect();
    // The ring is made of names, not ports: every run has the same ring.
    let names = ["alpha", "beta", "gamma", "delta"];
    let servers = layout.servers.iter().zip(names);
    let servers: Vec<String> =
        servers.map(|(port, name)| format!("127.0.0.1:{port}:1 {name}")).collect();
    nuthatch_testbed::pool_yaml("bench", layout.port, &keys, &servers)
}

fn program(name: &str) -> Result<PathBuf> {
    find_program(name).with_context(|| format!("{name} is not installed"))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// The contestants by these names.
pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Vec<&'static Contestant>> {
    names
        .into_iter()
        .map(|name| match by_name(name) {
            Some(contestant) => Ok(contestant),
            None => bail!("no contestant is called {name}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ones_we_name_are_there() {
        assert!(by_name(OURS).is_some() && by_name(BASE).is_some());
        for (at, contestant) in CONTESTANTS.iter().enumerate() {
            assert!(CONTESTANTS[..at].iter().all(|other| other.name != contestant.name));
        }
    }
}
