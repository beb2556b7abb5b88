//! One worker's loop: readiness in, one read or write at a time, one flush a turn.
//!
//! Sockets are registered once, edge-triggered, for both directions, so a request needs no
//! epoll_ctl. epoll reports an event only once, so the loop remembers that a socket is full (until it
//! is writable) and that a read may have left bytes. The stream says so with each read. When no byte
//! is left, the next ones make a new event. Otherwise the connection is read again in the next turn
//! (`next_turn`), so that a client that sends much cannot delay the others for long; or it waits in
//! line, if it brings a large value:
//!
//! ```text
//!   epoll ──▶ a turn for all events ──▶ a turn for one of the bulk ──▶ epoll ...
//! ```
//!
//! Connections that bring a part of a large value, or that are writable again and have much to write,
//! are the *bulk*. They wait in line, and one has its turn after each call of epoll. So a small
//! request waits for a piece of one large value, however many are in transfer. When a deadline is
//! due, all of the bulk have their turn at once.

mod arrivals;
mod max_wait;
mod traffic;

use super::balance::Balance;
use super::clock::Clock;
use super::connection::{Connection, Connections, Target, WAKER, target};
use super::listener::{Listener, Listeners};
use super::mail::{Mail, Post, ToControl};
use super::stream::{Stream, cause_of};
use super::sys;
use mio::{Events, Poll, Waker};
use nuthatch_engine::base::limits::READ_BYTES;
use nuthatch_engine::base::slab::Key;
use nuthatch_engine::base::{Time, WorkerId};
use nuthatch_engine::proxy::{Action, Cause, ConnId, Gathering, Order, Step, Worker, WorkerCounts};
use nuthatch_engine::topology::Snapshot;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use tokio::sync::mpsc::UnboundedSender;

/// Events taken from epoll at a time, and so the most that one turn handles. Nothing is written before
/// a turn ends, so this bounds how long a request waits for the requests that came with it: about a
/// millisecond. With 4,000 busy clients 1,024 made the 99th percentile half as long again; 128 cost CPU
/// with 500 (ADR 13).
const EVENTS: usize = 256;

/// See the module's head.
pub struct EventLoop {
    worker: Worker,
    poll: Poll,
    clock: Clock,
    listeners: Listeners,
    balance: Arc<Balance>,
    mail: Receiver<Mail>,
    post: Post,
    snapshot: Arc<Snapshot>,
    clients: Connections,
    upstreams: Connections,
    /// Connections to read or write in the next turn for events.
    next_turn: Vec<ConnId>,
    /// Connections that each wait for a turn of their own; see the head of the module.
    bulk: VecDeque<ConnId>,
    scratch: Box<[u8]>,
    /// Control has sent `Mail::Drain`. The listeners close at the end of the turn, after its events.
    shutdown_asked: bool,
    /// Workers whose listeners are closed, ours included. We shut down when all are: until then
    /// another worker may send us a client.
    closed: usize,
    empty_reported: bool,
    /// Who asked for our counters.
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

    #[allow(clippy::too_many_arguments, reason = "all that a worker needs, called in one place")]
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
        let listeners = Listeners::open(&poll, listeners)?;
        Ok(EventLoop {
            worker,
            poll,
            clock,
            listeners,
            balance,
            mail,
            post,
            snapshot,
            clients: Connections::default(),
            upstreams: Connections::default(),
            next_turn: Vec::new(),
            bulk: VecDeque::new(),
            scratch: vec![0; READ_BYTES].into_boxed_slice(),
            shutdown_asked: false,
            closed: 0,
            empty_reported: false,
            asked: Vec::new(),
            stopping: false,
        })
    }

    /// Runs until it is told to stop.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        self.worker.begin_turn(self.clock.now());
        self.worker.finish_turn(Gathering::None);
        self.settle();
        loop {
            match self.wait(&mut events) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let now = self.clock.now();
            self.listeners.resume(&self.poll, now)?;
            if !events.is_empty() || !self.next_turn.is_empty() || self.bulk.is_empty() {
                self.turn_of_events(&events, now);
            }
            if self.stopping {
                break;
            }
            if let Some(conn) = self.bulk.pop_front() {
                // With the same time: bytes that arrived since the call of epoll are not late.
                self.worker.begin_turn(now);
                self.resume(conn, true);
                self.end_turn(true);
            }
        }
        Ok(())
    }

    fn turn_of_events(&mut self, events: &Events, now: Time) {
        self.worker.begin_turn(now);
        let listed = std::mem::take(&mut self.next_turn);
        let is_busy = !events.is_empty() || !listed.is_empty();
        for event in events {
            match target(event.token()) {
                Target::Waker => self.read_mail(),
                Target::Listener(at) => {
                    self.accept(at, now);
                }
                Target::Conn(conn) => self.handle_event(conn, event),
            }
        }
        for conn in listed {
            self.resume(conn, false);
        }
        if std::mem::take(&mut self.shutdown_asked) {
            self.accept_backlog(now);
            self.close_listeners();
        }
        if self.closed == self.post.workers.len() {
            self.closed = 0;
            self.shut_down();
        }
        self.end_turn(is_busy);
    }

    fn end_turn(&mut self, is_busy: bool) {
        if self.worker.is_deadline_due() {
            // Before the deadlines: a reply that has arrived is not late, and a client that is
            // writable again is not stalled.
            for _ in 0..self.bulk.len() {
                if let Some(conn) = self.bulk.pop_front() {
                    self.resume(conn, true);
                }
            }
        }
        let gathering = match is_busy {
            // With bulk in line the next turn is longer than writes may be held, so hold none.
            _ if self.stopping || !self.bulk.is_empty() => Gathering::None,
            true => Gathering::Busy,
            false => Gathering::Idle,
        };
        self.worker.finish_turn(gathering);
        self.settle();
        if !self.empty_reported && self.worker.is_shut_down() {
            self.empty_reported = true;
            self.tell(ToControl::Empty(self.worker.id()));
        }
        self.answer_asked();
    }

    /// After the turn, so that the numbers include all events before the question.
    fn answer_asked(&mut self) {
        for asker in self.asked.drain(..) {
            // It fails when the asker waits no longer.
            let _ = asker.send((self.worker.id(), self.worker.count()));
        }
    }

    /// The end of a turn: the worker's actions, and one write a connection.
    fn settle(&mut self) {
        while let Some(step) = self.worker.poll() {
            match step {
                Step::Write(conn) => self.flush(conn),
                Step::Act(action) => self.act(action),
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
                    self.listeners.left(conn, &self.balance, self.worker.id());
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
                // If the peer has closed already, the next read finds it.
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
            Action::Send { to, message } => self.post.carry(self.worker.id(), to, &message),
            Action::Note(note) => self.tell(ToControl::Note(self.worker.id(), note)),
        }
    }

    /// It never fails: control ends only with the process.
    fn tell(&self, message: ToControl) {
        let _ = self.post.control.send(message);
    }

    fn read_mail(&mut self) {
        while let Ok(mail) = self.mail.try_recv() {
            match mail {
                Mail::Snapshot(snapshot) => {
                    self.worker.handle_order(&Order::Follow(Arc::clone(&snapshot)));
                    self.snapshot = snapshot;
                }
                Mail::Message(message) => self.worker.handle_order(&Order::Read(message)),
                Mail::Watch { pool, server } => {
                    self.worker.handle_order(&Order::Watch { pool, server });
                }
                Mail::CaughtUp { pool, at } => {
                    self.worker.handle_order(&Order::CaughtUp { pool, at });
                }
                Mail::Client { pool, stream, peer, id } => self.add_client(pool, stream, peer, id),
                Mail::Resolved { conn, address: Some(address) } => {
                    // The attempt may have timed out meanwhile.
                    if self.worker.is_connecting(conn) {
                        self.register(conn, Stream::connect_tcp(address));
                    }
                }
                Mail::Resolved { conn, address: None } => {
                    self.worker.handle_closed(conn, &Cause::UnknownHost);
                }
                Mail::Drain => self.shutdown_asked = true,
                Mail::ListenersClosed => self.closed += 1,
                Mail::AreYouThere => self.tell(ToControl::HereIAm(self.worker.id())),
                Mail::Release => {
                    self.worker.handle_order(&Order::TrimMemory);
                    sys::release_own_memory();
                }
                Mail::Count(asker) => self.asked.push(asker),
                Mail::Stop => self.stopping = true,
            }
        }
    }
}
