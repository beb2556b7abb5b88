//! Clients that write, read back what they wrote, and record every answer.
//!
//! ```text
//!   thread (a client, a shard's keys)    SET k k:7 ──▶ +OK      acknowledged: 7
//!                                        GET k     ──▶ k:7      good
//!                                        SET k k:8 ──▶ -ERR     8 may or may not be there
//!                                        GET k     ──▶ k:7, k:8 good
//!                                                  ──▶ k:5, nil Lost: an acknowledged write is gone
//!                                                  ──▶ j:7      Stranger: another key's answer
//! ```
//!
//! A client sends one request at a time. Like common libraries, it connects again when its
//! connection breaks. Which answers are acceptable depends on what was done to the servers, so the
//! load does not judge: the test gets the samples.
//!
//! Requests are due at a fixed rate. A request that is due while a client waits for an answer is
//! not sent, but it would have waited too: [`Sample::waits`] contains it. Without that, a proxy
//! that stops for a second would show in only one sample for each client, and not in the p99.
//! If a client slept too long, that is the machine's delay: its time counts from when it woke.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::{Client, Value};

/// What the clients speak. The drawing above is for Redis; memcached's is the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speech {
    Redis,
    Memcached,
}

/// Between two requests of a client. This load leaves CPU for the other processes.
const PERIOD: Duration = Duration::from_millis(2);
/// After a broken connection.
const RECONNECT: Duration = Duration::from_millis(20);

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Good,
    /// The error reply's text.
    Failed(String),
    /// An acknowledged write was not there.
    Lost(String),
    /// A value of another key, or something that is not a value.
    Stranger(String),
    /// The client's own connection broke, or no answer came.
    Broken(String),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Sample {
    pub key: Arc<str>,
    /// Index of the key's group.
    pub group: usize,
    /// When it was sent, counted from the load's start.
    pub at: Duration,
    pub took: Duration,
    pub outcome: Outcome,
}

impl Sample {
    /// When it was answered.
    pub fn ended(&self) -> Duration {
        self.at + self.took
    }

    /// Its own time, and the times of the requests that were due before its answer.
    pub fn waits(&self) -> impl Iterator<Item = Duration> + use<> {
        let waits = std::iter::successors(Some(self.took), |wait| wait.checked_sub(PERIOD));
        waits.take_while(|wait| !wait.is_zero())
    }
}

/// A running load.
pub struct Load {
    start: Instant,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Sample>>>,
}

impl Load {
    /// One client for each group of keys, so that a group that waits slows no other. A group is
    /// usually the keys of one shard. Groups must not share keys.
    pub fn start(addr: SocketAddr, groups: &[Vec<String>]) -> Load {
        Load::start_in(Speech::Redis, addr, groups)
    }

    /// The same to a pool of this protocol.
    pub fn start_in(speech: Speech, addr: SocketAddr, groups: &[Vec<String>]) -> Load {
        let start = Instant::now();
        let stop = Arc::new(AtomicBool::new(false));
        let threads = groups
            .iter()
            .enumerate()
            .map(|(group, keys)| {
                let keys: Vec<Arc<str>> = keys.iter().map(|key| key.as_str().into()).collect();
                let stop = Arc::clone(&stop);
                let (client, samples) = (None, Vec::new());
                let mut writer = Writer { speech, addr, group, start, due: start, client, samples };
                thread::spawn(move || {
                    let mut states: Vec<KeyState> =
                        keys.iter().map(|_| KeyState::default()).collect();
                    for at in (0..keys.len()).cycle() {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        writer.write(&keys[at], &mut states[at]);
                        writer.read(&keys[at], &mut states[at]);
                    }
                    writer.samples
                })
            })
            .collect();
        Load { start, stop, threads }
    }

    /// Time since its start, to compare with `Sample::at`.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Ends it and returns all samples.
    ///
    /// # Panics
    /// If a client's thread panicked.
    pub fn finish(self) -> Vec<Sample> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|_| panic!("a client panicked")))
            .collect()
    }
}

/// What may be read from a key.
#[derive(Default)]
struct KeyState {
    next: u64,
    acknowledged: Option<u64>,
    /// Written without an answer: the value may be there now, or later.
    unsure: Vec<u64>,
}

struct Writer {
    speech: Speech,
    addr: SocketAddr,
    group: usize,
    start: Instant,
    /// When the next request is due.
    due: Instant,
    client: Option<Client>,
    samples: Vec<Sample>,
}

impl Writer {
    fn write(&mut self, key: &Arc<str>, state: &mut KeyState) {
        state.next += 1;
        let n = state.next;
        let value = format!("{key}:{n}");
        self.ask(key, &["SET", key, &value], |reply| match reply {
            Ok(reply) if reply.is_ok() => {
                state.acknowledged = Some(n);
                Outcome::Good
            }
            Ok(Value::Error(text)) => {
                state.unsure.push(n);
                Outcome::Failed(text)
            }
            Ok(other) => Outcome::Stranger(format!("SET {key}: {other}")),
            Err(e) => {
                state.unsure.push(n);
                Outcome::Broken(format!("SET {key}: {e}"))
            }
        });
    }

    fn read(&mut self, key: &Arc<str>, state: &mut KeyState) {
        self.ask(key, &["GET", key], |reply| match reply {
            Ok(reply) if reply.is_nil() && state.acknowledged.is_none() => Outcome::Good,
            Ok(reply) if reply.is_nil() => {
                Outcome::Lost(format!("{key}: nil instead of {:?}", state.acknowledged))
            }
            Ok(Value::Error(text)) => Outcome::Failed(text),
            Ok(reply) => match counter(&reply, key) {
                None => Outcome::Stranger(format!("GET {key}: {reply}")),
                Some(n) if Some(n) == state.acknowledged || state.unsure.contains(&n) => {
                    Outcome::Good
                }
                Some(n) => Outcome::Lost(format!("{key}: {n} and not {:?}", state.acknowledged)),
            },
            Err(e) => Outcome::Broken(format!("GET {key}: {e}")),
        });
    }

    fn ask(
        &mut self,
        key: &Arc<str>,
        command: &[&str],
        outcome_of: impl FnOnce(io::Result<Value>) -> Outcome,
    ) {
        thread::sleep(self.due.saturating_duration_since(Instant::now()));
        let sent = Instant::now();
        let reply = self.exchange(command);
        let took = sent.elapsed();
        if reply.is_err() {
            self.client = None;
            thread::sleep(RECONNECT);
        }
        self.samples.push(Sample {
            key: Arc::clone(key),
            group: self.group,
            at: sent - self.start,
            took,
            outcome: outcome_of(reply),
        });
        let now = Instant::now();
        while self.due <= now {
            self.due += PERIOD;
        }
    }

    fn exchange(&mut self, command: &[&str]) -> io::Result<Value> {
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(Client::connect(self.addr)?),
        };
        match (self.speech, command) {
            (Speech::Redis, _) => client.command(command),
            (Speech::Memcached, [_, key, value]) => {
                let reply = client.ask(format!("set {key} 0 0 {}\r\n{value}\r\n", value.len()))?;
                Ok(as_value(&reply))
            }
            (Speech::Memcached, _) => Ok(as_value(&client.ask(format!("get {}\r\n", command[1]))?)),
        }
    }
}

/// The reply that Redis would have sent instead of memcached's.
fn as_value(reply: &[u8]) -> Value {
    let text = String::from_utf8_lossy(reply);
    match text.trim_end() {
        "STORED" => Value::Simple("OK".into()),
        "END" => Value::Nil,
        item if item.starts_with("VALUE ") => Value::bulk(item.lines().nth(1).unwrap_or_default()),
        error => Value::Error(error.to_owned()),
    }
}

/// The counter in `key:counter`, if the value is this key's.
fn counter(reply: &Value, key: &str) -> Option<u64> {
    reply.text()?.strip_prefix(key)?.strip_prefix(':')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedisServer;

    #[test]
    fn tells_a_lost_write_from_a_good_one() {
        let server = RedisServer::start().unwrap();
        let load = Load::start(server.addr(), &[vec!["a".into(), "b".into()]]);
        thread::sleep(Duration::from_millis(150));
        server.client().unwrap().command(&["FLUSHALL"]).unwrap();
        thread::sleep(Duration::from_millis(150));
        let samples = load.finish();
        let good = samples.iter().filter(|s| s.outcome == Outcome::Good).count();
        assert!(good > 10 && samples.len() - good <= 1, "{good} of {}", samples.len());
    }

    #[test]
    fn a_value_belongs_to_its_key() {
        assert_eq!(counter(&Value::bulk("ab:7"), "ab"), Some(7));
        assert_eq!(counter(&Value::bulk("ab:7"), "a"), None);
        assert_eq!(counter(&Value::Nil, "a"), None);
    }

    #[test]
    fn what_fell_due_before_an_answer_waited_too() {
        let sample = |took| Sample {
            key: "k".into(),
            group: 0,
            at: Duration::ZERO,
            took,
            outcome: Outcome::Good,
        };
        let waits = |took| sample(took).waits().collect::<Vec<_>>();
        assert_eq!(waits(PERIOD / 2), [PERIOD / 2]);
        assert_eq!(waits(5 * PERIOD / 2), [5 * PERIOD / 2, 3 * PERIOD / 2, PERIOD / 2]);
    }
}
