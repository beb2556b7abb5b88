//! What throughput does not tell: latency at a fixed rate, a lone client, a server that fails,
//! memory, more workers. One table; each row is a file here.

mod beside;
mod check;
mod failure;
mod idle;
mod large;
mod paced;
mod quiet;
mod rate;
mod workers;

use crate::contestants::{Contestant, Layout, Running};
use crate::lock;
use crate::pin;
use crate::row::Figure;
use crate::servers::{Kind, Servers};
use anyhow::{Context, Result};
use std::time::Instant;

/// One row.
pub struct Scenario {
    pub name: &'static str,
    pub what: &'static str,
    run: fn(&mut Scene<'_>) -> Result<()>,
}

pub static SCENARIOS: [Scenario; 7] = [
    Scenario { name: "rate", what: rate::WHAT, run: rate::run },
    Scenario { name: "failure", what: failure::WHAT, run: failure::run },
    Scenario { name: "idle", what: idle::WHAT, run: idle::run },
    Scenario { name: "large", what: large::WHAT, run: large::run },
    Scenario { name: "beside", what: beside::WHAT, run: beside::run },
    Scenario { name: "workers", what: workers::WHAT, run: workers::run },
    Scenario { name: "redis-benchmark", what: check::WHAT, run: check::run },
];

/// How much of it: all, or what two minutes allow.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub is_quick: bool,
    /// Of one load.
    pub ms: u64,
    pub rounds: usize,
    pub clients: usize,
    /// No scenario begins after this.
    pub until: Option<Instant>,
}

impl Size {
    pub const FULL: Size =
        Size { is_quick: false, ms: 4000, rounds: 5, clients: 10_000, until: None };
    pub const QUICK: Size =
        Size { is_quick: true, ms: 600, rounds: 1, clients: 2_000, until: None };
}

/// What a scenario works with, and where its figures go.
pub struct Scene<'a> {
    pub size: Size,
    pub contestants: &'a [&'static Contestant],
    pub figures: &'a mut Vec<Figure>,
    pub scenario: &'static str,
}

/// Runs those scenarios that are wanted; one that fails says so in its table.
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

impl Scene<'_> {
    /// Contestants that shard.
    fn proxies(&self) -> Vec<&'static Contestant> {
        self.contestants.iter().copied().filter(|it| !it.is_reference).collect()
    }

    fn figure(&mut self, contestant: &str, what: &str, value: f64, unit: &str) {
        self.push(contestant, what, Some(value), unit, "");
    }

    fn missing(&mut self, contestant: &str, what: &str, why: &str) {
        self.push(contestant, what, None, "", why);
    }

    fn push(&mut self, contestant: &str, what: &str, value: Option<f64>, unit: &str, note: &str) {
        self.figures.push(Figure {
            scenario: self.scenario.to_owned(),
            contestant: contestant.to_owned(),
            what: what.to_owned(),
            value,
            unit: unit.to_owned(),
            note: note.to_owned(),
        });
    }
}

/// Three null servers on the core of the rest.
fn null_servers(value_bytes: usize) -> Result<Servers> {
    Servers::start(Kind::Null, false, value_bytes, pin::REST)
}

/// A contestant on its own core.
fn pinned(contestant: &Contestant, servers: &Servers) -> Result<Running> {
    contestant.start(Layout::new(&servers.ports, false), pin::PROXY)
}

fn pid(running: &Running) -> Result<u32> {
    running.pid().context("no proxy has no process")
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
