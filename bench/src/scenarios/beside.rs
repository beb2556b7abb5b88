//! What a value of 256 MiB costs others of its server while it passes: their p99, beside what it
//! is without.
//!
//! A null server: a real one stands still itself, for 255 ms where no proxy is between, while it
//! stores what has come or begins to answer. All are up at once, windows take turns, each direction
//! has its own, and ratios are to the calm window of the same round.

use super::Scene;
use super::paced::{self, Deed};
use crate::contestants::{Contestant, Layout, Running};
use crate::load::{Asks, Load, Shape};
use crate::measure;
use crate::servers::{Kind, Servers};
use crate::summary::Spread;
use crate::workloads::WORKLOADS;
use anyhow::{Result, bail, ensure};
use std::collections::BTreeMap;
use std::thread::{self, ScopedJoinHandle};

pub const WHAT: &str = "p99 of others on a server while values of 256 MiB pass";

/// How often others SET.
const PER_SECOND: f64 = 2_000.0;
/// How fast the value passes: what a network of a gigabit carries. At full speed two cores are full
/// of copying, and p99 is 80 ms with no proxy at all.
const PASSED_PER_SECOND: usize = 100_000_000;

const WHILE: [(&str, Option<Deed>); 3] = [
    ("nothing passes", None),
    ("a SET passes", Some(paced::set)),
    ("a GET passes", Some(paced::get)),
];

/// A window that began while a value passed ends while it does.
const WINDOWS: u32 = 7;
const WINDOW_MS: u64 = 250;
const WARM_MS: u64 = 50;

/// p99 of every window, by contestant and what passes.
type P99s = BTreeMap<(&'static str, &'static str), Vec<f64>>;

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let bytes = if scene.size.is_quick { 64 << 20 } else { 256 << 20 };
    let windows = if scene.size.is_quick { 1 } else { WINDOWS };
    let servers = Servers::start(Kind::Null, false, bytes, None)?;
    let mut up: Vec<(&'static Contestant, Running)> = Vec::new();
    for &contestant in scene.contestants {
        let layout = Layout::new(&servers.ports[..1], false);
        up.push((contestant, contestant.start(layout, None)?));
    }
    let mut p99s = P99s::new();
    for _ in 0..scene.size.rounds {
        for (contestant, running) in &up {
            for (when, deed) in WHILE {
                let of = p99s.entry((contestant.name, when)).or_default();
                thread::scope(|scope| {
                    let port = running.port;
                    let passing =
                        deed.map(|deed| scope.spawn(move || deed(port, bytes, PASSED_PER_SECOND)));
                    for _ in 0..windows {
                        let outcome = window(port)?;
                        if passing.as_ref().is_some_and(ScopedJoinHandle::is_finished) {
                            break;
                        }
                        of.push(outcome);
                    }
                    match passing.map(ScopedJoinHandle::join) {
                        Some(Err(_)) => bail!("passing a value panicked"),
                        Some(Ok(passed)) => passed,
                        None => Ok(()),
                    }
                })?;
            }
        }
        up.rotate_left(1);
    }
    for contestant in scene.contestants {
        tell(scene, contestant.name, &p99s);
    }
    Ok(())
}

/// p99 of others, in microseconds.
fn window(port: u16) -> Result<f64> {
    let plain = WORKLOADS[0].load(port, WARM_MS, WINDOW_MS, Vec::new());
    let shape = Shape::Rate { per_second: PER_SECOND };
    let outcome = measure::load(&Load { asks: Asks::Set, shape, ..plain }, None)?;
    let errors = outcome.errors + outcome.unanswered;
    ensure!(errors == 0, "others had {errors} errors: {}", outcome.first_error);
    Ok(outcome.p99)
}

fn tell(scene: &mut Scene<'_>, name: &'static str, p99s: &P99s) {
    let mut calm = None;
    for (when, _) in WHILE {
        let Some(spread) = p99s.get(&(name, when)).and_then(|of| Spread::of(of.iter().copied()))
        else {
            scene.missing(name, &format!("p99 while {when}"), "no window fell into it");
            continue;
        };
        let (quiet, _) = spread.quartiles;
        scene.figure(name, &format!("p99 while {when}"), spread.median, "us");
        scene.figure(name, &format!("p99 while {when}, in the quiet quarter"), quiet, "us");
        match calm {
            None => calm = Some((spread.median, quiet)),
            Some(calm) => {
                let (median, quiet) = (spread.median / calm.0, quiet / calm.1);
                let what = format!("while {when}, by what it is without");
                scene.figure(name, &what, median, "x");
                scene.figure(name, &format!("{what}, in the quiet quarters"), quiet, "x");
            }
        }
    }
}
