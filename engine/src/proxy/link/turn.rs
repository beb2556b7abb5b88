//! What the parts of a worker share during one turn: the time, the lists of work for the end of the
//! turn, and the buffers.

use crate::base::buffer::BufferPool;
use crate::base::slab::Key;
use crate::base::{Chance, Epoch, Time, WorkerId};
use crate::proxy::link::action::{Action, Identity};
use crate::proxy::link::bounds::FlowBounds;
use crate::proxy::link::slot::Slot;
use crate::proxy::measure::counters::Counters;
use std::collections::VecDeque;
use std::sync::Arc;

pub struct Turn {
    pub worker: WorkerId,
    /// The topology that requests are routed by.
    pub epoch: Epoch,
    pub now: Time,
    /// A client was accepted in this turn.
    pub has_newcomer: bool,
    pub chance: Chance,
    pub buffers: BufferPool,
    /// Empty; for the next client that is owed something.
    pub spare_slots: Vec<VecDeque<Slot>>,
    pub flow_bounds: FlowBounds,
    pub actions: VecDeque<Action>,
    /// Have bytes to write. An entry whose connection has gone is harmless.
    pub dirty_upstreams: VecDeque<Key>,
    pub dirty_clients: VecDeque<Key>,
    /// Have bytes to write that are held back, so that more can join them; see `worker/gather.rs`.
    pub held_upstreams: Vec<Key>,
    pub held_clients: Vec<Key>,
    /// When the first of them must be written.
    pub held_until: Time,
    /// Clients that stopped at their window or output bound and have room again, or whose large parts go
    /// on.
    pub resumable: Vec<Key>,
    /// Clients with a deadline of their own: a full socket, or a lingering close.
    pub clients_with_deadline: Vec<Key>,
    /// Not after the earliest deadline; may be before it.
    pub deadline: Time,
    /// Indexed by pool; a new pool adds its own.
    pub counters: Vec<Counters>,
    pub identity: Arc<Identity>,
    /// Scratch: the owner of each key of a request that may be split.
    pub owners: Vec<u16>,
}

impl Turn {
    pub fn new(worker: WorkerId, epoch: Epoch, seed: u64) -> Turn {
        Turn {
            worker,
            epoch,
            now: Time::ZERO,
            has_newcomer: false,
            chance: Chance::new(seed),
            buffers: BufferPool::default(),
            spare_slots: Vec::new(),
            flow_bounds: FlowBounds::default(),
            actions: VecDeque::new(),
            dirty_upstreams: VecDeque::new(),
            dirty_clients: VecDeque::new(),
            held_upstreams: Vec::new(),
            held_clients: Vec::new(),
            held_until: Time::NEVER,
            resumable: Vec::new(),
            clients_with_deadline: Vec::new(),
            deadline: Time::NEVER,
            counters: Vec::new(),
            identity: Arc::default(),
            owners: Vec::new(),
        }
    }

    /// Keeps no buffers for later.
    pub fn trim_memory(&mut self) {
        self.buffers.shed();
        self.spare_slots = Vec::new();
        self.owners = Vec::new();
    }

    /// Makes sure the worker wakes at `at`.
    #[inline]
    pub fn wake_at(&mut self, at: Time) {
        self.deadline = self.deadline.min(at);
    }
}
