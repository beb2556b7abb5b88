//! What a client says to us about its own connection. No server hears of it: the proxy keeps
//! the state, and chooses upstreams that suit it.

use super::row::{NO_KEY, row};
use crate::command::Before::{Answered, Closed};
use crate::command::{Command, Flags, Group, Local};

const EVER_FAST: Flags = Flags::LOADING.and(Flags::STALE).and(Flags::FAST);
/// Whatever state server and client are in.
const ALWAYS: Flags = EVER_FAST.and(Flags::NOSCRIPT).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY);

const G: Group = Group::Connection;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 8] = [
    row(G, "auth",   -2, ALWAYS,      NO_KEY, Answered, "1.0.0",
        "[username] password",
        "Proves who the client is.").local(Local::Auth),
    row(G, "client", -2, Flags::NONE, NO_KEY, Closed,   "2.4.0", "",
        "Tells or changes what is known of this connection.").container(&[]).local(Local::Client),
    row(G, "echo",    2, EVER_FAST,   NO_KEY, Closed,   "1.0.0",
        "message",
        "Returns its argument.").local(Local::Echo),
    row(G, "hello",  -1, ALWAYS,      NO_KEY, Closed,   "6.0.0",
        "[arguments(protover:integer [AUTH (username password)] [SETNAME clientname])]",
        "Chooses the protocol version, and may log in.").local(Local::Hello),
    row(G, "ping",   -1, Flags::FAST, NO_KEY, Answered, "1.0.0",
        "[message]",
        "Tells that the proxy is there.").local(Local::Ping),
    row(G, "quit",   -1, ALWAYS,      NO_KEY, Closed,   "1.0.0", "",
        "Says goodbye; the connection is closed.").local(Local::Quit),
    row(G, "reset",   1, ALWAYS,      NO_KEY, Closed,   "6.2.0", "",
        "Makes the connection as new.").local(Local::Reset),
    row(G, "select",  2, EVER_FAST,   NO_KEY, Closed,   "1.0.0",
        "index:integer",
        "Chooses a database.").local(Local::Select),
];
