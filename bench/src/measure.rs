//! One row: a new proxy, filled if the servers are real, warmed up, measured.
//!
//! System calls are counted afterwards in a separate short load, because counting slows the proxy.
//! If perf or its trace events are missing, the row says that they were not counted.

use crate::contestants::{Contestant, Layout, Running};
use crate::load::{Load, Outcome};
use crate::pin;
use crate::proc;
use crate::row::Row;
use crate::servers::{Kind, Servers};
use crate::workloads::Workload;
use anyhow::{Context, Result, bail};
use nuthatch_testbed::{Folder, Process, find_program};
use rustix::process::Signal;
use std::ffi::OsString;
use std::thread::sleep;
use std::time::Duration;

/// How a row is measured.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub kind: Kind,
    pub is_pinned: bool,
    pub warm_ms: u64,
    pub ms: u64,
    pub counts_syscalls: bool,
}

/// Runs a load in a process of its own and waits for it.
pub fn load(load: &Load, core: Option<usize>) -> Result<Outcome> {
    let mut process = start_load(load, core)?;
    finish_load(&mut process, load)
}

pub fn start_load(load: &Load, core: Option<usize>) -> Result<Process> {
    let args: Vec<OsString> = vec!["load".into(), serde_json::to_string(load)?.into()];
    pin::start(core, &std::env::current_exe()?, args, Folder::new()?)
}

pub fn finish_load(process: &mut Process, load: &Load) -> Result<Outcome> {
    let status = process.wait(Duration::from_millis(load.warm_ms + load.ms + 60_000))?;
    let text = process.log();
    if !status.success() {
        bail!("the load failed: {}", text.trim());
    }
    serde_json::from_str(&text).with_context(|| format!("the load said {text}"))
}

/// One row. If a contestant fails, that is a result too, and the run continues.
pub fn row(
    contestant: &Contestant,
    workload: &Workload,
    servers: &Servers,
    setup: Setup,
    round: usize,
) -> Row {
    let mut row = Row {
        servers: setup.kind.name().to_owned(),
        is_pinned: setup.is_pinned,
        workload: workload.name.to_owned(),
        contestant: contestant.name.to_owned(),
        round,
        ..Row::default()
    };
    if let Err(error) = fill_row(&mut row, contestant, workload, servers, setup) {
        // On one line: a line break would break the table.
        row.failed = Some(format!("{error:#}").lines().collect::<Vec<_>>().join(" / "));
    }
    row
}

fn fill_row(
    row: &mut Row,
    contestant: &Contestant,
    workload: &Workload,
    servers: &Servers,
    setup: Setup,
) -> Result<()> {
    let (proxy_core, rest) = pin::cores(setup.is_pinned);
    let layout = Layout::new(&servers.ports, workload.is_memcached);
    let running = contestant.start(layout, proxy_core)?;
    if setup.kind == Kind::Real {
        load(&workload.fill(running.port), rest).context("filling")?;
    }
    let mut watch = servers.pids();
    watch.extend(running.pid());
    let outcome = load(&workload.load(running.port, setup.warm_ms, setup.ms, watch), rest)?;
    if outcome.ops == 0 {
        bail!("no request was answered: {}", outcome.first_error);
    }
    take_outcome(row, &outcome, servers.processes.len());
    if let Some(pid) = running.pid() {
        row.peak_kib = proc::peak_kib(pid)?;
        sleep(Duration::from_millis(100));
        row.settled_kib = proc::rss_kib(pid)?;
        if setup.counts_syscalls {
            row.syscalls = syscalls(workload, &running, rest);
        }
    }
    Ok(())
}

fn take_outcome(row: &mut Row, outcome: &Outcome, servers: usize) {
    let micros = |seconds: f64| seconds / outcome.ops as f64 * 1e6;
    row.ops = outcome.ops;
    row.per_second = outcome.per_second();
    (row.latency.p50_us, row.latency.p99_us, row.latency.p999_us) =
        (outcome.p50, outcome.p99, outcome.p999);
    row.errors = outcome.errors;
    row.first_error.clone_from(&outcome.first_error);
    row.misses = outcome.misses;
    let (behind, proxy) = outcome.window.watched.split_at(servers);
    row.cpu.servers_us = micros(behind.iter().map(|server| server.cpu.total()).sum());
    if let Some(proxy) = proxy.first() {
        (row.cpu.user_us, row.cpu.system_us) = (micros(proxy.cpu.user), micros(proxy.cpu.system));
        row.cpu.share = proxy.cpu.total() / outcome.seconds;
        row.threads.clone_from(&proxy.threads);
    }
    let ours: f64 = outcome.window.watched.iter().map(|it| it.cpu.total()).sum();
    let strangers = outcome.window.machine.busy - ours - outcome.window.load.total();
    row.strangers = (strangers / outcome.seconds).max(0.0);
    row.stolen = outcome.window.machine.stolen / outcome.seconds;
}

/// System calls a request, counted by perf during a short load.
fn syscalls(workload: &Workload, running: &Running, core: Option<usize>) -> Option<f64> {
    let perf = find_program("perf")?;
    let pid = running.pid()?.to_string();
    let args = ["stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", &pid].map(OsString::from);
    let mut perf = Process::start(&perf, args, Folder::new().ok()?).ok()?;
    sleep(Duration::from_millis(200));
    let outcome = load(&workload.load(running.port, 0, 400, Vec::new()), core).ok()?;
    perf.signal(Signal::INT).ok()?;
    perf.wait(Duration::from_secs(5)).ok()?;
    let text = perf.log();
    let line = text.lines().find(|line| line.contains("raw_syscalls"))?;
    let count: f64 = line.split(',').next()?.parse().ok()?;
    (outcome.ops > 0).then(|| count / outcome.ops as f64)
}
