//! The load: one thread, mio, about three system calls a batch.
//!
//! Two shapes, one loop:
//!
//! ```text
//!   saturating   each client writes P requests at once, waits for all P replies, continues
//!   fixed rate   request i is due at start + i/rate, even if earlier ones are unanswered;
//!                a timer wakes us, clients take turns, late replies queue behind each other
//! ```
//!
//! A saturating client waits while the proxy stalls. So its latencies leave out the requests that it
//! would have sent meanwhile (coordinated omission): they describe a busy system, not a stall.
//! At a fixed rate latency counts from the moment when a request was *due*. So a stall of a second
//! shows in every request that was due in it. A request that is still unanswered two seconds after
//! the end counts with its age at that time.
//!
//! The window begins after the warm-up. At its begin and its end we read the CPU times of the watched
//! processes, of ourselves and of the whole machine. So all numbers in the result are of the window.

mod client;
mod replies;
mod requests;
mod run;
mod timer;
mod window;

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

pub use requests::{decimal, key};
pub use run::run;
pub use window::{Watched, Window};

/// What a load sends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Load {
    pub port: u16,
    pub clients: usize,
    pub asks: Asks,
    pub is_memcached: bool,
    pub shape: Shape,
    /// Bytes of the values that are set, from and to.
    pub value_bytes: (usize, usize),
    pub key_count: u64,
    /// A file with the numbers of the keys, one a line, instead of all below `key_count`.
    pub keys_from: Option<PathBuf>,
    pub warm_ms: u64,
    pub ms: u64,
    /// Processes whose CPU is wanted.
    pub watch: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Asks {
    /// Half GET, half SET.
    Mix,
    Get,
    Set,
    /// This many keys in one request.
    Many(usize),
    /// A connection for each GET.
    Connect,
    /// SET every key once, then end.
    Fill,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    Saturate { pipeline: usize },
    Rate { per_second: f64 },
}

/// The result of a load. Times are microseconds.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub ops: u64,
    pub seconds: f64,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
    /// Error replies and lost connections.
    pub errors: u64,
    pub first_error: String,
    pub misses: u64,
    /// Fixed rate only: due in the window and never answered.
    pub unanswered: u64,
    pub window: Window,
}

impl Outcome {
    pub fn per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.ops as f64 / self.seconds } else { 0.0 }
    }
}
