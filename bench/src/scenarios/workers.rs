//! More than one worker, unpinned: what a second core brings.

use super::scene::Scene;
use crate::contestants::{self, Layout, OURS};
use crate::measure;
use crate::pin;
use crate::servers::Kind;
use crate::servers::Servers;
use crate::summary::Spread;
use crate::workloads::{self, Workload};
use anyhow::{Context, Result};

pub const WHAT: &str = "Workers (unpinned)";

/// With this many cores or more, 4 and 8 workers are measured too.
const MANY_CORES: usize = 8;

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    for name in ["p1", "p16"] {
        let workload = workloads::by_name(name).context("no such workload")?;
        // Pinned servers would take a core from the workers.
        let servers = Servers::start(Kind::Null, false, workload.null_value_bytes(), None)?;
        let mut seen: Vec<(usize, Vec<(f64, f64)>)> = [1, 2, 4, 8].map(|n| (n, Vec::new())).into();
        let can = |workers: usize| workers <= 2 || pin::core_count() >= MANY_CORES;
        for _ in 0..scene.size.rounds {
            for (workers, seen) in seen.iter_mut().filter(|(workers, _)| can(*workers)) {
                seen.push(one(workload, &servers, *workers, scene.size.ms)?);
            }
        }
        for (workers, seen) in seen {
            let column = format!("{OURS} -w {workers}");
            let (rate, cpu) = (format!("{name} requests/s"), format!("{name} CPU a request"));
            let median = |values: Vec<f64>| Spread::of(values).map(|spread| spread.median);
            let rates = median(seen.iter().map(|it| it.0).collect());
            let cpus = median(seen.iter().map(|it| it.1).collect());
            if let (Some(rates), Some(cpus)) = (rates, cpus) {
                scene.figure(&column, &rate, rates, "/s");
                scene.figure(&column, &cpu, cpus, "us");
            } else {
                let why = format!("{} cores here", pin::core_count());
                scene.missing(&column, &rate, &why);
                scene.missing(&column, &cpu, &why);
            }
        }
    }
    Ok(())
}

fn one(workload: &Workload, servers: &Servers, workers: usize, ms: u64) -> Result<(f64, f64)> {
    let ours = contestants::by_name(OURS).context("we are not in the table")?;
    let running = ours.start(Layout { workers, ..Layout::new(&servers.ports, false) }, None)?;
    let watch = running.pid().into_iter().collect();
    let outcome = measure::load(&workload.load(running.port, ms / 10, ms, watch), None)?;
    let cpu: f64 = outcome.window.watched.iter().map(|it| it.cpu.total()).sum();
    Ok((outcome.per_second(), cpu / outcome.ops.max(1) as f64 * 1e6))
}
