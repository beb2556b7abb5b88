//! Clients that write values never used before, and read them back.
//!
//! Each has keys of its own, so the history of a key is that of one connection, and needs no clock of
//! several clients to be judged.

use nuthatch_testbed::{Client, Value};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Keys of each client: enough for each shard to have some.
pub const KEYS: usize = 8;
/// Every so many writes are followed by WAIT, where a crowd waits at all.
const WAITS_EACH: u64 = 3;

/// How a client gets to its servers.
#[derive(Clone)]
pub enum Way {
    /// The address of a proxy, and its password if it wants one.
    Proxy(String, Option<String>),
    /// It asks Sentinels of these ports for the primary, again after each failure.
    Sentinels(Vec<u16>),
}

#[derive(Clone, Debug)]
pub enum Fate {
    Done,
    /// It failed, with this text.
    Failed(String),
}

#[derive(Clone, Debug)]
pub enum What {
    /// `safe`: a replica has confirmed it.
    Write { number: u64, fate: Fate, safe: bool },
    /// The text that was found.
    Read(Result<Option<String>, String>),
}

#[derive(Clone, Debug)]
pub struct Step {
    pub key: usize,
    pub began: Instant,
    pub ended: Instant,
    pub what: What,
}

/// What one client did, in its order.
pub struct Log {
    pub client: usize,
    pub tag: u32,
    pub steps: Vec<Step>,
}

impl Log {
    pub fn key(&self, at: usize) -> String {
        key(self.tag, self.client, at)
    }
}

fn key(tag: u32, client: usize, at: usize) -> String {
    format!("crowd{tag}:{client}:{at}")
}

/// The text of a key's value.
pub fn text(key: &str, number: u64) -> String {
    format!("{key}={number}")
}

pub struct Crowd {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Log>>,
}

impl Crowd {
    /// `waits`: some writes are followed by WAIT.
    pub fn start(count: usize, way: &Way, waits: bool) -> Crowd {
        static TAGS: AtomicU32 = AtomicU32::new(0);
        let tag = TAGS.fetch_add(1, Ordering::Relaxed);
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..count).map(|client| {
            let (stop, link) = (Arc::clone(&stop), Link::new(way.clone()));
            thread::spawn(move || {
                let mut one = One { link, log: Log { client, tag, steps: Vec::new() } };
                one.run(&stop, waits);
                one.log
            })
        });
        Crowd { threads: threads.collect(), stop }
    }

    /// Stops after a last look at all keys.
    pub fn finish(self) -> Vec<Log> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }
}

struct One {
    link: Link,
    log: Log,
}

impl One {
    fn run(&mut self, stop: &AtomicBool, waits: bool) {
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            number += 1;
            let at = number as usize % KEYS;
            self.write(at, number, waits && number % WAITS_EACH == 0);
            self.read(at);
            // Another key's last write, so that a loss is seen before the next write covers it.
            self.read((number as usize + KEYS / 2) % KEYS);
            thread::sleep(Duration::from_millis(2));
        }
        for at in 0..KEYS {
            self.read(at);
        }
    }

    fn write(&mut self, at: usize, number: u64, waits: bool) {
        let (key, began) = (self.log.key(at), Instant::now());
        let reply = self.link.ask(&["SET", &key, &text(&key, number)]);
        let ended = Instant::now();
        let fate = match reply {
            Ok(reply) if reply.is_ok() => Fate::Done,
            Ok(reply) => Fate::Failed(reply.to_string()),
            Err(error) => Fate::Failed(error),
        };
        // Only if the link is still that of the write: WAIT counts what its own connection wrote.
        let safe = waits
            && matches!(fate, Fate::Done)
            && self.link.ask(&["WAIT", "1", "500"]).is_ok_and(|it| it.as_int() >= Some(1));
        let what = What::Write { number, fate, safe };
        self.log.steps.push(Step { key: at, began, ended, what });
    }

    fn read(&mut self, at: usize) {
        let (key, began) = (self.log.key(at), Instant::now());
        let found = match self.link.ask(&["GET", &key]) {
            Ok(Value::Error(text)) => Err(text),
            Ok(reply) => Ok(reply.text()),
            Err(error) => Err(error),
        };
        let step = Step { key: at, began, ended: Instant::now(), what: What::Read(found) };
        self.log.steps.push(step);
    }
}

/// A connection that is made again after a failure.
pub struct Link {
    way: Way,
    client: Option<Client>,
}

impl Link {
    pub fn new(way: Way) -> Link {
        Link { way, client: None }
    }

    /// Replies of servers that are no primaries are failures, after which a direct client looks for another.
    fn ask(&mut self, words: &[&str]) -> Result<Value, String> {
        let client = match &mut self.client {
            Some(client) => client,
            empty => empty.insert(connect(&self.way)?),
        };
        let reply = client.command(words).map_err(|error| error.to_string());
        let is_direct = matches!(self.way, Way::Sentinels(_));
        if reply.as_ref().map_or(true, |reply| is_direct && reply.is_error()) {
            self.client = None;
        }
        reply
    }
}

fn connect(way: &Way) -> Result<Client, String> {
    let said = |error: io::Error| error.to_string();
    let ports = match way {
        Way::Proxy(address, password) => {
            let mut client = Client::connect(&**address).map_err(said)?;
            if let Some(password) = password {
                client.command(&["AUTH", password]).map_err(said)?;
            }
            client.set_timeout(Duration::from_secs(20)).map_err(said)?;
            return Ok(client);
        }
        Way::Sentinels(ports) => ports,
    };
    for port in ports {
        let Ok(mut sentinel) = Client::connect(("127.0.0.1", *port)) else { continue };
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "shard-0"];
        let Ok(reply) = sentinel.command(&words) else { continue };
        let at = reply.items().and_then(|items| items.get(1)?.text()?.parse::<u16>().ok());
        let client = at.and_then(|port| Client::connect(("127.0.0.1", port)).ok());
        if let Some(client) = client {
            client.set_timeout(Duration::from_secs(1)).map_err(said)?;
            return Ok(client);
        }
    }
    // A client that found no primary tries again a little later.
    thread::sleep(Duration::from_millis(20));
    Err("no primary".to_owned())
}
