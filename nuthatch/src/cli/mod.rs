//! The command line: what is asked, and who answers it.

mod daemon;
mod describe;
mod dropin;
mod export;
mod flags;
mod getopt;
pub mod limits;
mod load;
mod name;
mod papers;
mod pid_file;
mod place;
mod places;
mod print;
mod ring;
mod run;
mod verify;

use clap::{CommandFactory, Parser, Subcommand};
use flags::CONF_FILE;
use name::default_manners;
use std::process::ExitCode;

/// A sharding proxy for Redis and Valkey that takes over from twemproxy.
#[derive(Parser, Debug)]
#[command(
    name = "nuthatch",
    version,
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    infer_long_args = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: flags::Run,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Print the hash, the ring point and the server of each key
    Where(place::Where),
    /// Draw each server's share of the ring; with a second file, what would move
    Ring(ring::Ring),
    /// Print the configuration for another proxy to read
    Export(export::Export),
    /// Ask the running servers whether their keys are where the configuration would look
    Verify(verify::Verify),
    /// Print the manual page
    #[command(hide = true)]
    Man,
    /// Print completions for a shell
    #[command(hide = true)]
    Completions(papers::Completions),
}

/// Runs what the arguments ask for.
pub fn main() -> ExitCode {
    let is_nutcracker = name::is_nutcracker();
    let done =
        if is_nutcracker { dropin::main(std::env::args_os().skip(1)) } else { as_nuthatch() };
    match done {
        Ok(code) => code,
        // `nuthatch where ... | head` has seen enough; that is no failure.
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
        Some(Command::Where(asked)) => place::run(&asked),
        Some(Command::Ring(asked)) => ring::run(&asked),
        Some(Command::Export(asked)) => export::run(&asked),
        Some(Command::Verify(asked)) => verify::run(&asked),
        Some(Command::Man) => papers::man(&Cli::command()),
        Some(Command::Completions(asked)) => papers::completions(Cli::command(), &asked),
    }
}
