//! The rows of subcommands, by container.
//!
//! They have the lowest indexes. The row of a container points at its subcommands, so they are
//! numbered before the commands are counted.

use super::row::{NO_KEY, numbered, row, second};
use crate::command::Before::Closed;
use crate::command::{
    Categories, Command, Flags, Group, Join, KeyUse as Use, Local, Refuses, RequestPolicy,
    ResponsePolicy, ScriptUse, Verb,
};

const READ: Flags = Flags::READ;
const WRITE: Flags = Flags::WRITE;
const GROW: Flags = Flags::GROW;
const STALE: Flags = Flags::STALE;
const EVER: Flags = Flags::LOADING.and(STALE);
const NOSCRIPT_EVER: Flags = EVER.and(Flags::NOSCRIPT);
const ADMIN_EVER: Flags = NOSCRIPT_EVER.and(Flags::ADMIN);
const LOGGED: Flags = EVER.and(Flags::ADMIN);

const CLUSTERS: Group = Group::Cluster;
const CONNECTION: Group = Group::Connection;
const GENERIC: Group = Group::Generic;
const SCRIPTING: Group = Group::Scripting;
const SERVER: Group = Group::Server;
const STREAM: Group = Group::Stream;

const ACL_FIRST: usize = 0;
const BLESS_FIRST: usize = ACL_FIRST + ACL_ROWS.len();
const CLIENT_FIRST: usize = BLESS_FIRST + BLESS_ROWS.len();
const CLUSTER_FIRST: usize = CLIENT_FIRST + CLIENT_ROWS.len();
const COMMAND_FIRST: usize = CLUSTER_FIRST + CLUSTER_ROWS.len();
const COMMANDLOG_FIRST: usize = COMMAND_FIRST + COMMAND_ROWS.len();
const CONFIG_FIRST: usize = COMMANDLOG_FIRST + COMMANDLOG_ROWS.len();
const FUNCTION_FIRST: usize = CONFIG_FIRST + CONFIG_ROWS.len();
const LATENCY_FIRST: usize = FUNCTION_FIRST + FUNCTION_ROWS.len();
const MEMORY_FIRST: usize = LATENCY_FIRST + LATENCY_ROWS.len();
const MODULE_FIRST: usize = MEMORY_FIRST + MEMORY_ROWS.len();
const OBJECT_FIRST: usize = MODULE_FIRST + MODULE_ROWS.len();
const PUBSUB_FIRST: usize = OBJECT_FIRST + OBJECT_ROWS.len();
const SCRIPT_FIRST: usize = PUBSUB_FIRST + PUBSUB_ROWS.len();
const SLOWLOG_FIRST: usize = SCRIPT_FIRST + SCRIPT_ROWS.len();
const XGROUP_FIRST: usize = SLOWLOG_FIRST + SLOWLOG_ROWS.len();
const XINFO_FIRST: usize = XGROUP_FIRST + XGROUP_ROWS.len();
/// The index of the first command that is not a subcommand.
pub(super) const COMMANDS_FIRST: usize = XINFO_FIRST + XINFO_ROWS.len();

pub(super) static ACL: [Command; ACL_ROWS.len()] = numbered(ACL_FIRST, ACL_ROWS);
pub(super) static BLESS: [Command; BLESS_ROWS.len()] = numbered(BLESS_FIRST, BLESS_ROWS);
pub(super) static CLIENT: [Command; CLIENT_ROWS.len()] = numbered(CLIENT_FIRST, CLIENT_ROWS);
pub(super) static CLUSTER: [Command; CLUSTER_ROWS.len()] = numbered(CLUSTER_FIRST, CLUSTER_ROWS);
pub(super) static COMMAND: [Command; COMMAND_ROWS.len()] = numbered(COMMAND_FIRST, COMMAND_ROWS);
pub(super) static COMMANDLOG: [Command; COMMANDLOG_ROWS.len()] =
    numbered(COMMANDLOG_FIRST, COMMANDLOG_ROWS);
pub(super) static CONFIG: [Command; CONFIG_ROWS.len()] = numbered(CONFIG_FIRST, CONFIG_ROWS);
pub(super) static FUNCTION: [Command; FUNCTION_ROWS.len()] =
    numbered(FUNCTION_FIRST, FUNCTION_ROWS);
pub(super) static LATENCY: [Command; LATENCY_ROWS.len()] = numbered(LATENCY_FIRST, LATENCY_ROWS);
pub(super) static MEMORY: [Command; MEMORY_ROWS.len()] = numbered(MEMORY_FIRST, MEMORY_ROWS);
pub(super) static MODULE: [Command; MODULE_ROWS.len()] = numbered(MODULE_FIRST, MODULE_ROWS);
pub(super) static OBJECT: [Command; OBJECT_ROWS.len()] = numbered(OBJECT_FIRST, OBJECT_ROWS);
pub(super) static PUBSUB: [Command; PUBSUB_ROWS.len()] = numbered(PUBSUB_FIRST, PUBSUB_ROWS);
pub(super) static SCRIPT: [Command; SCRIPT_ROWS.len()] = numbered(SCRIPT_FIRST, SCRIPT_ROWS);
pub(super) static SLOWLOG: [Command; SLOWLOG_ROWS.len()] = numbered(SLOWLOG_FIRST, SLOWLOG_ROWS);
pub(super) static XGROUP: [Command; XGROUP_ROWS.len()] = numbered(XGROUP_FIRST, XGROUP_ROWS);
pub(super) static XINFO: [Command; XINFO_ROWS.len()] = numbered(XINFO_FIRST, XINFO_ROWS);

const PUBSUB_EVER: Flags = EVER.and(Flags::PUBSUB);

#[rustfmt::skip] // a table is read by its columns
const ACL_ROWS: [Command; 6] = [
    row(SERVER, "acl|cat", -2, NOSCRIPT_EVER, NO_KEY, Closed, "6.0.0",
        "[categoryname]",
        "Lists the categories of commands, or the commands of one.").local(Local::Acl),
    row(SERVER, "acl|getuser", 3, ADMIN_EVER, NO_KEY, Closed, "6.0.0",
        "username",
        "Shows the client's own user.").local(Local::Acl),
    row(SERVER, "acl|help", 2, EVER, NO_KEY, Closed, "6.0.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(SERVER, "acl|list", 2, ADMIN_EVER, NO_KEY, Closed, "6.0.0", "",
        "Shows the client's own user as a rule.").local(Local::Acl),
    row(SERVER, "acl|users", 2, ADMIN_EVER, NO_KEY, Closed, "6.0.0", "",
        "Returns the name of the client's own user.").local(Local::Acl),
    row(SERVER, "acl|whoami", 2, NOSCRIPT_EVER, NO_KEY, Closed, "6.0.0", "",
        "Returns the name of the client's user.").local(Local::Acl),
];

#[rustfmt::skip] // a table is read by its columns
const BLESS_ROWS: [Command; 3] = [
    row(GENERIC, "bless|clear", -3, WRITE, second(Use::UPDATE), Closed, "8.12.0",
        "key [argument...]",
        "Removes the mark that keeps a key from eviction.").not_in_valkey().by_reference(),
    row(GENERIC, "bless|get",   -3, READ,  second(Use::PEEK),   Closed, "8.12.0",
        "key [argument...]",
        "Returns the mark that keeps a key from eviction.").not_in_valkey().by_reference(),
    row(GENERIC, "bless|set",   -3, WRITE, second(Use::UPDATE), Closed, "8.12.0",
        "key [argument...]",
        "Marks a key, so that it is not evicted.").not_in_valkey().by_reference(),
];

#[rustfmt::skip] // a table is read by its columns
const CLIENT_ROWS: [Command; 19] = [
    row(CONNECTION, "client|caching", 3, NOSCRIPT_EVER, NO_KEY, Closed, "6.0.0",
        "mode(YES | NO)",
        "Refused: nothing is tracked.").local(Local::Client),
    row(CONNECTION, "client|capa", -3, NOSCRIPT_EVER, NO_KEY, Closed, "8.0.0",
        "capability...",
        "Takes what the client is able to do, without an effect.").only_valkey().local(Local::Client),
    row(CONNECTION, "client|getname", 2, NOSCRIPT_EVER, NO_KEY, Closed, "2.6.9", "",
        "Returns the name of this connection.").local(Local::Client),
    row(CONNECTION, "client|getredir", 2, NOSCRIPT_EVER, NO_KEY, Closed, "6.0.0", "",
        "Returns -1: nothing is tracked.").local(Local::Client),
    row(CONNECTION, "client|help", 2, EVER, NO_KEY, Closed, "5.0.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(CONNECTION, "client|id", 2, NOSCRIPT_EVER, NO_KEY, Closed, "5.0.0", "",
        "Returns the number of this connection.").local(Local::Client),
    row(CONNECTION, "client|info", 2, NOSCRIPT_EVER, NO_KEY, Closed, "6.2.0", "",
        "Shows what is known of this connection.").varying().local(Local::Client),
    row(CONNECTION, "client|kill", -3, ADMIN_EVER, NO_KEY, Closed, "2.4.0",
        "filter(address | new-format([ID client-id:integer] | [TYPE normal_master_slave_pubsub(NORMAL | MASTER | SLAVE | REPLICA | PUBSUB)] | [USER username] | [ADDR address] | [LADDR address] | [SKIPME yes-or-no])...)",
        "Closes connections of the pool.").modern().local(Local::Client),
    row(CONNECTION, "client|list", -2, ADMIN_EVER, NO_KEY, Closed, "2.4.0",
        "[TYPE normal_master_replica_pubsub(NORMAL | MASTER | REPLICA | PUBSUB)] [ID id(client-id:integer...)]",
        "Lists the connections of the pool.").varying().modern().local(Local::Client),
    row(CONNECTION, "client|no-evict", 3, ADMIN_EVER, NO_KEY, Closed, "7.0.0",
        "enabled(ON | OFF)",
        "Taken, without an effect.").local(Local::Client),
    row(CONNECTION, "client|no-touch", 3, NOSCRIPT_EVER, NO_KEY, Closed, "7.2.0",
        "enabled(ON | OFF)",
        "Reads without marking keys as used.").local(Local::Client),
    row(CONNECTION, "client|pause", -3, ADMIN_EVER, NO_KEY, Closed, "2.9.50",
        "timeout:integer [mode(WRITE | ALL)]",
        "Holds the commands of all clients of the pool.").modern().local(Local::Client),
    row(CONNECTION, "client|reply", 3, NOSCRIPT_EVER, NO_KEY, Closed, "3.2.0",
        "on_off_skip(ON | OFF | SKIP)",
        "Chooses whether this connection gets replies.").modern().local(Local::Client),
    row(CONNECTION, "client|setinfo", 4, NOSCRIPT_EVER, NO_KEY, Closed, "7.2.0",
        "attr(LIB-NAME libname | LIB-VER libver)",
        "Sets the name or version of the library.").local(Local::Client),
    row(CONNECTION, "client|setname", 3, NOSCRIPT_EVER, NO_KEY, Closed, "2.6.9",
        "connection-name",
        "Names this connection.").local(Local::Client),
    row(CONNECTION, "client|tracking", -3, NOSCRIPT_EVER, NO_KEY, Closed, "6.0.0",
        "status(ON | OFF) [REDIRECT client-id:integer] [PREFIX prefix]... [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
        "Takes ON OPTIN and OFF; nothing is tracked.").local(Local::Client),
    row(CONNECTION, "client|trackinginfo", 2, NOSCRIPT_EVER, NO_KEY, Closed, "6.2.0", "",
        "Says that nothing is tracked.").local(Local::Client),
    row(CONNECTION, "client|unblock", -3, ADMIN_EVER, NO_KEY, Closed, "5.0.0",
        "client-id:integer [unblock-type(TIMEOUT | ERROR)]",
        "Ends the waiting of a client.").modern().local(Local::Client),
    row(CONNECTION, "client|unpause", 2, ADMIN_EVER, NO_KEY, Closed, "6.2.0", "",
        "Ends CLIENT PAUSE.").modern().local(Local::Client),
];

#[rustfmt::skip] // a table is read by its columns
const CLUSTER_ROWS: [Command; 10] = [
    row(CLUSTERS, "cluster|countkeysinslot", 3, STALE, NO_KEY, Closed, "3.0.0",
        "slot:integer",
        "Says that cluster mode is off.").local(Local::Cluster),
    row(CLUSTERS, "cluster|getkeysinslot", 4, STALE, NO_KEY, Closed, "3.0.0",
        "slot:integer count:integer",
        "Says that cluster mode is off.").varying().local(Local::Cluster),
    row(CLUSTERS, "cluster|help", 2, EVER, NO_KEY, Closed, "5.0.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(CLUSTERS, "cluster|info", 2, STALE, NO_KEY, Closed, "3.0.0", "",
        "Says that cluster mode is off.").varying().local(Local::Cluster),
    row(CLUSTERS, "cluster|keyslot", 3, STALE, NO_KEY, Closed, "3.0.0",
        "key:string",
        "Returns the slot of a key in a cluster.").local(Local::Cluster),
    row(CLUSTERS, "cluster|links", 2, STALE, NO_KEY, Closed, "7.0.0", "",
        "Says that cluster mode is off.").varying().local(Local::Cluster),
    row(CLUSTERS, "cluster|myid", 2, STALE, NO_KEY, Closed, "3.0.0", "",
        "Says that cluster mode is off.").local(Local::Cluster),
    row(CLUSTERS, "cluster|nodes", 2, STALE, NO_KEY, Closed, "3.0.0", "",
        "Says that cluster mode is off.").varying().local(Local::Cluster),
    row(CLUSTERS, "cluster|shards", 2, STALE, NO_KEY, Closed, "7.0.0", "",
        "Says that cluster mode is off.").varying().local(Local::Cluster),
    row(CLUSTERS, "cluster|slots", 2, STALE, NO_KEY, Closed, "3.0.0", "",
        "Says that cluster mode is off.").varying().local(Local::Cluster),
];

#[rustfmt::skip] // a table is read by its columns
const COMMAND_ROWS: [Command; 7] = [
    row(SERVER, "command|count",    2, EVER, NO_KEY, Closed, "2.8.13", "",
        "Counts the commands.").also(Categories::CONNECTION).local(Local::Command),
    row(SERVER, "command|docs",    -2, EVER, NO_KEY, Closed, "7.0.0",
        "[command-name...]",
        "Describes commands in words.")
        .also(Categories::CONNECTION).unordered().local(Local::Command),
    row(SERVER, "command|getkeys", -4, EVER, NO_KEY, Closed, "2.8.13", "",
        "Finds the keys of a request.").also(Categories::CONNECTION).local(Local::Command),
    row(SERVER, "command|getkeysandflags", -4, EVER, NO_KEY, Closed, "7.0.0", "",
        "Finds the keys of a request, and their use.")
        .also(Categories::CONNECTION).local(Local::Command),
    row(SERVER, "command|help",     2, EVER, NO_KEY, Closed, "5.0.0", "",
        "Lists these subcommands.").also(Categories::CONNECTION).local(Local::Command),
    row(SERVER, "command|info",    -2, EVER, NO_KEY, Closed, "2.8.13",
        "[command-name...]",
        "Describes some commands.").also(Categories::CONNECTION).unordered().local(Local::Command),
    row(SERVER, "command|list",    -2, EVER, NO_KEY, Closed, "7.0.0",
        "[FILTERBY filterby(MODULE module-name | ACLCAT category | PATTERN pattern)]",
        "Returns the names of the commands.").also(Categories::CONNECTION).unordered().local(Local::Command),
];

#[rustfmt::skip] // a table is read by its columns
const COMMANDLOG_ROWS: [Command; 4] = [
    row(SERVER, "commandlog|get", 4, LOGGED, NO_KEY, Closed, "8.1.0",
        "count:integer type",
        "Returns entries of all servers, the latest first.").varying().servers(Join::Logs).only_valkey(),
    row(SERVER, "commandlog|help", 2, EVER, NO_KEY, Closed, "8.1.0", "",
        "Lists these subcommands.").local(Local::Help).only_valkey(),
    row(SERVER, "commandlog|len", 3, LOGGED, NO_KEY, Closed, "8.1.0",
        "type",
        "Counts the entries of all servers.").varying().servers(Join::Sum).only_valkey(),
    row(SERVER, "commandlog|reset", 3, LOGGED, NO_KEY, Closed, "8.1.0",
        "type",
        "Empties a log of all servers.").servers(Join::AllSucceeded).fenced().only_valkey(),
];

#[rustfmt::skip] // a table is read by its columns
const CONFIG_ROWS: [Command; 5] = [
    row(SERVER, "config|get", -3, ADMIN_EVER, NO_KEY, Closed, "2.0.0",
        "(parameter)...",
        "Returns parameters of one server.").verb(Verb::Placeholder),
    row(SERVER, "config|help", 2, EVER, NO_KEY, Closed, "5.0.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(SERVER, "config|resetstat", 2, ADMIN_EVER, NO_KEY, Closed, "2.0.0", "",
        "Resets the statistics of all servers.").servers(Join::AllSucceeded).policies(None, None).fenced(),
    row(SERVER, "config|rewrite", 2, ADMIN_EVER, NO_KEY, Closed, "2.8.0", "",
        "Makes every server rewrite its configuration file.").servers(Join::AllSucceeded).policies(None, None).fenced(),
    row(SERVER, "config|set", -4, ADMIN_EVER, NO_KEY, Closed, "2.0.0",
        "(parameter value)...",
        "Sets parameters of all servers.").servers(Join::AllSucceeded).fenced(),
];

#[rustfmt::skip] // a table is read by its columns
const FUNCTION_ROWS: [Command; 9] = [
    row(SCRIPTING, "function|delete", 3, WRITE.and(Flags::NOSCRIPT), NO_KEY, Closed, "7.0.0",
        "library-name",
        "Deletes a library on all shards.").whole(Join::AllSucceeded),
    row(SCRIPTING, "function|dump", 2, Flags::NOSCRIPT, NO_KEY, Closed, "7.0.0", "",
        "Returns all libraries in the server's own form.").verb(Verb::Placeholder),
    row(SCRIPTING, "function|flush", -2, WRITE.and(Flags::NOSCRIPT), NO_KEY, Closed, "7.0.0",
        "[async(ASYNC | SYNC)]",
        "Deletes all libraries on all shards.").whole(Join::AllSucceeded),
    row(SCRIPTING, "function|help", 2, EVER, NO_KEY, Closed, "7.0.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(SCRIPTING, "function|kill", 2, Flags::NOSCRIPT.and(Flags::ALLOW_BUSY), NO_KEY, Closed, "7.0.0", "",
        "Ends the function that runs too long.").whole(Join::OneSucceeded),
    row(SCRIPTING, "function|list", -2, Flags::NOSCRIPT, NO_KEY, Closed, "7.0.0",
        "[LIBRARYNAME library-name-pattern] [WITHCODE]",
        "Lists the libraries.").unordered().verb(Verb::Placeholder).refuses(Refuses::LineBreak),
    row(SCRIPTING, "function|load", -3, GROW.and(Flags::NOSCRIPT), NO_KEY, Closed, "7.0.0",
        "[REPLACE] function-code",
        "Loads a library on all shards.").whole(Join::AllSucceeded),
    row(SCRIPTING, "function|restore", -3, GROW.and(Flags::NOSCRIPT), NO_KEY, Closed, "7.0.0",
        "serialized-value [policy(FLUSH | APPEND | REPLACE)]",
        "Loads the output of FUNCTION DUMP on all shards.").whole(Join::AllSucceeded),
    row(SCRIPTING, "function|stats", 2, Flags::NOSCRIPT.and(Flags::ALLOW_BUSY), NO_KEY, Closed, "7.0.0", "",
        "Shows the running function of one server.").varying().verb(Verb::Placeholder)
        .policies(Some(RequestPolicy::AllShards), Some(ResponsePolicy::Special)),
];

#[rustfmt::skip] // a table is read by its columns
const LATENCY_ROWS: [Command; 7] = [
    row(SERVER, "latency|doctor", 2, ADMIN_EVER, NO_KEY, Closed, "2.8.13", "",
        "Explains slow events of one server.").varying().verb(Verb::Placeholder)
        .policies(Some(RequestPolicy::AllNodes), Some(ResponsePolicy::Special)),
    row(SERVER, "latency|graph", 3, ADMIN_EVER, NO_KEY, Closed, "2.8.13",
        "event",
        "Draws the times of an event of one server.").varying().verb(Verb::Placeholder)
        .policies(Some(RequestPolicy::AllNodes), Some(ResponsePolicy::Special)),
    row(SERVER, "latency|help", 2, EVER, NO_KEY, Closed, "2.8.13", "",
        "Lists these subcommands.").local(Local::Help),
    row(SERVER, "latency|histogram", -2, ADMIN_EVER, NO_KEY, Closed, "7.0.0",
        "[command...]",
        "Returns how long commands took in one server.").varying().verb(Verb::Placeholder)
        .policies(Some(RequestPolicy::AllNodes), Some(ResponsePolicy::Special)),
    row(SERVER, "latency|history", 3, ADMIN_EVER, NO_KEY, Closed, "2.8.13",
        "event",
        "Returns the times of an event in all servers.").varying().servers(Join::Concat)
        .policies(Some(RequestPolicy::AllNodes), Some(ResponsePolicy::Special)),
    row(SERVER, "latency|latest", 2, ADMIN_EVER, NO_KEY, Closed, "2.8.13", "",
        "Returns the latest slow events of all servers.").varying().servers(Join::Concat)
        .policies(Some(RequestPolicy::AllNodes), Some(ResponsePolicy::Special)),
    row(SERVER, "latency|reset", -2, ADMIN_EVER, NO_KEY, Closed, "2.8.13",
        "[event...]",
        "Resets the slow events of all servers.").servers(Join::Sum).fenced()
        .policies(Some(RequestPolicy::AllNodes), Some(ResponsePolicy::AllSucceeded)),
];

#[rustfmt::skip] // a table is read by its columns
const MEMORY_ROWS: [Command; 6] = [
    row(SERVER, "memory|doctor", 2, Flags::NONE, NO_KEY, Closed, "4.0.0", "",
        "Explains the memory of one server.").varying().verb(Verb::Placeholder).modern()
        .policies(Some(RequestPolicy::AllShards), Some(ResponsePolicy::Special)),
    row(SERVER, "memory|help", 2, EVER, NO_KEY, Closed, "4.0.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(SERVER, "memory|malloc-stats", 2, Flags::NONE, NO_KEY, Closed, "4.0.0", "",
        "Shows the allocator of one server.").varying().verb(Verb::Placeholder).modern()
        .policies(Some(RequestPolicy::AllShards), Some(ResponsePolicy::Special)),
    row(SERVER, "memory|purge", 2, Flags::NONE, NO_KEY, Closed, "4.0.0", "",
        "Makes every server give memory back.").whole(Join::AllSucceeded).fenced(),
    row(SERVER, "memory|stats", 2, Flags::NONE, NO_KEY, Closed, "4.0.0", "",
        "Shows the memory of one server.").varying().verb(Verb::Placeholder).modern()
        .policies(Some(RequestPolicy::AllShards), Some(ResponsePolicy::Special)),
    row(SERVER, "memory|usage", -3, READ, second(Use::PEEK), Closed, "4.0.0",
        "key [SAMPLES count:integer]",
        "Estimates the bytes of a key and its value."),
];

#[rustfmt::skip] // a table is read by its columns
const MODULE_ROWS: [Command; 2] = [
    row(SERVER, "module|help", 2, EVER, NO_KEY, Closed, "5.0.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(SERVER, "module|list", 2, Flags::ADMIN.and(Flags::NOSCRIPT), NO_KEY, Closed, "4.0.0", "",
        "Returns an empty list.").unordered().local(Local::ModuleList),
];

#[rustfmt::skip] // a table is read by its columns
const OBJECT_ROWS: [Command; 5] = [
    row(GENERIC, "object|encoding", 3, READ, second(Use::PEEK), Closed, "2.2.3",
        "key",
        "Returns the internal encoding of a value.").varying(),
    row(GENERIC, "object|freq",     3, READ, second(Use::PEEK), Closed, "4.0.0",
        "key",
        "Returns how often a key is used, under an LFU policy.").varying(),
    row(GENERIC, "object|help",     2, EVER, NO_KEY,            Closed, "6.2.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(GENERIC, "object|idletime", 3, READ, second(Use::PEEK), Closed, "2.2.3",
        "key",
        "Returns how long a key has not been used, in seconds.").varying(),
    row(GENERIC, "object|refcount", 3, READ, second(Use::PEEK), Closed, "2.2.3",
        "key",
        "Counts the references to a value.").varying(),
];

#[rustfmt::skip] // a table is read by its columns
const PUBSUB_ROWS: [Command; 6] = [
    row(Group::PubSub, "pubsub|channels", -2, PUBSUB_EVER, NO_KEY, Closed, "2.8.0",
        "[pattern]",
        "Lists channels with subscribers of this proxy.").verb(Verb::Listeners),
    row(Group::PubSub, "pubsub|help", 2, EVER, NO_KEY, Closed, "6.2.0", "",
        "Lists these subcommands.").belongs(Categories::NONE).local(Local::Help),
    row(Group::PubSub, "pubsub|numpat", 2, PUBSUB_EVER, NO_KEY, Closed, "2.8.0", "",
        "Counts the patterns that clients of this proxy listen to.").verb(Verb::Listeners),
    row(Group::PubSub, "pubsub|numsub", -2, PUBSUB_EVER, NO_KEY, Closed, "2.8.0",
        "[channel...]",
        "Counts the subscribers of channels.").verb(Verb::Listeners),
    row(Group::PubSub, "pubsub|shardchannels", -2, PUBSUB_EVER, NO_KEY, Closed, "7.0.0",
        "[pattern]",
        "Lists shard channels with subscribers of this proxy.").verb(Verb::Listeners),
    row(Group::PubSub, "pubsub|shardnumsub", -2, PUBSUB_EVER, NO_KEY, Closed, "7.0.0",
        "[shardchannel...]",
        "Counts the subscribers of shard channels.").verb(Verb::Listeners),
];

#[rustfmt::skip] // a table is read by its columns
const SCRIPT_ROWS: [Command; 5] = [
    row(SCRIPTING, "script|exists", -3, Flags::NOSCRIPT, NO_KEY, Closed, "2.6.0",
        "sha1...",
        "Says which scripts are stored on all shards.").whole(Join::And).script(ScriptUse::Asks),
    row(SCRIPTING, "script|flush", -2, Flags::NOSCRIPT, NO_KEY, Closed, "2.6.0",
        "[async(ASYNC | SYNC)]",
        "Removes all scripts from all servers.").servers(Join::AllSucceeded)
        .script(ScriptUse::Flushes),
    row(SCRIPTING, "script|help", 2, EVER, NO_KEY, Closed, "5.0.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(SCRIPTING, "script|kill", 2, Flags::NOSCRIPT.and(Flags::ALLOW_BUSY), NO_KEY, Closed, "2.6.0", "",
        "Ends the script that runs too long.").whole(Join::OneSucceeded),
    row(SCRIPTING, "script|load", 3, Flags::NOSCRIPT.and(Flags::STALE), NO_KEY, Closed, "2.6.0",
        "script",
        "Stores a script on all servers.").servers(Join::AllSucceeded).script(ScriptUse::Loads),
];

#[rustfmt::skip] // a table is read by its columns
const SLOWLOG_ROWS: [Command; 4] = [
    row(SERVER, "slowlog|get", -2, LOGGED, NO_KEY, Closed, "2.2.12",
        "[count:integer]",
        "Returns slow commands of all servers, the latest first.").varying().servers(Join::Logs),
    row(SERVER, "slowlog|help", 2, EVER, NO_KEY, Closed, "6.2.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(SERVER, "slowlog|len", 2, LOGGED, NO_KEY, Closed, "2.2.12", "",
        "Counts the slow commands of all servers.").varying().servers(Join::Sum),
    row(SERVER, "slowlog|reset", 2, LOGGED, NO_KEY, Closed, "2.2.12", "",
        "Empties the slow logs of all servers.").servers(Join::AllSucceeded).fenced(),
];

#[rustfmt::skip] // a table is read by its columns
const XGROUP_ROWS: [Command; 6] = [
    row(STREAM, "xgroup|create",         -5, GROW,  second(Use::INSERT), Closed, "5.0.0",
        "key groupname id(id | new_id=$) [MKSTREAM] [ENTRIESREAD entries_read:integer]",
        "Creates a consumer group."),
    row(STREAM, "xgroup|createconsumer",  5, GROW,  second(Use::INSERT), Closed, "6.2.0",
        "key groupname consumername",
        "Creates a consumer in a group."),
    row(STREAM, "xgroup|delconsumer",     5, WRITE, second(Use::DELETE), Closed, "5.0.0",
        "key groupname consumername",
        "Removes a consumer from its group."),
    row(STREAM, "xgroup|destroy",         4, WRITE, second(Use::DELETE), Closed, "5.0.0",
        "key groupname",
        "Removes a consumer group."),
    row(STREAM, "xgroup|help",            2, EVER,  NO_KEY,              Closed, "5.0.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(STREAM, "xgroup|setid",          -5, WRITE, second(Use::UPDATE), Closed, "5.0.0",
        "key groupname id(id | new_id=$) [ENTRIESREAD entries_read:integer]",
        "Sets the last delivered id of a group."),
];

#[rustfmt::skip] // a table is read by its columns
const XINFO_ROWS: [Command; 4] = [
    row(STREAM, "xinfo|consumers",  4, READ, second(Use::READ), Closed, "5.0.0",
        "key groupname",
        "Lists a group's consumers.").varying(),
    row(STREAM, "xinfo|groups",     3, READ, second(Use::READ), Closed, "5.0.0",
        "key",
        "Lists a stream's groups."),
    row(STREAM, "xinfo|help",       2, EVER, NO_KEY,            Closed, "5.0.0", "",
        "Lists these subcommands.").local(Local::Help),
    row(STREAM, "xinfo|stream",    -3, READ, second(Use::READ), Closed, "5.0.0",
        "key [FULL full([COUNT count:integer])]",
        "Describes a stream."),
];
