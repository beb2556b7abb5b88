//! Strings, and numbers in them. MGET and MSET are split, and MSETEX if it has no condition. MSETNX cannot be
//! split, since it sets all keys or none.

use super::row::{Keyed, all, one, pairs, row, two};
use crate::command::Before::{Closed, Cut, Sent};
use crate::command::{
    Command, CutBy, Flags, Group, Join, KeyUse as Use, Keys, RequestPolicy, ResponsePolicy,
};

const MSETEX: Keyed = Keyed(Keys::CountedPairs { count: 1 }, [Use::OVERWRITE, Use::OVERWRITE]);

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const WRITE_FAST: Flags = Flags::WRITE_FAST;
const GROW: Flags = Flags::GROW;
const GROW_FAST: Flags = Flags::GROW_FAST;

const G: Group = Group::String;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 27] = [
    row(G, "append",       3, GROW_FAST,  one(Use::INSERT),          Sent,   "2.0.0",
        "key value",
        "Appends to a string, and creates it if it does not exist."),
    row(G, "decr",         2, GROW_FAST,  one(Use::MODIFY),          Sent,   "1.0.0",
        "key",
        "Subtracts one from a number."),
    row(G, "decrby",       3, GROW_FAST,  one(Use::MODIFY),          Sent,   "1.0.0",
        "key decrement:integer",
        "Subtracts an integer from a number."),
    row(G, "delex", -2, WRITE_FAST, one(Use::DELETE), Closed, "8.4.0",
        "key [condition(IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest)]",
        "Deletes a key if its value meets a condition.").valkey("9.2.0").by_reference(),
    row(G, "delifeq", 3, WRITE_FAST, one(Use::DELETE), Closed, "9.0.0",
        "key value",
        "Deletes a key if its value is equal.").only_valkey(),
    row(G, "digest", 2, READ_FAST, one(Use::READ), Closed, "8.4.0",
        "key",
        "Returns the hash of a string.").not_in_valkey().by_reference(),
    row(G, "get",          2, READ_FAST,  one(Use::READ),            Sent,   "1.0.0",
        "key",
        "Returns a string."),
    row(G, "getdel",       2, WRITE_FAST, one(Use::TAKE),            Sent,   "6.2.0",
        "key",
        "Returns a string and deletes it."),
    row(G, "getex",       -2, WRITE_FAST, one(Use::MODIFY),          Sent,   "6.2.0",
        "key [expiration(EX seconds:integer | PX milliseconds:integer | \
         EXAT unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time | PERSIST)]",
        "Returns a string and changes its time to live."),
    row(G, "getrange",     4, READ,       one(Use::READ),            Sent,   "2.4.0",
        "key start:integer end:integer",
        "Returns a part of a string."),
    row(G, "getset",       3, GROW_FAST,  one(Use::MODIFY),          Sent,   "1.0.0",
        "key value",
        "Returns a string and sets a new value."),
    row(G, "incr",         2, GROW_FAST,  one(Use::MODIFY),          Sent,   "1.0.0",
        "key",
        "Adds one to a number."),
    row(G, "incrby",       3, GROW_FAST,  one(Use::MODIFY),          Sent,   "1.0.0",
        "key increment:integer",
        "Adds an integer to a number."),
    row(G, "incrbyfloat",  3, GROW_FAST,  one(Use::MODIFY),          Sent,   "2.6.0",
        "key increment:double",
        "Adds a decimal number to a number."),
    row(G, "increx", -2, GROW_FAST, one(Use::MODIFY), Closed, "8.8.0",
        "key [argument...]",
        "Adds to a number, within bounds, and may set its time to live.").not_in_valkey().by_reference(),
    row(G, "lcs",         -3, READ,       two(Use::READ, Use::READ), Closed, "7.0.0",
        "key1:key key2:key [LEN] [IDX] [MINMATCHLEN len:integer] [WITHMATCHLEN]",
        "Finds the longest common subsequence of two strings."),
    row(G, "mget",        -2, READ_FAST,  all(Use::READ, Use::READ), Cut,    "1.0.0",
        "key...",
        "Returns several strings.").cut(CutBy::Key, Join::InOrder),
    row(G, "mset",        -3, GROW,       pairs(Use::OVERWRITE),     Cut,    "1.0.1",
        "(key value)...",
        "Sets several strings.").cut(CutBy::Pair, Join::AllOk),
    row(G, "msetex", -4, GROW, MSETEX, Closed, "8.4.0",
        "numkeys:integer data(key value)... [condition(NX | XX)] [expiration(EX seconds:integer | PX milliseconds:integer | EXAT unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time | KEEPTTL)]",
        "Sets several strings and their time to live.").cut(CutBy::CountedPair, Join::AllSucceeded).valkey("9.1.0"),
    row(G, "msetnx",      -3, GROW,       pairs(Use::CREATE),        Closed, "1.0.1",
        "(key value)...",
        "Sets several strings if none of the keys exists.")
        .policies(Some(RequestPolicy::MultiShard), Some(ResponsePolicy::AggMin)),
    row(G, "psetex",       4, GROW,       one(Use::OVERWRITE),       Sent,   "2.6.0",
        "key milliseconds:integer value",
        "Sets a string with a time to live in milliseconds."),
    row(G, "set",         -3, GROW,       one(Use::VARIES),          Sent,   "1.0.0",
        "key value [condition(NX | XX)] [GET] [expiration(EX seconds:integer | PX milliseconds:integer | \
         EXAT unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time | KEEPTTL)]",
        "Sets a string, with optional conditions and time to live."),
    row(G, "setex",        4, GROW,       one(Use::OVERWRITE),       Sent,   "2.0.0",
        "key seconds:integer value",
        "Sets a string with a time to live in seconds."),
    row(G, "setnx",        3, GROW_FAST,  one(Use::CREATE),          Sent,   "1.0.0",
        "key value",
        "Sets a string unless the key exists."),
    row(G, "setrange",     4, GROW,       one(Use::UPDATE),          Sent,   "2.2.0",
        "key offset:integer value",
        "Overwrites a part of a string."),
    row(G, "strlen",       2, READ_FAST,  one(Use::PEEK),            Sent,   "2.2.0",
        "key",
        "Returns the length of a string."),
    row(G, "substr",       4, READ,       one(Use::READ),            Closed, "1.0.0",
        "key start:integer end:integer",
        "Returns a part of a string; the old name of GETRANGE."),
];
