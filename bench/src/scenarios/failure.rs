//! One of three servers dies, or stops answering (SIGSTOP): what do the clients of the other two
//! notice?
//!
//! Keys are told apart by asking: each null server's values are made of its own letter. One load
//! asks the healthy servers' keys at a fixed rate; another goes on asking the failing server's
//! keys from before the fault to its end, as a real application would.

use super::{Scene, null_servers};
use crate::contestants::{Contestant, Layout};
use crate::load::{Asks, Load, Shape, key};
use crate::measure;
use crate::pin;
use crate::servers::LETTERS;
use crate::summary::median;
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

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let mut all: BTreeMap<(&str, &str), Vec<Seen>> = BTreeMap::new();
    let mut proxies = scene.proxies();
    for _ in 0..scene.size.rounds {
        for &contestant in &proxies {
            for fault in FAULTS {
                let seen = one(contestant, fault, scene.size.ms.max(1000))
                    .with_context(|| format!("{} with a server {fault}", contestant.name))?;
                all.entry((contestant.name, fault)).or_default().push(seen);
            }
        }
        proxies.rotate_left(1);
    }
    for contestant in scene.proxies() {
        let name = contestant.name;
        for fault in FAULTS {
            let Some(seen) = all.get(&(name, fault)) else { continue };
            let before = median(seen.iter().map(|seen| seen.before_us));
            scene.figure(name, &format!("p99 before, then {fault}"), before, "us");
            let during = median(seen.iter().map(|seen| seen.during_us));
            scene.figure(name, &format!("p99 while {fault}"), during, "us");
            let ratio = median(seen.iter().map(|seen| seen.during_us / seen.before_us));
            scene.figure(name, &format!("ratio, {fault}"), ratio, "x");
            let errors: u64 = seen.iter().map(|seen| seen.errors).sum();
            scene.figure(name, &format!("errors on the others, {fault}"), errors as f64, "");
        }
    }
    Ok(())
}

struct Seen {
    before_us: f64,
    during_us: f64,
    errors: u64,
}

fn one(contestant: &Contestant, fault: &str, ms: u64) -> Result<Seen> {
    let mut servers = null_servers(WORKLOADS[0].null_value_bytes())?;
    let mut layout = Layout::new(&servers.ports, false);
    layout.timeout_ms = Some(400);
    let running = contestant.start(layout, pin::PROXY)?;
    let folder = Folder::new()?;
    let (healthy, failing) = keys(running.port, &folder)?;
    let plain = WORKLOADS[0].load(running.port, 100, ms, Vec::new());
    let watched =
        Load { shape: Shape::Rate { per_second: PER_SECOND }, keys_from: Some(healthy), ..plain };
    let unlucky = Load {
        clients: 10,
        asks: Asks::Get,
        shape: Shape::Rate { per_second: 500.0 },
        keys_from: Some(failing),
        ms: 2 * ms + 2000,
        ..watched.clone()
    };
    let mut other = measure::start_load(&unlucky, pin::REST)?;
    let before = measure::load(&watched, pin::REST)?;
    let victim = servers.processes.last_mut().context("no servers")?;
    if fault == "dead" {
        victim.kill()?;
    } else {
        victim.pause()?;
    }
    let during = measure::load(&watched, pin::REST)?;
    other.kill()?;
    sleep(Duration::from_millis(20));
    Ok(Seen {
        before_us: before.p99,
        during_us: during.p99,
        errors: before.errors + during.errors + before.unanswered + during.unanswered,
    })
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
    ensure!(!healthy.is_empty() && !failing.is_empty(), "all keys on one side");
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).map(|()| path)
    };
    Ok((write("healthy", healthy)?, write("failing", failing)?))
}
