//! A real redis-server without persistence.

use anyhow::{Context, Result, ensure};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::Folder;
use crate::{Client, Process, Release, free_port, poll_until};

const READY: Duration = Duration::from_secs(10);
/// How often another port is tried when ours was taken between the look and the bind.
const TRIES: u32 = 5;

/// One redis-server on a port of its own.
pub struct RedisServer {
    process: Process,
    program: PathBuf,
    port: u16,
    args: Vec<String>,
}

impl RedisServer {
    /// Of a release. `target`: see [`Release::program`].
    pub fn start_release(release: Release, target: &Path, args: &[&str]) -> Result<RedisServer> {
        RedisServer::start_program(&release.program(target)?, args)
    }

    pub fn start() -> Result<RedisServer> {
        RedisServer::start_with(&[])
    }

    /// With more arguments, e.g. `&["--requirepass", "secret"]`. A relative `--unixsocket` path
    /// lies in the private folder.
    pub fn start_with(args: &[&str]) -> Result<RedisServer> {
        RedisServer::start_program(&program()?, args)
    }

    /// A replica of this server, with the same arguments and more, that has its data.
    pub fn start_replica(&self, more: &[&str]) -> Result<RedisServer> {
        let port = self.port.to_string();
        let mut args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        args.extend(["--replicaof", "127.0.0.1", &port]);
        args.extend(more);
        if let Some(at) = self.args.iter().position(|arg| arg == "--requirepass") {
            args.extend(["--masterauth", &self.args[at + 1]]);
        }
        let replica = RedisServer::start_program(&self.program, &args)?;
        let mut client = replica.client()?;
        let mut follows = || {
            let info = client.command(&["INFO", "replication"]).ok()?.text()?;
            Some(info.contains("master_link_status:up"))
        };
        ensure!(poll_until(READY, || follows() == Some(true)), "a replica does not follow");
        Ok(replica)
    }

    /// How often this server was asked for a command, named in small letters.
    pub fn calls(&self, command: &str) -> Result<u64> {
        let info = self.client()?.command(&["INFO", "commandstats"])?.text().unwrap_or_default();
        let line =
            info.lines().find_map(|it| it.strip_prefix(&format!("cmdstat_{command}:calls=")));
        let calls = line.and_then(|rest| rest.split(',').next()?.parse().ok());
        Ok(calls.unwrap_or(0))
    }

    /// `master` or `slave`, as it says itself.
    pub fn role(&self) -> Result<String> {
        let role = self.client()?.command(&["ROLE"])?;
        role.items().and_then(|items| items.first()?.text()).context("no role")
    }

    /// By this program.
    pub fn start_program(program: &Path, args: &[&str]) -> Result<RedisServer> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let mut tries = 0;
        loop {
            tries += 1;
            let port = free_port();
            match launch(program, port, &args) {
                Ok(process) => {
                    return Ok(RedisServer { process, program: program.into(), port, args });
                }
                Err(e) if tries < TRIES && e.to_string().contains("in use") => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// On a port that another server had before, or that nothing listens on yet.
    pub fn start_on(port: u16, args: &[&str]) -> Result<RedisServer> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let program = program()?;
        Ok(RedisServer { process: launch(&program, port, &args)?, program, port, args })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The line for a pool's `servers`, e.g. `127.0.0.1:12345:1 alpha`.
    pub fn entry(&self, weight: u32, name: &str) -> String {
        format!("{}:{weight} {name}", self.addr()).trim_end().to_owned()
    }

    /// Where `--unixsocket` put the socket, if it was among the arguments.
    pub fn unix_socket(&self) -> Option<PathBuf> {
        let at = self.args.iter().position(|arg| arg == "--unixsocket")?;
        Some(self.process.dir().join(self.args.get(at + 1)?))
    }

    /// A new connection, authenticated if the server was started with `--requirepass`.
    pub fn client(&self) -> Result<Client> {
        connect(self.port, &self.args)
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
        self.process = launch(&self.program, self.port, &self.args)?;
        Ok(())
    }
}

/// Debian's, or what is in PATH.
fn program() -> Result<PathBuf> {
    Release::Redis70.program(Path::new(""))
}

fn launch(program: &Path, port: u16, more: &[String]) -> Result<Process> {
    let port_text = port.to_string();
    let own = ["--port", &port_text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    let args = own.into_iter().chain(more.iter().map(String::as_str));
    let mut process = Process::start(program, args, Folder::new()?)?;
    // Compare the pid: another program's server may be on that port.
    let sign = format!("process_id:{}\r\n", process.pid());
    process.wait_ready(READY, || {
        connect(port, more)
            .and_then(|mut client| Ok(client.command(&["INFO", "server"])?))
            .is_ok_and(|info| info.text().is_some_and(|text| text.contains(&sign)))
    })?;
    Ok(process)
}

fn connect(port: u16, args: &[String]) -> Result<Client> {
    let mut client = Client::connect((Ipv4Addr::LOCALHOST, port))?;
    if let Some(at) = args.iter().position(|arg| arg == "--requirepass") {
        let password = args.get(at + 1).context("--requirepass without a password")?;
        client.command(&["AUTH", password])?;
    }
    Ok(client)
}
