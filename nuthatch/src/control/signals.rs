//! Signals of operators and init systems.
//!
//! | signal | what happens |
//! |---|---|
//! | TERM, INT | shutdown: see `ending.rs` |
//! | HUP | the log is opened again by its name |
//! | TTIN, TTOU | more, or fewer, levels are logged |
//! | USR1, USR2 | only logged |
//! | SEGV | a line, then death (`io/sys`) |
//! | PIPE | ignored, as std arranges |
//!
//! Each signal writes one line with its number and its name, at every level: monitoring looks for the
//! names.

use crate::io::log::{ALWAYS, Log};
use std::io;
use tokio::signal::unix::{self, SignalKind};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    Hup,
    Int,
    Term,
    Ttin,
    Ttou,
    Usr1,
    Usr2,
}

use Signal::{Hup, Int, Term, Ttin, Ttou, Usr1, Usr2};

/// The streams of all signals.
pub struct Signals {
    hup: unix::Signal,
    int: unix::Signal,
    term: unix::Signal,
    ttin: unix::Signal,
    ttou: unix::Signal,
    usr1: unix::Signal,
    usr2: unix::Signal,
}

impl Signal {
    fn kind(self) -> SignalKind {
        match self {
            Hup => SignalKind::hangup(),
            Int => SignalKind::interrupt(),
            Term => SignalKind::terminate(),
            Ttin => SignalKind::from_raw(rustix::process::Signal::TTIN.as_raw()),
            Ttou => SignalKind::from_raw(rustix::process::Signal::TTOU.as_raw()),
            Usr1 => SignalKind::user_defined1(),
            Usr2 => SignalKind::user_defined2(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Hup => "SIGHUP",
            Int => "SIGINT",
            Term => "SIGTERM",
            Ttin => "SIGTTIN",
            Ttou => "SIGTTOU",
            Usr1 => "SIGUSR1",
            Usr2 => "SIGUSR2",
        }
    }

    /// `signal 1 (SIGHUP) received, ` and then what happens.
    pub fn log(self, what: &str) {
        let number = self.kind().as_raw_value();
        let name = self.name();
        tracing::info!(target: ALWAYS, "signal {number} ({name}) received, {what}");
    }
}

impl Signals {
    /// Call it within a runtime. From here on no signal ends the process by itself.
    pub fn take() -> io::Result<Signals> {
        let take = |signal: Signal| unix::signal(signal.kind());
        Ok(Signals {
            hup: take(Hup)?,
            int: take(Int)?,
            term: take(Term)?,
            ttin: take(Ttin)?,
            ttou: take(Ttou)?,
            usr1: take(Usr1)?,
            usr2: take(Usr2)?,
        })
    }

    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.term.recv() => Term,
            _ = self.int.recv() => Int,
            _ = self.hup.recv() => Hup,
            _ = self.ttin.recv() => Ttin,
            _ = self.ttou.recv() => Ttou,
            _ = self.usr1.recv() => Usr1,
            _ = self.usr2.recv() => Usr2,
        }
    }
}

/// Signals about the log alone. The line goes to the old file: a program that moved it looks there for
/// the last line.
pub fn tell_log(signal: Signal, log: &Log) {
    match signal {
        Hup => {
            signal.log("reopening the log");
            if let Err(error) = log.reopen() {
                tracing::error!(%error, "the log cannot be reopened; going on in the old file");
            }
        }
        Ttin | Ttou => {
            let level = log.change_level(signal == Ttin);
            signal.log(&format!("log level is {level} now"));
        }
        Usr1 | Usr2 => signal.log("which has no meaning yet"),
        Int | Term => {}
    }
}
