//! One child process with a private folder.
//!
//! The folder holds its config, log and sockets, and is removed with it. Dropping ends the process
//! by SIGKILL: processes of the testbed have nothing to save. `terminate` sends SIGTERM, for tests
//! of a proxy's own shutdown.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::poll_until;
use crate::spawn::{self, Guard, Launch, Spawned};

/// A running (or ended) child and its folder.
pub struct Process {
    name: String,
    child: Child,
    pid: Pid,
    ended: Option<ExitStatus>,
    folder: Folder,
}

impl Process {
    /// Starts `program`. Its working directory is `folder`, its output goes to `folder/log`.
    pub fn start(
        program: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        folder: Folder,
    ) -> Result<Process> {
        Process::start_under(Guard::best(), program, args, folder)
    }

    /// The same with a chosen guard, for the tests of the guards.
    pub fn start_under(
        guard: Guard,
        program: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        folder: Folder,
    ) -> Result<Process> {
        let args: Vec<OsString> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let Spawned { child, pid } = spawn::start(Launch {
            program: program.to_owned(),
            args,
            dir: folder.path().to_owned(),
            log: folder.path().join("log"),
            guard,
        })?;
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Process { name, child, pid, ended: None, folder })
    }

    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// The private folder.
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// Everything it has written to standard output and error.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.dir().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its status if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Waits for it to end by itself.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        poll_until(limit, || self.ended().is_some());
        self.ended.with_context(|| format!("{} still runs after {limit:?}", self.name))
    }

    /// Sends it a signal. This is an error if it has ended: its pid may be another process's.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.ended() {
            bail!("{} has ended ({status})", self.name);
        }
        kill_process(self.pid, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// SIGTERM, then waits for the end.
    pub fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait(limit)
    }

    /// SIGKILL, and waits until it is gone. May be called after it has ended.
    pub fn kill(&mut self) -> Result<()> {
        if self.ended().is_none() {
            self.signal(Signal::KILL)?;
            self.wait(Duration::from_secs(10))?;
        }
        Ok(())
    }

    /// SIGSTOP: it keeps its sockets and does not answer.
    pub fn pause(&mut self) -> Result<()> {
        self.signal(Signal::STOP)?;
        // The signal is sent but may not have arrived: a thread may answer once more.
        poll_until(Duration::from_secs(2), || self.is_stopped().unwrap_or(true));
        Ok(())
    }

    /// SIGCONT.
    pub fn resume(&mut self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Waits until `is_ready`. If the process has ended, returns early with the log's last lines.
    pub fn wait_ready(
        &mut self,
        limit: Duration,
        mut is_ready: impl FnMut() -> bool,
    ) -> Result<()> {
        let start = Instant::now();
        let mut ready = false;
        poll_until(limit, || {
            ready = is_ready();
            ready || self.ended().is_some()
        });
        if ready {
            return Ok(());
        }
        let what = match self.ended {
            Some(status) => format!("ended at its start ({status})"),
            None => format!("not ready after {:?}", start.elapsed()),
        };
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(12)..].join("\n");
        bail!("{}: {what}; its last lines:\n{last}", self.name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error cannot be handled here, and the guard is still there.
        let _ = self.kill();
    }
}

/// A private folder in the temporary folder, removed when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Result<Folder> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // A killed run leaves its folders; a later run with the same pid uses other numbers.
        for _ in 0..10_000 {
            let n = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("nuthatch-{}-{n}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Folder(path)),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e).with_context(|| format!("cannot make {}", path.display())),
            }
        }
        bail!("no room for a private folder in {}", env::temp_dir().display())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
