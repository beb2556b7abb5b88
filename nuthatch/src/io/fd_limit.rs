//! How many files the process may have open: raised to what the pools need, and shared out.
//!
//! Each client and each upstream is one. A process starts with a soft limit, often 1024, that it
//! may raise up to a hard one. twemproxy computed how many clients that leaves, and wrapped round
//! below zero when the limit was small; but it did keep the others out, so that a crowd never took
//! the files that its servers' connections needed. We raise the limit, say so when the hard one is
//! too low, and keep them out too:
//!
//! ```text
//!   limit  = listeners + workers' own + margin + upstreams + clients
//!                                       ▲        ▲           ▲ what is left: all pools together
//!                                       │        all that the configuration allows
//!                                       ours: log, queues, probes, look-ups, readers of stats
//! ```

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What we ask for beside all that is counted: log, event queues, wakers, probes, look-ups, readers
/// of statistics, and the unforeseen.
const MARGIN: u64 = 64;
/// And what is kept of it when the limit is too low. With one server and one worker it leaves as
/// many clients as twemproxy had, which kept 32 files for itself.
const MARGIN_LEAST: u64 = 29;
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

/// Who may have how many files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Clients of all pools over all workers.
    pub clients: usize,
    /// Readers of statistics at a time.
    pub readers: usize,
}

impl Needed {
    /// A worker has an event queue and a waker.
    fn own(self) -> u64 {
        self.listeners + 2 * self.workers
    }

    /// Everything but clients.
    fn base(self) -> u64 {
        self.upstreams + self.own() + MARGIN
    }

    fn wanted(self) -> u64 {
        self.base() + self.clients.unwrap_or(CLIENTS_UNLIMITED)
    }

    fn least(self) -> u64 {
        self.base() + self.clients.unwrap_or(CLIENTS_MIN)
    }

    /// How the files of this limit are shared out.
    fn room(self, limit: u64) -> Room {
        let margin = if limit < self.least() { MARGIN_LEAST } else { MARGIN };
        let free = limit.saturating_sub(self.own() + margin);
        // Where the servers alone could have them all, they hardly ever do: upstreams are made when
        // they are needed. Shutting nearly everybody out would be the worse mistake.
        let clients = free.saturating_sub(self.upstreams).max(free / 4).max(1);
        Room {
            clients: usize::try_from(clients).unwrap_or(usize::MAX),
            readers: (margin / 3) as usize,
        }
    }
}

/// Raises the limit as far as it is useful and allowed, and shares out what there is.
pub fn raise(needed: Needed) -> Room {
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
    let room = needed.room(now);
    if now < needed.least() {
        tracing::warn!(
            limit = now,
            needed = needed.least(),
            room_for_clients = room.clients,
            "the limit of open files is too low for these pools, and clients over their room are \
             refused: raise it with `ulimit -Hn`, or with LimitNOFILE= in the systemd unit"
        );
    }
    tracing::debug!(before = soft, limit = now, "limit of open files");
    room
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: Needed = Needed { upstreams: 100, listeners: 2, clients: Some(500), workers: 4 };

    #[test]
    fn needs_add_up() {
        assert_eq!(NEEDED.wanted(), 100 + 2 + 8 + 64 + 500);
        assert_eq!(NEEDED.least(), NEEDED.wanted());
        let unlimited = Needed { clients: None, ..NEEDED };
        assert!(unlimited.least() < unlimited.wanted());
    }

    #[test]
    fn what_is_wanted_leaves_room_for_all_clients_and_less_for_fewer() {
        let room = |limit| NEEDED.room(limit);
        assert_eq!(room(NEEDED.wanted()), Room { clients: 500, readers: 21 });
        assert_eq!(room(300), Room { clients: 300 - 100 - 2 - 8 - 29, readers: 9 });
        // The servers alone could have them all.
        assert_eq!(room(119).clients, (119 - 2 - 8 - 29) / 4);
        assert_eq!(room(30).clients, 1);
    }

    #[test]
    fn one_server_and_sixty_files_leave_as_many_clients_as_in_twemproxy() {
        let needed = Needed { upstreams: 2, listeners: 1, clients: None, workers: 1 };
        assert_eq!(needed.room(60).clients, 26);
    }
}
