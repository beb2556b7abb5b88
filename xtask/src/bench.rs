//! `cargo xtask bench` and `cargo xtask instructions`: both build `nuthatch-bench` as a release and
//! run it. `bench/README.md` says what it does.
//!
//! The benchmark is a separate program: it starts itself for its servers and loads, and it must be
//! fast.

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::{self, FOR_BENCH, VALGRIND};
use crate::place;

/// The two minutes of `--quick` begin after the build.
pub fn run(options: &[String]) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("the benchmark reads /proc and pins processes: Linux only");
    }
    install::ensure(&FOR_BENCH)?;
    let mut command = program(&["nuthatch", "nuthatch-bench"])?;
    command.arg("run").args(options);
    if !options.iter().any(|option| option == "--out" || option.starts_with("--out=")) {
        command.arg("--out").arg(place::target()?.join("bench/latest.json"));
    }
    must(command)
}

/// Counts, and compares or blesses.
pub fn instructions(bless: bool) -> Result<()> {
    if !cfg!(target_os = "linux") {
        println!("Instructions are counted on Linux only: skipped.");
        return Ok(());
    }
    install::ensure(&[&VALGRIND])?;
    let mut command = program(&["nuthatch-bench"])?;
    command.arg("instructions");
    if bless {
        command.arg("--bless");
    }
    must(command)
}

/// Builds these packages as a release. Returns a command for its `nuthatch-bench`.
fn program(packages: &[&str]) -> Result<Command> {
    let target = place::target()?;
    let mut build = guarded(&place::cargo());
    build.args(["build", "--release", "--quiet", "--target-dir"]).arg(&target);
    for package in packages {
        build.args(["-p", package]);
    }
    must(build)?;
    let program: PathBuf = target.join("release/nuthatch-bench");
    Ok(guarded(&program))
}

fn guarded(program: &Path) -> Command {
    let mut command = nuthatch_testbed::guarded(program);
    command.current_dir(place::root());
    command
}

fn must(mut command: Command) -> Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { bail!("{status}") }
}
