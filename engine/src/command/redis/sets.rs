//! Sets.

use super::row::{all, counted, one, row, two};
use crate::command::Before::{Closed, Sent};
use crate::command::{Command, Flags, Group, KeyUse as Use};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const WRITE_FAST: Flags = Flags::WRITE_FAST;
const GROW: Flags = Flags::GROW;
const GROW_FAST: Flags = Flags::GROW_FAST;

const G: Group = Group::Set;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 17] = [
    row(G, "sadd",        -3, GROW_FAST,  one(Use::INSERT),               Sent,   "1.0.0",
        "key member...",
        "Adds members, and creates the set if it does not exist."),
    row(G, "scard",        2, READ_FAST,  one(Use::PEEK),                 Sent,   "1.0.0",
        "key",
        "Counts the members."),
    row(G, "sdiff",       -2, READ,       all(Use::READ, Use::READ),      Sent,   "1.0.0",
        "key...",
        "Returns the first set's members that are in no other.").unordered(),
    row(G, "sdiffstore",  -3, GROW,       all(Use::OVERWRITE, Use::READ), Sent,   "1.0.0",
        "destination:key key...",
        "Stores the first source's members that are in no other."),
    row(G, "sinter",      -2, READ,       all(Use::READ, Use::READ),      Sent,   "1.0.0",
        "key...",
        "Returns the members that are in all sets.").unordered(),
    row(G, "sintercard",  -3, READ,       counted(1, Use::READ),          Closed, "7.0.0",
        "numkeys:integer key... [LIMIT limit:integer]",
        "Counts the members that are in all sets."),
    row(G, "sinterstore", -3, GROW,       all(Use::UPDATE, Use::READ),    Sent,   "1.0.0",
        "destination:key key...",
        "Stores the members that are in all sources."),
    row(G, "sismember",    3, READ_FAST,  one(Use::PEEK),                 Sent,   "1.0.0",
        "key member",
        "Returns whether a member is in the set."),
    row(G, "smembers",     2, READ,       one(Use::READ),                 Sent,   "1.0.0",
        "key",
        "Returns all members.").unordered(),
    row(G, "smismember",  -3, READ_FAST,  one(Use::READ),                 Sent,   "6.2.0",
        "key member...",
        "Returns whether several members are in the set."),
    row(G, "smove",        4, WRITE_FAST, two(Use::TAKE, Use::INSERT),    Sent,   "1.0.0",
        "source:key destination:key member",
        "Moves a member from one set to another."),
    row(G, "spop",        -2, WRITE_FAST, one(Use::TAKE),                 Sent,   "1.0.0",
        "key [count:integer]",
        "Removes and returns random members.").varying(),
    row(G, "srandmember", -2, READ,       one(Use::READ),                 Sent,   "1.0.0",
        "key [count:integer]",
        "Returns random members.").varying(),
    row(G, "srem",        -3, WRITE_FAST, one(Use::DELETE),               Sent,   "1.0.0",
        "key member...",
        "Removes members, and an empty set."),
    row(G, "sscan",       -3, READ,       one(Use::READ),                 Sent,   "2.8.0",
        "key cursor:integer [MATCH pattern] [COUNT count:integer]",
        "Iterates over the members.").varying(),
    row(G, "sunion",      -2, READ,       all(Use::READ, Use::READ),      Sent,   "1.0.0",
        "key...",
        "Returns the members that are in any set.").unordered(),
    row(G, "sunionstore", -3, GROW,       all(Use::OVERWRITE, Use::READ), Sent,   "1.0.0",
        "destination:key key...",
        "Stores the members that are in any source."),
];
