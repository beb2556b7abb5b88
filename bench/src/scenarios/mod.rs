//! What throughput does not show: latency at a fixed rate, a single client, a server that fails,
//! memory, more workers, messages, another primary. One table; each row is a file here.

mod beside;
mod check;
mod failover;
mod failure;
mod idle;
mod large;
mod paced;
mod pubsub;
mod quiet;
mod rate;
mod scene;
mod shard;
mod workers;
mod writers;

pub use scene::Size;

use crate::contestants::Contestant;
use crate::lock;
use crate::row::Figure;
use anyhow::Result;
use scene::Scene;
use std::time::Instant;

/// One row.
pub struct Scenario {
    pub name: &'static str,
    pub what: &'static str,
    run: fn(&mut Scene<'_>) -> Result<()>,
}

pub static SCENARIOS: [Scenario; 9] = [
    Scenario { name: "rate", what: rate::WHAT, run: rate::run },
    Scenario { name: "failure", what: failure::WHAT, run: failure::run },
    Scenario { name: "failover", what: failover::WHAT, run: failover::run },
    Scenario { name: "idle", what: idle::WHAT, run: idle::run },
    Scenario { name: "large", what: large::WHAT, run: large::run },
    Scenario { name: "beside", what: beside::WHAT, run: beside::run },
    Scenario { name: "workers", what: workers::WHAT, run: workers::run },
    Scenario { name: "pubsub", what: pubsub::WHAT, run: pubsub::run },
    Scenario { name: "redis-benchmark", what: check::WHAT, run: check::run },
];

/// Runs the scenarios with these names. If one fails, its table says so.
pub fn run(
    names: &[String],
    size: Size,
    contestants: &[&'static Contestant],
    mut each: impl FnMut(&Figure),
) -> Result<Vec<Figure>> {
    let mut all = Vec::new();
    for scenario in SCENARIOS.iter().filter(|it| names.iter().any(|name| name == it.name)) {
        let _lock = lock::hold()?;
        let mut figures = Vec::new();
        let scenario_what = scenario.what;
        let mut scene = Scene { size, contestants, figures: &mut figures, scenario: scenario_what };
        if size.until.is_some_and(|until| Instant::now() > until) {
            scene.missing("", "all of it", "no time left");
        } else if let Err(error) = (scenario.run)(&mut scene) {
            let why = format!("{error:#}").lines().collect::<Vec<_>>().join(" / ");
            scene.missing("", "the rest of it", &why);
        }
        figures.iter().for_each(&mut each);
        all.append(&mut figures);
    }
    Ok(all)
}
