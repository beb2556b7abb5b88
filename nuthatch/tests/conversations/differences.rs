//! Every way in which an answer in a conversation may differ from one server's, each with its reason. What is
//! not here must be the same, byte for byte.
//!
//! `RULES` are applied to the reply to a command, also where it is an element of EXEC's. `INSIDE` are
//! requests that are answered differently between MULTI and EXEC. No conversation has them, as all that follows
//! would differ; they are asked one by one, so that an entry that no longer holds fails.

use crate::sides::Sides;
use std::fmt::Write;

/// How two replies that are not the same bytes may still be the same answer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Rule {
    /// The same kinds of value in the same places.
    Shape,
    /// The same elements, in any order.
    AnyOrder,
    /// The same first element, and the elements of the second in any order.
    Page,
    /// The same fields with the same values, in any order; one flat list in RESP2.
    AnyOrderOfPairs,
    /// Numbers that differ by this at most.
    Near(i64),
    /// The same fields in the same order, the same values but for those of `version` and `id`.
    Fields,
}

const HASH_ORDER: &str = "each server seeds its hash tables by chance";

pub const RULES: &[(&str, Rule, &str)] = &[
    ("CLIENT ID", Rule::Shape, "ids are our own"),
    ("HELLO", Rule::Fields, "the version is that of the commands we know; ids are our own"),
    ("HGETALL", Rule::AnyOrderOfPairs, HASH_ORDER),
    ("KEYS", Rule::AnyOrder, HASH_ORDER),
    ("PUBSUB CHANNELS", Rule::AnyOrder, HASH_ORDER),
    ("PUBSUB SHARDCHANNELS", Rule::AnyOrder, HASH_ORDER),
    ("RANDOMKEY", Rule::Shape, "by chance"),
    ("SCAN", Rule::Page, HASH_ORDER),
    ("SMEMBERS", Rule::AnyOrder, HASH_ORDER),
    ("TIME", Rule::Shape, "each has a clock"),
    ("TTL", Rule::Near(10), "the sides are asked one after the other"),
];

/// A request after MULTI, how our answer and a server's begin, and the reason.
pub struct Inside {
    pub request: &'static str,
    pub ours: &'static str,
    pub theirs: &'static str,
    pub why: &'static str,
}

const fn inside(
    request: &'static str,
    ours: &'static str,
    theirs: &'static str,
    why: &'static str,
) -> Inside {
    Inside { request, ours, theirs, why }
}

const OTHER_SHARDS: &str = "other shards could not be asked at the same moment";
const THE_CONNECTION: &str = "changes the connection on which the reply to EXEC is made";
const LISTENS: &str =
    "a transaction goes on a connection that others use too, and no message may arrive there";
const OF_THE_PROXY: &str = "is about the proxy, and answered when it is asked";
const NOT: &str = "-ERR '";

#[rustfmt::skip] // a table is read by its columns
pub const INSIDE: &[Inside] = &[
    inside("AUTH x", NOT, "+QUEUED", THE_CONNECTION),
    inside("CLIENT LIST", NOT, "+QUEUED", OF_THE_PROXY),
    inside("CLIENT REPLY ON", NOT, "+QUEUED", THE_CONNECTION),
    inside("CLIENT TRACKING OFF", NOT, "+QUEUED", THE_CONNECTION),
    inside("DBSIZE", NOT, "+QUEUED", OTHER_SHARDS),
    inside("FLUSHDB", NOT, "+QUEUED", OTHER_SHARDS),
    inside("HELLO 3", NOT, "+QUEUED", THE_CONNECTION),
    inside("INFO", NOT, "+QUEUED", OF_THE_PROXY),
    inside("KEYS {i}*", NOT, "+QUEUED", OTHER_SHARDS),
    inside("MSET one 1 two 2 three 3 four 4 five 5", "-CROSSSLOT ", "+QUEUED", "the keys have several owners"),
    inside("RANDOMKEY", NOT, "+QUEUED", OTHER_SHARDS),
    inside("SCAN 0", NOT, "+QUEUED", OTHER_SHARDS),
    inside("SCRIPT EXISTS x", NOT, "+QUEUED", OTHER_SHARDS),
    inside("SCRIPT FLUSH", NOT, "+QUEUED", OTHER_SHARDS),
    inside("SCRIPT LOAD return(1)", NOT, "+QUEUED", OTHER_SHARDS),
    inside("SORT {i}list BY weight-*", "-ERR BY and GET may name keys", "+QUEUED", "as outside of a transaction"),
    inside("PUBSUB NUMPAT", NOT, "+QUEUED", OF_THE_PROXY),
    inside("PSUBSCRIBE {i}*", NOT, "+QUEUED", LISTENS),
    inside("SSUBSCRIBE {i}channel", NOT, "+QUEUED", LISTENS),
    inside("SUBSCRIBE {i}channel", NOT, "+QUEUED", LISTENS),
    inside("UNSUBSCRIBE", NOT, "+QUEUED", LISTENS),
];

/// Asks all of `INSIDE`, through three shards. Returns what is wrong.
pub fn check_inside(sides: &Sides) -> String {
    let mut wrong = String::new();
    for row in INSIDE {
        let (mut ours, mut theirs) = sides.strict_and_lone();
        let words: Vec<&str> = row.request.split(' ').collect();
        for client in [&mut ours, &mut theirs] {
            assert!(client.command(&["MULTI"]).unwrap().is_ok());
        }
        let (we, they) = (ours.command_raw(&words).unwrap(), theirs.command_raw(&words).unwrap());
        if !we.starts_with(row.ours.as_bytes()) || !they.starts_with(row.theirs.as_bytes()) {
            let (we, they) = (we.escape_ascii(), they.escape_ascii());
            let _ = writeln!(wrong, "{}: {we}, a server: {they}; {}", row.request, row.why);
        }
        let exec = ours.command_raw(&["EXEC"]).unwrap();
        if !exec.starts_with(b"-EXECABORT ") {
            let _ = writeln!(wrong, "{}: EXEC: {}", row.request, exec.escape_ascii());
        }
    }
    wrong
}
