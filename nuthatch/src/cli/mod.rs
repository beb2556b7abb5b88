//! The command line: parses the arguments and runs the command.

mod arguments;
pub mod commands;
mod daemon;
mod default_paths;
mod describe;
mod dropin;
mod export;
mod flags;
mod getopt;
pub mod limits;
mod load;
mod man_and_completions;
mod name;
mod pid_file;
mod print;
mod ring;
mod run;
mod verify;
mod where_key;

use arguments::{Cli, Command};
use clap::{CommandFactory, Parser};
use name::default_manners;
use std::process::ExitCode;

/// Runs what the arguments ask for.
pub fn main() -> ExitCode {
    let is_nutcracker = name::is_nutcracker();
    let done =
        if is_nutcracker { dropin::main(std::env::args_os().skip(1)) } else { as_nuthatch() };
    match done {
        Ok(code) => code,
        // In `nuthatch where ... | head` the reader closes early. That is not a failure.
        Err(error) if print::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let name = if is_nutcracker { "nutcracker" } else { "nuthatch" };
            print::tell!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn as_nuthatch() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    match cli.command {
        None if cli.run.describe_stats => {
            print::all(&describe::text())?;
            Ok(ExitCode::SUCCESS)
        }
        None => run::run(&cli.run),
        Some(Command::Where(asked)) => where_key::run(&asked),
        Some(Command::Ring(asked)) => ring::run(&asked),
        Some(Command::Commands(asked)) => commands::run(&asked),
        Some(Command::Export(asked)) => export::run(&asked),
        Some(Command::Verify(asked)) => verify::run(&asked),
        Some(Command::Man) => man_and_completions::man(&Cli::command()),
        Some(Command::Completions(asked)) => {
            man_and_completions::completions(Cli::command(), &asked)
        }
    }
}
