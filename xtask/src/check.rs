//! `cargo xtask check`: the checks while you work. They take minutes on two cores.
//!
//! A new step is a row; cheap steps come first.

use anyhow::Result;

use crate::steps::{self, Action, Step};
use crate::tidy;

pub static STEPS: [Step; 7] = [
    Step { name: "format", action: Action::Cargo(&["fmt", "--all", "--check"]), needs: "" },
    Step { name: "tidy", action: Action::Ours(tidy::run, "cargo xtask tidy"), needs: "" },
    Step {
        name: "lints",
        action: Action::Cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ]),
        needs: "",
    },
    Step {
        name: "unit tests",
        action: Action::Cargo(&["test", "--workspace", "--lib", "--bins", "--no-fail-fast"]),
        needs: "",
    },
    // Properties, golden vectors, scenarios: none of them needs a server.
    Step {
        name: "engine tests",
        action: Action::Cargo(&["test", "-p", "nuthatch-engine", "--test", "*", "--no-fail-fast"]),
        needs: "engine/tests",
    },
    Step {
        name: "simulation",
        action: Action::Cargo(&[
            "run",
            "--quiet",
            "--profile",
            "sim",
            "-p",
            "nuthatch-sim",
            "--",
            "--seeds",
            "200",
        ]),
        needs: "sim/src/main.rs",
    },
    Step {
        name: "docs",
        action: Action::CargoWith(
            &[("RUSTDOCFLAGS", "-D warnings")],
            &["doc", "--workspace", "--no-deps", "--quiet"],
        ),
        needs: "",
    },
];

pub fn run() -> Result<()> {
    steps::run("check", &STEPS)
}
