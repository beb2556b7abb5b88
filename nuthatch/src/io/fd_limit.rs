//! How many files the process may have open: raised to what the pools need.
//!
//! Each client and each upstream is one. A process starts with a soft limit, often 1024, that it
//! may raise up to a hard one. twemproxy computed how many clients that leaves, wrapped round
//! below zero, and hung; we raise it, and say so when the hard limit is too low.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Log, event queues, wakers, probes, look-ups, and the unforeseen.
const MARGIN: u64 = 64;
/// Clients that must find room where the configuration sets no limit, before we warn.
const CLIENTS_MIN: u64 = 1024;
/// And what we ask for then: more clients than one address can have ports.
const CLIENTS_UNLIMITED: u64 = 1 << 20;

/// What the pools may have open at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Needed {
    pub upstreams: u64,
    pub listeners: u64,
    /// `None`: the configuration sets no limit.
    pub clients: Option<u64>,
    pub workers: u64,
}

impl Needed {
    /// Everything but clients. A worker has an event queue and a waker.
    fn base(self) -> u64 {
        self.upstreams + self.listeners + 2 * self.workers + MARGIN
    }

    fn wanted(self) -> u64 {
        self.base() + self.clients.unwrap_or(CLIENTS_UNLIMITED)
    }

    fn least(self) -> u64 {
        self.base() + self.clients.unwrap_or(CLIENTS_MIN)
    }
}

/// Raises the limit as far as it is useful and allowed.
pub fn raise(needed: Needed) {
    let limit = getrlimit(Resource::Nofile);
    let (soft, hard) = (limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX));
    let mut now = soft;
    let wanted = needed.wanted().min(hard);
    if wanted > soft {
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => now = wanted,
            Err(error) => {
                tracing::warn!(%error, soft, wanted, "cannot raise the limit of open files");
            }
        }
    }
    if now < needed.least() {
        let room = now.saturating_sub(needed.base());
        tracing::warn!(
            limit = now,
            needed = needed.least(),
            room_for_clients = room,
            "the limit of open files is too low for these pools: raise it with `ulimit -Hn`, or \
             with LimitNOFILE= in the systemd unit"
        );
    }
    tracing::debug!(before = soft, limit = now, "limit of open files");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_add_up() {
        let needed = Needed { upstreams: 100, listeners: 2, clients: Some(500), workers: 4 };
        assert_eq!(needed.wanted(), 100 + 2 + 8 + 64 + 500);
        assert_eq!(needed.least(), needed.wanted());
        let unlimited = Needed { clients: None, ..needed };
        assert!(unlimited.least() < unlimited.wanted());
    }
}
