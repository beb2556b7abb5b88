//! Latency where nobody is at a limit: at a fixed rate of half of nutcracker's peak, and of a
//! client that is alone. Each beside no proxy at all, so what a proxy adds can be said.
//!
//! On two cores a tail of milliseconds is the scheduler's: who had to wait for whom. It falls where
//! it will, and p99 of one window is twice that of the next. So all are up at once, windows are
//! short and many and take turns, and what is compared is compared within a round.

use super::Scene;
use crate::contestants::{self, BASE, Contestant, Layout, Running};
use crate::load::{Load, Outcome, Shape};
use crate::measure;
use crate::servers::{Kind, Servers};
use crate::summary::{Spread, median};
use crate::workloads::WORKLOADS;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;

pub const WHAT: &str =
    "Latency at half of nutcracker's peak, and of a lone client (real servers, unpinned)";

/// Windows of each contestant in place of one long one.
const WINDOWS: usize = 4;

const ALONE: &str = "alone";
const HALF_PEAK: &str = "half peak";

/// What is taken from each load, and how.
type Taken = (&'static str, fn(&Outcome) -> f64);

static TAKEN: [Taken; 3] = [
    ("p50", |outcome| outcome.p50),
    ("p99", |outcome| outcome.p99),
    ("p99.9", |outcome| outcome.p999),
];

/// By contestant and what; a value a round.
type Values = BTreeMap<(&'static str, String), Vec<f64>>;

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let servers = Servers::start(Kind::Real, false, 0, None)?;
    let windows = if scene.size.is_quick { 1 } else { WINDOWS };
    let ms = scene.size.ms / windows as u64;
    let plain = |port: u16| WORKLOADS[0].load(port, ms / 10, ms, Vec::new());
    let mut up: Vec<(&'static Contestant, Running)> = Vec::new();
    for &contestant in scene.contestants {
        up.push((contestant, start(contestant, &servers)?));
    }
    let peak = peak(&servers, &plain)?;
    scene.figure(BASE, "peak, GET and SET of 50 clients", peak, "/s");
    let shape = Shape::Rate { per_second: (peak / 2.0).round() };
    let half_peak = |port: u16| Load { shape, ..plain(port) };
    let alone = |port: u16| Load { clients: 1, ms: ms / 2, ..plain(port) };
    // One after the other: for a while after a crowd the scheduler keeps everybody apart, and a
    // client is not alone.
    let loads: [(&str, &dyn Fn(u16) -> Load); 2] = [(ALONE, &alone), (HALF_PEAK, &half_peak)];
    let mut values = Values::new();
    for (when, load) in loads {
        for _ in 0..scene.size.rounds * windows {
            for (contestant, running) in &up {
                let outcome = measure::load(&load(running.port), None)?;
                let (name, errors) = (contestant.name, outcome.errors + outcome.unanswered);
                ensure!(errors == 0, "{name}: {errors} errors: {}", outcome.first_error);
                for (what, of) in &TAKEN {
                    let of = of(&outcome);
                    values.entry((name, format!("{when} {what}"))).or_default().push(of);
                }
            }
            up.rotate_left(1);
        }
    }
    for &contestant in scene.contestants {
        tell(scene, contestant, &values);
    }
    Ok(())
}

fn start(contestant: &Contestant, servers: &Servers) -> Result<Running> {
    let running = contestant.start(Layout::new(&servers.ports, false), None)?;
    measure::load(&WORKLOADS[0].fill(running.port), None).context("filling")?;
    Ok(running)
}

/// Requests a second that the base can do.
fn peak(servers: &Servers, load: &impl Fn(u16) -> Load) -> Result<f64> {
    let base = start(contestants::by_name(BASE).context("no base")?, servers)?;
    let loads = (0..3).map(|_| Ok(measure::load(&load(base.port), None)?.per_second()));
    Ok(median(loads.collect::<Result<Vec<f64>>>()?))
}

fn tell(scene: &mut Scene<'_>, contestant: &Contestant, values: &Values) {
    let name = contestant.name;
    for when in [HALF_PEAK, ALONE] {
        for (what, _) in &TAKEN {
            let what = format!("{when} {what}");
            let of = |who: &'static str| values.get(&(who, what.clone()));
            let Some(ours) = of(name) else { continue };
            scene.figure(name, &what, median(ours.iter().copied()), "us");
            if contestant.is_reference {
                continue;
            }
            if let (Some(base), true) = (of(BASE), name != BASE)
                && let Some(ratio) = Spread::of_pairs(ours, base, |our, base| our / base)
            {
                let (lower, upper) = ratio.quartiles;
                let note = format!("the middle half {lower:.2} to {upper:.2}");
                scene.push(name, &format!("{what}, by {BASE}'s"), Some(ratio.median), "x", &note);
            }
            if let Some(none) = of("none")
                && let Some(added) = Spread::of_pairs(ours, none, |our, none| our - none)
            {
                scene.figure(name, &format!("{what}, added over no proxy"), added.median, "us");
            }
        }
    }
}
