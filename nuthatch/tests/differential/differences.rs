//! Every way in which an answer through three shards may differ from one server's, each with its
//! reason. What is not here must be the same, byte for byte.
//!
//! `RULES` are about servers: two of them, asked directly, would differ so as well. `ANSWERS` are
//! about the proxy: what it answers differently on purpose. They are requests of their own, sent
//! to both, so that an entry that no longer holds fails too.

/// How two replies that are not the same bytes may still be the same answer.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// The same elements, in any order.
    AnyOrder,
    /// The same fields with the same values, in any order; one flat list in RESP2.
    AnyOrderOfPairs,
    /// A cursor and elements: the same ones when one step went from the start to the end.
    Scan,
    /// As many elements, each from what the request before returned.
    Picked,
    /// Numbers at these places differ by so much at most; all else is the same.
    Near { by: i64, at: &'static [Place] },
    /// A stream's id made from the server's clock.
    ClockId,
    /// A serialized value of this length and type byte.
    Dump,
    /// The same kind of reply.
    Kind,
    /// A page of SCAN; or we refuse a cursor that we never made.
    Page,
    /// The same last line.
    LastLine,
    /// We may answer one of these instead: without a count of keys there is no way to route.
    NoCount(&'static [&'static str]),
}

/// Where a number is found in a reply.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Place {
    /// The reply itself.
    Whole,
    /// The value of the field with this name.
    Field(&'static str),
    /// The n-th element, counted from 0, of a list inside the reply.
    Nth(usize),
}

const HASH_ORDER: &str =
    "each server seeds its hash tables anew, and the order of elements with it";
const PICKED: &str = "picked at random by the server";
const CLOCK: &str = "the two are asked one after the other, and their clocks tell";
const SCRIPT_FIRST: &str =
    "a server looks for the script first, and at the number of keys then; we see no script";

const NO_COUNT: Rule = Rule::NoCount(&[
    "-ERR value is not an integer or out of range\r\n",
    "-ERR Number of keys can't be negative\r\n",
    "-ERR Number of keys can't be greater than number of args\r\n",
]);

const OF_A_SERVER: &str = "tells what one server, or the three, have done so far";

const OUR_HELP: &str = "lists the subcommands we serve, in words of our own";
const NO_TRACKING: &str = "invalidations would have to come from every shard";

const MS: i64 = 10_000;
const SECONDS: i64 = 10;

pub const RULES: &[(&str, Rule, &str)] = &[
    ("latency|doctor", Rule::Kind, OF_A_SERVER),
    ("latency|histogram", Rule::Kind, OF_A_SERVER),
    ("latency|history", Rule::Kind, OF_A_SERVER),
    ("latency|latest", Rule::Kind, OF_A_SERVER),
    ("lastsave", Rule::Near { by: 600, at: &[Place::Whole] }, CLOCK),
    ("memory|doctor", Rule::Kind, OF_A_SERVER),
    ("memory|malloc-stats", Rule::Kind, OF_A_SERVER),
    ("memory|stats", Rule::Kind, OF_A_SERVER),
    ("keys", Rule::AnyOrder, HASH_ORDER),
    ("randomkey", Rule::Kind, PICKED),
    ("scan", Rule::Page, "a page of one shard, and a server takes any number for a cursor"),
    ("slowlog|get", Rule::Kind, OF_A_SERVER),
    ("slowlog|len", Rule::Kind, OF_A_SERVER),
    ("time", Rule::Kind, CLOCK),
    ("dump", Rule::Dump, "a hash table is written in its order, a stream with times of delivery"),
    ("evalsha", NO_COUNT, SCRIPT_FIRST),
    ("evalsha_ro", NO_COUNT, SCRIPT_FIRST),
    ("expiretime", Rule::Near { by: SECONDS, at: &[Place::Whole] }, CLOCK),
    ("fcall", NO_COUNT, SCRIPT_FIRST),
    ("fcall_ro", NO_COUNT, SCRIPT_FIRST),
    ("hgetall", Rule::AnyOrderOfPairs, HASH_ORDER),
    ("hkeys", Rule::AnyOrder, HASH_ORDER),
    ("hrandfield", Rule::Picked, PICKED),
    ("hscan", Rule::Scan, HASH_ORDER),
    ("hvals", Rule::AnyOrder, HASH_ORDER),
    ("lolwut", Rule::LastLine, "the picture is drawn at random; the version is below it"),
    (
        "memory|usage",
        Rule::Near { by: 20_000, at: &[Place::Whole] },
        "sizes are taken of a few elements, picked by the order of a hash table",
    ),
    (
        "object|idletime",
        Rule::Near { by: i64::MAX, at: &[Place::Whole] },
        "keys of one server that hold the same small integer share it, and its last use",
    ),
    ("pexpiretime", Rule::Near { by: MS, at: &[Place::Whole] }, CLOCK),
    ("pttl", Rule::Near { by: MS, at: &[Place::Whole] }, CLOCK),
    ("sdiff", Rule::AnyOrder, HASH_ORDER),
    ("sinter", Rule::AnyOrder, HASH_ORDER),
    ("smembers", Rule::AnyOrder, HASH_ORDER),
    ("spop", Rule::Picked, PICKED),
    ("srandmember", Rule::Picked, PICKED),
    ("sscan", Rule::Scan, HASH_ORDER),
    ("sunion", Rule::AnyOrder, HASH_ORDER),
    ("ttl", Rule::Near { by: SECONDS, at: &[Place::Whole] }, CLOCK),
    ("xadd", Rule::ClockId, CLOCK),
    (
        "xinfo|consumers",
        Rule::Near { by: MS, at: &[Place::Field("idle"), Place::Field("inactive")] },
        CLOCK,
    ),
    (
        "xinfo|stream",
        // A delivery's time is second in a consumer's list of pending entries, third in a group's.
        Rule::Near {
            by: MS,
            at: &[
                Place::Field("seen-time"),
                Place::Field("active-time"),
                Place::Nth(1),
                Place::Nth(2),
            ],
        },
        CLOCK,
    ),
    ("xpending", Rule::Near { by: MS, at: &[Place::Nth(2)] }, CLOCK),
    ("zrandmember", Rule::Picked, PICKED),
    ("zscan", Rule::Scan, HASH_ORDER),
];

/// A request, the beginnings of our answer and of a server's, and the reason. They are asked in
/// this order, after those of `BEFORE`, on a connection that speaks RESP2.
pub struct Answer {
    pub request: &'static str,
    pub ours: &'static str,
    pub theirs: &'static str,
    pub why: &'static str,
}

const fn answer(
    request: &'static str,
    ours: &'static str,
    theirs: &'static str,
    why: &'static str,
) -> Answer {
    Answer { request, ours, theirs, why }
}

/// What `ANSWERS` need: the same for both.
pub const BEFORE: &[&str] =
    &["RPUSH list 1 2 3", "MSET weight-1 3 weight-2 2 weight-3 1", "EVAL return(1) 1 some-key"];

#[rustfmt::skip] // a table is read by its columns
pub const ANSWERS: &[Answer] = &[
    answer("SINTER 1-key-of-many 2-key-of-many 3-key-of-many 4-key-of-many", "-CROSSSLOT ", "*0",
        "the keys have several owners"),
    answer("SORT list BY weight-*", "-ERR BY and GET may name keys of other shards", "*3\r\n$1\r\n3",
        "the keys that a pattern names can lie on other shards"),
    answer("SELECT 1", "+OK", "+OK", "databases are served"),
    answer("SELECT 16", "-ERR DB index is out of range", "-ERR DB index is out of range", "as one server"),
    answer("SELECT 0", "+OK", "+OK", "and back"),
    answer("ACL HELP", "*", "*", OUR_HELP),
    answer("CONFIG HELP", "*", "*", OUR_HELP),
    answer("SCRIPT HELP", "*", "*", OUR_HELP),
    answer("SLOWLOG HELP", "*", "*", OUR_HELP),
    answer("SAVE", "-ERR 'save' changes servers", "+OK", "fenced"),
    answer("CONFIG SET maxmemory 0", "-ERR 'config|set' changes servers", "+OK", "fenced"),
    answer("CONFIG SET notify-keyspace-events KEA", "+OK", "+OK", "session libraries send it"),
    answer("ROLE", "*3\r\n$6\r\nmaster", "*3\r\n$6\r\nmaster", "a pool is a primary"),
    answer("MODULE LIST", "*0", "*0", "no modules"),
    answer("CLUSTER INFO", "-ERR This instance has cluster support disabled",
        "-ERR This instance has cluster support disabled", "a pool is no cluster"),
    answer("CLUSTER KEYSLOT {a}b", ":15495", "-ERR This instance has cluster", "newer servers tell it too"),
    answer("ACL WHOAMI", "$7\r\ndefault", "$7\r\ndefault", "the one user"),
    answer("MEMORY HELP", "*", "*", OUR_HELP),
    answer("OBJECT HELP", "*", "*", OUR_HELP),
    answer("XGROUP HELP", "*", "*", OUR_HELP),
    answer("XINFO HELP", "*", "*", OUR_HELP),
    answer("COMMAND HELP", "*", "*", OUR_HELP),
    answer("CLIENT HELP", "*", "*", OUR_HELP),
    answer("COMMAND COUNT", ":4", ":2", "counts the commands we serve"),
    answer("INFO", "$", "$", "reports on the proxy"),
    answer("CLIENT LIST", "$", "$", "ids and fields are our own"),
    answer("CLIENT KILL ID 999999", ":0", ":0", "no such client"),
    answer("CLIENT PAUSE 0", "+OK", "+OK", "a pause of no time"),
    answer("CLIENT UNPAUSE", "+OK", "+OK", "and its end"),
    answer("CLIENT GETREDIR", ":-1", ":-1", "nothing is tracked"),
    answer("CLIENT TRACKING ON", "-ERR the proxy does not track keys", "+OK", NO_TRACKING),
    answer("CLIENT TRACKING OFF", "+OK", "+OK", "and off again"),
    answer("CLIENT TRACKING ON OPTIN", "+OK", "+OK", "nothing is tracked before CACHING YES"),
    answer("CLIENT CACHING YES", "-ERR the proxy does not track keys", "+OK", NO_TRACKING),
    answer("GET list", "-ERR the proxy does not track keys", "-WRONGTYPE", "nor the command behind it"),
    answer("CLIENT TRACKING OFF", "+OK", "+OK", "and off again"),
    answer("CLIENT MAINT_NOTIFICATIONS ON", "-ERR 'client|maint_notifications' is not served",
        "-ERR unknown subcommand", "libraries go on without them"),
    answer("CLIENT NO-TOUCH OFF", "+OK", "-ERR unknown subcommand",
        "newer libraries ask for it as soon as they connect"),
    answer("CLIENT SETINFO LIB-NAME x", "+OK", "-ERR unknown subcommand",
        "newer libraries introduce themselves so; Redis 7.0 is not so new"),
];

/// How the answers to what a client library says first must agree, when not byte for byte.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Form {
    /// The same fields in the same order and of the same kinds, the same values but for those of
    /// `version` and `id`.
    Fields,
    /// The same kind of value.
    Kind,
    /// Two kinds of text.
    Text,
    /// An error of the same first word.
    Code,
    /// An error.
    Error,
}

/// The beginning of a request, the form, and the reason.
pub const FORMS: &[(&str, Form, &str)] = &[
    ("HELLO", Form::Fields, "the version is that of the commands we know; ids are our own"),
    ("CLIENT ID", Form::Kind, "ids are our own"),
    ("CLIENT INFO", Form::Text, "has the fields we know of; not marked as a text in RESP3"),
    ("NOSUCH", Form::Error, "who has not logged in is told nothing but to log in"),
    ("AUTH no-password-is-set", Form::Code, "in the words of twemproxy"),
];

/// Commands that need a connection of their own. The client reads that the command is unknown, in a server's
/// words, and goes on.
pub const NOT_SERVED: &[&str] = &["MONITOR"];
