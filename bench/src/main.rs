//! `nuthatch-bench`: the benchmark, and the processes it is made of.
//!
//! `cargo xtask bench` builds it and starts `run`. `run` starts this program again with the other
//! subcommands: `null` is a server, `load` a load, `on` takes a core and executes another program,
//! `spin` runs a hot path for callgrind to count.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "printing is what these commands are for")]

mod machine;
mod start;

use anyhow::Result;
use clap::{Parser, Subcommand};
use nuthatch_bench::{load, null, paths, picture, pin, row, table};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// The benchmark of nuthatch; started by `cargo xtask bench`.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measures, and writes table, JSON and picture.
    Run(start::Options),
    /// Shows the JSON of earlier runs as tables, and draws the picture beside the first.
    Report {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Counts the instructions of the engine's hot paths and compares them with the baseline.
    Instructions {
        /// Write the baseline.
        #[arg(long)]
        bless: bool,
    },
    /// A null server.
    #[command(hide = true)]
    Null { json: String },
    /// A load.
    #[command(hide = true)]
    Load { json: String },
    /// Executes another program on one core.
    #[command(hide = true)]
    On {
        core: usize,
        program: OsString,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Runs one hot path this many times.
    #[command(hide = true)]
    Spin { path: String, steps: u32 },
}

fn main() -> ExitCode {
    match perform(Args::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<()> {
    match task {
        Task::Run(options) => start::run(&options),
        Task::Report { files } => report(&files),
        Task::Instructions { bless } => paths::counted::check(bless),
        Task::Null { json } => null::serve(&serde_json::from_str(&json)?),
        Task::Load { json } => {
            let outcome = load::run(&serde_json::from_str(&json)?)?;
            println!("{}", serde_json::to_string(&outcome)?);
            Ok(())
        }
        Task::On { core, program, args } => pin::become_pinned(core, &program, &args),
        Task::Spin { path, steps } => paths::spin(&path, steps),
    }
}

fn report(files: &[PathBuf]) -> Result<()> {
    let Some(whole) = row::Report::read(files)? else { return Ok(()) };
    println!("{}\n{}", table::report(&whole), table::legend());
    if let Some(svg) = picture::svg(&whole) {
        fs::write(files[0].with_extension("svg"), svg)?;
    }
    Ok(())
}
