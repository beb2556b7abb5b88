//! `cargo xtask demo`: what nuthatch does, shown with real servers, Redis or memcached.
//!
//! ```text
//!   prepare   redis-server or memcached installed? nuthatch built?
//!   stage     three servers, and nuthatch in front of them
//!   session   the course notes' commands, and which server has each key
//!   balance   10,000 keys: how many each server has, how often each was asked
//!   failure   one server dies, is ejected, comes back
//!   stay      runs until Ctrl-C (not with --once)
//! ```
//!
//! Every number on the screen comes from the servers themselves, asked without the proxy. Each part
//! records its checks in `Verdict`; with `--once` they decide the exit code. The parts are the same
//! for both kinds of server; `wire.rs` knows their protocols. `failover` is a demo of its own.

mod balance;
pub mod failover;
mod failure;
mod server;
mod session;
mod stage;
mod verdict;
mod wire;

use anyhow::{Context, Result, bail, ensure};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::stop::{Stop, Stopped};
use crate::{install, paint, place};
use stage::Stage;
use verdict::Verdict;
pub use wire::Speech;

pub fn run(speech: Speech, is_once: bool, proxy: Option<PathBuf>) -> Result<()> {
    let stop = Stop::listen()?;
    let outcome = play(speech, is_once, proxy, &stop);
    // A signal interrupts the current call. The error of that call does not matter.
    if outcome.is_err() { stop.check().and(outcome) } else { outcome }
}

fn play(speech: Speech, is_once: bool, proxy: Option<PathBuf>, stop: &Stop) -> Result<()> {
    install::ensure(&[speech.need()])?;
    let binary = match proxy {
        Some(program) if program.components().count() == 1 => {
            let name = program.to_string_lossy().into_owned();
            nuthatch_testbed::find_program(&name).with_context(|| format!("no {name} in PATH"))?
        }
        Some(program) => program.canonicalize().context("no such proxy")?,
        None => build(stop)?,
    };

    let mut verdict = Verdict::default();
    let mut stage = Stage::set(speech, &binary, stop)?;
    session::play(&mut stage, &mut verdict)?;
    balance::play(&mut stage, stop, &mut verdict)?;
    failure::play(&mut stage, stop, &mut verdict)?;

    conclude(&verdict, is_once)?;
    if is_once { Ok(()) } else { stay(&mut stage, stop) }
}

/// The release build, with cargo's own progress on the screen.
fn build(stop: &Stop) -> Result<PathBuf> {
    println!("Building nuthatch in release mode.");
    let mut cargo = nuthatch_testbed::guarded(&place::cargo())
        .args(["build", "--release", "--package", "nuthatch"])
        .current_dir(place::root())
        .spawn()
        .context("cannot run cargo")?;
    let status = loop {
        if let Some(status) = cargo.try_wait()? {
            break status;
        }
        if let Err(stopped) = stop.sleep(Duration::from_millis(50)) {
            // Ctrl-C reached cargo as well; TERM reached only us.
            cargo.kill()?;
            cargo.wait()?;
            return Err(stopped);
        }
    };
    stop.check()?;
    ensure!(status.success(), "nuthatch does not build");
    let binary = place::target()?.join("release/nuthatch");
    ensure!(binary.is_file(), "built, but there is no {}", binary.display());
    Ok(binary)
}

fn conclude(verdict: &Verdict, is_once: bool) -> Result<()> {
    println!();
    if verdict.failed.is_empty() {
        println!("{} {} checks.", paint::green("All right:"), verdict.held);
        return Ok(());
    }
    for what in &verdict.failed {
        println!("{} {what}", paint::red("Wrong:"));
    }
    if is_once {
        bail!(
            "{} of {} checks",
            verdict.failed.len(),
            verdict.held as usize + verdict.failed.len()
        );
    }
    Ok(())
}

/// Until Ctrl-C.
fn stay(stage: &mut Stage, stop: &Stop) -> Result<()> {
    paint::heading("Running until Ctrl-C. Try it yourself:");
    let (cli, arguments, package) = match stage.speech() {
        Speech::Redis => ("redis-cli", "-p", "redis-tools"),
        // Any program that sends lines is good.
        Speech::Memcached => ("nc", "127.0.0.1", "netcat-openbsd"),
    };
    let has_cli = nuthatch_testbed::find_program(cli).is_some();
    let hint = |port: u16, what: &str| {
        println!("  {cli} {arguments} {:<6} {}", port, paint::dim(what));
    };
    hint(stage.port(), "all servers, through the proxy");
    for (name, port) in stage.server_ports() {
        hint(port, &format!("only {name}"));
    }
    if !has_cli {
        println!("  {}", paint::dim(&format!("({cli} is in the package {package})")));
    }
    wait_for_stop(stop, || stage.proxy_ended())
}

/// Waits for Ctrl-C. An error if the proxy ends before.
fn wait_for_stop(stop: &Stop, mut ended: impl FnMut() -> Option<ExitStatus>) -> Result<()> {
    loop {
        match stop.sleep(Duration::from_millis(500)) {
            Ok(()) => {}
            Err(error) if error.is::<Stopped>() => {
                println!("\nThe servers and the proxy have ended.");
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        if let Some(status) = ended() {
            bail!("the proxy has ended by itself ({status})");
        }
    }
}
