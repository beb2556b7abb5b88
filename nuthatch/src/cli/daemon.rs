//! `-d`: the background, entered only once everything is bound.
//!
//! ```text
//!   shell ─▶ parent ── starts itself anew ─▶ child: a session of its own, umask 0, same folder
//!              │                               │ parse, resolve, bind, start, pid file
//!              │ ◀────── "ready" ──────────────┤
//!              ▼                               ▼ stdin, stdout, stderr to the null device
//!            exit 0                          serves
//! ```
//!
//! When the child ends without that word, the parent exits 1; the child has given every reason on
//! the stderr that both share. twemproxy forked twice and exited 0 before it had read its file.
//!
//! We start the program anew instead of forking: a fork in a program with threads, or with a
//! library that may have some, is sound only by luck.

use anyhow::{Context, bail};
use std::env;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt, parent_id};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// Holds the parent's pid, so that the mark inherited from elsewhere means nothing.
const MARK: &str = "NUTHATCH_DAEMON_OF";
const READY: &[u8] = b"ready\n";

/// Are we the child?
pub fn is_child() -> bool {
    env::var(MARK).is_ok_and(|pid| pid == parent_id().to_string())
}

/// The parent's part: exit 0 when the child is ready, else 1.
pub fn start_child() -> anyhow::Result<ExitCode> {
    let mut args = env::args_os();
    let name = args.next().unwrap_or_else(|| "nuthatch".into());
    // Without /proc the name we were started by has to do.
    let program = env::current_exe().unwrap_or_else(|_| PathBuf::from(&name));
    let mut child = Command::new(program)
        .arg0(name)
        .args(args)
        .env(MARK, std::process::id().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start in the background")?;
    let mut said = Vec::new();
    if let Some(pipe) = &mut child.stdout {
        pipe.read_to_end(&mut said).context("cannot hear from the background")?;
    }
    if said == READY {
        return Ok(ExitCode::SUCCESS);
    }
    let status = child.wait().context("cannot wait for the background")?;
    if let Some(signal) = status.signal() {
        bail!("ended by signal {signal} before it was ready");
    }
    Ok(ExitCode::FAILURE)
}

/// The child's first step.
pub fn leave_session() -> anyhow::Result<()> {
    rustix::process::setsid().context("cannot make a session")?;
    rustix::process::umask(rustix::fs::Mode::empty());
    show_name();
    Ok(())
}

/// The child's last step before it serves.
pub fn tell_ready() -> anyhow::Result<()> {
    // A parent that was killed meanwhile wanted us all the same.
    let mut out = std::io::stdout();
    let _ = out.write_all(READY).and_then(|()| out.flush());
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    // Last: the parent leaves when this end of the pipe closes.
    rustix::stdio::dup2_stdout(&null)?;
    Ok(())
}

/// `ps` and `pidof` show the file that was started, which is not the link's name but its
/// target's; scripts look for the name.
fn show_name() {
    #[cfg(target_os = "linux")]
    if super::name::is_nutcracker() {
        let _ = rustix::thread::set_name(c"nutcracker");
    }
}
