//! Streams. XREAD and XREADGROUP with BLOCK wait on a connection of their client's own.

use super::row::{Keyed, NO_KEY, one, row};
use super::subcommands;
use crate::command::Before::Closed;
use crate::command::{Command, Flags, Group, KeyUse as Use, Keys, Refuses};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = Flags::WRITE_FAST;
const GROW_FAST: Flags = Flags::GROW_FAST;

const G: Group = Group::Stream;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 20] = [
    row(G, "xack",       -4, WRITE_FAST,  one(Use::UPDATE), Closed, "5.0.0",
        "key group id...",
        "Acknowledges entries for a consumer group."),
    row(G, "xackdel", -6, WRITE_FAST, one(Use::UPDATE), Closed, "8.2.0",
        "key group [condition(KEEPREF | DELREF | ACKED)] IDS ids(numids:integer id...)",
        "Acknowledges entries and deletes them.").not_in_valkey().by_reference(),
    row(G, "xadd",       -5, GROW_FAST,   one(Use::UPDATE), Closed, "5.0.0",
        "key [NOMKSTREAM] [trim(strategy(MAXLEN | MINID) [operator(equal== | approximately=~)] \
         threshold [LIMIT count:integer])] id_or_auto(auto_id=* | id) (field value)...",
        "Appends an entry, and creates the stream if it does not exist.").varying(),
    row(G, "xautoclaim", -6, WRITE_FAST,  one(Use::DELETE), Closed, "6.2.0",
        "key group consumer min-idle-time start [COUNT count:integer] [JUSTID]",
        "Gives entries that waited too long to another consumer.").varying(),
    row(G, "xcfgset", -2, WRITE_FAST, one(Use::UPDATE), Closed, "8.6.0",
        "key [argument...]",
        "Changes the settings of a stream.").not_in_valkey().by_reference(),
    row(G, "xclaim",     -6, WRITE_FAST,  one(Use::UPDATE), Closed, "5.0.0",
        "key group consumer min-idle-time id... [IDLE ms:integer] \
         [TIME unix-time-milliseconds:unix-time] [RETRYCOUNT count:integer] [FORCE] [JUSTID] \
         [LASTID id]",
        "Gives pending entries to another consumer, by id.").varying(),
    row(G, "xdel",       -3, WRITE_FAST,  one(Use::DELETE), Closed, "5.0.0",
        "key id...",
        "Removes entries by id."),
    row(G, "xdelex", -5, WRITE_FAST, one(Use::DELETE), Closed, "8.2.0",
        "key [condition(KEEPREF | DELREF | ACKED)] IDS ids(numids:integer id...)",
        "Deletes entries, and says what is kept of them.").not_in_valkey().by_reference(),
    row(G, "xgroup",     -2, Flags::NONE, NO_KEY,           Closed, "5.0.0", "",
        "Creates, changes and removes consumer groups.").container(&subcommands::XGROUP),
    row(G, "xidmprecord", -3, WRITE_FAST, one(Use::UPDATE), Closed, "8.6.0",
        "key argument...",
        "Records an entry that was added once.").not_in_valkey().by_reference(),
    row(G, "xinfo",      -2, Flags::NONE, NO_KEY,           Closed, "5.0.0", "",
        "Reports on streams and their groups.").container(&subcommands::XINFO),
    row(G, "xlen",        2, READ_FAST,   one(Use::PEEK),   Closed, "5.0.0",
        "key",
        "Counts the entries."),
    row(G, "xnack", -4, WRITE_FAST, one(Use::UPDATE), Closed, "8.8.0",
        "key group argument...",
        "Gives entries back that were not handled.").not_in_valkey().by_reference(),
    row(G, "xpending",   -3, READ,        one(Use::READ),   Closed, "5.0.0",
        "key group [filters([IDLE min-idle-time:integer] start end count:integer [consumer])]",
        "Lists entries of a group that are not acknowledged.").varying(),
    row(G, "xrange",     -4, READ,        one(Use::READ),   Closed, "5.0.0",
        "key start end [COUNT count:integer]",
        "Returns the entries of a range of ids."),
    row(G, "xread",      -4, READ.and(Flags::BLOCKING), streams(false),   Closed, "5.0.0",
        "[COUNT count:integer] [BLOCK milliseconds:integer] STREAMS streams(key... id...)",
        "Returns entries newer than the given ids.").refuses(Refuses::Block),
    row(G, "xreadgroup", -7, WRITE.and(Flags::BLOCKING), streams(true),    Closed, "5.0.0",
        "GROUP (group consumer) [COUNT count:integer] [BLOCK milliseconds:integer] [NOACK] \
         STREAMS streams(key... id...)",
        "Returns new or pending entries to a group's consumer.").refuses(Refuses::Block),
    row(G, "xrevrange",  -4, READ,        one(Use::READ),   Closed, "5.0.0",
        "key end start [COUNT count:integer]",
        "Returns the entries of a range of ids, newest first."),
    row(G, "xsetid",     -3, GROW_FAST,   one(Use::UPDATE), Closed, "5.0.0",
        "key last-id [ENTRIESADDED entries_added:integer] [MAXDELETEDID max_deleted_entry_id]",
        "Sets a stream's last id."),
    row(G, "xtrim",      -4, WRITE,       one(Use::DELETE), Closed, "5.0.0",
        "key trim(strategy(MAXLEN | MINID) [operator(equal== | approximately=~)] threshold \
         [LIMIT count:integer])",
        "Removes the oldest entries.").varying(),
];

const fn streams(grouped: bool) -> Keyed {
    Keyed(Keys::Streams { grouped }, [Use::READ, Use::READ])
}
