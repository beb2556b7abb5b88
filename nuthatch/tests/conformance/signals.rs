//! 2: what signals do, and the names they leave in the log.

use crate::program::PATIENCE;
use crate::stage::{Program, Running, talk};
use nuthatch_testbed::{Folder, poll_until};
use rustix::process::Signal;
use std::fs;
use std::os::unix::process::ExitStatusExt;

fn serving(program: Program, args: &[&str]) -> Running {
    program.pool_with(&[], &["127.0.0.1:1:1 one".to_owned()], args)
}

/// The names found, in the order in which the signals were sent.
pub fn names(program: Program) -> String {
    let mut running = serving(program, &["-v", "8"]);
    let process = running.process();
    let mut found = Vec::new();
    for (signal, name) in [
        (Signal::TTIN, "SIGTTIN"),
        (Signal::TTOU, "SIGTTOU"),
        (Signal::HUP, "SIGHUP"),
        (Signal::USR1, "SIGUSR1"),
        (Signal::USR2, "SIGUSR2"),
    ] {
        process.signal(signal).unwrap();
        if poll_until(PATIENCE, || process.log().contains(name)) {
            found.push(name);
        }
    }
    found.join(" ")
}

/// As logrotate does it.
pub fn reopened(program: Program) -> String {
    let folder = Folder::new().unwrap();
    let (log, moved) = (folder.path().join("n.log"), folder.path().join("n.log.1"));
    let mut running = serving(program, &["-o", log.to_str().unwrap()]);
    fs::rename(&log, &moved).unwrap();
    running.process().signal(Signal::HUP).unwrap();
    let anew = poll_until(PATIENCE, || log.exists());
    let told = fs::read_to_string(&moved).unwrap().contains("SIGHUP");
    match (anew, told) {
        (true, true) => "a new file, its line in the old one".to_owned(),
        other => format!("{other:?}"),
    }
}

/// How it ends of a signal, and whether the log has its name.
pub fn end(program: Program, signal: Signal, name: &str) -> String {
    let mut running = serving(program, &[]);
    let process = running.process();
    process.signal(signal).unwrap();
    let status = process.wait(PATIENCE).unwrap();
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or(0)),
    };
    format!("{how}, {}", if process.log().contains(name) { "named" } else { "not named" })
}

pub fn ignored(program: Program) -> String {
    let mut running = serving(program, &[]);
    running.process().signal(Signal::PIPE).unwrap();
    talk(&mut running.client(), "PING", 1)
}
