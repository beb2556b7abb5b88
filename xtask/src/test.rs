//! `cargo xtask test`: everything, on a machine that may have nothing but Rust.
//!
//! First what the tests need is installed, then come the steps of `check`, then all that talks
//! to real servers. Tests find the Python of the virtual environment in NUTHATCH_PYTHON and may
//! take it as given here; without it (a plain `cargo test`) they should say so and pass over. So
//! for a program that is missing, which with NUTHATCH_NO_SKIP, as here, is a failure.

use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::install::{self, FOR_LINUX_TESTS, FOR_TESTS};
use crate::steps::{self, Action, Step};
use crate::{check, demo, place};

static BEFORE: [Step; 2] = [
    Step {
        name: "programs",
        action: Action::Ours(programs, "what the tests need from this system"),
        needs: "",
    },
    Step {
        name: "python",
        action: Action::Ours(prepare_python, "the redis client from PyPI in target/venv"),
        needs: "",
    },
];

static AFTER: [Step; 5] = [
    // Seeds that `check` has not run yet.
    Step {
        name: "simulation, 2,000 seeds",
        action: Action::Cargo(&[
            "run",
            "--quiet",
            "--profile",
            "sim",
            "-p",
            "nuthatch-sim",
            "--",
            "--from",
            "200",
            "--seeds",
            "2000",
        ]),
        needs: "sim/src/main.rs",
    },
    Step {
        name: "release build",
        action: Action::Cargo(&["build", "--release", "-p", "nuthatch"]),
        needs: "",
    },
    Step {
        name: "integration",
        action: Action::Ours(integration, "cargo test --workspace --test '*' --no-fail-fast"),
        needs: "",
    },
    Step {
        name: "doc tests",
        action: Action::Cargo(&["test", "--workspace", "--doc", "--quiet"]),
        needs: "",
    },
    Step {
        name: "demo",
        action: Action::Ours(|| demo::run(true, None), "cargo xtask demo --once"),
        needs: "nuthatch/src/cli",
    },
];

pub fn run() -> Result<()> {
    steps::run("test", BEFORE.iter().chain(&check::STEPS).chain(&AFTER))
}

fn programs() -> Result<()> {
    install::ensure_components()?;
    install::ensure(&FOR_TESTS)?;
    if cfg!(target_os = "linux") { install::ensure(&FOR_LINUX_TESTS) } else { Ok(()) }
}

fn python() -> Result<PathBuf> {
    Ok(place::target()?.join("venv/bin/python"))
}

/// A virtual environment with the newest `redis`, made once; later runs look for a newer one
/// and do without when the network is away.
fn prepare_python() -> Result<()> {
    let python = python()?;
    let venv = place::target()?.join("venv").to_string_lossy().into_owned();
    if !has_module(&python, "pip") {
        if !has_module(&PathBuf::from("python3"), "ensurepip") {
            install::ensure_apt_package("python3-venv")?;
        }
        steps::must("python3", &["-m", "venv", "--clear", &venv])?;
    }
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-U", "redis"];
    let outcome = steps::must(&python, &pip);
    if outcome.is_err() && !has_module(&python, "redis") {
        bail!("the Python package `redis` cannot be installed from PyPI; is the network there?");
    }
    Ok(())
}

fn has_module(python: &PathBuf, module: &str) -> bool {
    Command::new(python)
        .args(["-c", &format!("import {module}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn integration() -> Result<()> {
    let status = nuthatch_testbed::guarded(&place::cargo())
        .args(["test", "--workspace", "--test", "*", "--no-fail-fast"])
        .env("NUTHATCH_PYTHON", python()?)
        // All programs are there by now.
        .env("NUTHATCH_NO_SKIP", "1")
        .current_dir(place::root())
        .status()?;
    if status.success() { Ok(()) } else { bail!("{status}") }
}
