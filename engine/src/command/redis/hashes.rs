//! Hashes: one key each.

use super::row::{one, row};
use crate::command::Before::Sent;
use crate::command::{Command, Flags, Group, KeyUse as Use};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const WRITE_FAST: Flags = Flags::WRITE_FAST;
const GROW_FAST: Flags = Flags::GROW_FAST;

const G: Group = Group::Hash;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 16] = [
    row(G, "hdel",         -3, WRITE_FAST, one(Use::DELETE), Sent, "2.0.0",
        "key field...",
        "Deletes fields, and a hash without fields."),
    row(G, "hexists",       3, READ_FAST,  one(Use::PEEK),   Sent, "2.0.0",
        "key field",
        "Returns whether a field exists."),
    row(G, "hget",          3, READ_FAST,  one(Use::READ),   Sent, "2.0.0",
        "key field",
        "Returns a field's value."),
    row(G, "hgetall",       2, READ,       one(Use::READ),   Sent, "2.0.0",
        "key",
        "Returns all fields and their values.").unordered(),
    row(G, "hincrby",       4, GROW_FAST,  one(Use::MODIFY), Sent, "2.0.0",
        "key field increment:integer",
        "Adds an integer to a field's number."),
    row(G, "hincrbyfloat",  4, GROW_FAST,  one(Use::MODIFY), Sent, "2.6.0",
        "key field increment:double",
        "Adds a decimal number to a field's number."),
    row(G, "hkeys",         2, READ,       one(Use::READ),   Sent, "2.0.0",
        "key",
        "Returns all fields.").unordered(),
    row(G, "hlen",          2, READ_FAST,  one(Use::PEEK),   Sent, "2.0.0",
        "key",
        "Counts the fields."),
    row(G, "hmget",        -3, READ_FAST,  one(Use::READ),   Sent, "2.0.0",
        "key field...",
        "Returns the values of several fields."),
    row(G, "hmset",        -4, GROW_FAST,  one(Use::UPDATE), Sent, "2.0.0",
        "key (field value)...",
        "Sets several fields."),
    row(G, "hrandfield",   -2, READ,       one(Use::READ),   Sent, "6.2.0",
        "key [options(count:integer [WITHVALUES])]",
        "Returns random fields.").varying(),
    row(G, "hscan",        -3, READ,       one(Use::READ),   Sent, "2.8.0",
        "key cursor:integer [MATCH pattern] [COUNT count:integer]",
        "Iterates over fields and values.").varying(),
    row(G, "hset",         -4, GROW_FAST,  one(Use::UPDATE), Sent, "2.0.0",
        "key (field value)...",
        "Sets fields, and counts the new ones."),
    row(G, "hsetnx",        4, GROW_FAST,  one(Use::INSERT), Sent, "2.0.0",
        "key field value",
        "Sets a field unless it exists."),
    row(G, "hstrlen",       3, READ_FAST,  one(Use::PEEK),   Sent, "3.2.0",
        "key field",
        "Returns the length of a field's value."),
    row(G, "hvals",         2, READ,       one(Use::READ),   Sent, "2.0.0",
        "key",
        "Returns all values.").unordered(),
];
