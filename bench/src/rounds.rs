//! Interleaving: servers are started once for each workload, contestants take turns in each round.
//!
//! The rows of a round are measured within seconds. So a change of the machine's speed over an hour
//! affects all contestants equally, and ratios are taken within a round.

use crate::contestants::Contestant;
use crate::lock;
use crate::measure::{self, Setup};
use crate::pin;
use crate::row::Row;
use crate::servers::{Kind, Servers};
use crate::workloads::Workload;
use anyhow::Result;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What a run measures.
pub struct Plan {
    pub kinds: Vec<Kind>,
    /// Pinned, unpinned.
    pub settings: Vec<bool>,
    pub workloads: Vec<&'static Workload>,
    pub contestants: Vec<&'static Contestant>,
    pub rounds: usize,
    pub warm_ms: u64,
    pub ms: u64,
    /// How often a row is measured until the machine is quiet.
    pub tries: usize,
    pub counts_syscalls: bool,
    /// No workload begins after this.
    pub until: Option<Instant>,
}

impl Plan {
    /// About how long it takes.
    pub fn seconds(&self) -> u64 {
        let races = self.kinds.len() * self.settings.len() * self.workloads.len();
        let rows = (races * self.contestants.len() * self.rounds) as u64;
        rows * (self.warm_ms + self.ms + 250) / 1000 + races as u64
    }

    /// Calls `each` with each row as soon as it is measured.
    pub fn run(&self, mut each: impl FnMut(Row)) -> Result<()> {
        for &kind in &self.kinds {
            for &is_pinned in &self.settings {
                for workload in &self.workloads {
                    if self.until.is_some_and(|until| Instant::now() > until) {
                        eprintln!("{}: no time left for it", workload.name);
                        continue;
                    }
                    let (_, rest) = pin::cores(is_pinned);
                    let value_bytes = workload.null_value_bytes();
                    let servers = Servers::start(kind, workload.is_memcached, value_bytes, rest)?;
                    for round in 0..self.rounds {
                        let _lock = lock::hold()?;
                        for contestant in &self.contestants {
                            each(self.row(contestant, workload, &servers, kind, is_pinned, round));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn row(
        &self,
        contestant: &Contestant,
        workload: &Workload,
        servers: &Servers,
        kind: Kind,
        is_pinned: bool,
        round: usize,
    ) -> Row {
        let counts_syscalls = self.counts_syscalls && round == 0;
        let Plan { warm_ms, ms, .. } = *self;
        let setup = Setup { kind, is_pinned, warm_ms, ms, counts_syscalls };
        let mut best: Option<Row> = None;
        for attempt in 1..=self.tries.max(1) {
            let mut row = measure::row(contestant, workload, servers, setup, round);
            row.tries = attempt;
            let is_done = row.failed.is_some() || row.is_quiet();
            let noise = |row: &Row| row.strangers + 3.0 * row.stolen;
            if best.as_ref().is_none_or(|best| is_done || noise(&row) < noise(best)) {
                best = Some(row);
            }
            if is_done {
                break;
            }
            if attempt < self.tries {
                sleep(Duration::from_secs(1));
            }
        }
        best.unwrap_or_default()
    }
}
