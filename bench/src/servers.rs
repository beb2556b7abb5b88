//! The three servers behind a contestant: null servers that answer at once, or real ones.

use crate::null::Null;
use crate::pin;
use anyhow::{Context, Result};
use clap::ValueEnum;
use nuthatch_testbed::{Folder, Process, find_program, free_port};
use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

const COUNT: usize = 3;
/// The letters of the null servers' values. They show which server has a key.
pub const LETTERS: [char; COUNT] = ['a', 'b', 'c'];

/// What kind of servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Kind {
    Null,
    Real,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Real => "real",
        }
    }
}

/// Running servers.
pub struct Servers {
    pub ports: Vec<u16>,
    pub processes: Vec<Process>,
}

impl Servers {
    pub fn start(
        kind: Kind,
        is_memcached: bool,
        value_bytes: usize,
        core: Option<usize>,
    ) -> Result<Servers> {
        let mut servers = Servers { ports: Vec::new(), processes: Vec::new() };
        for letter in LETTERS {
            let port = free_port();
            let (program, args) = match kind {
                Kind::Null => null(&Null { port, is_memcached, value_bytes, letter })?,
                Kind::Real if is_memcached => memcached(port)?,
                Kind::Real => redis(port)?,
            };
            let args = args.into_iter().map(OsString::from).collect();
            let mut process = pin::start(core, &program, args, Folder::new()?)?;
            process.wait_ready(Duration::from_secs(10), || {
                TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
            })?;
            servers.ports.push(port);
            servers.processes.push(process);
        }
        Ok(servers)
    }

    pub fn pids(&self) -> Vec<u32> {
        self.processes.iter().map(Process::pid).collect()
    }
}

fn null(null: &Null) -> Result<(PathBuf, Vec<String>)> {
    let args = vec!["null".to_owned(), serde_json::to_string(null)?];
    Ok((std::env::current_exe()?, args))
}

fn redis(port: u16) -> Result<(PathBuf, Vec<String>)> {
    let program = find_program("redis-server").context("redis-server is not installed")?;
    let text = format!(
        "--port {port} --bind 127.0.0.1 --appendonly no --maxclients 12000 --loglevel warning"
    );
    let mut args: Vec<String> = text.split(' ').map(ToOwned::to_owned).collect();
    args.extend(["--save".to_owned(), String::new()]);
    Ok((program, args))
}

fn memcached(port: u16) -> Result<(PathBuf, Vec<String>)> {
    let program = find_program("memcached").context("memcached is not installed")?;
    // As root it needs a user name. It must stay root: a process that changes its user loses the
    // signal that ends it when we die.
    let text = format!("-l 127.0.0.1 -p {port} -U 0 -t 1 -m 512 -I 4m -c 12000 -u root");
    Ok((program, text.split(' ').map(ToOwned::to_owned).collect()))
}
