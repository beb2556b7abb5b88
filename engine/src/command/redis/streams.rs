//! Streams. XREAD and XREADGROUP are served without BLOCK; they carry the flag `blocking`
//! because the server says so.

use super::{Keyed, NO_KEY, one, row, second};
use crate::command::Before::Closed;
use crate::command::{Command, Flags, Group, KeyUse as Use, Keys, Local, Refuses};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = Flags::WRITE_FAST;
const GROW: Flags = Flags::GROW;
const GROW_FAST: Flags = Flags::GROW_FAST;
const EVER: Flags = Flags::LOADING.and(Flags::STALE);

const G: Group = Group::Stream;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 15] = [
    row(G, "xack",       -4, WRITE_FAST,  one(Use::UPDATE), Closed, "5.0.0",
        "Marks entries as dealt with by a consumer group."),
    row(G, "xadd",       -5, GROW_FAST,   one(Use::UPDATE), Closed, "5.0.0",
        "Appends an entry, and makes the stream if need be.").varying(),
    row(G, "xautoclaim", -6, WRITE_FAST,  one(Use::DELETE), Closed, "6.2.0",
        "Hands entries that waited too long to another consumer.").varying(),
    row(G, "xclaim",     -6, WRITE_FAST,  one(Use::UPDATE), Closed, "5.0.0",
        "Hands named pending entries to another consumer.").varying(),
    row(G, "xdel",       -3, WRITE_FAST,  one(Use::DELETE), Closed, "5.0.0",
        "Removes entries by id."),
    row(G, "xgroup",     -2, Flags::NONE, NO_KEY,           Closed, "5.0.0",
        "Makes, changes and removes consumer groups.").container(&super::XGROUP),
    row(G, "xinfo",      -2, Flags::NONE, NO_KEY,           Closed, "5.0.0",
        "Reports on streams and their groups.").container(&super::XINFO),
    row(G, "xlen",        2, READ_FAST,   one(Use::PEEK),   Closed, "5.0.0",
        "Counts the entries."),
    row(G, "xpending",   -3, READ,        one(Use::READ),   Closed, "5.0.0",
        "Lists what was given to a group and not acknowledged.").varying(),
    row(G, "xrange",     -4, READ,        one(Use::READ),   Closed, "5.0.0",
        "Returns the entries of a range of ids."),
    row(G, "xread",      -4, READ.and(Flags::BLOCKING), streams(false),   Closed, "5.0.0",
        "Returns entries newer than those already seen.").refuses(Refuses::Block),
    row(G, "xreadgroup", -7, WRITE.and(Flags::BLOCKING), streams(true),    Closed, "5.0.0",
        "Returns new or pending entries to a group's consumer.").refuses(Refuses::Block),
    row(G, "xrevrange",  -4, READ,        one(Use::READ),   Closed, "5.0.0",
        "Returns the entries of a range of ids, newest first."),
    row(G, "xsetid",     -3, GROW_FAST,   one(Use::UPDATE), Closed, "5.0.0",
        "Sets a stream's last id."),
    row(G, "xtrim",      -4, WRITE,       one(Use::DELETE), Closed, "5.0.0",
        "Removes the oldest entries.").varying(),
];

#[rustfmt::skip] // a table is read by its columns
pub(super) const XGROUP: [Command; 6] = [
    row(G, "xgroup|create",         -5, GROW,  second(Use::INSERT), Closed, "5.0.0",
        "Makes a consumer group."),
    row(G, "xgroup|createconsumer",  5, GROW,  second(Use::INSERT), Closed, "6.2.0",
        "Makes a consumer in a group."),
    row(G, "xgroup|delconsumer",     5, WRITE, second(Use::DELETE), Closed, "5.0.0",
        "Removes a consumer from its group."),
    row(G, "xgroup|destroy",         4, WRITE, second(Use::DELETE), Closed, "5.0.0",
        "Removes a consumer group."),
    row(G, "xgroup|help",            2, EVER,  NO_KEY,              Closed, "5.0.0",
        "Lists these subcommands.").local(Local::Help),
    row(G, "xgroup|setid",          -5, WRITE, second(Use::UPDATE), Closed, "5.0.0",
        "Sets the last id a group was given."),
];

#[rustfmt::skip] // a table is read by its columns
pub(super) const XINFO: [Command; 4] = [
    row(G, "xinfo|consumers",  4, READ, second(Use::READ), Closed, "5.0.0",
        "Lists a group's consumers.").varying(),
    row(G, "xinfo|groups",     3, READ, second(Use::READ), Closed, "5.0.0",
        "Lists a stream's groups."),
    row(G, "xinfo|help",       2, EVER, NO_KEY,            Closed, "5.0.0",
        "Lists these subcommands.").local(Local::Help),
    row(G, "xinfo|stream",    -3, READ, second(Use::READ), Closed, "5.0.0",
        "Describes a stream."),
];

const fn streams(grouped: bool) -> Keyed {
    Keyed(Keys::Streams { grouped }, [Use::READ, Use::READ])
}
