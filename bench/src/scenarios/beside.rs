//! What a large value costs others of its server while it passes: their p99, beside what it is
//! without.
//!
//! A null server: a real one stands still itself, for 255 ms where no proxy is between, while it
//! stores what has come or begins to answer. All contestants are up at once and take turns; each
//! has some short windows with nothing, then some while a SET passes, then while a GET does. What
//! is told is the median of the windows, and their lower quartile: on a virtual machine the host holds
//! everybody up at times, for longer than what is measured here. A contestant that holds others up
//! in few windows looks better by it than it is; and the last window of each value outlasts it.

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
use std::thread;

pub const WHAT: &str = "p99 of others on a server while large values pass";

/// How often others SET.
const PER_SECOND: f64 = 2_000.0;
/// How fast the value passes: what a network of a gigabit carries. At full speed two cores are full
/// of copying, and p99 is 80 ms with no proxy at all.
const PASSED_PER_SECOND: usize = 100_000_000;

const WHILE: [(&str, Option<Deed>); 3] = [
    ("nothing passes", None),
    ("there passes a SET", Some(paced::set)),
    ("there passes a GET", Some(paced::get)),
];

/// With nothing: about as many as fit into a value.
const WINDOWS: usize = 8;
const WINDOW_MS: u64 = 250;
const WARM_MS: u64 = 50;

/// p99 of every window, by contestant and what passes.
type P99s = BTreeMap<(&'static str, &'static str), Vec<f64>>;

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let mib = if scene.size.is_quick { 64 } else { 256 };
    let windows = if scene.size.is_quick { 2 } else { WINDOWS };
    let servers = Servers::start(Kind::Null, false, mib << 20, None)?;
    let mut up: Vec<(&'static Contestant, Running)> = Vec::new();
    for &contestant in scene.contestants {
        let layout = Layout::new(&servers.ports[..1], false);
        up.push((contestant, contestant.start(layout, None)?));
    }
    let mut p99s = P99s::new();
    let mut failed: BTreeMap<(&str, &str), String> = BTreeMap::new();
    for _ in 0..scene.size.rounds {
        for (contestant, running) in &up {
            for (when, deed) in WHILE {
                let of = p99s.entry((contestant.name, when)).or_default();
                let outcome = match deed {
                    None => (0..windows).try_for_each(|_| window(running.port, of)),
                    Some(deed) => during(running.port, mib << 20, deed, of),
                };
                if let Err(error) = outcome {
                    failed.entry((contestant.name, when)).or_insert(format!("{error:#}"));
                }
            }
        }
        up.rotate_left(1);
    }
    for ((name, when), why) in failed {
        scene.missing(name, &format!("p99 while {when}, a round"), &why);
    }
    for contestant in scene.contestants {
        tell(scene, contestant.name, mib, &p99s);
    }
    Ok(())
}

/// Windows that begin while a value passes, until it has.
fn during(port: u16, bytes: usize, deed: Deed, p99s: &mut Vec<f64>) -> Result<()> {
    thread::scope(|scope| {
        let passing = scope.spawn(move || deed(port, bytes, PASSED_PER_SECOND));
        let mut outcome = Ok(());
        while outcome.is_ok() && !passing.is_finished() {
            outcome = window(port, p99s);
        }
        let passed = passing.join().unwrap_or_else(|_| bail!("passing a value panicked"));
        outcome.and(passed)
    })
}

/// p99 of others, in microseconds.
fn window(port: u16, p99s: &mut Vec<f64>) -> Result<()> {
    let plain = WORKLOADS[0].load(port, WARM_MS, WINDOW_MS, Vec::new());
    let shape = Shape::Rate { per_second: PER_SECOND };
    let outcome = measure::load(&Load { asks: Asks::Set, shape, ..plain }, None)?;
    let errors = outcome.errors + outcome.unanswered;
    ensure!(errors == 0, "others had {errors} errors: {}", outcome.first_error);
    p99s.push(outcome.p99);
    Ok(())
}

fn tell(scene: &mut Scene<'_>, name: &'static str, mib: usize, p99s: &P99s) {
    let mut calm = None;
    for (when, deed) in WHILE {
        let windows = p99s.get(&(name, when)).map_or(&[][..], Vec::as_slice);
        let Some(spread) = Spread::of(windows.iter().copied()) else { continue };
        let (quiet, _) = spread.quartiles;
        let size = if deed.is_some() { format!(" of {mib} MiB") } else { String::new() };
        let what = format!("p99 while {when}{size}");
        let note = format!("{} windows", windows.len());
        scene.push(name, &what, Some(spread.median), "us", &note);
        scene.figure(name, &format!("{what}, lower quartile"), quiet, "us");
        if deed.is_none() {
            calm = Some((spread.median, quiet));
        }
        let (Some((median, quartile)), Some(_)) = (calm, deed) else { continue };
        scene.figure(name, &format!("{what}, by that without"), spread.median / median, "x");
        let what = format!("{what}, lower quartile, by that without");
        scene.figure(name, &what, quiet / quartile, "x");
    }
}
