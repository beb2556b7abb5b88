//! What clients see while servers die, stall and come back.
//!
//! ```text
//!   each_in_turn.rs    every server killed, stopped, restarted and brought back under a checked
//!                      load, for every policy: only its own keys' requests fail, only for a while,
//!                      and in the words we promise
//!   standstill.rs      a proxy that stands still is seen to: what the others' p99 is worth
//!   lateness.rs        late replies: who fails, and which connections live on
//!   ejection.rs        out after so many failures, back by probe alone
//!   impostors.rs       servers that never answer, answer nonsense, or hang up
//! ```
//!
//! Times are generous, since machines that test are busy; what fails a test is a stranger's
//! answer, a lost write, a healthy server's request that failed, or a wait without end.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, their helpers included")]

mod each_in_turn;
mod ejection;
mod impostors;
mod lateness;
mod standstill;

use nuthatch_testbed::{Client, Nuthatch, Proxy, RedisServer, Value, free_port, pool_yaml};
use std::time::{Duration, Instant};

const WORKERS: u16 = 2;

/// Servers behind a proxy.
struct Scene {
    servers: Vec<RedisServer>,
    proxy: Proxy,
}

impl Scene {
    fn new(servers: usize, keys: &[(&str, &str)]) -> Scene {
        let servers: Vec<RedisServer> =
            (0..servers).map(|_| RedisServer::start().unwrap()).collect();
        let entries: Vec<String> =
            servers.iter().enumerate().map(|(at, s)| s.entry(1, &format!("s{at}"))).collect();
        let proxy = proxy(&entries, keys, WORKERS);
        Scene { servers, proxy }
    }

    fn client(&self) -> Client {
        self.proxy.client().unwrap()
    }

    /// A client of each worker. The others stay until all are found: among few clients a worker
    /// keeps those it accepts, and only if it has some already does the next go elsewhere.
    fn clients(&self) -> Vec<Client> {
        let mut clients: Vec<(String, Client)> = Vec::new();
        let mut others = Vec::new();
        for _ in 0..100 {
            let mut client = self.client();
            let worker = info(&mut client, "worker");
            if clients.iter().all(|(known, _)| *known != worker) {
                clients.push((worker, client));
            } else {
                others.push(client);
            }
            if clients.len() == usize::from(WORKERS) {
                return clients.into_iter().map(|(_, client)| client).collect();
            }
        }
        panic!("a worker that gets nobody");
    }

    /// `count` keys of each server, by asking the servers who got what.
    fn keys(&self, prefix: &str, count: usize) -> Vec<Vec<String>> {
        let mut client = self.client();
        let mut keys: Vec<Vec<String>> = vec![Vec::new(); self.servers.len()];
        let mut direct: Vec<Client> = self.servers.iter().map(|s| s.client().unwrap()).collect();
        for n in 0..10_000 {
            let key = format!("{prefix}:{n}");
            assert!(client.command(&["SET", &key, "here"]).unwrap().is_ok());
            let owner = direct
                .iter_mut()
                .position(|s| s.command(&["DEL", &key]).unwrap() == Value::Integer(1))
                .unwrap();
            if keys[owner].len() < count {
                keys[owner].push(key);
            }
            if keys.iter().all(|keys| keys.len() == count) {
                return keys;
            }
        }
        panic!("a server owns fewer than {count} of 10,000 keys");
    }

    fn shards_live(&self) -> usize {
        info(&mut self.client(), "shards_live").parse().unwrap()
    }
}

/// A proxy with `workers` and one pool `p`; `keys` beside `redis: true`.
fn proxy(entries: &[String], keys: &[(&str, &str)], workers: u16) -> Proxy {
    let mut all = vec![("redis", "true")];
    all.extend_from_slice(keys);
    let yaml = pool_yaml("p", free_port(), &all, entries);
    Nuthatch::start(&yaml, &["-w", &workers.to_string()]).unwrap()
}

/// A field of the proxy's INFO.
fn info(client: &mut Client, field: &str) -> String {
    let text = client.command(&["INFO", "nuthatch"]).unwrap().text().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{field}:")));
    line.unwrap_or_else(|| panic!("no {field} in {text}")).to_owned()
}

/// A reply and how long it took.
fn timed(client: &mut Client, command: &[&str]) -> (Value, Duration) {
    let start = Instant::now();
    let reply = client.command(command).unwrap();
    (reply, start.elapsed())
}

/// The text of an error reply.
fn error_of(reply: &Value) -> &str {
    match reply {
        Value::Error(text) => text,
        other => panic!("not an error: {other}"),
    }
}
