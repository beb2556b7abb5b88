//! Clients that write at a fixed rate: ours through a proxy, and those of redis-py, which follow the Sentinels by
//! themselves.
//!
//! ```text
//!   client 0   │      │      │      │       a write is due every 20 ms, whether the one before was answered or not
//!   client 1     │      │      │      │
//! ```
//!
//! So a client that waits for two seconds has a hundred writes to send then, and both kinds of clients send equally
//! many. A wait is counted from the moment when a write was due. All times are nanoseconds of the monotonic clock:
//! Python shows the same one.

use anyhow::{Context, Result, ensure};
use nuthatch_testbed::{Client, Folder, Process};
use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use serde_json::json;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Of each kind.
pub const CLIENTS: u64 = 8;
pub const EVERY_MS: u64 = 20;

const MS: u64 = 1_000_000;
/// Longer than a proxy holds a request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// To start Python, or to do what was due at the end.
const PYTHON_MAX: Duration = Duration::from_secs(30);
const PROGRAM: &str = include_str!("redis_py.py");

pub fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// What became of one write.
#[derive(Clone, Debug, Deserialize)]
pub struct Write {
    pub due: u64,
    pub ended: u64,
    pub error: Option<String>,
}

/// Clients of a proxy, each with a thread and a connection of its own.
pub struct Writers {
    stop_at: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Vec<Write>>>,
}

impl Writers {
    pub fn start(address: &str) -> Writers {
        let stop_at = Arc::new(AtomicU64::new(u64::MAX));
        let threads = (0..CLIENTS).map(|number| {
            let (stop_at, address) = (Arc::clone(&stop_at), address.to_owned());
            thread::spawn(move || write_until(&stop_at, number, &address))
        });
        Writers { threads: threads.collect(), stop_at }
    }

    /// They do what is due by now, and no more.
    pub fn stop(&self) {
        self.stop_at.store(now(), Ordering::Relaxed);
    }

    /// Waits for their end.
    pub fn finish(self) -> Result<Vec<Write>> {
        let mut all = Vec::new();
        for thread in self.threads {
            all.extend(thread.join().ok().context("a client panicked")?);
        }
        Ok(all)
    }
}

fn write_until(stop_at: &AtomicU64, number: u64, address: &str) -> Vec<Write> {
    let (mut client, mut writes) = (None, Vec::new());
    let mut due = now() + EVERY_MS * MS * number / CLIENTS;
    while due < stop_at.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_nanos(due.saturating_sub(now())));
        let error = write(&mut client, address, number, due).err();
        writes.push(Write { due, ended: now(), error: error.map(|error| format!("{error:#}")) });
        due += EVERY_MS * MS;
    }
    writes
}

/// One write. Connects again if the connection was lost.
fn write(client: &mut Option<Client>, address: &str, number: u64, value: u64) -> Result<()> {
    let mut link = match client.take() {
        Some(link) => link,
        None => Client::connect(address)?,
    };
    link.set_timeout(TIMEOUT)?;
    let reply = link.command(&["SET", &format!("proxy:{number}"), &value.to_string()])?;
    *client = Some(link);
    ensure!(reply.is_ok(), "{reply}");
    Ok(())
}

/// Clients of redis-py.
pub struct PythonWriters(Process);

impl PythonWriters {
    /// `retries`: how often one write is tried again, 50 ms after an error.
    pub fn start(python: &Path, name: &str, sentinels: &[u16], retries: u32) -> Result<Self> {
        let told = json!({
            "name": name, "sentinels": sentinels, "clients": CLIENTS, "every_ms": EVERY_MS,
            "retries": retries,
        });
        let args: [OsString; 3] = ["-c".into(), PROGRAM.into(), told.to_string().into()];
        let mut process = Process::start(python, args, Folder::new()?)?;
        let ready = process.dir().join("ready");
        process.wait_ready(PYTHON_MAX, || ready.exists())?;
        Ok(PythonWriters(process))
    }

    /// They do what is due by now, and no more.
    pub fn stop(&mut self) -> Result<()> {
        self.0.signal(Signal::TERM)
    }

    /// Waits for their end.
    pub fn finish(mut self) -> Result<Vec<Write>> {
        let status = self.0.wait(PYTHON_MAX)?;
        ensure!(status.success(), "the clients of redis-py: {}", self.0.log());
        Ok(serde_json::from_str(&fs::read_to_string(self.0.dir().join("result.json"))?)?)
    }
}

/// A Python that has redis-py, and the version of redis-py.
pub fn python() -> Result<(PathBuf, String)> {
    let of_target = || Some(env::current_exe().ok()?.ancestors().nth(2)?.join("venv/bin/python"));
    let python = env::var_os("NUTHATCH_PYTHON").map(PathBuf::from).or_else(of_target);
    let python = python.filter(|file| file.is_file()).context("no Python in target/venv")?;
    let args = ["-c", "import redis; print(redis.__version__)"];
    let mut process = Process::start(&python, args, Folder::new()?)?;
    let status = process.wait(PYTHON_MAX)?;
    ensure!(status.success(), "no redis-py in {}", python.display());
    Ok((python, process.log().trim().to_owned()))
}
