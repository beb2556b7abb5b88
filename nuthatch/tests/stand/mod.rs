//! What the tests of the command line and of daemons share: our binary under either name, in a
//! folder of its own, and daemons that end with the test.
#![allow(dead_code, reason = "each test file takes what it needs")]

use nuthatch_testbed::{Folder, Process, free_port, poll_until, pool_yaml};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

pub const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with `nutcracker` and `nuthatch`, both links to our binary, and `pools.yml`.
pub struct Stand {
    folder: Folder,
    pub port: u16,
    pub stats_port: u16,
}

pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Stand {
    /// With one pool in front of this server.
    pub fn new(server: &str) -> Stand {
        Stand::with_keys(server, &[])
    }

    pub fn with_keys(server: &str, keys: &[(&str, &str)]) -> Stand {
        let folder = Folder::new().unwrap();
        let port = free_port();
        let all = [&[("redis", "true")], keys].concat();
        let yaml = pool_yaml("alpha", port, &all, &[server.to_owned()]);
        fs::write(folder.path().join("pools.yml"), yaml).unwrap();
        for name in ["nutcracker", "nuthatch"] {
            symlink(env!("CARGO_BIN_EXE_nuthatch"), folder.path().join(name)).unwrap();
        }
        Stand { folder, port, stats_port: free_port() }
    }

    /// For tests that reach no server.
    pub fn idle() -> Stand {
        Stand::new(&format!("127.0.0.1:{}:1", free_port()))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn address(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.port)
    }

    /// The flags that keep tests out of each other's way, then these.
    pub fn flags(&self, more: &[&str]) -> Vec<String> {
        let stats_port = self.stats_port.to_string();
        let own = ["-c", "pools.yml", "-a", "127.0.0.1", "-s", &stats_port];
        own.iter().chain(more).map(ToString::to_string).collect()
    }

    /// Runs to the end, in the folder.
    pub fn run(&self, name: &str, args: &[&str]) -> Done {
        run(&self.path(name), args, self.folder.path())
    }

    /// Starts in the foreground and waits until it listens.
    pub fn serve(&self, name: &str, more: &[&str]) -> Process {
        let mut process = self.start(name, more);
        let address = self.address();
        process.wait_ready(PATIENCE, || std::net::TcpStream::connect(address).is_ok()).unwrap();
        process
    }

    pub fn start(&self, name: &str, more: &[&str]) -> Process {
        let place = Folder::new().unwrap();
        // The process has a folder of its own; ours is where its files are.
        fs::copy(self.path("pools.yml"), place.path().join("pools.yml")).unwrap();
        Process::start(&self.path(name), self.flags(more), place).unwrap()
    }

    /// Runs with `-d` and takes care of what stays behind. Off the log that the machine's own
    /// nutcracker may have.
    pub fn daemon(&self, name: &str, more: &[&str]) -> (Done, Option<Daemon>) {
        let no_log: &[&str] =
            if name == "nutcracker" && !more.contains(&"-o") { &["-o", ""] } else { &[] };
        let flags = self.flags(&[&["-d", "-p", "d.pid"], no_log, more].concat());
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let done = self.run(name, &flags);
        let pid = self.read("d.pid").parse::<i32>().ok().and_then(Pid::from_raw);
        (done, pid.map(Daemon))
    }
}

/// `program` to its end.
pub fn run(program: &Path, args: &[&str], dir: &Path) -> Done {
    let output = Command::new(program)
        .args(args)
        .current_dir(dir)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Done {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A process that is not our child. Ended with the test, if it is still the binary we started.
pub struct Daemon(pub Pid);

impl Daemon {
    pub fn is_alive(&self) -> bool {
        test_kill_process(self.0).is_ok() && !self.is_zombie()
    }

    fn is_zombie(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
    }

    pub fn signal(&self, signal: Signal) {
        assert!(self.is_ours(), "a stranger has the pid");
        kill_process(self.0, signal).unwrap();
    }

    pub fn ends(&self) -> bool {
        poll_until(PATIENCE, || !self.is_alive())
    }

    fn is_ours(&self) -> bool {
        let binary = fs::canonicalize(env!("CARGO_BIN_EXE_nuthatch")).unwrap();
        fs::read_link(format!("/proc/{}/exe", self.0)).is_ok_and(|exe| exe == binary)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.is_alive() && self.is_ours() {
            let _ = kill_process(self.0, Signal::KILL);
        }
    }
}
