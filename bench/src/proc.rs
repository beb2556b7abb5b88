//! What the kernel counts for a process: CPU time, memory, threads. Linux only (`/proc`).
//!
//! CPU times are in clock ticks of 10 ms. In a window of seconds this is well under 1 %.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;

/// CPU seconds.
#[derive(Clone, Copy, Default, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cpu {
    pub user: f64,
    pub system: f64,
}

impl Cpu {
    pub fn total(self) -> f64 {
        self.user + self.system
    }

    #[must_use]
    pub fn since(self, earlier: Cpu) -> Cpu {
        Cpu { user: self.user - earlier.user, system: self.system - earlier.system }
    }
}

/// One thread's part.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Thread {
    pub id: u32,
    pub name: String,
    pub cpu: Cpu,
}

/// CPU seconds of all processes on the machine, and seconds that the hypervisor kept for others.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub struct Machine {
    pub busy: f64,
    pub stolen: f64,
}

/// All threads of a process so far, running and ended.
pub fn cpu(pid: u32) -> Result<Cpu> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    Ok(parse_stat(&text).with_context(|| format!("/proc/{pid}/stat is no stat"))?.1)
}

/// The running threads.
pub fn threads(pid: u32) -> Result<Vec<Thread>> {
    let mut threads = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let entry = entry?;
        let Ok(id) = entry.file_name().to_string_lossy().parse() else { continue };
        // It may have ended after the list was read.
        let Ok(text) = fs::read_to_string(entry.path().join("stat")) else { continue };
        if let Some((name, cpu)) = parse_stat(&text) {
            threads.push(Thread { id, name, cpu });
        }
    }
    Ok(threads)
}

pub fn machine() -> Result<Machine> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    let at = |place: usize| ticks.get(place).copied().unwrap_or(0.0) / ticks_per_second();
    // user, nice, system, irq, softirq; idle and iowait are not busy.
    Ok(Machine { busy: at(0) + at(1) + at(2) + at(5) + at(6), stolen: at(7) })
}

/// Resident memory now, in KiB.
pub fn rss_kib(pid: u32) -> Result<u64> {
    status(pid, "VmRSS:")
}

/// The most resident memory since the start or the last [`forget_peak`], in KiB.
pub fn peak_kib(pid: u32) -> Result<u64> {
    status(pid, "VmHWM:")
}

/// Sets the peak to the memory of now.
pub fn forget_peak(pid: u32) -> Result<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

/// How many files and sockets it has open.
pub fn descriptors(pid: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

fn status(pid: u32, key: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.trim().strip_suffix("kB")?.trim().parse().ok())
        .with_context(|| format!("no {key} of process {pid}"))
}

/// Name and CPU in a line of `/proc/PID/stat`. The name may hold spaces and brackets, so the
/// fields are counted from the last bracket.
fn parse_stat(text: &str) -> Option<(String, Cpu)> {
    let (begin, end) = (text.find('(')?, text.rfind(')')?);
    let mut fields = text[end + 1..].split_ascii_whitespace().skip(11);
    let mut seconds = || Some(fields.next()?.parse::<f64>().ok()? / ticks_per_second());
    let cpu = Cpu { user: seconds()?, system: seconds()? };
    Some((text[begin + 1..end].to_owned(), cpu))
}

fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let (name, cpu) =
            parse_stat("7 (a) b (c) S 1 7 7 0 -1 4 1 0 0 0 250 50 0 0 20 0 1 0 5").unwrap();
        assert_eq!(name, "a) b (c");
        assert!((cpu.user / cpu.system - 5.0).abs() < 1e-9);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn we_can_look_at_ourselves() {
        let me = std::process::id();
        assert!(rss_kib(me).unwrap() > 0 && peak_kib(me).unwrap() >= rss_kib(me).unwrap() / 2);
        assert!(!threads(me).unwrap().is_empty() && cpu(me).unwrap().total() >= 0.0);
        assert!(machine().unwrap().busy > 0.0);
    }
}
