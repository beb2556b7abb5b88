//! Suggestions, of the search module that comes with Redis 8. Its indexes lie on every shard and are refused.

use super::row::{one, row};
use crate::command::Before::Closed;
use crate::command::{Command, Flags, Group, KeyUse as Use};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const WRITE: Flags = Flags::WRITE;
const GROW: Flags = Flags::GROW;

const G: Group = Group::Suggestion;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 4] = [
    row(G, "ft.sugadd", -4, GROW, one(Use::INSERT), Closed, "8.0.0",
        "key string score:double [argument...]",
        "Adds a suggestion.").not_in_valkey().by_reference(),
    row(G, "ft.sugdel", 3, WRITE, one(Use::DELETE), Closed, "8.0.0",
        "key string",
        "Deletes a suggestion.").not_in_valkey().by_reference(),
    row(G, "ft.sugget", -3, READ, one(Use::READ), Closed, "8.0.0",
        "key prefix [argument...]",
        "Returns suggestions for a prefix.").not_in_valkey().by_reference(),
    row(G, "ft.suglen", 2, READ_FAST, one(Use::PEEK), Closed, "8.0.0",
        "key",
        "Counts the suggestions.").not_in_valkey().by_reference(),
];
