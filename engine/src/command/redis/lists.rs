//! Lists. A command that waits for an element does so on a connection of its client's own.

use super::row::{but_last, counted, one, row, two};
use crate::command::Before::{Closed, Sent};
use crate::command::{Command, Flags, Group, KeyUse as Use};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = Flags::WRITE_FAST;
const GROW: Flags = Flags::GROW;
const GROW_FAST: Flags = Flags::GROW_FAST;

/// Without NOSCRIPT a script may use it, and does not wait.
const WAIT_MANY: Flags = WRITE.and(Flags::BLOCKING);
const WAIT: Flags = WAIT_MANY.and(Flags::NOSCRIPT);
const WAIT_GROW: Flags = WAIT.and(Flags::DENYOOM);

const G: Group = Group::List;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 24] = [
    row(G, "blmove",     6, WAIT_GROW,  two(Use::TAKE, Use::INSERT), Closed, "6.2.0",
        "source:key destination:key wherefrom(LEFT | RIGHT) whereto(LEFT | RIGHT) timeout:double",
        "Moves an element from a list to another, or waits for one.").waits(),
    row(G, "blmovem",   -6, WAIT_GROW,  two(Use::TAKE, Use::INSERT), Closed, "8.10.0",
        "source:key destination:key wherefrom(LEFT | RIGHT) whereto(LEFT | RIGHT) argument...",
        "Moves several elements from a list to another, or waits for one.")
        .waits().not_in_valkey().by_reference(),
    row(G, "blmpop",    -5, WAIT_MANY,  counted(2, Use::TAKE),       Closed, "7.0.0",
        "timeout:double numkeys:integer key... where(LEFT | RIGHT) [COUNT count:integer]",
        "Removes and returns elements of the first list with any, or waits.").waits(),
    row(G, "blpop",     -3, WAIT,       but_last(Use::TAKE),         Closed, "2.0.0",
        "key... timeout:double",
        "Removes and returns the first element of a list, or waits for one.")
        .waits(),
    row(G, "brpop",     -3, WAIT,       but_last(Use::TAKE),         Closed, "2.0.0",
        "key... timeout:double",
        "Removes and returns the last element of a list, or waits for one.")
        .waits(),
    row(G, "brpoplpush", 4, WAIT_GROW,  two(Use::TAKE, Use::INSERT), Closed, "2.2.0",
        "source:key destination:key timeout:double",
        "Moves the last element of a list to the head of another, or waits for one.").waits(),
    row(G, "lindex",     3, READ,       one(Use::READ),              Sent,   "1.0.0",
        "key index:integer",
        "Returns the element at an index."),
    row(G, "linsert",    5, GROW,       one(Use::INSERT),            Sent,   "2.2.0",
        "key where(BEFORE | AFTER) pivot element",
        "Inserts an element before or after another."),
    row(G, "llen",       2, READ_FAST,  one(Use::PEEK),              Sent,   "1.0.0",
        "key",
        "Counts the elements."),
    row(G, "lmove",      5, GROW,       two(Use::TAKE, Use::INSERT), Sent,   "6.2.0",
        "source:key destination:key wherefrom(LEFT | RIGHT) whereto(LEFT | RIGHT)",
        "Moves an element from an end of a list to an end of another."),
    row(G, "lmovem", -5, GROW, two(Use::TAKE, Use::INSERT), Closed, "8.10.0",
        "source:key destination:key wherefrom(LEFT | RIGHT) whereto(LEFT | RIGHT) [argument...]",
        "Moves several elements from a list to another.").not_in_valkey().by_reference(),
    row(G, "lmpop",     -4, WRITE,      counted(1, Use::TAKE),       Closed, "7.0.0",
        "numkeys:integer key... where(LEFT | RIGHT) [COUNT count:integer]",
        "Removes and returns elements of the first list that has any."),
    row(G, "lpop",      -2, WRITE_FAST, one(Use::TAKE),              Sent,   "1.0.0",
        "key [count:integer]",
        "Removes and returns elements at the head."),
    row(G, "lpos",      -3, READ,       one(Use::READ),              Sent,   "6.0.6",
        "key element [RANK rank:integer] [COUNT num-matches:integer] [MAXLEN len:integer]",
        "Finds the indexes of an element."),
    row(G, "lpush",     -3, GROW_FAST,  one(Use::INSERT),            Sent,   "1.0.0",
        "key element...",
        "Inserts elements at the head."),
    row(G, "lpushx",    -3, GROW_FAST,  one(Use::INSERT),            Sent,   "2.2.0",
        "key element...",
        "Inserts elements at the head if the list exists."),
    row(G, "lrange",     4, READ,       one(Use::READ),              Sent,   "1.0.0",
        "key start:integer stop:integer",
        "Returns the elements of a range of indexes."),
    row(G, "lrem",       4, WRITE,      one(Use::DELETE),            Sent,   "1.0.0",
        "key count:integer element",
        "Removes elements equal to a value."),
    row(G, "lset",       4, GROW,       one(Use::UPDATE),            Sent,   "1.0.0",
        "key index:integer element",
        "Replaces the element at an index."),
    row(G, "ltrim",      4, WRITE,      one(Use::DELETE),            Sent,   "1.0.0",
        "key start:integer stop:integer",
        "Removes all elements outside a range of indexes."),
    row(G, "rpop",      -2, WRITE_FAST, one(Use::TAKE),              Sent,   "1.0.0",
        "key [count:integer]",
        "Removes and returns elements at the tail."),
    row(G, "rpoplpush",  3, GROW,       two(Use::TAKE, Use::INSERT), Sent,   "1.2.0",
        "source:key destination:key",
        "Moves the last element of a list to the head of another."),
    row(G, "rpush",     -3, GROW_FAST,  one(Use::INSERT),            Sent,   "1.0.0",
        "key element...",
        "Appends elements at the tail."),
    row(G, "rpushx",    -3, GROW_FAST,  one(Use::INSERT),            Sent,   "2.2.0",
        "key element...",
        "Appends elements at the tail if the list exists."),
];
