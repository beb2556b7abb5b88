//! Commands about the server. We answer COMMAND and INFO ourselves. MEMORY has only the subcommands
//! for one key.

use super::row::{NO_KEY, row};
use super::subcommands;
use crate::command::Before::{Closed, Sent};
use crate::command::{Categories, Command, Flags, Group, Local, Verb};

const READ_FAST: Flags = Flags::READ_FAST;
const EVER: Flags = Flags::LOADING.and(Flags::STALE);

const G: Group = Group::Server;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 4] = [
    row(G, "command", -1, EVER,        NO_KEY, Sent,   "2.8.13", "",
        "Describes all commands.")
        .container(&subcommands::COMMAND).also(Categories::CONNECTION).unordered().local(Local::Command),
    row(G, "info",    -1, EVER,        NO_KEY, Closed, "1.0.0",
        "[section...]",
        "Reports on the proxy.").also(Categories::DANGEROUS).varying().local(Local::Info),
    row(G, "lolwut",  -1, READ_FAST,   NO_KEY, Sent,   "5.0.0",
        "[VERSION version:integer]",
        "Shows a picture, and the server's version.").verb(Verb::Placeholder),
    row(G, "memory",  -2, Flags::NONE, NO_KEY, Closed, "4.0.0", "",
        "Reports memory use.").container(&subcommands::MEMORY),
];
