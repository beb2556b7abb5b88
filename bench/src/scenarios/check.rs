//! A cross-check: the same proxies under redis-benchmark, a load that we did not write. Its rates are
//! lower, because it needs more CPU a request on the core that it shares with the servers. Both loads
//! must agree on which proxy needs less CPU, and about how much less.

use super::scene::{Scene, null_servers, pid, pinned};
use crate::contestants::BASE;
use crate::pin;
use crate::proc;
use crate::summary::Spread;
use crate::workloads::WORKLOADS;
use anyhow::{Context, Result, ensure};
use nuthatch_testbed::{Folder, find_program};
use std::ffi::OsString;
use std::time::Duration;

pub const WHAT: &str = "Cross-check: redis-benchmark, GET, 50 clients (pinned)";

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let program = find_program("redis-benchmark").context("redis-benchmark is not installed")?;
    let servers = null_servers(WORKLOADS[0].null_value_bytes())?;
    for pipeline in [1_u64, 16] {
        let requests = scene.size.ms * if pipeline == 1 { 40 } else { 250 };
        let mut base = 0.0;
        // The base first, because the ratios of the others need it.
        let mut order = scene.proxies();
        order.sort_by_key(|contestant| contestant.name != BASE);
        for contestant in order {
            let mut cpu = Vec::new();
            let mut rates = Vec::new();
            for _ in 0..scene.size.rounds {
                let running = pinned(contestant, &servers)?;
                let text = format!(
                    "-p {} -c 50 -P {pipeline} -n {requests} -r 10000 -t get -q --csv",
                    running.port
                );
                let args: Vec<OsString> = text.split(' ').map(OsString::from).collect();
                let before = proc::cpu(pid(&running)?)?;
                let mut process = pin::start(pin::REST, &program, args, Folder::new()?)?;
                let status = process.wait(Duration::from_secs(120))?;
                ensure!(status.success(), "redis-benchmark: {}", process.log());
                let used = proc::cpu(pid(&running)?)?.since(before).total();
                cpu.push(used / requests as f64 * 1e6);
                rates.extend(rate(&process.log()));
            }
            let median = |values| Spread::of(values).map_or(f64::NAN, |spread| spread.median);
            let (cpu, rate) = (median(cpu), median(rates));
            let name = contestant.name;
            scene.figure(name, &format!("pipeline {pipeline}: CPU a request"), cpu, "us");
            scene.figure(name, &format!("pipeline {pipeline}: requests/s"), rate, "/s");
            if name == BASE {
                base = cpu;
            } else if base > 0.0 {
                scene.figure(name, &format!("pipeline {pipeline}: CPU ratio"), cpu / base, "x");
            }
        }
    }
    Ok(())
}

/// The requests a second in a line like `"GET","41666.67",...`.
fn rate(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with("\"GET\""))?;
    line.split(',').nth(1)?.trim_matches('"').parse().ok()
}
