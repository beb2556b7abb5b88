//! Sorted sets. A command that waits for a member does so on a connection of its client's own.
//!
//! twemproxy used the count of ZDIFF, ZINTER and ZUNION as the key and routed by it. We route by the
//! first key.

use super::row::{but_last, counted, one, row, two, with_dest};
use crate::command::Before::{Closed, Sent};
use crate::command::{Command, Flags, Group, KeyUse as Use};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = Flags::WRITE_FAST;
const GROW: Flags = Flags::GROW;
const GROW_FAST: Flags = Flags::GROW_FAST;

/// A script may use BZMPOP, and does not wait.
const WAIT_MANY: Flags = WRITE.and(Flags::BLOCKING);
const WAIT: Flags = WAIT_MANY.and(Flags::NOSCRIPT).and(Flags::FAST);

const G: Group = Group::SortedSet;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 38] = [
    row(G, "bzmove", -4, WAIT, two(Use::TAKE, Use::INSERT), Closed, "8.12.0",
        "source:key destination:key argument...",
        "Moves members from a sorted set to another, or waits for one.")
        .waits().not_in_valkey().by_reference(),
    row(G, "bzmpop",           -5, WAIT_MANY,  counted(2, Use::TAKE),          Closed, "7.0.0",
        "timeout:double numkeys:integer key... where(MIN | MAX) [COUNT count:integer]",
        "Removes and returns members of the first sorted set with any, or waits.").waits(),
    row(G, "bzpopmax",         -3, WAIT,       but_last(Use::TAKE),            Closed, "5.0.0",
        "key... timeout:double",
        "Removes and returns the member with the highest score, or waits.").waits(),
    row(G, "bzpopmin",         -3, WAIT,       but_last(Use::TAKE),            Closed, "5.0.0",
        "key... timeout:double",
        "Removes and returns the member with the lowest score, or waits.").waits(),
    row(G, "zadd",             -4, GROW_FAST,  one(Use::UPDATE),               Sent,   "1.2.0",
        "key [condition(NX | XX)] [comparison(GT | LT)] [change=CH] [increment=INCR] \
         (score:double member)...",
        "Adds members, or changes their scores."),
    row(G, "zcard",             2, READ_FAST,  one(Use::PEEK),                 Sent,   "1.2.0",
        "key",
        "Counts the members."),
    row(G, "zcount",            4, READ_FAST,  one(Use::READ),                 Sent,   "2.0.0",
        "key min:double max:double",
        "Counts the members in a range of scores."),
    row(G, "zdiff",            -3, READ,       counted(1, Use::READ),          Sent,   "6.2.0",
        "numkeys:integer key... [WITHSCORES]",
        "Returns the first set's members that are in no other."),
    row(G, "zdiffstore",       -4, GROW,       with_dest(Use::OVERWRITE, Use::READ), Sent,   "6.2.0",
        "destination:key numkeys:integer key...",
        "Stores the first source's members that are in no other."),
    row(G, "zincrby",           4, GROW_FAST,  one(Use::MODIFY),               Sent,   "1.2.0",
        "key increment:integer member",
        "Adds to a member's score."),
    row(G, "zinter",           -3, READ,       counted(1, Use::READ),          Sent,   "6.2.0",
        "numkeys:integer key... [WEIGHTS weight:integer...] \
         [AGGREGATE aggregate(SUM | MIN | MAX)] [WITHSCORES]",
        "Returns the members that are in all sets."),
    row(G, "zintercard",       -3, READ,       counted(1, Use::READ),          Closed, "7.0.0",
        "numkeys:integer key... [LIMIT limit:integer]",
        "Counts the members that are in all sets."),
    row(G, "zinterstore",      -4, GROW,       with_dest(Use::OVERWRITE, Use::READ), Sent,   "2.0.0",
        "destination:key numkeys:integer key... [WEIGHTS weight:integer...] \
         [AGGREGATE aggregate(SUM | MIN | MAX)]",
        "Stores the members that are in all sources."),
    row(G, "zlexcount",         4, READ_FAST,  one(Use::READ),                 Sent,   "2.8.9",
        "key min max",
        "Counts the members in an alphabetical range."),
    row(G, "zmove", -4, WRITE_FAST, two(Use::TAKE, Use::INSERT), Closed, "8.12.0",
        "source:key destination:key argument...",
        "Moves members from a sorted set to another.").not_in_valkey().by_reference(),
    row(G, "zmovemember", -4, WRITE_FAST, two(Use::TAKE, Use::INSERT), Closed, "8.12.0",
        "source:key destination:key member...",
        "Moves named members from a sorted set to another.").not_in_valkey().by_reference(),
    row(G, "zmpop",            -4, WRITE,      counted(1, Use::TAKE),          Closed, "7.0.0",
        "numkeys:integer key... where(MIN | MAX) [COUNT count:integer]",
        "Removes and returns members of the first sorted set that has any."),
    row(G, "zmscore",          -3, READ_FAST,  one(Use::READ),                 Sent,   "6.2.0",
        "key member...",
        "Returns the scores of several members."),
    row(G, "zpopmax",          -2, WRITE_FAST, one(Use::TAKE),                 Sent,   "5.0.0",
        "key [count:integer]",
        "Removes and returns the members with the highest scores."),
    row(G, "zpopmin",          -2, WRITE_FAST, one(Use::TAKE),                 Sent,   "5.0.0",
        "key [count:integer]",
        "Removes and returns the members with the lowest scores."),
    row(G, "zrandmember",      -2, READ,       one(Use::READ),                 Sent,   "6.2.0",
        "key [options(count:integer [WITHSCORES])]",
        "Returns random members.").varying(),
    row(G, "zrange",           -4, READ,       one(Use::READ),                 Sent,   "1.2.0",
        "key start stop [sortby(BYSCORE | BYLEX)] [REV] [LIMIT (offset:integer count:integer)] \
         [WITHSCORES]",
        "Returns the members of a range of ranks, scores or names."),
    row(G, "zrangebylex",      -4, READ,       one(Use::READ),                 Sent,   "2.8.9",
        "key min max [LIMIT (offset:integer count:integer)]",
        "Returns the members of an alphabetical range."),
    row(G, "zrangebyscore",    -4, READ,       one(Use::READ),                 Sent,   "1.0.5",
        "key min:double max:double [WITHSCORES] [LIMIT (offset:integer count:integer)]",
        "Returns the members of a range of scores."),
    row(G, "zrangestore",      -5, GROW,       two(Use::OVERWRITE, Use::READ), Sent,   "6.2.0",
        "dst:key src:key min max [sortby(BYSCORE | BYLEX)] [REV] \
         [LIMIT (offset:integer count:integer)]",
        "Stores the members of a range."),
    row(G, "zrank",            -3, READ_FAST,  one(Use::READ),                 Sent,   "2.0.0",
        "key member [WITHSCORE]",
        "Returns a member's rank, counted from the lowest score."),
    row(G, "zrem",             -3, WRITE_FAST, one(Use::DELETE),               Sent,   "1.2.0",
        "key member...",
        "Removes members, and an empty sorted set."),
    row(G, "zremrangebylex",    4, WRITE,      one(Use::DELETE),               Sent,   "2.8.9",
        "key min max",
        "Removes the members of an alphabetical range."),
    row(G, "zremrangebyrank",   4, WRITE,      one(Use::DELETE),               Sent,   "2.0.0",
        "key start:integer stop:integer",
        "Removes the members of a range of ranks."),
    row(G, "zremrangebyscore",  4, WRITE,      one(Use::DELETE),               Sent,   "1.2.0",
        "key min:double max:double",
        "Removes the members of a range of scores."),
    row(G, "zrevrange",        -4, READ,       one(Use::READ),                 Sent,   "1.2.0",
        "key start:integer stop:integer [WITHSCORES]",
        "Returns the members of a range of ranks, highest score first."),
    row(G, "zrevrangebylex",   -4, READ,       one(Use::READ),                 Sent,   "2.8.9",
        "key max min [LIMIT (offset:integer count:integer)]",
        "Returns the members of an alphabetical range, last first."),
    row(G, "zrevrangebyscore", -4, READ,       one(Use::READ),                 Sent,   "2.2.0",
        "key max:double min:double [WITHSCORES] [LIMIT (offset:integer count:integer)]",
        "Returns the members of a range of scores, highest first."),
    row(G, "zrevrank",         -3, READ_FAST,  one(Use::READ),                 Sent,   "2.0.0",
        "key member [WITHSCORE]",
        "Returns a member's rank, counted from the highest score."),
    row(G, "zscan",            -3, READ,       one(Use::READ),                 Sent,   "2.8.0",
        "key cursor:integer [MATCH pattern] [COUNT count:integer]",
        "Iterates over members and scores.").varying(),
    row(G, "zscore",            3, READ_FAST,  one(Use::READ),                 Sent,   "1.2.0",
        "key member",
        "Returns a member's score."),
    row(G, "zunion",           -3, READ,       counted(1, Use::READ),          Sent,   "6.2.0",
        "numkeys:integer key... [WEIGHTS weight:integer...] \
         [AGGREGATE aggregate(SUM | MIN | MAX)] [WITHSCORES]",
        "Returns the members that are in any set."),
    row(G, "zunionstore",      -4, GROW,       with_dest(Use::OVERWRITE, Use::READ), Sent,   "2.0.0",
        "destination:key numkeys:integer key... [WEIGHTS weight:integer...] \
         [AGGREGATE aggregate(SUM | MIN | MAX)]",
        "Stores the members that are in any source."),
];
