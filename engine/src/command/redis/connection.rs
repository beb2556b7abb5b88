//! Commands about the client's own connection. No server gets them: the proxy stores the state of
//! the connection and chooses upstreams with the same state.

use super::row::{NO_KEY, row};
use super::subcommands;
use crate::command::Before::{Answered, Closed};
use crate::command::{Command, Flags, Group, Local, RequestPolicy, ResponsePolicy};

const EVER_FAST: Flags = Flags::LOADING.and(Flags::STALE).and(Flags::FAST);
/// Allowed in any state of the server and the client.
const ALWAYS: Flags = EVER_FAST.and(Flags::NOSCRIPT).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY);

const G: Group = Group::Connection;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 8] = [
    row(G, "auth",   -2, ALWAYS,      NO_KEY, Answered, "1.0.0",
        "[username] password",
        "Authenticates the client.").local(Local::Auth),
    row(G, "client", -2, Flags::NONE, NO_KEY, Closed,   "2.4.0", "",
        "Shows or changes the state of this connection.").container(&subcommands::CLIENT),
    row(G, "echo",    2, EVER_FAST,   NO_KEY, Closed,   "1.0.0",
        "message",
        "Returns its argument.").local(Local::Echo),
    row(G, "hello",  -1, ALWAYS,      NO_KEY, Closed,   "6.0.0",
        "[arguments(protover:integer [AUTH (username password)] [SETNAME clientname])]",
        "Chooses the protocol version, and may authenticate.").local(Local::Hello),
    row(G, "ping",   -1, Flags::FAST, NO_KEY, Answered, "1.0.0",
        "[message]",
        "Checks that the proxy answers.").local(Local::Ping)
        .policies(Some(RequestPolicy::AllShards), Some(ResponsePolicy::AllSucceeded)),
    row(G, "quit",   -1, ALWAYS,      NO_KEY, Closed,   "1.0.0", "",
        "Closes the connection.").local(Local::Quit),
    row(G, "reset",   1, ALWAYS,      NO_KEY, Closed,   "6.2.0", "",
        "Resets the state of the connection.").local(Local::Reset),
    row(G, "select",  2, EVER_FAST,   NO_KEY, Closed,   "1.0.0",
        "index:integer",
        "Chooses a database.").local(Local::Select),
];
