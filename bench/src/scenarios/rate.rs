//! Latency where nobody is at a limit: at a fixed rate of half of nutcracker's peak, and of a
//! client that is alone. Each beside no proxy at all, so what a proxy adds can be said.
//!
//! On two cores a tail of milliseconds is the scheduler's: who had to wait for whom. It falls where
//! it will, and p99 of one window is twice that of the next. So all are up at once, windows are
//! short and many and take turns, and what is compared is compared within a round.

use super::Scene;
use crate::contestants::{BASE, Contestant, Layout, Running};
use crate::load::{Load, Outcome, Shape};
use crate::measure;
use crate::servers::{Kind, Servers};
use crate::summary::Spread;
use crate::workloads::WORKLOADS;
use anyhow::{Context, Result};
use std::collections::BTreeMap;

pub const WHAT: &str =
    "Latency at half of nutcracker's peak, and of a lone client (real servers, unpinned)";

/// Windows of each contestant in place of one long one.
const WINDOWS: usize = 4;

const ALONE: &str = "alone";
const HALF_PEAK: &str = "half peak";

/// What is taken from each load, and how.
type Taken = (&'static str, fn(&Outcome) -> f64);

static SEEN: [Taken; 4] = [
    ("p50", |outcome| outcome.p50),
    ("p99", |outcome| outcome.p99),
    ("p99.9", |outcome| outcome.p999),
    ("never answered", |outcome| outcome.unanswered as f64),
];

/// By contestant and what; a value a round.
type Values = BTreeMap<(&'static str, String), Vec<f64>>;

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let servers = Servers::start(Kind::Real, false, 0, None)?;
    let workload = &WORKLOADS[0];
    let windows = if scene.size.is_quick { 1 } else { WINDOWS };
    let ms = scene.size.ms / windows as u64;
    let plain = |port: u16| workload.load(port, ms / 10, ms, Vec::new());
    let mut up: Vec<(&'static Contestant, Running)> = Vec::new();
    for &contestant in scene.contestants {
        let running = contestant.start(Layout::new(&servers.ports, false), None)?;
        measure::load(&workload.fill(running.port), None).context("filling")?;
        up.push((contestant, running));
    }
    let base = up.iter().find(|(contestant, _)| contestant.name == BASE);
    let (_, base) = base.with_context(|| format!("half of whose peak? {BASE} is not here"))?;
    let peaks = (0..3).map(|_| Ok(measure::load(&plain(base.port), None)?.per_second()));
    let peak = median(&peaks.collect::<Result<Vec<f64>>>()?);
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
                for (what, of) in &SEEN {
                    let key = (contestant.name, format!("{when} {what}"));
                    values.entry(key).or_default().push(of(&outcome));
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

fn tell(scene: &mut Scene<'_>, contestant: &Contestant, values: &Values) {
    let name = contestant.name;
    let of = |who: &'static str, what: &str| values.get(&(who, what.to_owned()));
    for when in [HALF_PEAK, ALONE] {
        for (what, _) in &SEEN {
            let what = format!("{when} {what}");
            let Some(mine) = of(name, &what) else { continue };
            if what.ends_with("never answered") {
                if median(mine) > 0.0 {
                    scene.figure(name, &what, median(mine), "");
                }
                continue;
            }
            scene.figure(name, &what, median(mine), "us");
            if contestant.is_reference {
                continue;
            }
            if let (Some(base), true) = (of(BASE, &what), name != BASE) {
                let (least, middle, most) = ratio(mine, base);
                let note = format!("the middle half {least:.2} to {most:.2}");
                scene.push(name, &format!("{what}, by {BASE}'s"), Some(middle), "x", &note);
            }
            if let Some(without) = of("none", &what) {
                let added = median(mine) - median(without);
                scene.figure(name, &format!("{what} added over no proxy"), added, "us");
            }
        }
    }
}

fn median(values: &[f64]) -> f64 {
    Spread::of(values.iter().copied()).map_or(f64::NAN, |spread| spread.median)
}

/// Within each round: the lower quartile, the median, the upper quartile.
fn ratio(mine: &[f64], base: &[f64]) -> (f64, f64, f64) {
    let mut ratios: Vec<f64> = mine.iter().zip(base).map(|(mine, base)| mine / base).collect();
    ratios.sort_by(f64::total_cmp);
    let at = |quarter: usize| ratios.get(ratios.len() * quarter / 4).copied().unwrap_or(f64::NAN);
    (at(1), median(&ratios), at(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round_and_their_middle_half_told() {
        let mine: Vec<f64> = (1..=8).map(f64::from).collect();
        assert_eq!(ratio(&mine, &[2.0; 8]), (1.5, 2.25, 3.5));
        assert_eq!(ratio(&[3.0], &[2.0]), (1.5, 1.5, 1.5));
    }
}
