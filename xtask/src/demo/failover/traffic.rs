//! A writer and a reader for each shard. Each sends one request, waits for its reply, and pauses.
//!
//! The writer counts with INCR, so each reply says what became of all requests before it: a number that is
//! too small means that acknowledged writes are lost, one that is too large that a write was done twice.

use anyhow::Result;
use nuthatch_testbed::{Client, Value};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(4);
/// A request that waits so long is shown as one that waits.
const LONG: Duration = Duration::from_millis(100);
/// More than `failover_hold_ms` of the stage's pool: the proxy answers first.
const PATIENCE: Duration = Duration::from_secs(20);
/// No request is on its way.
const NONE: u64 = u64::MAX;

pub struct Traffic {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    start: Instant,
    is_over: AtomicBool,
    clients: Vec<Seen>,
}

/// What one client has seen.
struct Seen {
    shard: usize,
    key: String,
    is_writer: bool,
    answered: AtomicU64,
    failed: AtomicU64,
    /// When the request that is on its way was sent: microseconds after the start.
    sent_at: AtomicU64,
    longest: AtomicU64,
    outcome: Mutex<Outcome>,
}

/// What all clients have seen.
#[derive(Default, Clone)]
pub struct Outcome {
    pub answered: u64,
    /// Those that do not say `outcome unknown`.
    pub errors: Vec<String>,
    pub unknown: u64,
    pub lost: u64,
    pub twice: u64,
}

impl Traffic {
    /// `keys`: one of each shard.
    pub fn start(keys: &[String], connect: impl Fn() -> Result<Client>) -> Result<Traffic> {
        let clients = keys.iter().enumerate().flat_map(|(shard, key)| {
            [true, false].map(|is_writer| Seen {
                shard,
                key: key.clone(),
                is_writer,
                answered: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                sent_at: AtomicU64::new(NONE),
                longest: AtomicU64::new(0),
                outcome: Mutex::default(),
            })
        });
        let shared = Arc::new(Shared {
            start: Instant::now(),
            is_over: AtomicBool::new(false),
            clients: clients.collect(),
        });
        let mut traffic = Traffic { shared: Arc::clone(&shared), threads: Vec::new() };
        for at in 0..shared.clients.len() {
            let client = connect()?;
            client.set_timeout(PATIENCE)?;
            let shared = Arc::clone(&shared);
            traffic.threads.push(thread::spawn(move || shared.drive(at, client)));
        }
        Ok(traffic)
    }

    /// For each shard, the requests answered and failed so far.
    pub fn totals(&self) -> Vec<(u64, u64)> {
        let mut totals = Vec::new();
        for seen in &self.shared.clients {
            totals.resize(totals.len().max(seen.shard + 1), (0, 0));
            let (answered, failed) = &mut totals[seen.shard];
            *answered += seen.answered.load(Relaxed);
            *failed += seen.failed.load(Relaxed);
        }
        totals
    }

    /// Requests that have waited for some time now.
    pub fn waiting(&self) -> usize {
        let now = self.shared.now();
        let waits = |seen: &&Seen| {
            let sent_at = seen.sent_at.load(Relaxed);
            sent_at != NONE && now.saturating_sub(sent_at) > LONG.as_micros() as u64
        };
        self.shared.clients.iter().filter(waits).count()
    }

    /// The longest time that a reply of this shard took.
    pub fn longest(&self, shard: usize) -> Duration {
        let of_shard = self.shared.clients.iter().filter(|seen| seen.shard == shard);
        let longest = of_shard.map(|seen| seen.longest.load(Relaxed)).max();
        Duration::from_micros(longest.unwrap_or(0))
    }

    /// Ends all clients.
    pub fn end(mut self) -> Outcome {
        self.stop();
        let mut sum = Outcome::default();
        for seen in &self.shared.clients {
            let outcome = seen.outcome.lock().unwrap_or_else(PoisonError::into_inner);
            sum.answered += seen.answered.load(Relaxed);
            sum.errors.extend(outcome.errors.iter().cloned());
            sum.unknown += outcome.unknown;
            sum.lost += outcome.lost;
            sum.twice += outcome.twice;
        }
        sum
    }

    fn stop(&mut self) {
        self.shared.is_over.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            // A client that panicked has answered nothing more, and the story notices.
            let _ = thread.join();
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn now(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    fn drive(&self, at: usize, mut client: Client) {
        let seen = &self.clients[at];
        let words = [if seen.is_writer { "INCR" } else { "GET" }, seen.key.as_str()];
        let mut count = Count::default();
        while !self.is_over.load(Relaxed) {
            let sent_at = self.now();
            seen.sent_at.store(sent_at, Relaxed);
            let reply = client.command(&words);
            seen.sent_at.store(NONE, Relaxed);
            seen.longest.fetch_max(self.now() - sent_at, Relaxed);
            let is_lost = reply.is_err();
            let told = match reply {
                Ok(Value::Error(error)) => Err(error.clone()),
                Ok(value) => Ok(value),
                Err(error) => Err(format!("(no answer) {error}")),
            };
            seen.record(told, &mut count);
            if is_lost {
                return;
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Seen {
    fn record(&self, told: Result<Value, String>, count: &mut Count) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        match told {
            Ok(value) => {
                self.answered.fetch_add(1, Relaxed);
                if let Some(number) = value.as_int().filter(|_| self.is_writer) {
                    let (lost, twice) = count.take(number);
                    outcome.lost += lost;
                    outcome.twice += twice;
                }
            }
            Err(error) => {
                self.failed.fetch_add(1, Relaxed);
                if error.contains("outcome unknown") {
                    outcome.unknown += 1;
                    count.unknown += 1;
                } else {
                    outcome.errors.push(format!("{}: {error}", self.key));
                }
            }
        }
    }
}

/// What a writer knows of its counter.
#[derive(Default)]
struct Count {
    last: Option<i64>,
    /// Requests since the last reply that may have been done.
    unknown: i64,
}

impl Count {
    /// Takes the reply to INCR. Returns how many acknowledged writes are gone, and how many were done twice.
    fn take(&mut self, number: i64) -> (u64, u64) {
        let unknown = std::mem::take(&mut self.unknown);
        let Some(last) = self.last.replace(number) else {
            return (0, 0);
        };
        let lost = (last + 1 - number).max(0);
        let twice = (number - (last + 1) - unknown).max(0);
        (lost.unsigned_abs(), twice.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_tells_what_became_of_writes() {
        let mut count = Count::default();
        assert_eq!(count.take(7), (0, 0));
        assert_eq!(count.take(8), (0, 0));
        assert_eq!(count.take(10), (0, 1));
        count.unknown = 1;
        assert_eq!(count.take(12), (0, 0), "the one before may have been done");
        assert_eq!(count.take(11), (2, 0));
    }
}
