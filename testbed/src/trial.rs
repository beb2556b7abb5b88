//! Before a fault, during it, and at rest again: the measurements of every fault test.
//!
//! ```text
//!   load on the proxy under test   ├── before ──┼── during: the fault, and the way back ──┤
//!   load on the witness            ├────────────┼─────────────────────────────────────────┤
//!                                p99 of one  strike()       p99 of one, worst of the other  finish()
//! ```
//!
//! The witness is a second proxy with a server of its own that has no fault. A machine that runs
//! tests is busy, and its pauses would look like the proxy's; but they hit the witness too. So the
//! p99 of healthy clients may be twice what it was before, or twice the worst that the witness saw
//! in the same time. (The witness's p99 is not enough: one long pause of the machine may move one
//! p99 and not the other.) Below a floor any p99 is good. Requests that were due while a client
//! waited count. So a proxy that stops is late with all of them, and the p99 shows it.
//!
//! The number of open files must return exactly, memory within a bound: an allocator keeps some.

use anyhow::Result;
use std::time::Duration;

use crate::{
    Load, Nuthatch, Process, Proxy, RedisServer, Sample, free_port, poll_until, pool_yaml,
};

/// A p99 up to twice this is always good. Half of it was tried: on two cores with ten busy
/// processes there are pauses of 13 ms that the witness does not see.
const FLOOR: Duration = Duration::from_millis(10);
/// Fewer requests than this give no p99. With fewer than a hundred it is the worst of them.
const SAMPLES_MIN: usize = 50;
/// How long a proxy may take until it is at rest.
const REST: Duration = Duration::from_secs(15);

/// A proxy and a server that have no fault.
pub struct Witness {
    proxy: Proxy,
    /// Held only to keep it running.
    _server: RedisServer,
}

impl Witness {
    pub fn start() -> Result<Witness> {
        let server = RedisServer::start()?;
        let yaml = pool_yaml("w", free_port(), &[("redis", "true")], &[server.entry(1, "w")]);
        Ok(Witness { proxy: Nuthatch::start(&yaml, &["-w", "1"])?, _server: server })
    }
}

/// A load on the proxy under test and one on the witness, side by side.
pub struct Trial {
    load: Load,
    witness: Load,
    /// When the fault began, on the load's clock and on the witness's.
    struck: Option<(Duration, Duration)>,
}

impl Trial {
    pub fn start(witness: &Witness, proxy: &Proxy, groups: &[Vec<String>]) -> Result<Trial> {
        let own = (0..4).map(|n| format!("witness:{n}")).collect();
        Ok(Trial {
            load: Load::start(proxy.listens()[0].parse()?, groups),
            witness: Load::start(witness.proxy.listens()[0].parse()?, &[own]),
            struck: None,
        })
    }

    /// The fault begins now.
    pub fn strike(&mut self) {
        self.struck = Some((self.load.elapsed(), self.witness.elapsed()));
    }

    /// On the clock of `Sample::at`.
    pub fn elapsed(&self) -> Duration {
        self.load.elapsed()
    }

    /// Ends both loads. What was answered before `strike` is "before".
    pub fn finish(self) -> Seen {
        let (struck, witness_struck) = self.struck.unwrap_or_default();
        let samples = self.load.finish();
        let witness = self.witness.finish();
        let during = witness.iter().filter(|s| s.ended() >= witness_struck);
        let witness = during.map(|s| s.took).max();
        Seen { samples, struck, witness }
    }
}

/// What a trial has seen.
pub struct Seen {
    pub samples: Vec<Sample>,
    /// On the clock of `Sample::at`.
    pub struck: Duration,
    witness: Option<Duration>,
}

/// The p99 of some clients, and the values it is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub before: Duration,
    pub during: Duration,
    /// The worst that the witness saw, during.
    pub witness: Duration,
}

impl Seen {
    /// The pace of the groups that the fault should not affect. `None` if they made too few
    /// requests for a p99, which is a failure too.
    pub fn pace(&self, is_healthy: impl Fn(usize) -> bool) -> Option<Pace> {
        let of = |during: bool| {
            let some = |s: &&Sample| is_healthy(s.group) && (s.ended() >= self.struck) == during;
            p99(self.samples.iter().filter(some))
        };
        Some(Pace { before: of(false)?, during: of(true)?, witness: self.witness? })
    }
}

impl Pace {
    pub fn is_kept(&self) -> bool {
        self.is_kept_above(FLOOR)
    }

    /// The same with another floor, for tests in which a slower pace is expected.
    pub fn is_kept_above(&self, floor: Duration) -> bool {
        self.during <= 2 * self.before.max(self.witness).max(floor)
    }
}

fn p99<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<Duration> {
    let mut took: Vec<Duration> = samples.flat_map(Sample::waits).collect();
    took.sort_unstable();
    if took.len() < SAMPLES_MIN { None } else { took.get(took.len() * 99 / 100).copied() }
}

/// A process at rest: its open files and its memory.
#[derive(Debug, Clone, Copy)]
pub struct Rest {
    pub files: usize,
    pub rss_kib: u64,
}

impl Rest {
    /// The state when the number of files no longer changes. `None` without /proc.
    pub fn of(process: &Process) -> Option<Rest> {
        let mut last = process.open_files()?;
        let mut looks_alike = 0;
        poll_until(Duration::from_secs(3), || {
            let now = process.open_files().unwrap_or(last);
            looks_alike = if now == last { looks_alike + 1 } else { 0 };
            last = now;
            looks_alike == 8
        });
        Some(Rest { files: last, rss_kib: process.rss_kib()? })
    }

    /// Waits until the process has no more files than these, and at most so much more memory. It
    /// may have fewer files: a spare connection is closed after a while.
    /// Returns the state, and whether it is good.
    pub fn is_back(&self, process: &Process, slack_kib: u64) -> (Rest, bool) {
        let mut now = *self;
        let back = poll_until(REST, || {
            now.files = process.open_files().unwrap_or_default();
            now.rss_kib = process.rss_kib().unwrap_or(u64::MAX);
            now.files <= self.files && now.rss_kib <= self.rss_kib + slack_kib
        });
        (now, back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outcome;

    #[test]
    fn the_pace_of_the_healthy_is_told_from_the_others() {
        let sample = |group, at, took| Sample {
            key: "k".into(),
            group,
            at: Duration::from_millis(at),
            took: Duration::from_millis(took),
            outcome: Outcome::Good,
        };
        let samples: Vec<Sample> =
            (0..400).flat_map(|at| [sample(0, 2 * at, 2), sample(1, 2 * at, 1)]).collect();
        let mut seen = Seen {
            samples,
            struck: Duration::from_millis(400),
            witness: Some(Duration::from_millis(1)),
        };
        let (pace, other) = (seen.pace(|g| g == 0).unwrap(), seen.pace(|g| g == 1).unwrap());
        assert_eq!(
            (pace.before, pace.during),
            (Duration::from_millis(2), Duration::from_millis(2))
        );
        assert!(pace.is_kept() && other.is_kept());
        // One request in two hundred that takes a tenth of the time: fifty more would have waited.
        seen.samples.push(sample(0, 500, 100));
        let pace = seen.pace(|group| group == 0).unwrap();
        assert!(pace.during > Duration::from_millis(90), "{pace:?}");
        assert!(!pace.is_kept());
        assert!(Pace { before: pace.during / 2, ..pace }.is_kept(), "twice is allowed");
        assert!(Pace { witness: pace.during / 2, ..pace }.is_kept());
        assert!(seen.pace(|group| group == 7).is_none());
    }
}
