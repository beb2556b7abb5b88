//! Messages to systemd, if it asks for them (`Type=notify`, `WatchdogSec=`): ready, stopping, alive.
//!
//! *Alive* is sent only if every worker has answered since the last time. If a worker hangs, the proxy
//! hangs, and systemd restarts it.

use nuthatch_engine::base::WorkerId;
use sd_notify::NotifyState;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Systemd {
    /// Between two messages: half of what systemd allows. `None`: it does not ask.
    every: Option<Duration>,
    next: Instant,
    /// Indexed by worker.
    answered: Vec<bool>,
}

impl Systemd {
    pub fn find(workers: usize) -> Systemd {
        let every = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        // No worker was asked before the first time.
        Systemd { every, next: Instant::now(), answered: vec![true; workers] }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.every.map(|_| self.next)
    }

    /// Sends *alive* if all workers have answered. Then they are asked again.
    pub fn handle_deadline(&mut self, now: Instant) {
        let Some(every) = self.every else { return };
        if self.answered.iter().all(|answered| *answered) {
            self.answered.fill(false);
            tell(NotifyState::Watchdog);
        } else {
            tracing::warn!("a worker does not answer; the watchdog is not told that we live");
        }
        self.next = now + every;
    }

    pub fn handle_answer(&mut self, worker: WorkerId) {
        if let Some(answered) = self.answered.get_mut(worker.index()) {
            *answered = true;
        }
    }
}

pub fn tell_ready() {
    tell(NotifyState::Ready);
}

pub fn tell_stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, "systemd cannot be told");
    }
}
