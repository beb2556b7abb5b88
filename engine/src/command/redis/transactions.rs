//! Transactions. Commands between MULTI and EXEC wait here, and go to their server in one piece.

use super::row::{NO_KEY, all, row};
use crate::command::Before::Closed;
use crate::command::{Command, Flags, Group, KeyUse as Use, Transact, Verb};

const ANY: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);
const QUICK: Flags = ANY.and(Flags::FAST).and(Flags::ALLOW_BUSY);

const G: Group = Group::Transactions;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 5] = [
    row(G, "discard",  1, QUICK,                        NO_KEY,                   Closed, "2.0.0", "",
        "Forgets a transaction.").verb(Verb::Transact(Transact::Discard)).modern(),
    row(G, "exec",     1, ANY.and(Flags::SKIP_SLOWLOG), NO_KEY,                   Closed, "1.2.0", "",
        "Executes the commands of a transaction.").verb(Verb::Transact(Transact::Exec)).modern(),
    row(G, "multi",    1, QUICK,                        NO_KEY,                   Closed, "1.2.0", "",
        "Begins a transaction.").verb(Verb::Transact(Transact::Multi)).modern(),
    row(G, "unwatch",  1, QUICK,                        NO_KEY,                   Closed, "2.2.0", "",
        "Watches no key any more.").verb(Verb::Transact(Transact::Unwatch)).modern(),
    row(G, "watch",   -2, QUICK,                        all(Use::PEEK, Use::PEEK), Closed, "2.2.0",
        "key...",
        "Lets the next EXEC fail if one of these keys changes before it.")
        .verb(Verb::Transact(Transact::Watch)).modern(),
];
