//! What systemd is told when it asks (`Type=notify`, `WatchdogSec=`): ready, stopping, alive.
//!
//! Alive means that every worker has answered since the last time: a worker that hangs is a proxy
//! that hangs, and systemd shall restart it.

use nuthatch_engine::base::WorkerId;
use sd_notify::NotifyState;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Systemd {
    /// Between two pings: half of what systemd allows. `None`: it does not ask.
    every: Option<Duration>,
    next: Instant,
    /// Indexed by worker.
    answered: Vec<bool>,
}

impl Systemd {
    pub fn find(workers: usize) -> Systemd {
        let every = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        // The first time nobody has been asked yet.
        Systemd { every, next: Instant::now(), answered: vec![true; workers] }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.every.map(|_| self.next)
    }

    /// Pings when all have answered. The workers are to be asked again.
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
