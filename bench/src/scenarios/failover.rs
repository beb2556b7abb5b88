//! A primary is killed under writes, and its replica takes over: what do clients notice, behind nuthatch and without it?
//!
//! ```text
//!   8 clients ──▶ nuthatch ──┐
//!   8 of redis-py ───────────┼──▶ primary (killed), replica        three Sentinels watch both
//!   8 of redis-py, retrying ─┘
//!
//!   kill ────────── first +switch-master ── first answered write
//!     500 ms and the vote: Sentinel's time     ours
//! ```
//!
//! All clients write to the same servers at the same rate while the same primary dies, so Sentinel's luck is the same for
//! all. A failover needs new servers and new Sentinels: old ones wait for eight seconds before the next failover.
//!
//! The proxy follows a promotion as soon as one Sentinel tells it, which can be before the first `+switch-master`. Then
//! the time from this event is negative.

use super::scene::Scene;
use super::shard::{NAME, Shard};
use super::writers::{self, PythonWriters, Write, Writers};
use crate::contestants::OURS;
use crate::summary::median;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

pub const WHAT: &str = "A primary is killed: 8 clients write 50 times a second each (one replica, three Sentinels, \
                        down after 500 ms, unpinned)";

const EACH_ROUND: usize = 5;
/// Only writes that were due this long before the kill count.
const BEFORE: Duration = Duration::from_secs(1);
const AFTER_SWITCH: Duration = Duration::from_millis(1500);
/// What is answered sooner after the kill was answered by the dead server: no Sentinel acts within 500 ms.
const SUCCESSOR_MIN: Duration = Duration::from_millis(300);
/// From the first `+switch-master` to the first answer.
const AIM_MS: f64 = 100.0;

/// Clients of redis-py, and how often they try again: not at all, as `master_for` does if it is told nothing, and for as
/// long as nuthatch holds a request (60 times 50 ms).
const WITHOUT_PROXY: [(&str, u32); 2] = [("", 0), (", 60 retries", 60)];

/// A contestant in one failover. Times are in milliseconds.
struct Seen {
    requests: usize,
    failed: usize,
    longest_wait: f64,
    /// From the kill, and from the first `+switch-master`. None: nothing was answered.
    first: Option<(f64, f64)>,
    error: Option<String>,
}

pub fn run(scene: &mut Scene<'_>) -> Result<()> {
    let python = python(scene);
    let mut all: Vec<(String, Vec<Seen>)> = vec![(OURS.to_owned(), Vec::new())];
    if let Some((_, version)) = &python {
        all.extend(
            WITHOUT_PROXY.map(|(more, _)| (format!("redis-py {version}{more}"), Vec::new())),
        );
    }
    let path = python.as_ref().map(|(path, _)| path.as_path());
    let count = if scene.size.is_quick { 1 } else { scene.size.rounds * EACH_ROUND };
    let outcome = (1..=count).try_for_each(|number| {
        let seen = one(path).with_context(|| format!("failover {number} of {count}"))?;
        all.iter_mut().zip(seen).for_each(|((_, all), one)| all.push(one));
        Ok(())
    });
    // Report the results so far, even after an error.
    for (name, seen) in all.iter().filter(|(_, seen)| !seen.is_empty()) {
        tell(scene, name, seen);
    }
    outcome
}

/// The Python for the clients without a proxy, if these are wanted, and the version of its redis-py.
fn python(scene: &mut Scene<'_>) -> Option<(PathBuf, String)> {
    if !scene.contestants.iter().any(|contestant| contestant.name == "none") {
        return None;
    }
    match writers::python() {
        Ok(found) => Some(found),
        Err(error) => {
            let why = format!("{error}: `cargo xtask test` installs it, NUTHATCH_PYTHON names it");
            scene.missing("redis-py", "all of it", &why);
            None
        }
    }
}

/// One failover, with new servers: what each contestant saw, ours first.
fn one(python: Option<&Path>) -> Result<Vec<Seen>> {
    let mut shard = Shard::start()?;
    let mut others = Vec::new();
    for (python, (_, retries)) in
        python.into_iter().flat_map(|it| WITHOUT_PROXY.map(|way| (it, way)))
    {
        others.push(PythonWriters::start(python, NAME, &shard.sentinels(), retries)?);
    }
    let ours = Writers::start(shard.proxy());
    // Longer than what counts: connecting is not measured.
    sleep(BEFORE + BEFORE / 2);
    let killed = shard.kill_primary()?;
    let switched = shard.await_switch()?;
    sleep(AFTER_SWITCH);
    ours.stop();
    others.iter_mut().try_for_each(PythonWriters::stop)?;
    let mut all = vec![ours.finish()?];
    for other in others {
        all.push(other.finish()?);
    }
    Ok(all.iter().map(|writes| judge(writes, killed, switched)).collect())
}

fn judge(writes: &[Write], killed: u64, switched: u64) -> Seen {
    let nanos = |time: Duration| time.as_nanos() as u64;
    let ms = |from: u64, to: u64| (to as f64 - from as f64) / 1e6;
    let counted: Vec<&Write> =
        writes.iter().filter(|write| write.due + nanos(BEFORE) >= killed).collect();
    let failed: Vec<&String> = counted.iter().filter_map(|write| write.error.as_ref()).collect();
    let waits = counted.iter().map(|write| ms(write.due, write.ended));
    let by_successor =
        |write: &&&Write| write.error.is_none() && write.ended > killed + nanos(SUCCESSOR_MIN);
    let first = counted.iter().filter(by_successor).map(|write| write.ended).min();
    Seen {
        requests: counted.len(),
        failed: failed.len(),
        longest_wait: waits.fold(0.0, f64::max),
        first: first.map(|first| (ms(killed, first), ms(switched, first))),
        error: failed.first().map(ToString::to_string),
    }
}

fn tell(scene: &mut Scene<'_>, name: &str, all: &[Seen]) {
    let sum = |of: fn(&Seen) -> usize| all.iter().map(of).sum::<usize>();
    let (failed, requests) = (sum(|seen| seen.failed), sum(|seen| seen.requests));
    let note = format!("of {requests} in {} failovers", all.len());
    scene.push(name, "requests failed", Some(failed as f64), "", &note);
    let most = all.iter().map(|seen| seen.failed).max().unwrap_or_default();
    let error = all.iter().find_map(|seen| seen.error.as_deref()).unwrap_or_default();
    let error = error.lines().collect::<Vec<_>>().join(" / ");
    scene.push(name, "most of them in one failover", Some(most as f64), "", &error);
    let waits: Vec<f64> = all.iter().map(|seen| seen.longest_wait).collect();
    times(scene, name, "longest wait of a request", &waits, "");
    let (from_kill, from_switch): (Vec<f64>, Vec<f64>) =
        all.iter().filter_map(|seen| seen.first).unzip();
    times(scene, name, "kill to the first answered write", &from_kill, "");
    let within = from_switch.iter().filter(|&&ms| ms <= AIM_MS).count();
    let aim = format!("{within} of {} within {AIM_MS} ms", all.len());
    times(scene, name, "first +switch-master to the first answered write", &from_switch, &aim);
}

/// Median and p99; of fewer than a hundred failovers p99 is the longest.
fn times(scene: &mut Scene<'_>, name: &str, what: &str, values: &[f64], note: &str) {
    if values.is_empty() {
        scene.missing(name, what, "nothing was answered");
        return;
    }
    scene.figure(name, &format!("{what}: median"), median(values.iter().copied()), "ms");
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let p99 = values[(values.len() * 99).div_ceil(100) - 1];
    scene.push(name, &format!("{what}: p99"), Some(p99), "ms", note);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_is_the_successors() {
        let ms = |ms: u64| 10_000_000_000 + ms * 1_000_000;
        let write = |due: u64, ended: u64, error: Option<&str>| Write {
            due: ms(due),
            ended: ms(ended),
            error: error.map(ToOwned::to_owned),
        };
        let (killed, switched) = (ms(2_000), ms(3_500));
        let writes = [
            write(900, 901, Some("too early to count")),
            write(1_900, 2_001, None),
            write(2_000, 2_001, Some("outcome unknown")),
            write(2_020, 3_450, None),
            write(2_040, 3_460, None),
        ];
        let seen = judge(&writes, killed, switched);
        assert_eq!((seen.requests, seen.failed), (4, 1));
        assert_eq!(seen.error.as_deref(), Some("outcome unknown"));
        assert!((seen.longest_wait - 1_430.0).abs() < 0.01);
        let (from_kill, from_switch) = seen.first.unwrap();
        assert!((from_kill - 1_450.0).abs() < 0.01 && (from_switch + 50.0).abs() < 0.01);
    }
}
