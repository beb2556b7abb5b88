//! What a large value costs other clients of its server while it passes: their p99, compared with
//! their p99 without it.
//!
//! The server is a null server: a real one stops by itself while it stores the value or begins to
//! answer, for 255 ms without a proxy. All contestants run at once and take turns. Each has some
//! short windows with nothing, while a SET passes, with nothing, and while a GET passes. The result
//! is the median of the windows in which the host took no CPU time.

use super::paced::{self, Deed};
use super::quiet::{self, Seen};
use super::scene::Scene;
use crate::contestants::{Contestant, Layout, Running};
use crate::load::{Asks, Load, Shape};
use crate::measure;
use crate::servers::{Kind, Servers};
use crate::workloads::WORKLOADS;
use anyhow::{Result, bail, ensure};
use std::collections::BTreeMap;
use std::thread;

pub const WHAT: &str = "p99 of others on a server while large values pass";

/// How many requests a second the others send.
const PER_SECOND: f64 = 2_000.0;
/// How fast the value passes: as in a network of a gigabit. At full speed two cores are busy with
/// copying, and p99 is 80 ms without a proxy.
const PASSED_PER_SECOND: usize = 100_000_000;

const WHILE: [(&str, Option<Deed>); 3] = [
    ("nothing passes", None),
    ("there passes a SET", Some(paced::set)),
    ("there passes a GET", Some(paced::get)),
];

/// Windows with nothing: about as many as during a value.
const WINDOWS: usize = 8;
const WINDOW_MS: u64 = 200;
const WARM_MS: u64 = 50;

/// Every window, by contestant and what passes.
type Windows = BTreeMap<(&'static str, &'static str), Vec<Seen>>;

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let mib = if scene.size.is_quick { 64 } else { 256 };
    let windows = if scene.size.is_quick { 2 } else { WINDOWS };
    let servers = Servers::start(Kind::Null, false, mib << 20, None)?;
    let mut up: Vec<(&'static Contestant, Running)> = Vec::new();
    for &contestant in scene.contestants {
        let layout = Layout::new(&servers.ports[..1], false);
        up.push((contestant, contestant.start(layout, None)?));
    }
    let mut all = Windows::new();
    let mut failed: BTreeMap<(&str, &str), String> = BTreeMap::new();
    for _ in 0..scene.size.rounds {
        for (contestant, running) in &up {
            // Windows with nothing before each value, because their p99 changes over time too.
            for (when, deed) in [WHILE[0], WHILE[1], WHILE[0], WHILE[2]] {
                let of = all.entry((contestant.name, when)).or_default();
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
        tell(scene, contestant.name, mib, &all);
    }
    Ok(())
}

/// Windows that are completely within the time in which a value passes.
fn during(port: u16, bytes: usize, deed: Deed, seen: &mut Vec<Seen>) -> Result<()> {
    thread::scope(|scope| {
        let passing = scope.spawn(move || deed(port, bytes, PASSED_PER_SECOND));
        let mut outcome = Ok(());
        while outcome.is_ok() && !passing.is_finished() {
            outcome = window(port, seen);
            if outcome.is_ok() && passing.is_finished() {
                seen.pop();
            }
        }
        let passed = passing.join().unwrap_or_else(|_| bail!("passing a value panicked"));
        outcome.and(passed)
    })
}

/// One window of the other clients' load.
fn window(port: u16, seen: &mut Vec<Seen>) -> Result<()> {
    let plain = WORKLOADS[0].load(port, WARM_MS, WINDOW_MS, Vec::new());
    let shape = Shape::Rate { per_second: PER_SECOND };
    let outcome = measure::load(&Load { asks: Asks::Set, shape, ..plain }, None)?;
    let errors = outcome.errors + outcome.unanswered;
    ensure!(errors == 0, "others had {errors} errors: {}", outcome.first_error);
    seen.push(Seen::of(&outcome));
    Ok(())
}

fn tell(scene: &mut Scene<'_>, name: &'static str, mib: usize, all: &Windows) {
    let mut calm = None;
    for (when, deed) in WHILE {
        let Some(windows) = all.get(&(name, when)).filter(|windows| !windows.is_empty()) else {
            continue;
        };
        let (p99, note) = quiet::p99(windows);
        let size = if deed.is_some() { format!(" of {mib} MiB") } else { String::new() };
        let what = format!("p99 while {when}{size}");
        scene.push(name, &what, Some(p99), "us", &note);
        if deed.is_none() {
            calm = Some(p99);
        } else if let Some(calm) = calm {
            scene.figure(name, &format!("{what}, by that without"), p99 / calm, "x");
        }
    }
}
