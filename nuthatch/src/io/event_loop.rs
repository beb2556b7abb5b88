//! One worker's loop: readiness in, one read or write at a time, one flush a turn.
//!
//! Sockets are registered once, edge-triggered, for both directions: no epoll_ctl a request. So
//! the loop remembers what epoll will not say twice: that a socket is full (until it is writable)
//! and that a read may have left something. The stream says so with each read; when it left
//! nothing, the next bytes make a new event. What was left is read on in the next turn (`again`),
//! so that a greedy client cannot starve the others; or in line, if it is much:
//!
//! ```text
//!   epoll ──▶ a turn for all events ──▶ a turn for one of the bulk ──▶ epoll ...
//! ```
//!
//! Connections that bring a part of a large value, or that have room again for much, are the *bulk*:
//! they wait in line, and one gets on after each look at epoll. So whoever wants little waits for a
//! piece of one large value, however many are under way. Only when something has its time do all
//! get on at once.

mod arrivals;
mod max_wait;
mod traffic;

use super::balance::Balance;
use super::clock::Clock;
use super::connection::{Connection, Connections, Target, WAKER, target};
use super::listener::{Doors, Listener};
use super::mail::{Mail, Post, ToControl};
use super::stream::{Stream, cause_of};
use super::sys;
use mio::{Events, Poll, Waker};
use nuthatch_engine::base::limits::READ_BYTES;
use nuthatch_engine::base::slab::Key;
use nuthatch_engine::base::{Time, WorkerId};
use nuthatch_engine::proxy::{Action, Cause, ConnId, Worker, WorkerCounts};
use nuthatch_engine::topology::Snapshot;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use tokio::sync::mpsc::UnboundedSender;

/// Events taken from epoll at a time.
const EVENTS: usize = 1024;

/// See the module's head.
pub struct EventLoop {
    worker: Worker,
    poll: Poll,
    clock: Clock,
    doors: Doors,
    balance: Arc<Balance>,
    mail: Receiver<Mail>,
    post: Post,
    snapshot: Arc<Snapshot>,
    clients: Connections,
    upstreams: Connections,
    /// To be gone on with in the next turn for events.
    again: Vec<ConnId>,
    /// To be gone on with one by one; see the module's head.
    bulk: VecDeque<ConnId>,
    scratch: Box<[u8]>,
    /// Told to drain; the doors close at the end of the turn, after what clients have sent until
    /// then.
    drain_asked: bool,
    /// Workers whose doors are closed, ours included. We drain when all are: a client may be under
    /// way to us until then.
    closed: usize,
    told_empty: bool,
    /// Whoever wants to know what was counted.
    asked: Vec<UnboundedSender<(WorkerId, WorkerCounts)>>,
    stopping: bool,
}

fn key_of(conn: ConnId) -> Key {
    match conn {
        ConnId::Client(key) | ConnId::Upstream(key) => key,
    }
}

impl EventLoop {
    /// The waker that goes with the worker's mailbox must come from this poll.
    pub fn waker(poll: &Poll) -> io::Result<Waker> {
        Waker::new(poll.registry(), WAKER)
    }

    #[allow(clippy::too_many_arguments, reason = "everything a worker is given, once")]
    pub fn new(
        worker: Worker,
        poll: Poll,
        clock: Clock,
        listeners: Vec<Arc<Listener>>,
        balance: Arc<Balance>,
        mail: Receiver<Mail>,
        post: Post,
        snapshot: Arc<Snapshot>,
    ) -> io::Result<EventLoop> {
        let doors = Doors::open(&poll, listeners)?;
        Ok(EventLoop {
            worker,
            poll,
            clock,
            doors,
            balance,
            mail,
            post,
            snapshot,
            clients: Connections::default(),
            upstreams: Connections::default(),
            again: Vec::new(),
            bulk: VecDeque::new(),
            scratch: vec![0; READ_BYTES].into_boxed_slice(),
            drain_asked: false,
            closed: 0,
            told_empty: false,
            asked: Vec::new(),
            stopping: false,
        })
    }

    /// Runs until it is told to stop.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        self.worker.begin_turn(self.clock.now());
        self.settle();
        loop {
            match self.wait(&mut events) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let now = self.clock.now();
            self.doors.reopen(&self.poll, now)?;
            if !events.is_empty() || !self.again.is_empty() || self.bulk.is_empty() {
                self.turn_of_events(&events, now);
            }
            if self.stopping {
                break;
            }
            if let Some(conn) = self.bulk.pop_front() {
                // Of the same time: what has come since we looked at epoll is not late.
                self.worker.begin_turn(now);
                self.go_on(conn, true);
                self.end_turn(true);
            }
        }
        Ok(())
    }

    fn turn_of_events(&mut self, events: &Events, now: Time) {
        self.worker.begin_turn(now);
        let again = std::mem::take(&mut self.again);
        let is_busy = !events.is_empty() || !again.is_empty();
        for event in events {
            match target(event.token()) {
                Target::Waker => self.read_mail(),
                Target::Listener(at) => {
                    self.accept(at, now);
                }
                Target::Conn(conn) => self.handle_event(conn, event),
            }
        }
        for conn in again {
            self.go_on(conn, false);
        }
        if std::mem::take(&mut self.drain_asked) {
            self.accept_the_last(now);
            self.close_doors();
        }
        if self.closed == self.post.workers.len() {
            self.closed = 0;
            self.drain();
        }
        self.end_turn(is_busy);
    }

    fn end_turn(&mut self, is_busy: bool) {
        if self.worker.is_deadline_due() {
            // What has arrived is not late, and who has room again is not stalled.
            for _ in 0..self.bulk.len() {
                if let Some(conn) = self.bulk.pop_front() {
                    self.go_on(conn, true);
                }
            }
        }
        self.worker.handle_deadline();
        self.worker.end_turn();
        // Who waits in line keeps us longer than anything would be held back.
        if !self.stopping && self.bulk.is_empty() {
            self.worker.gather(is_busy);
        }
        self.settle();
        if !self.told_empty && self.worker.is_drained() {
            self.told_empty = true;
            self.tell(ToControl::Empty(self.worker.id()));
        }
        self.answer_asked();
    }

    /// After the turn, so that everything that had happened when they asked is in the numbers.
    fn answer_asked(&mut self) {
        for asker in self.asked.drain(..) {
            // One that waits no longer is nobody's loss.
            let _ = asker.send((self.worker.id(), self.worker.count()));
        }
    }

    /// The end of a turn: one write a connection, then everything the worker wishes for. In this
    /// order, since it is the flush that finds a client owed nothing more and wishes it closed:
    /// a wish left for the next turn would wait for an event that may never come.
    fn settle(&mut self) {
        loop {
            self.worker.end_turn();
            let mut acted = false;
            while let Some(conn) = self.worker.poll_flush() {
                acted = true;
                self.flush(conn);
            }
            while let Some(action) = self.worker.poll_action() {
                acted = true;
                self.act(action);
            }
            if !acted {
                break;
            }
        }
    }

    fn connection(&mut self, conn: ConnId) -> Option<&mut Connection> {
        match conn {
            ConnId::Client(key) => self.clients.get_mut(conn, key),
            ConnId::Upstream(key) => self.upstreams.get_mut(conn, key),
        }
    }

    fn remove(&mut self, conn: ConnId) -> Option<Connection> {
        match conn {
            ConnId::Client(key) => {
                let removed = self.clients.remove(conn, key);
                if removed.is_some() {
                    self.doors.left(conn, &self.balance, self.worker.id());
                }
                removed
            }
            ConnId::Upstream(key) => self.upstreams.remove(conn, key),
        }
    }

    fn connected(&mut self, conn: ConnId) {
        if let Some(connection) = self.connection(conn) {
            connection.connecting = false;
            if let Err(error) = connection.stream.set_nodelay() {
                return self.closed(conn, &cause_of(&error));
            }
            self.worker.handle_connected(conn);
        }
    }

    fn closed(&mut self, conn: ConnId, cause: &Cause) {
        self.remove(conn);
        self.worker.handle_closed(conn, cause);
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect { conn, pool, server } => {
                let server = self.snapshot.pool(pool).and_then(|pool| pool.server(server));
                match server.map(|server| server.address.clone()) {
                    Some(address) => self.connect(conn, &address),
                    None => self.worker.handle_closed(conn, &Cause::UnknownHost),
                }
            }
            Action::Close { conn } => {
                self.remove(conn);
            }
            Action::ShutdownWrite { conn } => {
                // A peer that is gone already is found by the read that follows.
                let _ = self.connection(conn).map(|c| c.stream.shutdown_write());
            }
            Action::ResumeReading { conn } => {
                if let Some(connection) = self.connection(conn) {
                    connection.paused = false;
                    self.list(conn);
                }
            }
            Action::TryWriting { conn } => {
                if let Some(connection) = self.connection(conn) {
                    connection.full = false;
                    self.flush(conn);
                }
            }
            Action::Report(report) => self.tell(ToControl::Report(report)),
            Action::AskServers { pool } => self.tell(ToControl::AskServers(pool)),
            Action::Follow { epoch } => self.tell(ToControl::Follow(self.worker.id(), epoch)),
            Action::Note(note) => self.tell(ToControl::Note(self.worker.id(), note)),
        }
    }

    /// Control ends only with the process.
    fn tell(&self, message: ToControl) {
        let _ = self.post.control.send(message);
    }

    fn read_mail(&mut self) {
        while let Ok(mail) = self.mail.try_recv() {
            match mail {
                Mail::Snapshot(snapshot) => {
                    self.worker.handle_snapshot(&snapshot);
                    self.snapshot = snapshot;
                }
                Mail::Watch { pool, server } => self.worker.handle_watch(pool, server),
                Mail::Client { pool, stream, peer, id } => self.welcome(pool, stream, peer, id),
                Mail::Resolved { conn, address: Some(address) } => {
                    // The attempt may have timed out meanwhile.
                    if self.worker.is_connecting(conn) {
                        self.register(conn, Stream::connect_tcp(address));
                    }
                }
                Mail::Resolved { conn, address: None } => {
                    self.worker.handle_closed(conn, &Cause::UnknownHost);
                }
                Mail::Drain => self.drain_asked = true,
                Mail::DoorsClosed => self.closed += 1,
                Mail::AreYouThere => self.tell(ToControl::HereIAm(self.worker.id())),
                Mail::Release => {
                    self.worker.shed();
                    sys::release_own_memory();
                }
                Mail::Count(asker) => self.asked.push(asker),
                Mail::Stop => self.stopping = true,
            }
        }
    }
}
