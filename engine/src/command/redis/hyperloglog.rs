//! HyperLogLogs: estimates of how many different elements were added.

use super::row::{all, one, row};
use crate::command::Before::Sent;
use crate::command::{Command, Flags, Group, KeyUse as Use};

const READ: Flags = Flags::READ;
const GROW: Flags = Flags::GROW;
const GROW_FAST: Flags = Flags::GROW_FAST;

const G: Group = Group::Hyperloglog;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 3] = [
    row(G, "pfadd",   -2, GROW_FAST, one(Use::INSERT),           Sent, "2.8.9",
        "key [element...]",
        "Adds elements to a HyperLogLog."),
    row(G, "pfcount", -2, READ,      all(Use::ANNOTATE, Use::ANNOTATE), Sent, "2.8.9",
        "key...",
        "Estimates how many different elements were added."),
    row(G, "pfmerge", -2, GROW,      all(Use::MERGE, Use::READ), Sent, "2.8.9",
        "destkey:key sourcekey:key...",
        "Merges HyperLogLogs into one."),
];
