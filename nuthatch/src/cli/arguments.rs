//! What may be asked on the command line: the flags of a start, or a subcommand.

use super::{export, flags, man_and_completions, ring, verify, where_key};
use clap::{Parser, Subcommand};

/// A sharding proxy for Redis and Valkey that takes over from twemproxy.
#[derive(Parser, Debug)]
#[command(
    name = "nuthatch",
    version,
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    infer_long_args = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub run: flags::Run,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Print the hash, the ring point and the server of each key
    Where(where_key::Where),
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
    Completions(man_and_completions::Completions),
}
