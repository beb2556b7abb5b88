//! Which core a process runs on.
//!
//! The proxy has core 0 alone and all other processes share core 1. So the proxy is the bottleneck
//! even on the smallest machine, and CPU per request is compared. A program is pinned before it
//! starts: we start ourselves (`nuthatch-bench on CORE PROGRAM ...`), take the core and execute the
//! program. So every thread that it starts is pinned too.

use anyhow::{Context, Result};
use nuthatch_testbed::{Folder, Process};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The proxy's core when pinned.
pub const PROXY: Option<usize> = Some(0);
/// The core of all other processes.
pub const REST: Option<usize> = Some(1);

/// The cores of a row: the proxy's and the others'.
pub fn cores(is_pinned: bool) -> (Option<usize>, Option<usize>) {
    if is_pinned { (PROXY, REST) } else { (None, None) }
}

/// Starts a guarded process, on `core` if there is one.
pub fn start(
    core: Option<usize>,
    program: &Path,
    args: Vec<OsString>,
    folder: Folder,
) -> Result<Process> {
    let Some(core) = core else { return Process::start(program, args, folder) };
    let ours = std::env::current_exe()?;
    let mut all: Vec<OsString> = vec!["on".into(), core.to_string().into(), program.into()];
    all.extend(args);
    Process::start(&ours, all, folder)
}

/// Takes the core and executes the program. Returns only if that fails.
pub fn become_pinned(core: usize, program: &OsString, args: &[OsString]) -> Result<()> {
    take(core)?;
    Err(Command::new(program).args(args).exec())
        .with_context(|| format!("cannot start {}", program.to_string_lossy()))
}

#[cfg(target_os = "linux")]
fn take(core: usize) -> Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    set.set(core);
    rustix::thread::sched_setaffinity(None, &set)
        .with_context(|| format!("cannot run on core {core}"))
}

#[cfg(not(target_os = "linux"))]
fn take(_core: usize) -> Result<()> {
    anyhow::bail!("this system cannot pin a process; run with --settings unpinned")
}

/// Raises the soft limit of open files to the hard limit, for us and for our children.
pub fn raise_fd_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If this fails, the scenario with ten thousand clients says how many it could open.
    let _ = setrlimit(Resource::Nofile, limit);
}

pub fn core_count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
