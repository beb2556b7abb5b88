//! One measured row, as it is written to JSON and read back.

use crate::proc::Thread;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;

/// If a pinned proxy used less than this share of its core, it was not the limit. Its row is marked,
/// because CPU per request is higher then than at saturation (less is batched).
pub const SATURATED: f64 = 0.95;
/// A row is repeated if other processes used more of a core than this, or the hypervisor kept more
/// than `STOLEN_MAX`.
pub const STRANGERS_MAX: f64 = 0.06;
pub const STOLEN_MAX: f64 = 0.02;

/// One contestant, one workload, one round. CPU is microseconds a request.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Row {
    pub servers: String,
    pub is_pinned: bool,
    pub workload: String,
    pub contestant: String,
    pub round: usize,
    /// Why the rest of this row is empty.
    pub failed: Option<String>,
    pub ops: u64,
    pub per_second: f64,
    #[serde(flatten)]
    pub latency: Latency,
    #[serde(flatten)]
    pub cpu: Cpu,
    pub threads: Vec<Thread>,
    /// System calls a request; None: not counted.
    pub syscalls: Option<f64>,
    pub peak_kib: u64,
    /// After the load has gone.
    pub settled_kib: u64,
    pub errors: u64,
    pub first_error: String,
    pub misses: u64,
    /// Of a core, used by processes that are not ours.
    pub strangers: f64,
    /// Of a core, kept by the hypervisor.
    pub stolen: f64,
    /// How often it was measured until the machine was quiet.
    pub tries: usize,
}

#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub struct Latency {
    pub p50_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
}

#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub struct Cpu {
    pub user_us: f64,
    pub system_us: f64,
    /// Of the three servers together.
    pub servers_us: f64,
    /// Of a core, used by the proxy.
    pub share: f64,
}

impl Row {
    pub fn cpu_us(&self) -> f64 {
        self.cpu.user_us + self.cpu.system_us
    }

    pub fn is_saturated(&self) -> bool {
        self.cpu.share >= SATURATED
    }

    pub fn is_quiet(&self) -> bool {
        self.strangers <= STRANGERS_MAX && self.stolen <= STOLEN_MAX
    }

    /// The same row of the table; rounds are ignored.
    pub fn is_alike(&self, other: &Row) -> bool {
        self.is_same_race(other) && self.contestant == other.contestant
    }

    /// The same workload under the same conditions; contestants and rounds are ignored.
    pub fn is_same_race(&self, other: &Row) -> bool {
        (&self.servers, self.is_pinned, &self.workload)
            == (&other.servers, other.is_pinned, &other.workload)
    }
}

/// A scenario's figure.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Figure {
    pub scenario: String,
    pub contestant: String,
    pub what: String,
    /// None if not measured; `note` says why.
    pub value: Option<f64>,
    pub unit: String,
    pub note: String,
}

/// All of a run.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Report {
    pub date: String,
    /// In words: cores, kernel, system, versions.
    pub machine: Vec<String>,
    pub options: String,
    pub rows: Vec<Row>,
    pub figures: Vec<Figure>,
}

impl Report {
    /// Recorded runs, as one report. None if there is no file.
    pub fn read(files: &[PathBuf]) -> Result<Option<Report>> {
        let mut whole: Option<Report> = None;
        for file in files {
            let report: Report = serde_json::from_str(&fs::read_to_string(file)?)?;
            match &mut whole {
                None => whole = Some(report),
                Some(whole) => whole.append(report),
            }
        }
        Ok(whole)
    }

    /// Appends another run's rows and figures. The date of this run stays.
    pub fn append(&mut self, other: Report) {
        self.options = format!("{}; then {}: {}", self.options, other.date, other.options);
        self.rows.extend(other.rows);
        self.figures.extend(other.figures);
    }
}
