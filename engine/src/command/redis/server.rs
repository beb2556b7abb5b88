//! Questions about the server. We are the server: COMMAND and INFO are answered here. MEMORY has
//! only what speaks of a key.

use super::{NO_KEY, row, second};
use crate::command::Before::{Closed, Sent};
use crate::command::{Categories, Command, Flags, Group, KeyUse as Use, Local, Verb};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const EVER: Flags = Flags::LOADING.and(Flags::STALE);

const G: Group = Group::Server;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 4] = [
    row(G, "command", -1, EVER,        NO_KEY, Sent,   "2.8.13", "",
        "Describes all commands.")
        .container(&super::COMMAND).also(Categories::CONNECTION).unordered().local(Local::Command),
    row(G, "info",    -1, EVER,        NO_KEY, Closed, "1.0.0",
        "[section...]",
        "Reports on the proxy.").also(Categories::DANGEROUS).varying().local(Local::Info),
    row(G, "lolwut",  -1, READ_FAST,   NO_KEY, Sent,   "5.0.0",
        "[VERSION version:integer]",
        "Shows a piece of art, and the server's version.").verb(Verb::Placeholder),
    row(G, "memory",  -2, Flags::NONE, NO_KEY, Closed, "4.0.0", "",
        "Tells how memory is used.").container(&super::MEMORY),
];

#[rustfmt::skip] // a table is read by its columns
pub(super) const COMMAND: [Command; 7] = [
    row(G, "command|count",    2, EVER, NO_KEY, Closed, "2.8.13", "",
        "Counts the commands.").also(Categories::CONNECTION).local(Local::Command),
    row(G, "command|docs",    -2, EVER, NO_KEY, Closed, "7.0.0",
        "[command-name...]",
        "Describes commands in words.")
        .also(Categories::CONNECTION).unordered().local(Local::Command),
    row(G, "command|getkeys", -4, EVER, NO_KEY, Closed, "2.8.13", "",
        "Finds the keys of a request.").also(Categories::CONNECTION).local(Local::Command),
    row(G, "command|getkeysandflags", -4, EVER, NO_KEY, Closed, "7.0.0", "",
        "Finds the keys of a request, and what it does to them.")
        .also(Categories::CONNECTION).local(Local::Command),
    row(G, "command|help",     2, EVER, NO_KEY, Closed, "5.0.0", "",
        "Lists these subcommands.").also(Categories::CONNECTION).local(Local::Command),
    row(G, "command|info",    -2, EVER, NO_KEY, Closed, "2.8.13",
        "[command-name...]",
        "Describes some commands.").also(Categories::CONNECTION).unordered().local(Local::Command),
    row(G, "command|list",    -2, EVER, NO_KEY, Closed, "7.0.0",
        "[FILTERBY filterby(MODULE module-name | ACLCAT category | PATTERN pattern)]",
        "Names the commands.").also(Categories::CONNECTION).unordered().local(Local::Command),
];

#[rustfmt::skip] // a table is read by its columns
pub(super) const MEMORY: [Command; 2] = [
    row(G, "memory|help",   2, EVER, NO_KEY,            Closed, "4.0.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(G, "memory|usage", -3, READ, second(Use::PEEK), Closed, "4.0.0",
        "key [SAMPLES count:integer]",
        "Estimates the bytes a key and its value take."),
];
