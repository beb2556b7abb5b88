//! The arguments: flags to serve, or a subcommand.

use super::{commands, export, flags, man_and_completions, ring, verify, where_key};
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
    /// Show each server's share of the ring; with a second file, the keys that would move
    Ring(ring::Ring),
    /// Show what becomes of each command
    Commands(commands::Commands),
    /// Print the configuration for another proxy
    Export(export::Export),
    /// Check on the running servers that keys are where the configuration routes them
    Verify(verify::Verify),
    /// Print the manual page
    #[command(hide = true)]
    Man,
    /// Print completions for a shell
    #[command(hide = true)]
    Completions(man_and_completions::Completions),
}
