//! Path hashes of Valkey 9.2.

use super::row::{one, row};
use crate::command::Before::Closed;
use crate::command::{Command, Flags, Group, KeyUse as Use};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const WRITE: Flags = Flags::WRITE;
const GROW: Flags = Flags::GROW;

const G: Group = Group::PathHash;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 12] = [
    row(G, "phcard", -2, READ_FAST, one(Use::PEEK), Closed, "9.2.0",
        "key [argument...]",
        "Counts the paths.").only_valkey().by_reference(),
    row(G, "phdel", -2, WRITE, one(Use::DELETE), Closed, "9.2.0",
        "key [argument...]",
        "Deletes paths.").only_valkey().by_reference(),
    row(G, "phdelprefix", -2, WRITE, one(Use::DELETE), Closed, "9.2.0",
        "key [argument...]",
        "Deletes all paths below one.").only_valkey().by_reference(),
    row(G, "phexists", -2, READ_FAST, one(Use::READ), Closed, "9.2.0",
        "key [argument...]",
        "Says whether a path exists.").only_valkey().by_reference(),
    row(G, "phget", -2, READ_FAST, one(Use::READ), Closed, "9.2.0",
        "key [argument...]",
        "Returns the value of a path.").only_valkey().by_reference(),
    row(G, "phgetall", -2, READ, one(Use::READ), Closed, "9.2.0",
        "key [argument...]",
        "Returns all paths and their values.").only_valkey().by_reference(),
    row(G, "phlongest", -2, READ_FAST, one(Use::READ), Closed, "9.2.0",
        "key [argument...]",
        "Returns the longest path that begins another.").only_valkey().by_reference(),
    row(G, "phmget", -2, READ_FAST, one(Use::READ), Closed, "9.2.0",
        "key [argument...]",
        "Returns the values of several paths.").only_valkey().by_reference(),
    row(G, "phmset", -2, GROW, one(Use::INSERT), Closed, "9.2.0",
        "key [argument...]",
        "Sets the values of several paths.").only_valkey().by_reference(),
    row(G, "phprefixes", -2, READ, one(Use::READ), Closed, "9.2.0",
        "key [argument...]",
        "Returns all paths that begin another.").only_valkey().by_reference(),
    row(G, "phscan", -2, READ, one(Use::READ), Closed, "9.2.0",
        "key [argument...]",
        "Iterates over paths.").only_valkey().by_reference(),
    row(G, "phset", -2, GROW, one(Use::INSERT), Closed, "9.2.0",
        "key [argument...]",
        "Sets the value of a path.").only_valkey().by_reference(),
];
