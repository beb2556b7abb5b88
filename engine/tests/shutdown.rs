//! The shutdown of a worker: every client gets its replies, and the worker waits for no other client.

use nuthatch_engine::base::{PoolId, Time, WorkerId};
use nuthatch_engine::proxy::{Action, ConnId, Gathering, Order, Step, Worker};
use nuthatch_engine::topology::{Address, Director, PoolSpec, Protocol};
use std::sync::Arc;

const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
const NIL: &[u8] = b"$-1\r\n";

/// One worker, one server, its connection up.
struct Stage {
    worker: Worker,
    now: Time,
    upstream: Option<ConnId>,
    closed: Vec<ConnId>,
    shut: Vec<ConnId>,
    /// Bytes that the server was sent.
    sent: usize,
}

impl Stage {
    fn new() -> Stage {
        let address = Address::Unix { path: "one".into() };
        let spec = PoolSpec { preconnect: true, ..PoolSpec::plain(Protocol::Redis, [address]) };
        let snapshot = Director::new(&[Arc::new(spec)], 1).snapshot();
        let worker = Worker::new(WorkerId(0), 7, &snapshot);
        let (closed, shut) = (Vec::new(), Vec::new());
        let mut stage =
            Stage { worker, now: Time::from_ms(1), upstream: None, closed, shut, sent: 0 };
        stage.turn(|_| {});
        stage
    }

    fn client(&mut self, id: u64) -> ConnId {
        self.turn(|worker| worker.handle_accept(PoolId(0), id, None))
    }

    /// One turn; returns what the event made and keeps what became of connections.
    fn turn<T>(&mut self, event: impl FnOnce(&mut Worker) -> T) -> T {
        self.now = self.now.plus_ms(1);
        self.worker.begin_turn(self.now);
        let made = event(&mut self.worker);
        self.worker.finish_turn(Gathering::None);
        while let Some(step) = self.worker.poll() {
            match step {
                // Bytes for the server count as sent; those for clients stay until they are read.
                Step::Write(conn @ ConnId::Upstream(_)) => {
                    let len = self.worker.output(conn).len();
                    self.sent += len;
                    self.worker.handle_written(conn, len);
                }
                Step::Act(Action::Connect { conn, .. }) => {
                    self.upstream = Some(conn);
                    self.worker.handle_connected(conn);
                }
                Step::Act(Action::Close { conn }) => self.closed.push(conn),
                Step::Act(Action::ShutdownWrite { conn }) => self.shut.push(conn),
                Step::Write(_) | Step::Act(_) => {}
            }
        }
        self.worker.check_invariants();
        made
    }

    /// The server answers so many requests with nil.
    fn answer(&mut self, count: usize) {
        let upstream = self.upstream.expect("connected");
        let bytes = NIL.repeat(count);
        self.turn(|worker| worker.handle_bytes(upstream, &bytes));
    }

    /// The client reads all there is for it; returns how many replies that were.
    fn read(&mut self, conn: ConnId) -> usize {
        let bytes = self.worker.output(conn).to_vec();
        self.turn(|worker| worker.handle_written(conn, bytes.len()));
        assert_eq!(bytes.len() % NIL.len(), 0);
        bytes.len() / NIL.len()
    }
}

#[test]
fn idle_clients_go_at_once_and_busy_ones_with_their_replies() {
    let mut stage = Stage::new();
    let (idle, busy) = (stage.client(1), stage.client(2));
    stage.turn(|worker| worker.handle_bytes(busy, &GET.repeat(3)));
    stage.turn(|worker| worker.handle_order(&Order::ShutDown));
    assert_eq!(stage.closed, [idle]);
    assert!(!stage.worker.is_shut_down());
    // What it sends now is not taken.
    stage.turn(|worker| worker.handle_bytes(busy, GET));
    stage.answer(3);
    assert_eq!(stage.read(busy), 3);
    assert_eq!(stage.shut, [busy], "told that nothing more will come");
    stage.turn(|worker| worker.handle_eof(busy));
    assert_eq!(stage.closed, [idle, busy]);
    assert!(stage.worker.is_shut_down());
}

#[test]
fn a_long_pipeline_that_was_taken_is_answered_whole() {
    let mut stage = Stage::new();
    let client = stage.client(1);
    // Far more than its window: most of them wait, not forwarded, in our memory.
    stage.turn(|worker| worker.handle_bytes(client, &GET.repeat(500)));
    stage.turn(|worker| worker.handle_order(&Order::ShutDown));
    let mut read = 0;
    for _ in 0..600 {
        let waiting = stage.worker.backlog().tickets;
        if waiting == 0 {
            break;
        }
        stage.answer(waiting);
        read += stage.read(client);
    }
    assert_eq!(read, 500);
    assert_eq!(stage.shut, [client]);
}

#[test]
fn a_request_that_flows_is_taken_to_its_end() {
    let mut stage = Stage::new();
    let client = stage.client(1);
    let body = vec![b'x'; 200_000];
    let head = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$200000\r\n";
    stage.turn(|worker| worker.handle_bytes(client, &[head, &body[..100_000]].concat()));
    stage.turn(|worker| worker.handle_order(&Order::ShutDown));
    stage.turn(|worker| worker.handle_bytes(client, &body[100_000..150_000]));
    assert!(stage.closed.is_empty() && !stage.worker.is_shut_down());
    stage.turn(|worker| worker.handle_bytes(client, &[&body[150_000..], b"\r\n"].concat()));
    assert_eq!(stage.sent, head.len() + body.len() + 2);
    stage.answer(1);
    assert_eq!(stage.read(client), 1);
    assert_eq!(stage.shut, [client]);
}

#[test]
fn one_that_never_closes_is_not_waited_for() {
    let mut stage = Stage::new();
    let client = stage.client(1);
    stage.turn(|worker| worker.handle_bytes(client, GET));
    stage.turn(|worker| worker.handle_order(&Order::ShutDown));
    stage.answer(1);
    assert_eq!(stage.read(client), 1);
    // A deadline may be early.
    for _ in 0..5 {
        stage.now = stage.worker.deadline().unwrap_or(stage.now);
        stage.turn(|_| {});
    }
    assert_eq!(stage.closed, [client]);
    assert!(stage.worker.is_shut_down());
}

#[test]
fn one_that_comes_late_is_closed() {
    let mut stage = Stage::new();
    stage.turn(|worker| worker.handle_order(&Order::ShutDown));
    assert!(stage.worker.is_shut_down());
    let late = stage.client(1);
    assert_eq!(stage.closed, [late]);
    assert!(stage.worker.is_shut_down());
}
