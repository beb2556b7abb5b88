//! A worker: its clients, its upstreams, and what happens to them.
//!
//! Every driver (the loop in `nuthatch::io`, the simulation, stories, benchmark, fuzzing) does the
//! same, turn by turn:
//!
//! ```text
//!   begin_turn(now)         a new turn, at this time
//!     handle_*              what happened, in any order
//!   finish_turn(gathering)  nothing more comes in this turn
//!     poll() ─▶ Act(action) carry it out
//!            ─▶ Write(conn) write `output(conn)`, then handle_written; or handle_closed
//!            ─▶ None        the turn is over; the next begins at `deadline` or `held_until`
//! ```
//!
//! Nothing is written before the end, so a turn costs each connection one write however many requests
//! or replies it carried. That is where the speed of pipelines comes from. A wrong order fails an
//! assert in debug builds.

mod clients;
mod count;
mod deadlines;
mod dispatch;
mod down;
mod flow;
mod follow;
mod gather;
mod intake;
pub mod invariants;
mod listening;
mod messages;
mod refusals;
mod replies_in;
mod shutdown;
mod switch;
mod upstreams;

use crate::base::limits::CLIENT_HOARD_STALL_MS;
use crate::base::slab::Slab;
use crate::base::{Epoch, PoolId, Time, WorkerId};
use crate::proxy::link::action::{ConnId, Gathering, Identity, Reading, Step};
use crate::proxy::link::bounds::FlowBounds;
use crate::proxy::link::client::Client;
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::pool::Pool;
use crate::proxy::measure::counters::Counters;
use crate::topology::{PoolTopology, Snapshot};
use std::sync::Arc;

/// See the module's head.
pub struct Worker {
    /// Indexed by [`PoolId`].
    pools: Vec<Pool>,
    clients: Slab<Client>,
    upstreams: Vec<Upstream>,
    turn: Turn,
    /// First turn begun, pools preconnected.
    has_begun: bool,
    /// No new client is taken, and no new request.
    shutting_down: bool,
    phase: Phase,
}

/// Where a turn is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Between,
    Turn,
    Polling,
}

impl Worker {
    /// A worker for the snapshot's pools. `seed` feeds jitter and the `random` distribution.
    pub fn new(id: WorkerId, seed: u64, snapshot: &Snapshot) -> Worker {
        let (pools, upstreams, clients) = (Vec::new(), Vec::new(), Slab::default());
        let turn = Turn::new(id, snapshot.epoch, seed);
        let mut worker = Worker {
            pools,
            clients,
            upstreams,
            turn,
            has_begun: false,
            shutting_down: false,
            phase: Phase::Between,
        };
        for (id, topology) in snapshot.pools() {
            worker.add_pool(id, topology);
        }
        worker
    }

    /// Ids are indices here, since each request looks its pool up. They are dense: the director gives
    /// them out one after the other, and a pool stays in the snapshots until every worker has
    /// followed one that has it.
    fn add_pool(&mut self, id: PoolId, topology: &Arc<PoolTopology>) {
        assert_eq!(id.index(), self.pools.len(), "pools come in the order of their ids");
        self.turn.counters.push(Counters::default());
        let mut pool = Pool::new(id, Arc::clone(topology));
        if self.has_begun && pool.spec.preconnect {
            pool.preconnect(&mut self.upstreams, &mut self.turn);
        }
        self.pools.push(pool);
    }

    /// For simulation and stories, which have no megabytes to spare.
    pub fn set_flow_bounds(&mut self, bounds: FlowBounds) {
        self.turn.flow_bounds = bounds;
    }

    /// For INFO; without it the process stays unnamed.
    pub fn set_identity(&mut self, identity: Arc<Identity>) {
        self.turn.identity = identity;
    }

    pub fn id(&self) -> WorkerId {
        self.turn.worker
    }

    pub fn epoch(&self) -> Epoch {
        self.turn.epoch
    }

    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// Counters of a pool; `client_connections` is a gauge.
    pub fn counters(&self, pool: PoolId) -> Counters {
        self.turn.counters[pool.index()]
    }

    // ---- the turn ------------------------------------------------------------------------

    /// Begins a turn. All its events happen at `now`.
    #[inline]
    pub fn begin_turn(&mut self, now: Time) {
        debug_assert_eq!(self.phase, Phase::Between, "the turn before is not over");
        debug_assert!(now >= self.turn.now, "time never goes back");
        self.phase = Phase::Turn;
        self.turn.now = now;
        if self.held_until().is_some() {
            self.turn.dirty_upstreams.extend(self.turn.held_upstreams.drain(..));
            self.turn.dirty_clients.extend(self.turn.held_clients.drain(..));
        }
        self.turn.held_until = Time::NEVER;
        self.turn.has_newcomer = false;
        if !self.has_begun {
            self.preconnect();
        }
    }

    #[cold]
    fn preconnect(&mut self) {
        self.has_begun = true;
        for pool in self.pools.iter_mut().filter(|pool| pool.spec.preconnect) {
            pool.preconnect(&mut self.upstreams, &mut self.turn);
        }
    }

    /// Ends the events of a turn: checks the deadlines, goes on with clients that have room again, and
    /// holds back output that may wait (`gather.rs`).
    #[inline]
    pub fn finish_turn(&mut self, gathering: Gathering) {
        debug_assert_eq!(self.phase, Phase::Turn, "no turn has begun");
        self.phase = Phase::Polling;
        if self.is_deadline_due() {
            self.handle_deadline();
        }
        if !self.turn.resumable.is_empty() {
            self.resume_clients();
        }
        if gathering != Gathering::None {
            self.gather(gathering == Gathering::Busy);
        }
    }

    /// What the driver does next; `None`: the turn is over. Actions come first, then writes, upstreams
    /// before clients. What a write brings about (a client that is owed nothing more is closed) is
    /// done in the same turn: no event would come for it later.
    #[inline]
    pub fn poll(&mut self) -> Option<Step> {
        debug_assert_ne!(self.phase, Phase::Turn, "finish_turn comes first");
        loop {
            if !self.turn.actions.is_empty() {
                return self.turn.actions.pop_front().map(Step::Act);
            }
            if let Some(conn) = self.next_to_write() {
                return Some(Step::Write(conn));
            }
            if self.turn.actions.is_empty() {
                if self.turn.resumable.is_empty() {
                    self.phase = Phase::Between;
                    return None;
                }
                // A write may have made room for a client; no event of its own will say so.
                self.resume_clients();
            }
        }
    }

    /// Events come within a turn, or while the driver carries out what `poll` returns.
    #[inline]
    fn check_phase(&self) {
        debug_assert_ne!(self.phase, Phase::Between, "begin_turn comes first");
    }

    /// Goes on with clients that have room again, or whose large parts go on.
    #[inline(never)]
    fn resume_clients(&mut self) {
        while let Some(key) = self.turn.resumable.pop() {
            let due = self.clients.get_mut(key).map(Client::take_due_downloads);
            for (upstream, due) in due.into_iter().flatten() {
                self.resume_download_of(upstream, due);
            }
            let Some(client) = self.clients.get_mut(key).filter(|client| client.is_stopped())
            else {
                continue;
            };
            if !client.resume() {
                continue;
            }
            if self.client_bytes(key, &[]) == Reading::Go
                && let Some(client) = self.clients.get_mut(key)
                && client.is_open()
                && !client.is_at_end()
            {
                let action = client.resume_action();
                self.turn.actions.push_back(action);
            }
        }
    }

    /// The next connection with something to write, upstreams before clients.
    #[inline]
    fn next_to_write(&mut self) -> Option<ConnId> {
        while let Some(key) = self.turn.dirty_upstreams.pop_front() {
            if let Some(upstream) = self.upstream_mut(key) {
                upstream.clear_dirty();
                if !upstream.pending().is_empty() {
                    return Some(ConnId::Upstream(key));
                }
            }
        }
        while let Some(key) = self.turn.dirty_clients.pop_front() {
            if let Some(client) = self.clients.get_mut(key) {
                client.clear_dirty();
                if !client.out().is_empty() {
                    return Some(ConnId::Client(key));
                }
                // All that it was owed was silence.
                client.release_slots(&mut self.turn);
                self.maybe_close(key);
            }
        }
        None
    }

    /// The bytes that a connection has to write. Empty if it is gone.
    #[inline]
    pub fn output(&self, conn: ConnId) -> &[u8] {
        match conn {
            ConnId::Client(key) => self.clients.get(key).map_or(&[], |c| c.out().pending()),
            ConnId::Upstream(key) => match self.upstreams.get(key.index as usize) {
                Some(upstream) if upstream.key() == key => upstream.pending(),
                _ => &[],
            },
        }
    }

    /// The socket took this many bytes of the output. Fewer than all: the socket is full, or the rest waits
    /// for a later turn.
    #[inline]
    pub fn handle_written(&mut self, conn: ConnId, written: usize) {
        self.check_phase();
        match conn {
            ConnId::Client(key) => {
                let Some(client) = self.clients.get_mut(key) else {
                    return;
                };
                let stall_ms =
                    u64::from(self.pools[client.pool().index()].spec.serves.client_stall_ms);
                client.handle_written(&mut self.turn, written, stall_ms.min(CLIENT_HOARD_STALL_MS));
                if !client.is_open() && client.out().is_empty() {
                    self.maybe_close(key);
                }
                self.resume_download(key);
            }
            ConnId::Upstream(key) => {
                let Worker { upstreams, turn, .. } = self;
                if let Some(upstream) = upstreams.get_mut(key.index as usize)
                    && upstream.key() == key
                {
                    upstream.handle_written(turn, written);
                    self.resume_upload(key.index as usize);
                }
            }
        }
    }

    /// When the next turn must come at the latest; it may be early.
    pub fn deadline(&self) -> Option<Time> {
        (self.turn.deadline != Time::NEVER).then_some(self.turn.deadline)
    }

    /// Whether [`Worker::finish_turn`] will look for what is late. What has arrived by then must have
    /// been handled before, or it counts as late.
    pub fn is_deadline_due(&self) -> bool {
        self.turn.now >= self.turn.deadline
    }
}
