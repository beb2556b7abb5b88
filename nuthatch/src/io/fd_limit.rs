//! The limit of open files: raised to the needs of the pools, and divided between clients and
//! servers.
//!
//! Each client and each upstream needs one file. A process starts with a soft limit, often 1024, and
//! may raise it up to the hard limit. twemproxy computed the number of clients from it (below zero
//! with a small limit the number wrapped) and refused the others, so that many clients never took
//! the files of its server connections. We raise the limit, warn when the hard limit is too low, and
//! refuse clients too:
//!
//! ```text
//!   limit  = listeners + workers' own + margin + upstreams + clients
//!                                       ▲        ▲           ▲ the rest, for all pools together
//!                                       │        all that the configuration allows
//!                                       ours: log, queues, probes, look-ups, readers of stats
//! ```

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files for the log, event queues, wakers, probes, look-ups, readers of statistics, and others that
/// are not counted.
const MARGIN: u64 = 64;
/// The margin when the limit is too low. With one server and one worker it leaves as many clients as
/// twemproxy, which kept 32 files for itself.
const MARGIN_LEAST: u64 = 29;
/// Where the configuration sets no limit of clients: with room for fewer we warn.
const CLIENTS_MIN: u64 = 1024;
/// The room that we ask for then: more clients than one address can have ports.
const CLIENTS_UNLIMITED: u64 = 1 << 20;

/// The files that the pools may have open at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Needed {
    pub upstreams: u64,
    pub listeners: u64,
    /// `None`: the configuration sets no limit.
    pub clients: Option<u64>,
    pub workers: u64,
}

/// How the files are divided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// The most clients of all pools, over all workers.
    pub clients: usize,
    /// The most readers of statistics at a time.
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

    /// Divides the files of this limit.
    fn room(self, limit: u64) -> Room {
        let margin = if limit < self.least() { MARGIN_LEAST } else { MARGIN };
        let free = limit.saturating_sub(self.own() + margin);
        // Servers hardly ever use all their files, since upstreams are opened when needed. If they
        // could use all files, clients get a quarter: to refuse nearly all of them would be worse.
        let clients = free.saturating_sub(self.upstreams).max(free / 4).max(1);
        Room {
            clients: usize::try_from(clients).unwrap_or(usize::MAX),
            readers: (margin / 3) as usize,
        }
    }
}

/// Raises the limit as far as useful and allowed, and divides the files.
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
            "the limit of open files is too low for these pools, so more clients than \
             room_for_clients are refused: raise the limit with `ulimit -Hn`, or with LimitNOFILE= \
             in the systemd unit"
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
    fn the_wanted_limit_has_room_for_all_clients_and_a_lower_one_for_fewer() {
        let room = |limit| NEEDED.room(limit);
        assert_eq!(room(NEEDED.wanted()), Room { clients: 500, readers: 21 });
        assert_eq!(room(300), Room { clients: 300 - 100 - 2 - 8 - 29, readers: 9 });
        // The servers alone could use all files.
        assert_eq!(room(119).clients, (119 - 2 - 8 - 29) / 4);
        assert_eq!(room(30).clients, 1);
    }

    #[test]
    fn one_server_and_sixty_files_leave_as_many_clients_as_in_twemproxy() {
        let needed = Needed { upstreams: 2, listeners: 1, clients: None, workers: 1 };
        assert_eq!(needed.room(60).clients, 26);
    }
}
