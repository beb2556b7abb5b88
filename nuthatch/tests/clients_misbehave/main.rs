//! Clients that do not behave, and what it costs the others: nothing.
//!
//! ```text
//!   readers.rs     those that read slowly, late or never
//!   crowds.rs      many requests, many clients, many at once
//!   nonsense.rs    what is no request, or only the beginning of one
//!   measured.rs    what they cost the others, against the time before
//! ```
//!
//! Each test keeps a neighbour: an ordinary client of the same proxy, which must be served all
//! the while.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests, their helpers included")]

mod crowds;
mod measured;
mod nonsense;
mod readers;

use nuthatch_testbed::{
    Client, Nuthatch, Proxy, RedisServer, Value, free_port, poll_until, pool_yaml,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

/// One server behind a proxy.
struct Scene {
    server: RedisServer,
    proxy: Proxy,
}

impl Scene {
    fn new(workers: u16, keys: &[(&str, &str)]) -> Scene {
        let server = RedisServer::start().unwrap();
        let mut all = vec![("redis", "true"), ("timeout", "5000")];
        all.extend_from_slice(keys);
        let yaml = pool_yaml("p", free_port(), &all, &[server.entry(1, "a")]);
        let proxy = Nuthatch::start(&yaml, &["-w", &workers.to_string()]).unwrap();
        Scene { server, proxy }
    }

    fn client(&self) -> Client {
        self.proxy.client().unwrap()
    }

    /// A value of so many bytes under `key`, put there past the proxy.
    fn store(&self, key: &str, len: usize) {
        let value = vec![b'v'; len];
        let mut direct = self.server.client().unwrap();
        assert!(direct.command(&[&b"SET"[..], key.as_bytes(), &value]).unwrap().is_ok());
    }

    fn neighbour(&self) -> Neighbour {
        Neighbour::start(self.client())
    }
}

/// A client that behaves, and notes how long it waits.
struct Neighbour {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    thread: JoinHandle<Vec<Duration>>,
}

impl Neighbour {
    fn start(mut client: Client) -> Neighbour {
        let stop = Arc::new(AtomicBool::new(false));
        let rounds = Arc::new(AtomicUsize::new(0));
        let (until, count) = (Arc::clone(&stop), Arc::clone(&rounds));
        let thread = thread::spawn(move || {
            let mut took = Vec::new();
            let mut n = 0;
            while !until.load(Ordering::Relaxed) {
                n += 1;
                let (value, start) = (format!("{n}"), Instant::now());
                assert!(client.command(&["SET", "neighbour", &value]).unwrap().is_ok());
                assert_eq!(client.command(&["GET", "neighbour"]).unwrap(), Value::bulk(&value));
                took.push(start.elapsed());
                count.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(2));
            }
            took
        });
        Neighbour { stop, rounds, thread }
    }

    /// All its requests were answered rightly, and 95 of 100 within `limit`.
    fn was_served_within(self, limit: Duration) {
        // A test may be over sooner than its neighbour has got going.
        let enough = || self.rounds.load(Ordering::Relaxed) >= 20 || self.thread.is_finished();
        poll_until(Duration::from_secs(5), enough);
        self.stop.store(true, Ordering::Relaxed);
        let mut took = self.thread.join().expect("the neighbour was not served");
        took.sort_unstable();
        assert!(took.len() >= 20, "the neighbour got through {} rounds only", took.len());
        let p95 = took[took.len() * 95 / 100];
        println!("neighbour: {} rounds, p95 {p95:?}, worst {:?}", took.len(), took.last());
        assert!(p95 < limit, "the neighbour's p95 is {p95:?}");
    }
}
