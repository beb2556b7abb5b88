//! Strings as arrays of bits. BITOP's keys begin at argument 2, after the name of the operation.

use super::row::{Keyed, one, row};
use crate::command::Before::{Closed, Sent};
use crate::command::{Command, Flags, Group, KeyUse as Use, Keys};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const GROW: Flags = Flags::GROW;
const BITOP: Keyed =
    Keyed(Keys::Range { first: 2, last: -1, step: 1 }, [Use::OVERWRITE, Use::READ]);

const G: Group = Group::Bitmap;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 8] = [
    row(G, "bitcount",    -2, READ,      one(Use::READ),   Sent,   "2.6.0",
        "key [index(start:integer end:integer [index_unit(BYTE | BIT)])]",
        "Counts the bits that are set."),
    row(G, "bitfield",    -2, GROW,      one(Use::VARIES), Sent,   "3.2.0",
        "key [operation(GET (encoding offset:integer) | \
         write([OVERFLOW wrap_sat_fail(WRAP | SAT | FAIL)] \
         write_operation(SET (encoding offset:integer value:integer) | \
         INCRBY (encoding offset:integer increment:integer))))...]",
        "Reads and changes integers of any width inside a string."),
    row(G, "bitfield_ro", -2, READ_FAST, one(Use::READ),   Closed, "6.0.0",
        "key [GET (encoding offset:integer)]...",
        "Reads integers of any width inside a string."),
    row(G, "bitop",       -4, GROW,      BITOP,            Closed, "2.6.0",
        "operation destkey:key key...",
        "Combines strings bit by bit and stores the result."),
    row(G, "bitpos",      -3, READ,      one(Use::READ),   Sent,   "2.8.7",
        "key bit:integer [index(start:integer [end_index(end:integer [index_unit(BYTE | BIT)])])]",
        "Finds the first bit that is set, or not set."),
    row(G, "bitrangeintarray", -2, READ, one(Use::READ), Closed, "8.12.0",
        "key [argument...]",
        "Returns ranges of bits as integers.").not_in_valkey().by_reference(),
    row(G, "getbit",       3, READ_FAST, one(Use::READ),   Sent,   "2.2.0",
        "key offset:integer",
        "Returns one bit."),
    row(G, "setbit",       4, GROW,      one(Use::MODIFY), Sent,   "2.2.0",
        "key offset:integer value:integer",
        "Sets or clears one bit."),
];
