//! Vector sets of Redis 8. Their key specifications say that reads change the key; the flags are right.

use super::row::{one, row};
use crate::command::Before::Closed;
use crate::command::{Command, Flags, Group, KeyUse as Use};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = Flags::WRITE_FAST;
const GROW: Flags = Flags::GROW;

const G: Group = Group::VectorSet;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 13] = [
    row(G, "vadd", -5, GROW, one(Use::INSERT), Closed, "8.0.0",
        "key format num element [argument...]",
        "Adds an element with its vector.").not_in_valkey().by_reference(),
    row(G, "vcard", 2, READ_FAST, one(Use::PEEK), Closed, "8.0.0",
        "key",
        "Counts the elements of a vector set.").not_in_valkey().by_reference(),
    row(G, "vdim", 2, READ_FAST, one(Use::PEEK), Closed, "8.0.0",
        "key",
        "Returns the number of dimensions.").not_in_valkey().by_reference(),
    row(G, "vemb", -3, READ_FAST, one(Use::READ), Closed, "8.0.0",
        "key element [RAW]",
        "Returns the vector of an element.").not_in_valkey().by_reference(),
    row(G, "vgetattr", 3, READ_FAST, one(Use::READ), Closed, "8.0.0",
        "key element",
        "Returns the attributes of an element.").not_in_valkey().by_reference(),
    row(G, "vinfo", 2, READ_FAST, one(Use::READ), Closed, "8.0.0",
        "key",
        "Describes a vector set.").not_in_valkey().by_reference(),
    row(G, "vismember", 3, READ_FAST, one(Use::READ), Closed, "8.2.0",
        "key element",
        "Says whether an element is in a vector set.").not_in_valkey().by_reference(),
    row(G, "vlinks", -3, READ_FAST, one(Use::READ), Closed, "8.0.0",
        "key element [WITHSCORES]",
        "Returns the neighbours of an element in the graph.").not_in_valkey().by_reference(),
    row(G, "vrandmember", -2, READ, one(Use::READ), Closed, "8.0.0",
        "key [count:integer]",
        "Returns random elements.").not_in_valkey().by_reference(),
    row(G, "vrange", -4, READ, one(Use::READ), Closed, "8.4.0",
        "key start end [count:integer]",
        "Returns elements in a range of names.").not_in_valkey().by_reference(),
    row(G, "vrem", 3, WRITE, one(Use::DELETE), Closed, "8.0.0",
        "key element",
        "Removes an element.").not_in_valkey().by_reference(),
    row(G, "vsetattr", 4, WRITE_FAST, one(Use::UPDATE), Closed, "8.0.0",
        "key element json",
        "Sets the attributes of an element.").not_in_valkey().by_reference(),
    row(G, "vsim", -4, READ, one(Use::READ), Closed, "8.0.0",
        "key format num [argument...]",
        "Returns the most similar elements.").not_in_valkey().by_reference(),
];
