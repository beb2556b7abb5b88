//! Installs what a task needs with the system's package manager.
//!
//! We print each command before we run it, install only what is missing, and use sudo only if we
//! are not root and sudo exists. The package of redis-server or memcached may start it as a
//! service. We do not touch that service, and use servers of our own.

use anyhow::{Context, Result, bail};
use nuthatch_testbed::find_program;
use std::process::{Command, Stdio};

use crate::{paint, place};

/// A program that we need, and the packages that contain it.
pub struct Need {
    pub program: &'static str,
    pub apt: &'static str,
    /// None: we know no package of this package manager.
    pub dnf: Option<&'static str>,
    pub brew: Option<&'static str>,
}

pub static REDIS_SERVER: Need =
    Need { program: "redis-server", apt: "redis-server", dnf: Some("redis"), brew: Some("redis") };

pub static MEMCACHED: Need = Need {
    program: "memcached",
    apt: "memcached",
    dnf: Some("memcached"),
    brew: Some("memcached"),
};

/// What the tests need, in addition to cargo.
pub static FOR_TESTS: [&Need; 10] = [
    &REDIS_SERVER,
    &MEMCACHED,
    &Need { program: "redis-cli", apt: "redis-tools", dnf: Some("redis"), brew: Some("redis") },
    &Need {
        program: "redis-benchmark",
        apt: "redis-tools",
        dnf: Some("redis"),
        brew: Some("redis"),
    },
    &Need { program: "nutcracker", apt: "nutcracker", dnf: None, brew: Some("twemproxy") },
    &Need { program: "python3", apt: "python3", dnf: Some("python3"), brew: Some("python3") },
    &Need {
        program: "memccapable",
        apt: "libmemcached-tools",
        dnf: Some("libmemcached-awesome-tools"),
        brew: Some("libmemcached"),
    },
    &Need { program: "node", apt: "nodejs", dnf: Some("nodejs"), brew: Some("node") },
    // If node already comes with npm, as from nodejs.org, Debian's package is not installed.
    &Need { program: "npm", apt: "npm", dnf: Some("npm"), brew: Some("node") },
    &Need { program: "php", apt: "php-cli", dnf: Some("php-cli"), brew: Some("php") },
];

/// What the benchmark needs, in addition to nuthatch.
pub static FOR_BENCH: [&Need; 6] = [
    &REDIS_SERVER,
    &Need {
        program: "redis-benchmark",
        apt: "redis-tools",
        dnf: Some("redis"),
        brew: Some("redis"),
    },
    &MEMCACHED,
    &Need { program: "nutcracker", apt: "nutcracker", dnf: None, brew: Some("twemproxy") },
    &Need { program: "haproxy", apt: "haproxy", dnf: Some("haproxy"), brew: Some("haproxy") },
    &Need { program: "setpriv", apt: "util-linux", dnf: Some("util-linux"), brew: None },
];

/// The program that counts instructions.
pub static VALGRIND: Need =
    Need { program: "valgrind", apt: "valgrind", dnf: Some("valgrind"), brew: Some("valgrind") };

/// On Linux also these, for tests with their own namespaces and limits.
pub static FOR_LINUX_TESTS: [&Need; 6] = [
    &Need {
        program: "promtool",
        apt: "prometheus",
        dnf: Some("golang-github-prometheus"),
        brew: None,
    },
    &Need { program: "ip", apt: "iproute2", dnf: Some("iproute"), brew: None },
    &Need { program: "unshare", apt: "util-linux", dnf: Some("util-linux"), brew: None },
    &Need { program: "nsenter", apt: "util-linux", dnf: Some("util-linux"), brew: None },
    &Need { program: "mount", apt: "mount", dnf: Some("util-linux"), brew: None },
    &Need { program: "prlimit", apt: "util-linux", dnf: Some("util-linux"), brew: None },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manager {
    Apt,
    Dnf,
    Brew,
}

impl Manager {
    fn of_this_machine() -> Option<Manager> {
        let known = [("apt-get", Manager::Apt), ("dnf", Manager::Dnf), ("brew", Manager::Brew)];
        known.into_iter().find(|(name, _)| find_program(name).is_some()).map(|(_, it)| it)
    }

    fn package(self, need: &Need) -> Option<&'static str> {
        match self {
            Manager::Apt => Some(need.apt),
            Manager::Dnf => need.dnf,
            Manager::Brew => need.brew,
        }
    }

    /// The commands that install `packages`, without sudo.
    fn commands(self, packages: &[&str]) -> Vec<Vec<String>> {
        let lines: &[&[&str]] = match self {
            // On a new machine the package lists are empty or old, and apt finds nothing.
            Manager::Apt => &[
                &["apt-get", "update", "-q"],
                &["apt-get", "install", "-q", "-y", "--no-install-recommends"],
            ],
            Manager::Dnf => &[&["dnf", "install", "-y"]],
            Manager::Brew => &[&["brew", "install"]],
        };
        let mut commands: Vec<Vec<String>> =
            lines.iter().map(|line| line.iter().map(ToString::to_string).collect()).collect();
        if let Some(last) = commands.last_mut() {
            last.extend(packages.iter().map(ToString::to_string));
        }
        commands
    }
}

/// Installs the missing programs of `needs`. Prints nothing if none is missing.
pub fn ensure(needs: &[&Need]) -> Result<()> {
    let missing: Vec<&Need> =
        needs.iter().copied().filter(|need| find_program(need.program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|need| need.program).collect();
    let names = names.join(", ");
    let Some(manager) = Manager::of_this_machine() else {
        bail!("missing: {names}; there is no apt-get, dnf or brew, please install it yourself")
    };
    let mut packages = Vec::new();
    for need in &missing {
        let Some(package) = manager.package(need) else {
            bail!(
                "{} is missing, and we know no package for this system; please install it \
                 yourself (Debian's package is {})",
                need.program,
                need.apt
            )
        };
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    println!("Missing: {names}");
    install(manager, &packages)?;
    match missing.iter().find(|need| find_program(need.program).is_none()) {
        None => Ok(()),
        Some(need) => bail!(
            "{} is still missing after installing {}; is it in PATH?",
            need.program,
            packages.join(", ")
        ),
    }
}

/// rustup's smallest profile has no formatter and no lints.
pub fn ensure_components() -> Result<()> {
    let is_missing = |name: &str| {
        let status = Command::new(place::cargo())
            .args([name, "--version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        !status.is_ok_and(|status| status.success())
    };
    for (name, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !is_missing(name) {
            continue;
        }
        println!("Missing: {component}\nAbout to run: rustup component add {component}");
        let status = Command::new("rustup").args(["component", "add", component]).status();
        if !status.is_ok_and(|status| status.success()) {
            bail!("{component} is missing; please install it (with rustup, or from your system)");
        }
    }
    Ok(())
}

/// Installs packages by their apt names if apt is the package manager. This is for packages without
/// a program, such as python3-venv, which other systems have in python3.
pub fn ensure_apt_packages(packages: &[&str]) -> Result<()> {
    match Manager::of_this_machine() {
        Some(Manager::Apt) => install(Manager::Apt, packages),
        _ => bail!(
            "{} (Debian's names) are missing; please install them yourself",
            packages.join(", ")
        ),
    }
}

fn install(manager: Manager, packages: &[&str]) -> Result<()> {
    let prefix = sudo_prefix(manager, packages)?;
    let commands: Vec<Vec<String>> = manager
        .commands(packages)
        .into_iter()
        .map(|command| prefix.iter().map(ToString::to_string).chain(command).collect())
        .collect();
    println!("About to run, to install {}:", packages.join(", "));
    for command in &commands {
        println!("  {}", paint::bold(&command.join(" ")));
    }
    for (i, command) in commands.iter().enumerate() {
        let line = command.join(" ");
        let status = Command::new(&command[0])
            .args(&command[1..])
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::inherit()) // sudo may ask for a password
            .status()
            .with_context(|| format!("cannot run `{line}`"))?;
        let is_last = i + 1 == commands.len();
        // An update fails if one of many sources is broken. It may still be good enough.
        if !status.success() && is_last {
            bail!("`{line}` failed; install {} yourself and try again", packages.join(", "));
        }
    }
    Ok(())
}

/// The words before a command that installs.
fn sudo_prefix(manager: Manager, packages: &[&str]) -> Result<Vec<&'static str>> {
    if manager == Manager::Brew || nuthatch_testbed::is_root() {
        return Ok(Vec::new()); // brew refuses to run as root
    }
    if find_program("sudo").is_none() {
        bail!(
            "installing {} needs root, and there is no sudo; please install it as root",
            packages.join(", ")
        );
    }
    // sudo clears the environment; apt must not ask questions.
    Ok(vec!["sudo", "env", "DEBIAN_FRONTEND=noninteractive"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apt_updates_first() {
        let commands = Manager::Apt.commands(&["redis-server"]);
        assert_eq!(commands[0], ["apt-get", "update", "-q"]);
        assert_eq!(commands[1].last().unwrap(), "redis-server");
    }

    #[test]
    fn every_need_can_be_met_by_apt_and_none_is_twice() {
        let for_tests: Vec<&Need> = FOR_TESTS.iter().chain(&FOR_LINUX_TESTS).copied().collect();
        for needs in [for_tests.as_slice(), FOR_BENCH.as_slice()] {
            for (i, need) in needs.iter().enumerate() {
                assert!(!need.apt.is_empty());
                assert!(needs[..i].iter().all(|other| other.program != need.program));
            }
        }
    }

    #[test]
    fn what_is_there_is_not_installed() {
        let there = Need { program: "sh", apt: "no-such-package", dnf: None, brew: None };
        ensure(&[&there]).unwrap();
    }
}
