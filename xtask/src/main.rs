//! The developer's commands: `cargo xtask demo | check | test | tidy | bench | instructions`.
//!
//! They are written in Rust, so that there is no second language to learn and no tool to install
//! first. Each subcommand is a file or folder of its name. `steps.rs` runs the tables of `check` and
//! `test`; `install.rs` installs what they need with the system's package manager.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "printing is what these commands are for")]

mod bench;
mod check;
mod demo;
mod install;
mod paint;
mod place;
mod programs;
mod steps;
mod stop;
mod test;
mod tidy;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Tasks of the nuthatch workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Shows nuthatch with three real servers: a session, the balance, a failure.
    Demo {
        /// Use memcached instead of Redis.
        #[arg(long)]
        memcached: bool,
        /// End after the last step; the exit code says whether every check was right.
        #[arg(long)]
        once: bool,
        /// Servers with replicas, and Sentinels: a primary dies, and clients wait for the next one.
        #[arg(long, conflicts_with_all = ["memcached", "proxy"])]
        failover: bool,
        /// Use this proxy instead of building ours, e.g. the installed nutcracker.
        #[arg(long, value_name = "PROGRAM")]
        proxy: Option<PathBuf>,
    },
    /// The checks while you work: format, tidy, lints, unit tests, simulation, docs.
    Check,
    /// All tests: installs what they need, then runs check, integration tests and the demo.
    Test {
        /// Then the long sweeps too: 10,000 conversations, 10,000 seeds of the simulation.
        #[arg(long)]
        long: bool,
    },
    /// The house rules no lint knows: rooms, circles of imports, sizes, essays, stray paths.
    Tidy,
    /// Measures nuthatch beside nutcracker, HAProxy and no proxy; installs what it needs.
    Bench {
        /// Options of `nuthatch-bench run`, e.g. `--quick`, `--rounds 9`, `--workloads p1,p16`,
        /// `--backends null`, `--out FILE`; `--help` lists all of them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Counts the instructions of the engine's hot paths and compares them with the baseline.
    Instructions {
        /// Write the baseline.
        #[arg(long)]
        bless: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Args::parse().task {
        Task::Demo { failover: true, once, .. } => demo::failover::run(once),
        Task::Demo { memcached, once, proxy, .. } => {
            let speech = if memcached { demo::Speech::Memcached } else { demo::Speech::Redis };
            demo::run(speech, once, proxy)
        }
        Task::Check => check::run(),
        Task::Test { long } => test::run(long),
        Task::Tidy => tidy::run(),
        Task::Bench { options } => bench::run(&options),
        Task::Instructions { bless } => bench::instructions(bless),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<stop::Stopped>() => {
            println!("\nStopped. All servers and the proxy have ended.");
            ExitCode::from(130)
        }
        Err(error) => {
            println!("\n{} {error:#}", paint::red("failed:"));
            ExitCode::FAILURE
        }
    }
}
