//! One of three servers dies, or stops answering (SIGSTOP): what do the clients of the other two
//! notice?
//!
//! A first read shows which server has a key: each null server's values are made of its own letter.
//! One load asks for the healthy servers' keys at a fixed rate, in short windows. Another load asks
//! for the failing server's keys from before the fault to its end, like a real application. The
//! result is the median of the windows in which the host took no CPU time, separately the window in
//! which the server fails, and the ratio to the windows before in the same round.

use super::quiet::{self, Seen};
use super::scene::{Scene, null_servers};
use crate::contestants::{Contestant, Layout};
use crate::load::{Asks, Load, Outcome, Shape, key};
use crate::measure;
use crate::pin;
use crate::servers::LETTERS;
use crate::summary::Spread;
use crate::workloads::WORKLOADS;
use anyhow::{Context, Result, ensure};
use nuthatch_testbed::{Client, Folder, Value};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

pub const WHAT: &str = "One of three servers fails: p99 of the others' keys (pinned, 5,000/s)";

const PER_SECOND: f64 = 5_000.0;
const KEYS: u64 = 600;

const FAULTS: [&str; 2] = ["dead", "stopped"];

const WINDOW_MS: u64 = 200;
const WARM_MS: u64 = 50;
/// The server fails this long after the load of a window was started: in its middle.
const FAILS_AFTER_MS: u64 = 150;

/// All windows of a contestant with a fault.
#[derive(Default)]
struct Windows {
    before: Vec<Seen>,
    /// The window in which the server fails.
    at_fault: Vec<Seen>,
    during: Vec<Seen>,
    errors: u64,
    /// p99 of a round's windows while the server is gone, divided by p99 before.
    ratios: Vec<f64>,
}

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let mut all: BTreeMap<(&str, &str), Windows> = BTreeMap::new();
    let mut proxies = scene.proxies();
    let windows = (scene.size.ms / 2 / WINDOW_MS).max(2);
    let mut all_rounds = || {
        for _ in 0..scene.size.rounds {
            for &contestant in &proxies {
                for fault in FAULTS {
                    let seen = all.entry((contestant.name, fault)).or_default();
                    one(contestant, fault, windows, seen)
                        .with_context(|| format!("{} with a server {fault}", contestant.name))?;
                }
            }
            proxies.rotate_left(1);
        }
        Ok(())
    };
    // Report the results so far, even after an error.
    let outcome = all_rounds();
    for contestant in scene.proxies() {
        for fault in FAULTS {
            if let Some(windows) = all.get(&(contestant.name, fault)) {
                tell(scene, contestant.name, fault, windows);
            }
        }
    }
    outcome
}

fn tell(scene: &mut Scene<'_>, name: &str, fault: &str, windows: &Windows) {
    for (what, windows) in [
        (format!("p99 before, then {fault}"), &windows.before),
        (format!("p99 in the window of the fault, {fault}"), &windows.at_fault),
        (format!("p99 while {fault}"), &windows.during),
    ] {
        if !windows.is_empty() {
            let (p99, note) = quiet::p99(windows);
            scene.push(name, &what, Some(p99), "us", &note);
        }
    }
    if let Some(ratio) = Spread::of(windows.ratios.iter().copied()) {
        let (lower, upper) = ratio.quartiles;
        let note = format!("the middle half of the rounds {lower:.2} to {upper:.2}");
        scene.push(name, &format!("ratio, {fault}"), Some(ratio.median), "x", &note);
    }
    let after = windows.at_fault.iter().chain(&windows.during);
    if let Some(longest) = after.map(|window| window.max).reduce(f64::max) {
        scene.figure(name, &format!("longest wait from then on, {fault}"), longest, "us");
    }
    scene.figure(name, &format!("errors on the others, {fault}"), windows.errors as f64, "");
}

fn one(contestant: &Contestant, fault: &str, windows: u64, seen: &mut Windows) -> Result<()> {
    let mut servers = null_servers(WORKLOADS[0].null_value_bytes())?;
    let mut layout = Layout::new(&servers.ports, false);
    layout.timeout_ms = Some(400);
    let running = contestant.start(layout, pin::PROXY)?;
    let folder = Folder::new()?;
    let (healthy, failing) = keys(running.port, &folder)?;
    let plain = WORKLOADS[0].load(running.port, WARM_MS, WINDOW_MS, Vec::new());
    let watched =
        Load { shape: Shape::Rate { per_second: PER_SECOND }, keys_from: Some(healthy), ..plain };
    let unlucky = Load {
        clients: 10,
        asks: Asks::Get,
        shape: Shape::Rate { per_second: 500.0 },
        keys_from: Some(failing),
        // Longer than all windows with their processes; it is killed earlier.
        ms: (2 * windows + 1) * 4 * (WARM_MS + WINDOW_MS),
        ..watched.clone()
    };
    let mut other = measure::start_load(&unlucky, pin::REST)?;
    let begun = seen.before.len();
    for _ in 0..windows {
        let outcome = measure::load(&watched, pin::REST)?;
        seen.errors += take(&outcome, &mut seen.before);
    }
    let mut at_fault = measure::start_load(&watched, pin::REST)?;
    sleep(Duration::from_millis(FAILS_AFTER_MS));
    let victim = servers.processes.last_mut().context("no servers")?;
    if fault == "dead" {
        victim.kill()?;
    } else {
        victim.pause()?;
    }
    let outcome = measure::finish_load(&mut at_fault, &watched)?;
    seen.errors += take(&outcome, &mut seen.at_fault);
    for _ in 0..windows {
        let outcome = measure::load(&watched, pin::REST)?;
        seen.errors += take(&outcome, &mut seen.during);
    }
    let (during, _) = quiet::p99(&seen.during[begun..]);
    let (before, _) = quiet::p99(&seen.before[begun..]);
    seen.ratios.push(during / before);
    other.kill()?;
    sleep(Duration::from_millis(20));
    Ok(())
}

/// Stores the window. Returns how many errors it had.
fn take(outcome: &Outcome, windows: &mut Vec<Seen>) -> u64 {
    windows.push(Seen::of(outcome));
    outcome.errors + outcome.unanswered
}

/// Files with the numbers of the keys on the first two servers, and of those on the last.
fn keys(port: u16, folder: &Folder) -> Result<(PathBuf, PathBuf)> {
    let mut client = Client::connect((Ipv4Addr::LOCALHOST, port))?;
    let (mut healthy, mut failing) = (String::new(), String::new());
    for number in 0..KEYS {
        let mut name = Vec::new();
        key(number, &mut name);
        let name = String::from_utf8(name)?;
        let Value::Bulk(value) = client.command(&["GET", &name])? else { continue };
        let is_failing = value.first().copied() == LETTERS.last().map(|letter| *letter as u8);
        let list = if is_failing { &mut failing } else { &mut healthy };
        let _ = writeln!(list, "{number}");
    }
    ensure!(!healthy.is_empty() && !failing.is_empty(), "one of the two lists of keys is empty");
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).map(|()| path)
    };
    Ok((write("healthy", healthy)?, write("failing", failing)?))
}
