//! The rows of Redis: every command that we serve.
//!
//! Names, counts, flags and key uses are those of `redis-server` 7.0.15 (`COMMAND`), and a test
//! compares the rows with a live server. `refused.rs` lists the commands that are never served. Any
//! other command without a row is unknown to our clients.
//!
//! A file holds the rows of one group, sorted by name, as plain values in columns:
//!
//! ```text
//!   name   arguments   flags   where the keys lie and their use   before   since
//!          syntax
//!          summary
//! ```
//!
//! `row.rs` says how a row is written, `subcommands.rs` has the rows of all containers.

mod arrays;
mod bitmaps;
mod cluster;
mod connection;
mod generic;
mod geo;
mod hashes;
mod hyperloglog;
mod json;
mod lists;
mod path_hashes;
mod probabilistic;
mod pubsub;
pub mod refused;
mod row;
mod scripting;
mod server;
mod sets;
mod sorted_sets;
mod streams;
mod strings;
mod subcommands;
mod suggestions;
mod time_series;
mod transactions;
mod vector_sets;

use super::Command;
use row::numbered;
use subcommands::COMMANDS_FIRST;

const GROUPS: [&[Command]; 23] = [
    &arrays::ROWS,
    &bitmaps::ROWS,
    &cluster::ROWS,
    &connection::ROWS,
    &generic::ROWS,
    &geo::ROWS,
    &hashes::ROWS,
    &hyperloglog::ROWS,
    &json::ROWS,
    &lists::ROWS,
    &path_hashes::ROWS,
    &probabilistic::ROWS,
    &pubsub::ROWS,
    &scripting::ROWS,
    &server::ROWS,
    &sets::ROWS,
    &sorted_sets::ROWS,
    &streams::ROWS,
    &strings::ROWS,
    &suggestions::ROWS,
    &time_series::ROWS,
    &transactions::ROWS,
    &vector_sets::ROWS,
];

/// The number of commands, subcommands not counted.
pub const COUNT: usize = count();

/// Every command, group by group.
pub static COMMANDS: [Command; COUNT] = all_rows();

/// One more than the highest index of a row.
pub const INDEX_COUNT: usize = COMMANDS_FIRST + COUNT;

/// In a ticket, the index of a command that has no row (`unknown_commands: first_key`).
pub const UNKNOWN: usize = INDEX_COUNT;

/// The row with this index.
pub fn by_index(index: usize) -> Option<&'static Command> {
    if let Some(place) = index.checked_sub(COMMANDS_FIRST) {
        return COMMANDS.get(place);
    }
    let subcommands = COMMANDS.iter().flat_map(|container| container.subcommands);
    subcommands.into_iter().find(|sub| sub.index() == index)
}

const fn count() -> usize {
    let mut total = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        total += GROUPS[group].len();
        group += 1;
    }
    total
}

#[allow(clippy::large_stack_arrays, reason = "runs in the compiler only")]
const fn all_rows() -> [Command; COUNT] {
    let mut all = [GROUPS[0][0]; COUNT];
    let mut filled = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        let mut at = 0;
        while at < GROUPS[group].len() {
            all[filled] = GROUPS[group][at];
            filled += 1;
            at += 1;
        }
        group += 1;
    }
    numbered(COMMANDS_FIRST, all)
}
