//! Sorted sets, without the commands that wait for a member.
//!
//! twemproxy took the count of ZDIFF, ZINTER and ZUNION for their key, and routed by that; we
//! route by the first key.

use super::{counted, gathered, one, row, two};
use crate::command::Before::{Closed, Sent};
use crate::command::{Command, Flags, Group, KeyUse as Use};

const READ: Flags = Flags::READ;
const READ_FAST: Flags = Flags::READ_FAST;
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = Flags::WRITE_FAST;
const GROW: Flags = Flags::GROW;
const GROW_FAST: Flags = Flags::GROW_FAST;

const G: Group = Group::SortedSet;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 32] = [
    row(G, "zadd",             -4, GROW_FAST,  one(Use::UPDATE),               Sent,   "1.2.0",
        "Adds members, or changes their scores."),
    row(G, "zcard",             2, READ_FAST,  one(Use::PEEK),                 Sent,   "1.2.0",
        "Counts the members."),
    row(G, "zcount",            4, READ_FAST,  one(Use::READ),                 Sent,   "2.0.0",
        "Counts the members in a range of scores."),
    row(G, "zdiff",            -3, READ,       counted(1, Use::READ),          Sent,   "6.2.0",
        "Returns the first set's members that no other has."),
    row(G, "zdiffstore",       -4, GROW,       gathered(Use::OVERWRITE, Use::READ), Sent,   "6.2.0",
        "Stores the first source's members that no other has."),
    row(G, "zincrby",           4, GROW_FAST,  one(Use::MODIFY),               Sent,   "1.2.0",
        "Adds to a member's score."),
    row(G, "zinter",           -3, READ,       counted(1, Use::READ),          Sent,   "6.2.0",
        "Returns the members that all sets have."),
    row(G, "zintercard",       -3, READ,       counted(1, Use::READ),          Closed, "7.0.0",
        "Counts the members that all sets have."),
    row(G, "zinterstore",      -4, GROW,       gathered(Use::OVERWRITE, Use::READ), Sent,   "2.0.0",
        "Stores the members that all sources have."),
    row(G, "zlexcount",         4, READ_FAST,  one(Use::READ),                 Sent,   "2.8.9",
        "Counts the members in an alphabetical range."),
    row(G, "zmpop",            -4, WRITE,      counted(1, Use::TAKE),          Closed, "7.0.0",
        "Takes members from the first sorted set that has any."),
    row(G, "zmscore",          -3, READ_FAST,  one(Use::READ),                 Sent,   "6.2.0",
        "Returns the scores of several members."),
    row(G, "zpopmax",          -2, WRITE_FAST, one(Use::TAKE),                 Sent,   "5.0.0",
        "Takes the members with the highest scores."),
    row(G, "zpopmin",          -2, WRITE_FAST, one(Use::TAKE),                 Sent,   "5.0.0",
        "Takes the members with the lowest scores."),
    row(G, "zrandmember",      -2, READ,       one(Use::READ),                 Sent,   "6.2.0",
        "Returns members picked at random.").varying(),
    row(G, "zrange",           -4, READ,       one(Use::READ),                 Sent,   "1.2.0",
        "Returns the members of a range of ranks, scores or names."),
    row(G, "zrangebylex",      -4, READ,       one(Use::READ),                 Sent,   "2.8.9",
        "Returns the members of an alphabetical range."),
    row(G, "zrangebyscore",    -4, READ,       one(Use::READ),                 Sent,   "1.0.5",
        "Returns the members of a range of scores."),
    row(G, "zrangestore",      -5, GROW,       two(Use::OVERWRITE, Use::READ), Sent,   "6.2.0",
        "Stores the members of a range."),
    row(G, "zrank",             3, READ_FAST,  one(Use::READ),                 Sent,   "2.0.0",
        "Tells a member's rank, counted from the lowest score."),
    row(G, "zrem",             -3, WRITE_FAST, one(Use::DELETE),               Sent,   "1.2.0",
        "Removes members, and the sorted set with its last one."),
    row(G, "zremrangebylex",    4, WRITE,      one(Use::DELETE),               Sent,   "2.8.9",
        "Removes the members of an alphabetical range."),
    row(G, "zremrangebyrank",   4, WRITE,      one(Use::DELETE),               Sent,   "2.0.0",
        "Removes the members of a range of ranks."),
    row(G, "zremrangebyscore",  4, WRITE,      one(Use::DELETE),               Sent,   "1.2.0",
        "Removes the members of a range of scores."),
    row(G, "zrevrange",        -4, READ,       one(Use::READ),                 Sent,   "1.2.0",
        "Returns the members of a range of ranks, highest score first."),
    row(G, "zrevrangebylex",   -4, READ,       one(Use::READ),                 Sent,   "2.8.9",
        "Returns the members of an alphabetical range, last first."),
    row(G, "zrevrangebyscore", -4, READ,       one(Use::READ),                 Sent,   "2.2.0",
        "Returns the members of a range of scores, highest first."),
    row(G, "zrevrank",          3, READ_FAST,  one(Use::READ),                 Sent,   "2.0.0",
        "Tells a member's rank, counted from the highest score."),
    row(G, "zscan",            -3, READ,       one(Use::READ),                 Sent,   "2.8.0",
        "Walks members and scores, a batch at a time.").varying(),
    row(G, "zscore",            3, READ_FAST,  one(Use::READ),                 Sent,   "1.2.0",
        "Returns a member's score."),
    row(G, "zunion",           -3, READ,       counted(1, Use::READ),          Sent,   "6.2.0",
        "Returns the members that any set has."),
    row(G, "zunionstore",      -4, GROW,       gathered(Use::OVERWRITE, Use::READ), Sent,   "2.0.0",
        "Stores the members that any source has."),
];
