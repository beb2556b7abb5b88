//! Starting processes that cannot outlive us.
//!
//! Dropping a `Process` ends it. That covers a return and a panic, but not SIGKILL, an abort or
//! `process::exit`. So each child also has a guard that works even when we are dead:
//!
//! ```text
//!   Linux      setpriv --pdeathsig KILL ─exec▶ sh: is my parent still P? ─exec▶ the program
//!              the kernel kills the program when the thread that started it ends
//!   elsewhere  sh ──starts──▶ the program
//!               └ reads a pipe whose other end only we hold; at its end it kills the program
//! ```
//!
//! On Linux the death signal survives `exec`, so program and guard are one process with one pid.
//! The small shell between them is for the time between fork and `setpriv`. If we die in that
//! time, the signal never comes, but then the parent is no longer P and the shell ends. The
//! arguments go through `"$@"`, so no text of ours is ever parsed by a shell.
//!
//! The death signal comes when the *thread* that forked ends, not the process: a server started
//! by a test's thread would die with that test. So all children are started in one thread, which
//! lives as long as the process.
//!
//! On other systems the guard is a process beside the program. It is weaker: if only the guard is
//! killed, the program stays.
//!
//! Both guards write the program's pid to a file when they are ready, and `start` waits for that.
//! The child we know may be the guard and not the program. And a child that is stopped by SIGSTOP
//! before its guard is ready would stay for ever after our death (a test found this).
//!
//! Each child leads a process group of its own. So Ctrl-C in a terminal reaches only us, and we
//! end the others in our order.

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::Pid;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use crate::poll_until;

/// What ends a child when we die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The kernel kills it when the thread that starts processes ends (Linux, with util-linux's
    /// setpriv).
    DeathSignal,
    /// A shell beside it waits for the end of a pipe that we hold.
    Pipe,
}

/// Runs the program only if the parent is still the process that asked for it.
const IF_PARENT_LIVES: &str = r#"[ "$PPID" = "$0" ] && exec "$@""#;

/// The same; writes the program's pid first.
const IF_PARENT_LIVES_TELL: &str = r#"
told=$1; shift
[ "$PPID" = "$0" ] && echo "$$" >"$told" && exec "$@"
"#;

/// Starts the program, writes its pid, kills it when the pipe on stdin ends.
const PIPE_GUARD: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- &
child=$!
echo "$child" >"$0"
( read -r _ <&3; kill -9 "$child" ) 2>/dev/null &
watch=$!
exec 3<&-
wait "$child"
status=$?
kill "$watch" 2>/dev/null
exit "$status"
"#;

/// What is needed to start a program.
pub(crate) struct Launch {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// The working directory; the guard leaves its pid file here too.
    pub dir: PathBuf,
    /// Standard output and error go here, appended.
    pub log: PathBuf,
    pub guard: Guard,
}

/// A started program.
pub(crate) struct Spawned {
    /// The program itself, or its pipe guard, which ends with the program's status.
    pub child: Child,
    /// The program's own pid.
    pub pid: Pid,
}

impl Guard {
    /// The better guard of those this machine has.
    pub fn best() -> Guard {
        static BEST: OnceLock<Guard> = OnceLock::new();
        *BEST.get_or_init(|| {
            // Busybox has a setpriv without the option, so try it.
            let works = cfg!(target_os = "linux")
                && Command::new("setpriv")
                    .args(["--pdeathsig", "KILL", "true"])
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()
                    .is_ok_and(|status| status.success());
            if works { Guard::DeathSignal } else { Guard::Pipe }
        })
    }
}

/// A command for a program that must end with us but needs no folder, such as a build. It has a
/// death signal if the kernel has those; on other systems it is a plain command. Spawn it from a
/// thread that lives as long as the process, such as main's. The guard covers the program itself,
/// not the processes that it starts.
pub fn guarded(program: &Path) -> Command {
    match Guard::best() {
        Guard::DeathSignal => {
            let mut command = with_death_signal(IF_PARENT_LIVES);
            command.arg(program);
            command
        }
        Guard::Pipe => Command::new(program),
    }
}

fn with_death_signal(script: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "/bin/sh", "-c", script]);
    command.arg(std::process::id().to_string());
    command
}

/// Starts a program in the thread that starts all of them.
pub(crate) fn start(launch: Launch) -> Result<Spawned> {
    type Order = (Launch, Sender<Result<Spawned>>);
    static SPAWNER: OnceLock<Option<Sender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        let body = move || {
            for (launch, answer) in inbox {
                // The caller waits for the answer. If the caller is gone, drop the child.
                let _ = answer.send(start_here(&launch));
            }
        };
        thread::Builder::new().name("spawner".into()).spawn(body).ok().map(|_| orders)
    });
    let (answer, outcome) = channel();
    spawner
        .as_ref()
        .and_then(|orders| orders.send((launch, answer)).ok())
        .ok_or_else(|| anyhow!("the thread that starts processes is gone"))?;
    outcome.recv().context("the thread that starts processes died")?
}

fn start_here(launch: &Launch) -> Result<Spawned> {
    let log = File::options().create(true).append(true).open(&launch.log)?;
    let pid_file = launch.dir.join("guarded.pid");
    let _ = fs::remove_file(&pid_file);
    let mut command;
    match launch.guard {
        Guard::DeathSignal => {
            command = with_death_signal(IF_PARENT_LIVES_TELL);
            command.arg(&pid_file).stdin(Stdio::null());
        }
        Guard::Pipe => {
            command = Command::new("/bin/sh");
            command.args(["-c", PIPE_GUARD]).arg(&pid_file).stdin(Stdio::piped());
        }
    }
    command.arg(&launch.program).args(&launch.args).current_dir(&launch.dir).process_group(0);
    command.stdout(log.try_clone()?).stderr(log);
    let mut child =
        command.spawn().with_context(|| format!("cannot start {}", launch.program.display()))?;
    let Some(pid) = told_pid(&pid_file, &mut child) else {
        // A pipe guard's program ends too: dropping the child closes the pipe.
        child.kill()?;
        child.wait()?;
        bail!("the guard of {} did not start", launch.program.display());
    };
    Ok(Spawned { child, pid })
}

/// The pid in the file, when it is complete. None if the guard ends without writing it.
fn told_pid(pid_file: &Path, guard: &mut Child) -> Option<Pid> {
    let mut pid = None;
    poll_until(Duration::from_secs(10), || {
        let has_ended = guard.try_wait().is_ok_and(|status| status.is_some());
        let text = fs::read_to_string(pid_file).unwrap_or_default();
        pid = text.strip_suffix('\n').and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
        pid.is_some() || has_ended
    });
    pid
}

/// Whether we run as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Finds a program in PATH, and in system folders that PATH often lacks (nutcracker is in one).
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/local/bin", "/opt/homebrew/bin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(more).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// The same for a program without which a test is skipped. If NUTHATCH_NO_SKIP is set, a missing
/// program is a failure: `cargo xtask test` has installed all of them and sets it, so that no test
/// is skipped unnoticed.
///
/// # Panics
/// If NUTHATCH_NO_SKIP is set and the program is missing.
pub fn find_program_or_skip(name: &str) -> Option<PathBuf> {
    let found = find_program(name);
    assert!(
        found.is_some() || env::var_os("NUTHATCH_NO_SKIP").is_none(),
        "{name} is not installed, and NUTHATCH_NO_SKIP allows no skipped test"
    );
    if found.is_none() {
        eprintln!("{name} is not installed: skipped");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_every_machine_has() {
        assert!(find_program("sh").is_some());
        assert!(find_program("no-such-program").is_none());
    }
}
