//! What the system knows of this process, under the names that Prometheus' own clients use.

use super::exposition::Number;
use super::stats::Kind;

pub struct ProcessMetric {
    pub name: &'static str,
    pub about: &'static str,
    pub kind: Kind,
}

const fn row(name: &'static str, about: &'static str, kind: Kind) -> ProcessMetric {
    ProcessMetric { name, about, kind }
}

use Kind::{Counter, Gauge};

/// On Linux.
pub static PROCESS: [ProcessMetric; 6] = [
    row("process_cpu_seconds_total", "user and system time of all threads", Counter),
    row("process_open_fds", "open file descriptors", Gauge),
    row("process_max_fds", "the most that may be open: the soft limit", Gauge),
    row("process_virtual_memory_bytes", "address space", Gauge),
    row("process_resident_memory_bytes", "memory in use", Gauge),
    row("process_threads", "threads", Gauge),
];

/// The numbers of `PROCESS`; none where the system does not tell.
pub fn read() -> Vec<(&'static ProcessMetric, Number)> {
    numbers().map_or_else(Vec::new, |numbers| PROCESS.iter().zip(numbers).collect())
}

#[cfg(target_os = "linux")]
fn numbers() -> Option<[Number; 6]> {
    use procfs::process::{LimitValue, Process};
    let process = Process::myself().ok()?;
    let stat = process.stat().ok()?;
    let ticks = procfs::ticks_per_second() as f64;
    let max_fds = match process.limits().ok()?.max_open_files.soft_limit {
        LimitValue::Value(limit) => limit,
        LimitValue::Unlimited => u64::MAX,
    };
    Some([
        Number::Float((stat.utime + stat.stime) as f64 / ticks),
        Number::Int(process.fd_count().ok()? as u64),
        Number::Int(max_fds),
        Number::Int(stat.vsize),
        Number::Int(stat.rss * procfs::page_size()),
        Number::Int(stat.num_threads as u64),
    ])
}

#[cfg(not(target_os = "linux"))]
fn numbers() -> Option<[Number; 6]> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_knows_this_process() {
        let read: Vec<_> =
            read().into_iter().map(|(metric, number)| (metric.name, number)).collect();
        assert_eq!(read.len(), PROCESS.len());
        let positive = |number: &Number| match number {
            Number::Int(number) => *number > 0,
            Number::Float(number) => *number >= 0.0,
        };
        assert!(read.iter().all(|(_, number)| positive(number)), "{read:?}");
    }
}
