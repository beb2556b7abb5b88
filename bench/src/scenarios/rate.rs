//! Latency below all limits: at a fixed rate of half of nutcracker's peak, and with a single client.
//! Each is compared with no proxy, to know how much a proxy adds.
//!
//! On two cores a tail of milliseconds comes from the scheduler, by chance: p99 of one window is twice
//! p99 of the next. So all contestants run at once and take turns in many short windows. They are
//! compared within a turn in which the host took no CPU time.

use super::quiet::{Quiet, Seen, quiet};
use super::scene::Scene;
use crate::contestants::{self, BASE, Contestant, Layout, Running};
use crate::load::{Load, Shape};
use crate::measure;
use crate::servers::{Kind, Servers};
use crate::summary::{Spread, median};
use crate::workloads::WORKLOADS;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;

pub const WHAT: &str =
    "Latency at half of nutcracker's peak, and of a lone client (real servers, unpinned)";

/// Windows of each contestant, instead of one long window.
const WINDOWS: usize = 8;

/// Windows that measure the base's peak.
const PEAK_WINDOWS: usize = 8;

const ALONE: &str = "alone";
const HALF_PEAK: &str = "half peak";

/// The values taken from each load.
type Taken = (&'static str, fn(&Seen) -> f64);

static TAKEN: [Taken; 3] =
    [("p50", |seen| seen.p50), ("p99", |seen| seen.p99), ("p99.9", |seen| seen.p999)];

/// By contestant and load; one window for each turn.
type Windows = BTreeMap<(&'static str, &'static str), Vec<Seen>>;

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let servers = Servers::start(Kind::Real, false, 0, None)?;
    let windows = if scene.size.is_quick { 1 } else { WINDOWS };
    let ms = scene.size.ms / windows as u64;
    let plain = |port: u16| WORKLOADS[0].load(port, ms / 10, ms, Vec::new());
    let mut up: Vec<(&'static Contestant, Running)> = Vec::new();
    for &contestant in scene.contestants {
        up.push((contestant, start(contestant, &servers)?));
    }
    let turns = scene.size.rounds * windows;
    let mut all = Windows::new();
    // The single client first: for a while after many clients the scheduler still spreads the
    // processes over the cores, and this changes the result of a single client.
    let alone = |port: u16| Load { clients: 1, ms: ms / 2, ..plain(port) };
    let mut all_turns = || {
        take_turns(&mut up, turns, ALONE, &alone, &mut all)?;
        let peak = peak(&servers, &plain)?;
        scene.figure(BASE, "peak, GET and SET of 50 clients", peak, "/s");
        let shape = Shape::Rate { per_second: (peak / 2.0).round() };
        let half_peak = |port: u16| Load { shape, ..plain(port) };
        take_turns(&mut up, turns, HALF_PEAK, &half_peak, &mut all)
    };
    // Report the results so far, even after an error.
    let outcome = all_turns();
    for &contestant in scene.contestants {
        tell(scene, contestant, &all);
    }
    outcome
}

fn take_turns(
    up: &mut [(&'static Contestant, Running)],
    turns: usize,
    when: &'static str,
    load: &dyn Fn(u16) -> Load,
    all: &mut Windows,
) -> Result<()> {
    for _ in 0..turns {
        for (contestant, running) in &*up {
            let outcome = measure::load(&load(running.port), None)?;
            let (name, errors) = (contestant.name, outcome.errors + outcome.unanswered);
            ensure!(errors == 0, "{name}: {errors} errors: {}", outcome.first_error);
            all.entry((name, when)).or_default().push(Seen::of(&outcome));
        }
        up.rotate_left(1);
    }
    Ok(())
}

fn start(contestant: &Contestant, servers: &Servers) -> Result<Running> {
    let running = contestant.start(Layout::new(&servers.ports, false), None)?;
    measure::load(&WORKLOADS[0].fill(running.port), None).context("filling")?;
    Ok(running)
}

/// Requests a second that the base can do: the highest of some windows, because a disturbance only
/// lowers it. Half of a peak that is too low would be too easy for all contestants.
fn peak(servers: &Servers, load: &impl Fn(u16) -> Load) -> Result<f64> {
    let base = start(contestants::by_name(BASE).context("no base")?, servers)?;
    (0..PEAK_WINDOWS).try_fold(0.0_f64, |most, _| {
        Ok(most.max(measure::load(&load(base.port), None)?.per_second()))
    })
}

fn tell(scene: &mut Scene<'_>, contestant: &Contestant, all: &Windows) {
    let name = contestant.name;
    for when in [HALF_PEAK, ALONE] {
        let Some(ours) = all.get(&(name, when)) else { continue };
        let quiet_ones = quiet(ours, "turns", |window| window.stolen).windows;
        let beside = |who: &'static str| Some(pairs(ours, all.get(&(who, when))?));
        let (base, none) = (beside(BASE).filter(|_| name != BASE), beside("none"));
        for (what, of) in &TAKEN {
            let what = format!("{when} {what}");
            scene.figure(name, &what, median(quiet_ones.iter().map(of)), "us");
            if contestant.is_reference {
                continue;
            }
            if let Some(Quiet { windows, note }) = &base
                && let Some(ratio) =
                    Spread::of(windows.iter().map(|(our, base)| of(our) / of(base)))
            {
                let (lower, upper) = ratio.quartiles;
                let note = format!("the middle half {lower:.2} to {upper:.2}; {note}");
                scene.push(name, &format!("{what}, by {BASE}'s"), Some(ratio.median), "x", &note);
            }
            if let Some(Quiet { windows, .. }) = &none {
                let added = median(windows.iter().map(|(our, none)| of(our) - of(none)));
                scene.figure(name, &format!("{what}, added over no proxy"), added, "us");
            }
        }
    }
}

/// Pairs of windows of the same turn, for the quiet turns.
fn pairs(ours: &[Seen], others: &[Seen]) -> Quiet<(Seen, Seen)> {
    let pairs: Vec<(Seen, Seen)> = ours.iter().copied().zip(others.iter().copied()).collect();
    quiet(&pairs, "turns", |(our, other)| our.stolen + other.stolen)
}
