//! Arrays of Redis 8.8.

use super::row::{one, row};
use crate::command::Before::Closed;
use crate::command::{Command, Flags, Group, KeyUse as Use};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = Flags::WRITE_FAST;
const GROW: Flags = Flags::GROW;

const G: Group = Group::Array;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 18] = [
    row(G, "arcount", -2, READ_FAST, one(Use::PEEK), Closed, "8.8.0",
        "key [argument...]",
        "Counts the elements of an array that are set.").not_in_valkey().by_reference(),
    row(G, "ardel", -2, WRITE, one(Use::DELETE), Closed, "8.8.0",
        "key [argument...]",
        "Deletes elements of an array.").not_in_valkey().by_reference(),
    row(G, "ardelrange", -2, WRITE, one(Use::DELETE), Closed, "8.8.0",
        "key [argument...]",
        "Deletes a range of elements.").not_in_valkey().by_reference(),
    row(G, "arget", -2, READ_FAST, one(Use::READ), Closed, "8.8.0",
        "key [argument...]",
        "Returns an element of an array.").not_in_valkey().by_reference(),
    row(G, "argetrange", -2, READ, one(Use::READ), Closed, "8.8.0",
        "key [argument...]",
        "Returns a range of elements.").not_in_valkey().by_reference(),
    row(G, "argrep", -2, READ, one(Use::READ), Closed, "8.8.0",
        "key [argument...]",
        "Returns elements that match a pattern.").not_in_valkey().by_reference(),
    row(G, "arinfo", -2, READ_FAST, one(Use::READ), Closed, "8.8.0",
        "key [argument...]",
        "Describes an array.").not_in_valkey().by_reference(),
    row(G, "arinsert", -2, GROW, one(Use::INSERT), Closed, "8.8.0",
        "key [argument...]",
        "Inserts elements into an array.").not_in_valkey().by_reference(),
    row(G, "arlastitems", -2, READ, one(Use::READ), Closed, "8.8.0",
        "key [argument...]",
        "Returns the last elements of an array.").not_in_valkey().by_reference(),
    row(G, "arlen", -2, READ_FAST, one(Use::PEEK), Closed, "8.8.0",
        "key [argument...]",
        "Returns the length of an array.").not_in_valkey().by_reference(),
    row(G, "armget", -2, READ_FAST, one(Use::READ), Closed, "8.8.0",
        "key [argument...]",
        "Returns several elements of an array.").not_in_valkey().by_reference(),
    row(G, "armset", -2, GROW, one(Use::INSERT), Closed, "8.8.0",
        "key [argument...]",
        "Sets several elements of an array.").not_in_valkey().by_reference(),
    row(G, "arnext", -2, READ_FAST, one(Use::READ), Closed, "8.8.0",
        "key [argument...]",
        "Returns the next element that is set.").not_in_valkey().by_reference(),
    row(G, "arop", -2, READ, one(Use::READ), Closed, "8.8.0",
        "key [argument...]",
        "Computes a value from a range of elements.").not_in_valkey().by_reference(),
    row(G, "arring", -2, GROW, one(Use::INSERT), Closed, "8.8.0",
        "key [argument...]",
        "Appends to an array that works as a ring.").not_in_valkey().by_reference(),
    row(G, "arscan", -2, READ, one(Use::READ), Closed, "8.8.0",
        "key [argument...]",
        "Iterates over the elements of an array.").not_in_valkey().by_reference(),
    row(G, "arseek", -2, WRITE_FAST, one(Use::UPDATE), Closed, "8.8.0",
        "key [argument...]",
        "Moves the insert position of an array.").not_in_valkey().by_reference(),
    row(G, "arset", -2, GROW, one(Use::INSERT), Closed, "8.8.0",
        "key [argument...]",
        "Sets an element of an array.").not_in_valkey().by_reference(),
];
