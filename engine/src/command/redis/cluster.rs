//! Commands for servers with cluster mode. A pool answers as a server without it.

use super::row::{NO_KEY, row};
use super::subcommands;
use crate::command::Before::Closed;
use crate::command::{Command, Flags, Group};

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 1] = [
    row(Group::Cluster, "cluster", -2, Flags::NONE, NO_KEY, Closed, "3.0.0", "",
        "Says that cluster mode is off, and computes slots.").container(&subcommands::CLUSTER).modern(),
];
