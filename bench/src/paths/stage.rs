//! A whole worker with one client and three fake servers whose answers are recorded.
//!
//! ```text
//!   record   each variant once: the null servers' own parsers answer what goes to each upstream,
//!            and the answers are stored
//!   replay   request in ─▶ flush ─▶ stored answers in ─▶ flush ─▶ next variant
//! ```
//!
//! So while instructions are counted the fake servers cost almost nothing. The count is the worker's
//! work for a request in both directions.

use crate::null::{Answers, Parser, Value};
use anyhow::{Context, Result, ensure};
use nuthatch_engine::base::{PoolId, ServerId, Time, WorkerId};
use nuthatch_engine::proxy::{Action, ConnId, Gathering, Step, Worker};
use nuthatch_engine::routing::{Router, distribution};
use nuthatch_engine::topology::kinds::fixed;
use nuthatch_engine::topology::{
    Ability, Address, Director, Eject, Failover, PoolSpec, Protocol, Reads, Release, ShardSpec,
    ShardState, Snapshot,
};
use std::rc::Rc;
use std::sync::Arc;

/// One variant, and the servers' answers to it.
struct Exchange {
    request: Vec<u8>,
    /// In the order of the flush.
    answers: Vec<(ConnId, Vec<u8>)>,
    /// Bytes that the client gets.
    reply_bytes: usize,
}

struct FakeServer {
    conn: ConnId,
    parser: Parser,
}

/// See the module's head.
pub struct Stage {
    worker: Worker,
    client: ConnId,
    now: Time,
    servers: Vec<FakeServer>,
    is_memcached: bool,
    exchanges: Vec<Exchange>,
}

fn spec(protocol: Protocol) -> PoolSpec {
    let shard = |name: &str| ShardSpec {
        name: name.into(),
        address: Address::Tcp { host: name.into(), port: 1 },
        weight: 1,
        replicas: Vec::new(),
    };
    PoolSpec {
        distribution: distribution::by_name("ketama").unwrap_or(&distribution::DISTRIBUTIONS[0]),
        shards: ["beta", "alpha", "gamma"].map(shard).into(),
        timeout_ms: Some(400),
        connect_timeout_ms: 400,
        eject: Eject::Remap,
        ..PoolSpec::plain(protocol, [])
    }
}

fn snapshot(protocol: Protocol, has_replicas: bool) -> Arc<Snapshot> {
    let failover = has_replicas.then(|| Arc::new(Failover::plain(3_000, Reads::Primary)));
    let spec = PoolSpec { failover, ..spec(protocol) };
    Director::new(&[Arc::new(spec)], 1).snapshot()
}

/// Redis servers that speak RESP3.
pub fn snapshot_with_resp3() -> Arc<Snapshot> {
    let mut director = Director::new(&[Arc::new(spec(Protocol::Redis))], 1);
    let ability = Ability { resp3: true, redis: Release::read("7.0.0"), valkey: None };
    for server in 0..3 {
        director.handle_ability(PoolId(0), ServerId(server), Some(ability), Time::from_ms(1));
    }
    director.snapshot()
}

/// The router of a stage's pool.
pub fn router(protocol: Protocol) -> Router {
    fixed::router(&spec(protocol), &[ShardState::Live; 3])
}

impl Stage {
    /// `has_replicas`: another server may take a shard over, so requests are kept until they are answered.
    pub fn new(protocol: Protocol, has_replicas: bool, requests: Vec<Vec<u8>>) -> Result<Stage> {
        let mut worker = Worker::new(WorkerId(0), 7, &snapshot(protocol, has_replicas));
        let now = Time::from_ms(1000);
        worker.begin_turn(now);
        let client = worker.handle_accept(PoolId(0), 1, None);
        worker.finish_turn(Gathering::None);
        while worker.poll().is_some() {}
        let is_memcached = protocol == Protocol::Memcache;
        let (servers, exchanges) = (Vec::new(), Vec::new());
        let mut stage = Stage { worker, client, now, servers, is_memcached, exchanges };
        for request in &requests {
            stage.record(request)?; // the first one also connects and shakes hands
        }
        for request in requests {
            let exchange = stage.record(&request)?;
            stage.exchanges.push(exchange);
        }
        Ok(stage)
    }

    fn turn(&mut self) {
        self.now = Time(self.now.0 + 1_000);
        self.worker.begin_turn(self.now);
    }

    /// One request; the fake servers compute their answers.
    fn record(&mut self, request: &[u8]) -> Result<Exchange> {
        let mut exchange =
            Exchange { request: request.to_vec(), answers: Vec::new(), reply_bytes: 0 };
        self.turn();
        self.worker.handle_bytes(self.client, request);
        for _ in 0..100 {
            let mut events = Vec::new();
            self.worker.finish_turn(Gathering::None);
            while let Some(step) = self.worker.poll() {
                match step {
                    Step::Act(Action::Connect { conn, .. }) => {
                        let parser = Parser::new(self.is_memcached);
                        self.servers.push(FakeServer { conn, parser });
                        self.worker.handle_connected(conn);
                    }
                    Step::Act(_) => {}
                    Step::Write(conn) => {
                        let output = self.worker.output(conn).to_vec();
                        self.worker.handle_written(conn, output.len());
                        if conn == self.client {
                            exchange.reply_bytes += output.len();
                            continue;
                        }
                        let server = self.servers.iter_mut().find(|server| server.conn == conn);
                        let server = server.context("an upstream that never connected")?;
                        let mut answers = Answers::new(Rc::new(Value::new(8, b'v')));
                        server.parser.take(&output, &mut answers);
                        let mut bytes = Vec::new();
                        answers.write_to(&mut bytes)?;
                        events.push((conn, bytes));
                    }
                }
            }
            if events.is_empty() && self.worker.backlog().is_empty() {
                break;
            }
            self.turn();
            for (conn, bytes) in events {
                self.worker.handle_bytes(conn, &bytes);
                exchange.answers.push((conn, bytes));
            }
        }
        ensure!(exchange.reply_bytes > 0, "no reply to {:?}", String::from_utf8_lossy(request));
        Ok(exchange)
    }

    /// This many requests; the answers are the recorded ones.
    pub fn run(&mut self, steps: u32) -> Result<()> {
        let exchanges = std::mem::take(&mut self.exchanges);
        for step in 0..steps {
            let exchange = &exchanges[step as usize % exchanges.len()];
            self.turn();
            self.worker.handle_bytes(self.client, &exchange.request);
            let mut written = self.flush();
            self.turn();
            for (conn, bytes) in &exchange.answers {
                self.worker.handle_bytes(*conn, bytes);
            }
            written += self.flush();
            ensure!(written == exchange.reply_bytes, "the reply differs from the recorded one");
        }
        self.exchanges = exchanges;
        Ok(())
    }

    /// The end of a turn as in the loop. Returns the number of bytes that went to the client.
    fn flush(&mut self) -> usize {
        self.worker.finish_turn(Gathering::None);
        let mut to_client = 0;
        while let Some(step) = self.worker.poll() {
            if let Step::Write(conn) = step {
                let len = self.worker.output(conn).len();
                self.worker.handle_written(conn, len);
                if conn == self.client {
                    to_client += len;
                }
            }
        }
        to_client
    }
}
