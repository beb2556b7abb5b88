//! Commands for servers with cluster mode. A pool answers as a server without it, but for where reads go.

use super::row::{NO_KEY, row};
use super::subcommands;
use crate::command::Before::Closed;
use crate::command::{Categories, Command, Flags, Group, Local};

/// As servers have them.
const READS: Flags = Flags::FAST.and(Flags::LOADING).and(Flags::STALE);

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 3] = [
    row(Group::Cluster, "cluster", -2, Flags::NONE, NO_KEY, Closed, "3.0.0", "",
        "Says that cluster mode is off, and computes slots.").container(&subcommands::CLUSTER).modern(),
    row(Group::Cluster, "readonly", 1, READS, NO_KEY, Closed, "3.0.0", "",
        "Lets replicas answer reads of this connection.").also(Categories::CONNECTION).local(Local::Reads).modern(),
    row(Group::Cluster, "readwrite", 1, READS, NO_KEY, Closed, "3.0.0", "",
        "Sends reads of this connection to primaries.").also(Categories::CONNECTION).local(Local::Reads).modern(),
];
