//! Keys of any type: expiry, renaming, copying, sorting. DEL, UNLINK, TOUCH and EXISTS are
//! split by key and their counts added; twemproxy counted EXISTS on one server only. KEYS, RANDOMKEY and
//! SCAN concern all shards.
//!
//! SORT's BY and GET may name further keys by pattern. The server of the sorted key looks them up. A
//! pattern is refused if it can name keys of other shards; under twemproxy manners it is not, as with
//! twemproxy.

use super::row::{Keyed, NO_KEY, all, one, row, two};
use super::subcommands;
use crate::command::Before::{Closed, Cut, Sent};
use crate::command::{
    Categories, Command, CutBy, Flags, Group, Join, KeyUse as Use, Keys, Refuses, RequestPolicy,
    Verb,
};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = Flags::WRITE_FAST;
const GROW: Flags = Flags::GROW;
const SORTABLE: Categories =
    Categories::SET.and(Categories::SORTEDSET).and(Categories::LIST).and(Categories::DANGEROUS);
const SORT: Keyed = Keyed(Keys::Sort, [Use::READ, Use::OVERWRITE]);

const G: Group = Group::Generic;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 29] = [
    row(G, "bless",       -2, Flags::NONE, NO_KEY,                         Closed, "8.12.0", "",
        "Marks keys, so that they are not evicted.")
        .container(&subcommands::BLESS).not_in_valkey().by_reference(),
    row(G, "copy",        -3, GROW,        two(Use::READ, Use::OVERWRITE), Sent,   "6.2.0",
        "source:key destination:key [DB destination-db:integer] [REPLACE]",
        "Copies a key's value to another key.").refuses(Refuses::Database),
    row(G, "del",         -2, WRITE,       all(Use::REMOVE, Use::REMOVE),  Cut,    "1.0.0",
        "key...",
        "Deletes keys.").cut(CutBy::Key, Join::Sum),
    row(G, "dump",         2, READ,        one(Use::READ),                 Sent,   "2.6.0",
        "key",
        "Returns a value in the server's own serialized form.").varying(),
    row(G, "exists",      -2, READ_FAST,   all(Use::PEEK, Use::PEEK),      Sent,   "1.0.0",
        "key...",
        "Counts those keys that exist.").cut(CutBy::Key, Join::Sum),
    row(G, "expire",      -3, WRITE_FAST,  one(Use::UPDATE),               Sent,   "1.0.0",
        "key seconds:integer [condition(NX | XX | GT | LT)]",
        "Sets a key's time to live in seconds."),
    row(G, "expireat",    -3, WRITE_FAST,  one(Use::UPDATE),               Sent,   "1.2.0",
        "key unix-time-seconds:unix-time [condition(NX | XX | GT | LT)]",
        "Makes a key expire at a Unix time in seconds."),
    row(G, "expiretime",   2, READ_FAST,   one(Use::READ),                 Closed, "7.0.0",
        "key",
        "Returns when a key expires, as a Unix time in seconds."),
    row(G, "keys",         2, READ,        NO_KEY,                         Closed, "1.0.0",
        "pattern",
        "Returns the names of all keys that match a pattern.")
        .also(Categories::DANGEROUS).unordered().whole(Join::Stream),
    row(G, "move",         3, WRITE_FAST,  one(Use::MODIFY),               Closed, "1.0.0",
        "key db:integer",
        "Moves a key to another database.").refuses(Refuses::Database).modern(),
    row(G, "object",      -2, Flags::NONE, NO_KEY,                         Closed, "2.2.3", "",
        "Shows how the server stores a value.").container(&subcommands::OBJECT),
    row(G, "persist",      2, WRITE_FAST,  one(Use::UPDATE),               Sent,   "2.2.0",
        "key",
        "Removes a key's time to live."),
    row(G, "pexpire",     -3, WRITE_FAST,  one(Use::UPDATE),               Sent,   "2.6.0",
        "key milliseconds:integer [condition(NX | XX | GT | LT)]",
        "Sets a key's time to live in milliseconds."),
    row(G, "pexpireat",   -3, WRITE_FAST,  one(Use::UPDATE),               Sent,   "2.6.0",
        "key unix-time-milliseconds:unix-time [condition(NX | XX | GT | LT)]",
        "Makes a key expire at a Unix time in milliseconds."),
    row(G, "pexpiretime",  2, READ_FAST,   one(Use::READ),                 Closed, "7.0.0",
        "key",
        "Returns when a key expires, as a Unix time in milliseconds."),
    row(G, "pttl",         2, READ_FAST,   one(Use::READ),                 Sent,   "2.6.0",
        "key",
        "Returns a key's time to live in milliseconds.").varying(),
    row(G, "randomkey",    1, READ,        NO_KEY,                         Closed, "1.0.0", "",
        "Returns the name of a random key.").varying().whole(Join::Random)
        .policies(Some(RequestPolicy::AllShards), None),
    row(G, "rename",       3, WRITE,       two(Use::TAKE, Use::OVERWRITE), Closed, "1.0.0",
        "key newkey:key",
        "Renames a key, and replaces the key of the new name."),
    row(G, "renamenx",     3, WRITE_FAST,  two(Use::TAKE, Use::CREATE),    Closed, "1.0.0",
        "key newkey:key",
        "Renames a key unless the new name exists."),
    row(G, "restore",     -4, GROW,        one(Use::OVERWRITE),            Sent,   "2.6.0",
        "key ttl:integer serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds:integer] \
         [FREQ frequency:integer]",
        "Creates a key from the output of DUMP.").also(Categories::DANGEROUS),
    row(G, "scan",        -2, READ,        NO_KEY,                         Closed, "2.8.0",
        "cursor:integer [MATCH pattern] [COUNT count:integer] [TYPE type]",
        "Iterates over the names of all keys.").varying().verb(Verb::Scan).modern()
        .policies(Some(RequestPolicy::Special), None),
    row(G, "sort",        -2, GROW,        SORT,                           Sent,   "1.0.0",
        "key [BY pattern] [LIMIT (offset:integer count:integer)] [GET pattern]... \
         [order(ASC | DESC)] [sorting=ALPHA] [STORE destination:key]",
        "Sorts a list, set or sorted set, and may store the result.")
        .belongs(SORTABLE).refuses(Refuses::Patterns),
    row(G, "sort_ro",     -2, READ,        one(Use::READ),                 Closed, "7.0.0",
        "key [BY pattern] [LIMIT (offset:integer count:integer)] [GET pattern]... \
         [order(ASC | DESC)] [sorting=ALPHA]",
        "Sorts a list, set or sorted set.").belongs(SORTABLE).refuses(Refuses::Patterns),
    row(G, "touch",       -2, READ_FAST,   all(Use::PEEK, Use::PEEK),      Cut,    "3.2.1",
        "key...",
        "Marks keys as used, and counts those that exist.").cut(CutBy::Key, Join::Sum),
    row(G, "ttl",          2, READ_FAST,   one(Use::READ),                 Sent,   "1.0.0",
        "key",
        "Returns a key's time to live in seconds.").varying(),
    row(G, "type",         2, READ_FAST,   one(Use::PEEK),                 Sent,   "1.0.0",
        "key",
        "Returns the type of a key's value."),
    row(G, "unlink",      -2, WRITE_FAST,  all(Use::REMOVE, Use::REMOVE),  Cut,    "4.0.0",
        "key...",
        "Deletes keys, and frees their memory in the background.").cut(CutBy::Key, Join::Sum),
    row(G, "wait",         3, Flags::NOSCRIPT, NO_KEY,                     Closed, "3.0.0",
        "numreplicas:integer timeout:integer",
        "Waits until replicas have what this client has written.")
        .acknowledges(Join::Min).belongs(Categories::CONNECTION),
    row(G, "waitaof",      4, Flags::NOSCRIPT.and(Flags::BLOCKING), NO_KEY, Closed, "7.2.0",
        "numlocal:integer numreplicas:integer timeout:integer",
        "Waits until append-only files have what this client has written.")
        .acknowledges(Join::And).belongs(Categories::CONNECTION),
];
