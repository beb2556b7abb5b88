//! The loop; see the module's head for its two shapes.

use super::client::Client;
use super::replies::Kind;
use super::requests::Requests;
use super::timer::Timer;
use super::window::Window;
use super::{Asks, Load, Outcome, Shape};
use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use mio::{Events, Poll, Token};
use std::io;
use std::time::{Duration, Instant};

const TIMER: Token = Token(usize::MAX);
/// A saturating load gives up if it gets no reply for this time.
const STALL: Duration = Duration::from_secs(5);
/// How long we wait for the last replies of a fixed rate.
const GRACE: Duration = Duration::from_secs(2);
/// A window is extended until this many requests were answered, but by `OVERTIME` at most.
const OPS_MIN: u64 = 20;
const OVERTIME: Duration = Duration::from_secs(3);
/// Latencies are recorded with 0.1 % precision, up to a minute.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// The counts. They are separate from the connections, so that both can be borrowed at once.
struct Tally {
    latencies: Histogram<u64>,
    ops: u64,
    errors: u64,
    misses: u64,
    first_error: String,
    is_measuring: bool,
    last_reply: u64,
}

struct Run<'a> {
    load: &'a Load,
    poll: Poll,
    clients: Vec<Option<Client>>,
    requests: Requests,
    tally: Tally,
    clock: Instant,
    /// Fixed rate: requests sent so far.
    sent: u64,
}

/// Runs the load in this thread until its time is over.
pub fn run(load: &Load) -> Result<Outcome> {
    let mut run = Run {
        load,
        poll: Poll::new()?,
        clients: Vec::new(),
        requests: Requests::new(load)?,
        tally: Tally::new()?,
        clock: Instant::now(),
        sent: 0,
    };
    for place in 0..load.clients {
        let client = run.connect(place).context("cannot connect")?;
        run.clients.push(Some(client));
    }
    run.go()
}

impl Run<'_> {
    fn now(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }

    fn connect(&self, place: usize) -> io::Result<Client> {
        let Load { port, is_memcached, .. } = *self.load;
        Client::connect(self.poll.registry(), Token(place), port, is_memcached)
    }

    fn go(mut self) -> Result<Outcome> {
        let timer = Timer::new(self.poll.registry(), TIMER)?;
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 256 << 10];
        let begin = self.load.warm_ms * 1_000_000;
        let end = begin + self.load.ms * 1_000_000;
        // A window without requests measures nothing: a slow machine gets a longer window.
        let late = end + OVERTIME.as_nanos() as u64;
        let is_fill = self.load.asks == Asks::Fill;
        let mut edge: Option<(u64, Window)> = None;
        for place in 0..self.clients.len() {
            self.refill(place);
        }
        loop {
            let now = self.now();
            if edge.is_none() && now >= begin {
                edge = Some((now, Window::look(&self.load.watch)));
                self.tally.is_measuring = true;
            }
            let is_over = if is_fill {
                self.requests.is_exhausted() && self.unanswered() == 0
            } else {
                self.now() >= end && (self.tally.ops >= OPS_MIN || self.now() >= late)
            };
            if is_over || !self.clients.iter().any(Option::is_some) {
                break;
            }
            let mut wait = STALL;
            if let Shape::Rate { per_second } = self.load.shape {
                let due = self.send_due(per_second, end);
                let edge = if self.tally.is_measuring { end } else { begin };
                wait = Duration::from_nanos(due.min(edge).saturating_sub(self.now()));
                timer.set(wait)?;
                wait = Timer::patience(wait);
            } else if !is_fill {
                let edge = if self.tally.is_measuring { end } else { begin };
                let left = Duration::from_nanos(edge.saturating_sub(self.now()));
                wait = wait.min(left.max(Duration::from_millis(1)));
            }
            self.turn(&mut events, &mut buffer, wait)?;
            let stalled =
                self.now().saturating_sub(self.tally.last_reply) > STALL.as_nanos() as u64;
            if stalled && matches!(self.load.shape, Shape::Saturate { .. }) {
                let waiting = self.unanswered();
                self.tally.lost(&format!("no reply for 5 s, {waiting} waiting"));
                break;
            }
        }
        let now = self.now();
        let (from, before) = edge.unwrap_or((now, Window::look(&self.load.watch)));
        let window = Window::look(&self.load.watch).since(&before);
        let unanswered = self.stragglers(&mut events, &mut buffer, from)?;
        Ok(self.tally.outcome((now - from) as f64 / 1e9, unanswered, window))
    }

    /// One poll of the sockets.
    fn turn(&mut self, events: &mut Events, buffer: &mut [u8], wait: Duration) -> Result<()> {
        match self.poll.poll(events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            outcome => outcome?,
        }
        for event in events.iter() {
            if event.token() == TIMER {
                continue;
            }
            let place = event.token().0;
            let Some(client) = &mut self.clients[place] else { continue };
            let mut outcome = Ok(());
            if event.is_writable() || event.is_error() {
                outcome = client.connected().and_then(|()| client.write());
            }
            if outcome.is_ok() && event.is_readable() {
                let (clock, tally) = (self.clock, &mut self.tally);
                let mut now = 0;
                outcome = client.read(buffer, |kind, began, line| {
                    if now == 0 {
                        now = clock.elapsed().as_nanos() as u64; // once a read
                    }
                    tally.reply(kind, began, now, line);
                });
            }
            if let Err(error) = outcome {
                self.tally.lost(&error.to_string());
                self.clients[place] = None;
                self.replace(place);
            } else if client.began.is_empty() {
                if self.load.asks == Asks::Connect {
                    self.clients[place] = None; // closes it: the reply is here
                    self.replace(place);
                }
                self.refill(place);
            }
        }
        Ok(())
    }

    /// Makes a new connection in place of a closed one, if the proxy accepts it.
    fn replace(&mut self, place: usize) {
        // A connection for each request includes the time to connect.
        match self.connect(place) {
            Ok(client) => self.clients[place] = Some(client),
            Err(error) => self.tally.lost(&error.to_string()),
        }
        self.refill(place);
    }

    /// Saturating: the next batch of a client that has its replies.
    fn refill(&mut self, place: usize) {
        let Shape::Saturate { pipeline } = self.load.shape else { return };
        let now = self.now();
        let Some(client) = &mut self.clients[place] else { return };
        if !client.began.is_empty() {
            return;
        }
        for _ in 0..pipeline {
            if self.requests.is_exhausted() {
                break;
            }
            self.requests.write(&mut client.out);
            client.began.push_back(now);
        }
        // The next read reports an error again.
        let _ = client.write();
    }

    /// Fixed rate: sends the requests that are due. Returns when the next one is due.
    fn send_due(&mut self, per_second: f64, end: u64) -> u64 {
        let due_at = |n: u64| (n as f64 / per_second * 1e9) as u64;
        let now = self.now();
        let first = self.sent;
        while due_at(self.sent) <= now && due_at(self.sent) < end {
            let place = self.sent as usize % self.clients.len();
            if let Some(client) = &mut self.clients[place] {
                self.requests.write(&mut client.out);
                client.began.push_back(due_at(self.sent));
            }
            self.sent += 1;
        }
        // Each client with new requests writes once.
        for n in first..self.sent.min(first + self.clients.len() as u64) {
            let place = n as usize % self.clients.len();
            if let Some(client) = &mut self.clients[place] {
                let _ = client.write();
            }
        }
        due_at(self.sent)
    }

    fn unanswered(&self) -> usize {
        self.clients.iter().flatten().map(|client| client.began.len()).sum()
    }

    /// Fixed rate: waits a while for requests that were due in the window. Then their age is their
    /// latency.
    fn stragglers(&mut self, events: &mut Events, buffer: &mut [u8], from: u64) -> Result<u64> {
        if !matches!(self.load.shape, Shape::Rate { .. }) {
            return Ok(0);
        }
        let limit = self.now() + GRACE.as_nanos() as u64;
        while self.unanswered() > 0 && self.now() < limit {
            self.turn(events, buffer, Duration::from_millis(50))?;
        }
        let now = self.now();
        let mut count = 0;
        for client in self.clients.iter().flatten() {
            for &began in client.began.iter().filter(|&&began| began >= from) {
                self.tally.latencies.saturating_record(now - began);
                count += 1;
            }
        }
        Ok(count)
    }
}

impl Tally {
    fn new() -> Result<Tally> {
        Ok(Tally {
            latencies: Histogram::new_with_bounds(100, LATENCY_NS_MAX, 3)?,
            ops: 0,
            errors: 0,
            misses: 0,
            first_error: String::new(),
            is_measuring: false,
            last_reply: 0,
        })
    }

    fn reply(&mut self, kind: Kind, began: u64, now: u64, line: &[u8]) {
        self.last_reply = now;
        if !self.is_measuring {
            return;
        }
        self.ops += 1;
        self.latencies.saturating_record(now.saturating_sub(began));
        match kind {
            Kind::Fine => {}
            Kind::Miss => self.misses += 1,
            Kind::Error => self.lost(&String::from_utf8_lossy(line)),
        }
    }

    fn lost(&mut self, what: &str) {
        if self.errors == 0 {
            what.clone_into(&mut self.first_error);
        }
        self.errors += 1;
    }

    fn outcome(self, seconds: f64, unanswered: u64, window: Window) -> Outcome {
        let micros = |ns: u64| ns as f64 / 1000.0;
        let at = |share: f64| micros(self.latencies.value_at_quantile(share));
        Outcome {
            ops: self.ops,
            seconds,
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            max: micros(self.latencies.max()),
            errors: self.errors,
            first_error: self.first_error,
            misses: self.misses,
            unanswered,
            window,
        }
    }
}
