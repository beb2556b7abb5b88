//! Commands about the server. We answer COMMAND, ACL, CLUSTER, MODULE LIST and ROLE ourselves. INFO,
//! DBSIZE and FLUSHALL concern every shard. Where only one server can answer (TIME, CONFIG GET), one
//! fixed shard does.

use super::row::{NO_KEY, row};
use super::subcommands;
use crate::command::Before::{Closed, Sent};
use crate::command::{
    Categories, Command, Flags, Group, Join, Local, RequestPolicy, ResponsePolicy, Verb,
};

const READ_FAST: Flags = Flags::READ_FAST;
const WRITE: Flags = Flags::WRITE;
const EVER: Flags = Flags::LOADING.and(Flags::STALE);
const EVER_FAST: Flags = EVER.and(Flags::FAST);
const SAVE: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING);

const KEYSPACE: Categories = Categories::KEYSPACE;
const DANGEROUS: Categories = Categories::DANGEROUS;
const ADMIN: Categories = Categories::ADMIN.and(DANGEROUS);

const G: Group = Group::Server;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 19] = [
    row(G, "acl",          -2, Flags::NONE, NO_KEY, Closed, "6.0.0", "",
        "Shows the client's own user, and what a user may do.")
        .container(&subcommands::ACL).modern(),
    row(G, "bgrewriteaof",  1, SAVE,        NO_KEY, Closed, "1.0.0", "",
        "Makes every server rewrite its append-only file.").whole(Join::AllSucceeded).policies(None, None).fenced(),
    row(G, "bgsave",       -1, SAVE,        NO_KEY, Closed, "1.0.0",
        "[SCHEDULE]",
        "Makes every server save its data in the background.").whole(Join::AllSucceeded).policies(None, None).fenced(),
    row(G, "command",      -1, EVER,        NO_KEY, Sent,   "2.8.13", "",
        "Describes all commands.")
        .container(&subcommands::COMMAND).also(Categories::CONNECTION).unordered().local(Local::Command),
    row(G, "commandlog",   -2, Flags::NONE, NO_KEY, Closed, "8.1.0", "",
        "Shows the logs of slow and large commands of all servers.")
        .container(&subcommands::COMMANDLOG).modern().only_valkey(),
    row(G, "config",       -2, Flags::NONE, NO_KEY, Closed, "2.0.0", "",
        "Shows or changes the configuration of servers.").container(&subcommands::CONFIG).modern(),
    row(G, "dbsize",        1, READ_FAST,   NO_KEY, Closed, "1.0.0", "",
        "Counts the keys of all shards.").also(KEYSPACE).whole(Join::Sum),
    row(G, "flushall",     -1, WRITE,       NO_KEY, Closed, "1.0.0",
        "[async(ASYNC | SYNC)]",
        "Deletes all keys of all databases of all shards.")
        .also(KEYSPACE.and(DANGEROUS)).whole(Join::AllSucceeded),
    row(G, "flushdb",      -1, WRITE,       NO_KEY, Closed, "1.0.0",
        "[async(ASYNC | SYNC)]",
        "Deletes all keys of the client's database on all shards.")
        .also(KEYSPACE.and(DANGEROUS)).whole(Join::AllSucceeded),
    row(G, "info",         -1, EVER,        NO_KEY, Closed, "1.0.0",
        "[section...]",
        "Reports on the pool and its servers.").also(DANGEROUS).varying().local(Local::Info)
        .policies(Some(RequestPolicy::AllShards), Some(ResponsePolicy::Special)),
    row(G, "lastsave",      1, EVER_FAST,   NO_KEY, Closed, "1.0.0", "",
        "Returns when the data was saved last, as a Unix time.")
        .also(ADMIN).varying().whole(Join::Min).policies(None, None),
    row(G, "latency",      -2, Flags::NONE, NO_KEY, Closed, "2.8.13", "",
        "Reports on slow events in servers.").container(&subcommands::LATENCY).modern(),
    row(G, "lolwut",       -1, READ_FAST,   NO_KEY, Sent,   "5.0.0",
        "[VERSION version:integer]",
        "Shows a picture, and the server's version.").verb(Verb::Placeholder),
    row(G, "memory",       -2, Flags::NONE, NO_KEY, Closed, "4.0.0", "",
        "Reports memory use.").container(&subcommands::MEMORY),
    row(G, "module",       -2, Flags::NONE, NO_KEY, Closed, "4.0.0", "",
        "Lists modules.").container(&subcommands::MODULE).modern(),
    row(G, "role",          1, EVER_FAST.and(Flags::NOSCRIPT), NO_KEY, Closed, "2.8.12", "",
        "Returns the role in replication: a pool is a master.").also(ADMIN).local(Local::Role).modern(),
    row(G, "save",          1, SAVE.and(Flags::NO_MULTI), NO_KEY, Closed, "1.0.0", "",
        "Makes every server save its data.").whole(Join::AllSucceeded).policies(None, None).fenced(),
    row(G, "slowlog",      -2, Flags::NONE, NO_KEY, Closed, "2.2.12", "",
        "Shows the slow logs of all servers.").container(&subcommands::SLOWLOG).modern(),
    row(G, "time",          1, EVER_FAST,   NO_KEY, Closed, "2.6.0", "",
        "Returns the time of one server.").varying().verb(Verb::Placeholder).modern(),
];
