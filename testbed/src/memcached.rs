//! A real memcached.

use anyhow::{Context, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::process::Folder;
use crate::{Client, Process, find_program, free_port, is_root};

const READY: Duration = Duration::from_secs(10);
/// How often another port is tried when ours was taken between the look and the bind.
const TRIES: u32 = 5;

/// One memcached on a port of its own, or on a Unix socket if `-s` says so.
pub struct MemcachedServer {
    process: Process,
    port: u16,
    args: Vec<String>,
}

impl MemcachedServer {
    pub fn start() -> Result<MemcachedServer> {
        MemcachedServer::start_with(&[])
    }

    /// With more arguments, e.g. `&["-m", "8"]`. A relative `-s` path lies in the private folder.
    pub fn start_with(args: &[&str]) -> Result<MemcachedServer> {
        let mut tries = 0;
        loop {
            tries += 1;
            match MemcachedServer::start_on(free_port(), args) {
                Err(e) if tries < TRIES && e.to_string().contains("in use") => {}
                done => return done,
            }
        }
    }

    /// Only on this port: memcached's own port, 11211, has a meaning in names.
    pub fn start_on(port: u16, args: &[&str]) -> Result<MemcachedServer> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        Ok(MemcachedServer { process: launch(port, &args)?, port, args })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The line for a pool's `servers`, e.g. `127.0.0.1:12345:1 alpha`.
    pub fn entry(&self, weight: u32, name: &str) -> String {
        match self.unix_socket() {
            Some(path) => format!("{}:{weight} {name}", path.display()),
            None => format!("{}:{weight} {name}", self.addr()),
        }
        .trim_end()
        .to_owned()
    }

    /// Where `-s` put the socket, if it was among the arguments.
    pub fn unix_socket(&self) -> Option<PathBuf> {
        let at = self.args.iter().position(|arg| arg == "-s")?;
        Some(self.process.dir().join(self.args.get(at + 1)?))
    }

    /// A new connection. Use `ask` to send memcached's text protocol.
    pub fn client(&self) -> Result<Client> {
        match self.unix_socket() {
            Some(path) => Ok(Client::connect_unix(path)?),
            None => Ok(Client::connect(self.addr())?),
        }
    }

    /// pid, log, signals.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Kills it at once, as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Stops it: connections stay, answers do not come.
    pub fn pause(&mut self) -> Result<()> {
        self.process.pause()
    }

    pub fn resume(&mut self) -> Result<()> {
        self.process.resume()
    }

    /// Kills it if it runs and starts it again, empty, on the same port.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.process = launch(self.port, &self.args)?;
        Ok(())
    }
}

fn launch(port: u16, more: &[String]) -> Result<Process> {
    let program = find_program("memcached")
        .context("memcached is not installed (Debian, Ubuntu: package memcached)")?;
    let port_text = port.to_string();
    // One thread: tests start many servers on few cores.
    let mut args = vec!["-p", &port_text, "-U", "0", "-l", "127.0.0.1", "-t", "1"];
    if is_root() {
        // memcached runs as root only with this option.
        args.extend(["-u", "root"]);
    }
    args.extend(more.iter().map(String::as_str));
    let mut process = Process::start(&program, args, Folder::new()?)?;
    // Compare the pid: another program's server may be on that port.
    let sign = format!("STAT pid {}\r\n", process.pid());
    let socket = more.iter().position(|arg| arg == "-s").and_then(|at| more.get(at + 1));
    let socket = socket.map(|path| process.dir().join(path));
    process.wait_ready(READY, || {
        let client = match &socket {
            Some(path) => Client::connect_unix(path),
            None => Client::connect((Ipv4Addr::LOCALHOST, port)),
        };
        client
            .and_then(|mut client| {
                client.send_raw(b"stats\r\nquit\r\n")?;
                client.recv_to_end()
            })
            .is_ok_and(|stats| String::from_utf8_lossy(&stats).contains(&sign))
    })?;
    Ok(process)
}
