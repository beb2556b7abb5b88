//! `-d`: runs in the background. The parent waits until everything is bound.
//!
//! ```text
//!   shell ─▶ parent ── starts itself again ▶ child: a session of its own, umask 0, same folder
//!              │                               │ parse, resolve, bind, start, pid file
//!              │ ◀────── "ready" ──────────────┤
//!              ▼                               ▼ stdin, stdout, stderr to the null device
//!            exit 0                          serves
//! ```
//!
//! When the child ends without "ready", the parent exits 1. The child has written every reason to the
//! stderr that both share. twemproxy forked twice and exited 0 before it had read its file.
//!
//! We start the program again and do not fork: fork is not safe in a program with threads, and a
//! library may have some.

use anyhow::{Context, bail};
use std::env;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt, parent_id};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// Holds the parent's pid, so that a variable inherited from another process has no effect.
const MARK: &str = "NUTHATCH_DAEMON_OF";
const READY: &[u8] = b"ready\n";

/// Whether we are the child.
pub fn is_child() -> bool {
    env::var(MARK).is_ok_and(|pid| pid == parent_id().to_string())
}

/// The parent: exit 0 when the child is ready, otherwise 1.
pub fn start_child() -> anyhow::Result<ExitCode> {
    let mut args = env::args_os();
    let name = args.next().unwrap_or_else(|| "nuthatch".into());
    // Without /proc we use the name that started us.
    let program = env::current_exe().unwrap_or_else(|_| PathBuf::from(&name));
    let mut child = Command::new(program)
        .arg0(name)
        .args(args)
        .env(MARK, std::process::id().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start in the background")?;
    let mut received = Vec::new();
    if let Some(pipe) = &mut child.stdout {
        pipe.read_to_end(&mut received).context("cannot read from the background process")?;
    }
    if received == READY {
        return Ok(ExitCode::SUCCESS);
    }
    let status = child.wait().context("cannot wait for the background process")?;
    if let Some(signal) = status.signal() {
        bail!("ended by signal {signal} before it was ready");
    }
    Ok(ExitCode::FAILURE)
}

/// The child's first step.
pub fn leave_session() -> anyhow::Result<()> {
    rustix::process::setsid().context("cannot create a session")?;
    rustix::process::umask(rustix::fs::Mode::empty());
    show_name();
    Ok(())
}

/// The child's last step before it serves.
pub fn tell_ready() -> anyhow::Result<()> {
    // If the parent was killed meanwhile, we serve all the same.
    let mut out = std::io::stdout();
    let _ = out.write_all(READY).and_then(|()| out.flush());
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    // Last: the parent exits when this end of the pipe closes.
    rustix::stdio::dup2_stdout(&null)?;
    Ok(())
}

/// `ps` and `pidof` show the name of the file that was started, not of the link to it. Scripts look
/// for the name of the link.
fn show_name() {
    #[cfg(target_os = "linux")]
    if super::name::is_nutcracker() {
        let _ = rustix::thread::set_name(c"nutcracker");
    }
}
