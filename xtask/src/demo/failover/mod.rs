//! `cargo xtask demo --failover`: a primary dies, and clients wait instead of reading errors.
//!
//! ```text
//!   stage    three shards of a primary and a replica, three Sentinels, nuthatch in front
//!   traffic  a writer and a reader for each shard, all through nuthatch
//!   story    calm ──▶ kill a primary ──▶ its clients wait ──▶ the replica takes over
//!                 ──▶ start the old server again ──▶ Sentinel makes it a replica
//!   stay     runs until Ctrl-C (not with --once)
//! ```
//!
//! One request may fail for each client of the dead server: the one that was sent and not answered. Its error
//! says `outcome unknown`. Every other error is a fault, and `--once` says so by its exit code.

mod chart;
mod look;
mod stage;
mod traffic;

use anyhow::{Result, ensure};
use std::time::{Duration, Instant};

use super::verdict::Verdict;
use crate::install::{self, REDIS_SERVER};
use crate::paint;
use crate::stop::Stop;
use chart::Chart;
use stage::{NAMES, Stage};
use traffic::Traffic;

/// The shard whose primary we kill.
const VICTIM: usize = 0;
/// Seconds to look at while nothing happens.
const CALM: u32 = 3;
/// Sentinels need some two seconds; if their votes are split they try once more after six.
const MAX_SWITCH: Duration = Duration::from_secs(25);
/// A Sentinel makes a returned primary a replica when it has looked at it for eight seconds.
const MAX_RETURN: Duration = Duration::from_secs(40);

pub fn run(is_once: bool) -> Result<()> {
    let stop = Stop::listen()?;
    let outcome = play(is_once, &stop);
    if outcome.is_err() { stop.check().and(outcome) } else { outcome }
}

fn play(is_once: bool, stop: &Stop) -> Result<()> {
    install::ensure(&[&REDIS_SERVER])?;
    let binary = super::build(stop)?;
    let mut verdict = Verdict::default();
    let mut stage = Stage::set(&binary, stop)?;
    story(&mut stage, stop, &mut verdict)?;
    super::conclude(&verdict, is_once)?;
    if is_once {
        return Ok(());
    }
    paint::heading("Running until Ctrl-C. Try it yourself:");
    for (what, port) in stage.ports() {
        println!("  redis-cli -p {port:<6} {}", paint::dim(&what));
    }
    super::wait_for_stop(stop, || stage.proxy_ended())
}

fn story(stage: &mut Stage, stop: &Stop, verdict: &mut Verdict) -> Result<()> {
    let keys = stage.keys()?;
    let traffic = Traffic::start(&keys, || stage.client())?;
    paint::heading("A writer (INCR) and a reader (GET) for each shard, through the proxy");
    let mut chart = Chart::new(&traffic);
    for _ in 0..CALM {
        chart.second(stop)?;
    }
    let before = traffic.totals();
    verdict.expect(before.iter().all(|&(answered, _)| answered > 0), || {
        "before the failure, each shard should have answered".into()
    });

    let name = NAMES[VICTIM];
    let old = stage.primary_port(VICTIM);
    stage.kill_primary(VICTIM)?;
    chart.note(&format!("kill -9: the primary of {name}, port {old}, is gone"));
    let longest = wait_for_switch(stage, &traffic, &mut chart, stop)?;
    verdict
        .expect(longest.is_some(), || format!("{name} did not answer again within {MAX_SWITCH:?}"));
    let now = stage.primary_by_sentinels(VICTIM)?.unwrap_or(old);
    chart.note(&format!("the replica, port {now}, is the primary of {name}"));
    verdict.expect(now != old, || format!("port {old} should not be the primary any more"));
    let log = stage.switch_lines();
    for line in &log {
        chart::log(line);
    }
    verdict.expect(log.iter().any(|line| line.contains(&format!("shard={name}"))), || {
        format!("the log should say that {name} has another primary")
    });
    chart.second(stop)?;

    stage.restart_old(VICTIM)?;
    chart.note(&format!("port {old} runs again, empty, and says that it is a primary"));
    let is_replica = wait_for_return(old, now, &mut chart, stop)?;
    verdict.expect(is_replica, || format!("port {old} should be a replica of port {now}"));
    let asked = look::calls(old)?;
    verdict.expect(asked == 0, || format!("port {old} should get no request, and got {asked}"));
    let has = look::value(old, &keys[VICTIM])?;
    verdict.expect(has > 0, || format!("port {old} should have the data of {name}"));
    chart.note(&format!("Sentinel has made port {old} a replica of port {now}"));
    chart::tell(&format!("requests of clients that it got meanwhile: {asked}; it has their data"));
    chart.second(stop)?;
    let after = traffic.totals();
    conclude(traffic, longest, verdict);
    verdict.expect((0..NAMES.len()).all(|i| after[i].0 > before[i].0), || {
        "each shard should answer at the end".into()
    });
    Ok(())
}

/// Until the shard answers again. Returns the longest time that a request of it has waited.
fn wait_for_switch(
    stage: &mut Stage,
    traffic: &Traffic,
    chart: &mut Chart<'_>,
    stop: &Stop,
) -> Result<Option<Duration>> {
    let begin = Instant::now();
    let answered = |traffic: &Traffic| traffic.totals()[VICTIM].0;
    let mut last = answered(traffic);
    while begin.elapsed() < MAX_SWITCH {
        chart.second(stop)?;
        ensure!(stage.proxy_ended().is_none(), "the proxy has ended by itself");
        let now = answered(traffic);
        let agreed = stage.primary_by_sentinels(VICTIM)?;
        let is_switched = agreed.is_some_and(|port| port != stage.primary_port(VICTIM));
        if is_switched && now > last && traffic.waiting() == 0 {
            return Ok(Some(traffic.longest(VICTIM)));
        }
        last = now;
    }
    Ok(None)
}

/// Until the old server says that it is a replica and has its data.
fn wait_for_return(old: u16, now: u16, chart: &mut Chart<'_>, stop: &Stop) -> Result<bool> {
    let begin = Instant::now();
    while begin.elapsed() < MAX_RETURN {
        chart.second(stop)?;
        if look::is_replica_of(old, now) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn conclude(traffic: Traffic, longest: Option<Duration>, verdict: &mut Verdict) {
    let outcome = traffic.end();
    paint::heading("What clients have seen");
    let answered: u64 = outcome.answered;
    println!("  {:>9}  requests answered", paint::thousands(answered));
    println!("  {:>9}  errors", outcome.errors.len());
    println!("  {:>9}  sent and not answered when the primary died", outcome.unknown);
    println!("  {:>9}  acknowledged by the old primary, and not replicated", outcome.lost);
    println!("  {:>9}  done twice", outcome.twice);
    if let Some(longest) = longest {
        println!("  {:>7.1} s  the longest wait for a reply", longest.as_secs_f64());
    }
    for error in outcome.errors.iter().take(5) {
        println!("  {}", paint::red(error));
    }
    verdict.expect(outcome.errors.is_empty(), || {
        format!("{} requests failed, the first with: {}", outcome.errors.len(), outcome.errors[0])
    });
    // A client has one request on its way, and the dead server had a writer and a reader.
    verdict.expect(outcome.unknown <= 2, || {
        format!("{} requests with an unknown outcome, of two clients", outcome.unknown)
    });
    verdict.expect(outcome.twice == 0, || format!("{} INCR were done twice", outcome.twice));
}
