//! Latency where nobody is at a limit: at a fixed rate of half of nutcracker's peak, and of a
//! client that is alone. Each beside no proxy at all, so what a proxy adds can be said.

use super::{Scene, null_servers, pinned};
use crate::contestants::{self, BASE, Contestant};
use crate::load::{Load, Shape};
use crate::measure;
use crate::pin;
use crate::servers::Servers;
use crate::summary::Spread;
use crate::workloads::WORKLOADS;
use anyhow::{Context, Result};
use std::collections::BTreeMap;

pub const WHAT: &str = "Latency at half of nutcracker's peak, and of a lone client (pinned)";

type Seen = BTreeMap<(&'static str, &'static str), Vec<f64>>;

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let servers = null_servers(WORKLOADS[0].null_value_bytes())?;
    let base = contestants::by_name(BASE).context("no base")?;
    let plain = |port: u16, ms: u64| WORKLOADS[0].load(port, ms / 10, ms, Vec::new());
    let peak = {
        let running = pinned(base, &servers)?;
        measure::load(&plain(running.port, scene.size.ms), pin::REST)?.per_second()
    };
    scene.figure(BASE, "peak, GET and SET of 50 clients", peak, "/s");
    let per_second = (peak / 2.0).round();
    let mut seen = Seen::new();
    for _ in 0..scene.size.rounds {
        for contestant in scene.contestants {
            one(contestant, &servers, per_second, scene.size.ms, &plain, &mut seen)?;
        }
    }
    let median = |who: &'static str, what: &'static str| {
        Some(Spread::of(seen.get(&(who, what))?.iter().copied())?.median)
    };
    let kinds = ["half peak p50", "half peak p99", "half peak p99.9", "alone p50", "alone p99"];
    for contestant in scene.contestants {
        let name = contestant.name;
        for what in kinds {
            if let Some(value) = median(name, what) {
                scene.figure(name, what, value, "us");
            }
        }
        for (what, added) in [
            ("half peak p99", "half peak p99 added over no proxy"),
            ("alone p50", "alone p50 added over no proxy"),
        ] {
            if name != "none"
                && let (Some(with), Some(without)) = (median(name, what), median("none", what))
            {
                scene.figure(name, added, with - without, "us");
            }
        }
        if let Some(late) = median(name, "unanswered").filter(|late| *late > 0.0) {
            scene.figure(name, "never answered", late, "");
        }
    }
    Ok(())
}

fn one(
    contestant: &'static Contestant,
    servers: &Servers,
    per_second: f64,
    ms: u64,
    plain: &impl Fn(u16, u64) -> Load,
    seen: &mut Seen,
) -> Result<()> {
    let running = pinned(contestant, servers)?;
    let mut note = |what, value| seen.entry((contestant.name, what)).or_default().push(value);
    let fixed = Load { shape: Shape::Rate { per_second }, ..plain(running.port, ms) };
    let outcome = measure::load(&fixed, pin::REST)?;
    note("half peak p50", outcome.p50);
    note("half peak p99", outcome.p99);
    note("half peak p99.9", outcome.p999);
    note("unanswered", outcome.unanswered as f64);
    let alone = Load { clients: 1, ..plain(running.port, ms / 2) };
    let outcome = measure::load(&alone, pin::REST)?;
    note("alone p50", outcome.p50);
    note("alone p99", outcome.p99);
    Ok(())
}
