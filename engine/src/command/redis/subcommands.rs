//! The rows of subcommands, by container.
//!
//! They have the lowest indexes. The row of a container points at its subcommands, so they are
//! numbered before the commands are counted.

use super::row::{NO_KEY, numbered, row, second};
use crate::command::Before::Closed;
use crate::command::{Categories, Command, Flags, Group, KeyUse as Use, Local};

const READ: Flags = Flags::READ;
const WRITE: Flags = Flags::WRITE;
const GROW: Flags = Flags::GROW;
const EVER: Flags = Flags::LOADING.and(Flags::STALE);

const GENERIC: Group = Group::Generic;
const SERVER: Group = Group::Server;
const STREAM: Group = Group::Stream;

const MEMORY_FIRST: usize = COMMAND_ROWS.len();
const OBJECT_FIRST: usize = MEMORY_FIRST + MEMORY_ROWS.len();
const XGROUP_FIRST: usize = OBJECT_FIRST + OBJECT_ROWS.len();
const XINFO_FIRST: usize = XGROUP_FIRST + XGROUP_ROWS.len();
/// The index of the first command that is not a subcommand.
pub(super) const COMMANDS_FIRST: usize = XINFO_FIRST + XINFO_ROWS.len();

pub(super) static COMMAND: [Command; COMMAND_ROWS.len()] = numbered(0, COMMAND_ROWS);
pub(super) static MEMORY: [Command; MEMORY_ROWS.len()] = numbered(MEMORY_FIRST, MEMORY_ROWS);
pub(super) static OBJECT: [Command; OBJECT_ROWS.len()] = numbered(OBJECT_FIRST, OBJECT_ROWS);
pub(super) static XGROUP: [Command; XGROUP_ROWS.len()] = numbered(XGROUP_FIRST, XGROUP_ROWS);
pub(super) static XINFO: [Command; XINFO_ROWS.len()] = numbered(XINFO_FIRST, XINFO_ROWS);

#[rustfmt::skip] // a table is read by its columns
const COMMAND_ROWS: [Command; 7] = [
    row(SERVER, "command|count",    2, EVER, NO_KEY, Closed, "2.8.13", "",
        "Counts the commands.").also(Categories::CONNECTION).local(Local::Command),
    row(SERVER, "command|docs",    -2, EVER, NO_KEY, Closed, "7.0.0",
        "[command-name...]",
        "Describes commands in words.")
        .also(Categories::CONNECTION).unordered().local(Local::Command),
    row(SERVER, "command|getkeys", -4, EVER, NO_KEY, Closed, "2.8.13", "",
        "Finds the keys of a request.").also(Categories::CONNECTION).local(Local::Command),
    row(SERVER, "command|getkeysandflags", -4, EVER, NO_KEY, Closed, "7.0.0", "",
        "Finds the keys of a request, and their use.")
        .also(Categories::CONNECTION).local(Local::Command),
    row(SERVER, "command|help",     2, EVER, NO_KEY, Closed, "5.0.0", "",
        "Lists these subcommands.").also(Categories::CONNECTION).local(Local::Command),
    row(SERVER, "command|info",    -2, EVER, NO_KEY, Closed, "2.8.13",
        "[command-name...]",
        "Describes some commands.").also(Categories::CONNECTION).unordered().local(Local::Command),
    row(SERVER, "command|list",    -2, EVER, NO_KEY, Closed, "7.0.0",
        "[FILTERBY filterby(MODULE module-name | ACLCAT category | PATTERN pattern)]",
        "Returns the names of the commands.").also(Categories::CONNECTION).unordered().local(Local::Command),
];

#[rustfmt::skip] // a table is read by its columns
const MEMORY_ROWS: [Command; 2] = [
    row(SERVER, "memory|help",   2, EVER, NO_KEY,            Closed, "4.0.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(SERVER, "memory|usage", -3, READ, second(Use::PEEK), Closed, "4.0.0",
        "key [SAMPLES count:integer]",
        "Estimates the bytes of a key and its value."),
];

#[rustfmt::skip] // a table is read by its columns
const OBJECT_ROWS: [Command; 5] = [
    row(GENERIC, "object|encoding", 3, READ, second(Use::PEEK), Closed, "2.2.3",
        "key",
        "Returns the internal encoding of a value.").varying(),
    row(GENERIC, "object|freq",     3, READ, second(Use::PEEK), Closed, "4.0.0",
        "key",
        "Returns how often a key is used, under an LFU policy.").varying(),
    row(GENERIC, "object|help",     2, EVER, NO_KEY,            Closed, "6.2.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(GENERIC, "object|idletime", 3, READ, second(Use::PEEK), Closed, "2.2.3",
        "key",
        "Returns how long a key has not been used, in seconds.").varying(),
    row(GENERIC, "object|refcount", 3, READ, second(Use::PEEK), Closed, "2.2.3",
        "key",
        "Counts the references to a value.").varying(),
];

#[rustfmt::skip] // a table is read by its columns
const XGROUP_ROWS: [Command; 6] = [
    row(STREAM, "xgroup|create",         -5, GROW,  second(Use::INSERT), Closed, "5.0.0",
        "key groupname id(id | new_id=$) [MKSTREAM] [ENTRIESREAD entries_read:integer]",
        "Creates a consumer group."),
    row(STREAM, "xgroup|createconsumer",  5, GROW,  second(Use::INSERT), Closed, "6.2.0",
        "key groupname consumername",
        "Creates a consumer in a group."),
    row(STREAM, "xgroup|delconsumer",     5, WRITE, second(Use::DELETE), Closed, "5.0.0",
        "key groupname consumername",
        "Removes a consumer from its group."),
    row(STREAM, "xgroup|destroy",         4, WRITE, second(Use::DELETE), Closed, "5.0.0",
        "key groupname",
        "Removes a consumer group."),
    row(STREAM, "xgroup|help",            2, EVER,  NO_KEY,              Closed, "5.0.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(STREAM, "xgroup|setid",          -5, WRITE, second(Use::UPDATE), Closed, "5.0.0",
        "key groupname id(id | new_id=$) [ENTRIESREAD entries_read:integer]",
        "Sets the last delivered id of a group."),
];

#[rustfmt::skip] // a table is read by its columns
const XINFO_ROWS: [Command; 4] = [
    row(STREAM, "xinfo|consumers",  4, READ, second(Use::READ), Closed, "5.0.0",
        "key groupname",
        "Lists a group's consumers.").varying(),
    row(STREAM, "xinfo|groups",     3, READ, second(Use::READ), Closed, "5.0.0",
        "key",
        "Lists a stream's groups."),
    row(STREAM, "xinfo|help",       2, EVER, NO_KEY,            Closed, "5.0.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(STREAM, "xinfo|stream",    -3, READ, second(Use::READ), Closed, "5.0.0",
        "key [FULL full([COUNT count:integer])]",
        "Describes a stream."),
];
