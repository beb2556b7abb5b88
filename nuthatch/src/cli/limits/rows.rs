//! The rows of the page: ours from the constants, theirs as they were found.

use super::own::{CONFIGURATION, PROTECTION};
use super::row::{Here, Row, Section};
use nuthatch_engine::base::limits as l;
use nuthatch_engine::protocol::memcache::request::BLOCK_BYTES_WRITTEN_MAX;
use nuthatch_engine::protocol::memcache::{KEY_BYTES_MAX, LINE_BYTES_MAX};

pub const INTRODUCTION: &str = "\
# Limits

<!-- Printed from nuthatch/src/cli/limits/; change it there. -->

Each row has our limit, those of the servers and of twemproxy, what happens beyond ours, and why it is
not higher. What others take was found by asking redis-server 7.0.15, memcached 1.6.18 and nutcracker
0.5.0 at their defaults; *none met* means that the largest we tried went through, which the row names.
Under `manners: twemproxy` a client that goes beyond a limit of its protocol is closed without a word.

What is not here has no limit of ours: keys of Redis, the nesting of replies, the length of names in
the configuration.
";

const REDIS: &[&str] = &["limit", "here", "Redis", "twemproxy", "beyond it", "why"];
const MEMCACHED: &[&str] = &["limit", "here", "memcached", "twemproxy", "beyond it", "why"];
const FILE: &[&str] = &["limit", "here", "twemproxy", "beyond it", "why"];

pub const SECTIONS: &[Section] = &[
    Section {
        title: "Requests to Redis",
        introduction: "A request whose one key is its first argument *flows* once it has 128 KiB: \
            it is sent on as it comes, and has no limit of its own. Any other is gathered.",
        heads: REDIS,
        rows: REDIS_REQUESTS,
    },
    Section {
        title: "Replies of Redis",
        introduction: "A reply flows once it has 128 KiB, unless it is a part of a split request's. \
            Beyond these limits the connection to the server is closed, and what waits on it fails.",
        heads: REDIS,
        rows: REDIS_REPLIES,
    },
    Section {
        title: "Requests to memcached",
        introduction: "Requests of many clients share a connection, so a line that some memcached \
            refuses must not reach one: it would take the block behind the line for commands, and \
            others would get the answers.",
        heads: MEMCACHED,
        rows: MEMCACHED_REQUESTS,
    },
    Section {
        title: "Replies of memcached",
        introduction: "Beyond these limits the connection to the server is closed, and what waits \
            on it fails.",
        heads: MEMCACHED,
        rows: MEMCACHED_REPLIES,
    },
    Section {
        title: "Configuration and command line",
        introduction: "A file or a flag beyond these limits is refused, with the line and what would \
            be taken.",
        heads: &["limit", "here", "twemproxy", "why"],
        rows: CONFIGURATION,
    },
    Section {
        title: "What protects the process and its servers",
        introduction: "twemproxy gathers without end, and waits without end where `timeout` is not \
            written.",
        heads: FILE,
        rows: PROTECTION,
    },
];

const REDIS_REQUESTS: &[Row] = &[
    Row {
        name: "arguments",
        here: Here::Count(l::REQUEST_ARGS_MAX as u64),
        constants: &["REQUEST_ARGS_MAX"],
        cells: &[
            "the same",
            "none met: 1,048,578",
            "`ERR Protocol error: invalid multibulk length`, and closed",
            "Redis' own",
        ],
    },
    Row {
        name: "arguments of a request that shares its connection",
        here: Here::Count(l::SHARED_ARGS_MAX as u64),
        constants: &["SHARED_ARGS_MAX"],
        cells: &[
            "no such limit; a Redis before 7 takes no more at all",
            "none",
            "it waits for the replies before it, and has a connection apart",
            "a Redis before 7 closes on it; other clients must not lose their connection",
        ],
    },
    Row {
        name: "bytes in an argument",
        here: Here::Bytes(l::BULK_BYTES_MAX),
        constants: &["BULK_BYTES_MAX"],
        cells: &[
            "the same; more where `proto-max-bulk-len` says so",
            "none met: 600 MiB, where the server takes it",
            "`ERR Protocol error: invalid bulk length`, and closed",
            "a Redis at its default closes on it; where `proto-max-bulk-len` is raised we are stricter",
        ],
    },
    Row {
        name: "bytes in a request that is gathered",
        here: Here::Bytes(l::REQUEST_BYTES_MAX),
        constants: &["REQUEST_BYTES_MAX"],
        cells: &[
            "none met: MSET of 3 x 400 MiB",
            "none met: MSET of 3 x 400 MiB",
            "`ERR Protocol error: request above 1 GiB`, and closed",
            "memory: with the fragments it is split into, a request needs twice as much for its time",
        ],
    },
    Row {
        name: "bytes in an inline request",
        here: Here::Bytes(l::INLINE_BYTES_MAX),
        constants: &["INLINE_BYTES_MAX"],
        cells: &[
            "64 KiB; 80 KiB if the end comes with the last read",
            "takes no inline request",
            "`ERR Protocol error: too big inline request`, and closed",
            "Redis' own",
        ],
    },
    Row {
        name: "arguments before AUTH, where a password is asked for",
        here: Here::Count(l::UNAUTHENTICATED_ARGS_MAX as u64),
        constants: &["UNAUTHENTICATED_ARGS_MAX"],
        cells: &[
            "the same",
            "none",
            "`ERR Protocol error: unauthenticated multibulk length`, and closed",
            "Redis' own: a stranger cannot make us gather much",
        ],
    },
    Row {
        name: "bytes in an argument before AUTH",
        here: Here::Bytes(l::UNAUTHENTICATED_BULK_BYTES_MAX),
        constants: &["UNAUTHENTICATED_BULK_BYTES_MAX"],
        cells: &[
            "the same",
            "none",
            "`ERR Protocol error: unauthenticated bulk length`, and closed",
            "Redis' own",
        ],
    },
    Row {
        name: "bytes in a client's name (CLIENT SETNAME, SETINFO, HELLO)",
        here: Here::Bytes(l::CLIENT_NAME_BYTES_MAX),
        constants: &["CLIENT_NAME_BYTES_MAX"],
        cells: &[
            "none met: 100 MB",
            "takes no name",
            "`ERR Client names cannot be longer than 64 KiB`",
            "memory: it is kept as long as the client stays",
        ],
    },
    Row {
        name: "names in COMMAND INFO and COMMAND DOCS",
        here: Here::Count(l::COMMAND_NAMES_MAX as u64),
        constants: &["COMMAND_NAMES_MAX"],
        cells: &[
            "none met: 2,000",
            "does not know them",
            "`ERR too many command names`",
            "a short name has a long answer; there are fewer commands",
        ],
    },
    Row {
        name: "bytes in the pattern of COMMAND LIST",
        here: Here::Bytes(l::COMMAND_PATTERN_BYTES_MAX),
        constants: &["COMMAND_PATTERN_BYTES_MAX"],
        cells: &[
            "none met: 5,000",
            "does not know it",
            "`ERR syntax error`",
            "it is held against every name; no name has so many",
        ],
    },
];

const CLOSED: &str = "closed";

const REDIS_REPLIES: &[Row] = &[
    Row {
        name: "bytes in a bulk string",
        here: Here::Bytes(l::REPLY_BULK_BYTES_MAX),
        constants: &["REPLY_BULK_BYTES_MAX"],
        cells: &[
            "its memory: DUMP of a long list has more than any value may",
            "none met: 600 MiB",
            CLOSED,
            "it is above all that a server holds, so only what is no length is beyond it",
        ],
    },
    Row {
        name: "elements in an array, set, map or push",
        here: Here::Count(l::REPLY_ELEMENTS_MAX),
        constants: &["REPLY_ELEMENTS_MAX"],
        cells: &[
            "its memory",
            "the same",
            CLOSED,
            "it is above what a server holds; nested ones are counted in 64 bits",
        ],
    },
    Row {
        name: "bytes in a status, error or number that flows",
        here: Here::Words("none"),
        constants: &[],
        cells: &["its memory: a script can make any", "none met: 2 MiB", "nothing", "it flows"],
    },
    Row {
        name: "the same in a part of a split request's reply",
        here: Here::Bytes(l::REPLY_LINE_BYTES_MAX),
        constants: &["REPLY_LINE_BYTES_MAX"],
        cells: &["its memory", "none met: 2 MiB", CLOSED, "memory: it is gathered"],
    },
];

const BAD_FORMAT: &str =
    "`CLIENT_ERROR bad command line format`; the block is taken for commands, as memcached does";
const LOW_BITS: &str = "64 bits, of which it keeps the low 32";
const DIGITS: &str = "digits, any number of them";

const MEMCACHED_REQUESTS: &[Row] = &[
    Row {
        name: "bytes in a key",
        here: Here::Bytes(KEY_BYTES_MAX),
        constants: &[],
        cells: &[
            "the same",
            "the same",
            "`CLIENT_ERROR bad command line format`",
            "memcached's own; a key in base64 is counted as it is written",
        ],
    },
    Row {
        name: "bytes in a line that is no `get` or `gets`",
        here: Here::Bytes(LINE_BYTES_MAX),
        constants: &[],
        cells: &[
            "the same; more if it comes in one read",
            "none met: 20,000, on which memcached closed",
            CLOSED,
            "memcached closes if the line comes in pieces. `gat` counts here too, as there",
        ],
    },
    Row {
        name: "bytes in the line of a `get` or `gets`",
        here: Here::Bytes(l::MEMCACHE_LINE_BYTES_MAX),
        constants: &["MEMCACHE_LINE_BYTES_MAX"],
        cells: &[
            "none, but 8 MiB take it 40 s, and each doubling more than twice as long",
            "none met: 4 MiB",
            CLOSED,
            "a server that is busy with more for minutes is none to the others",
        ],
    },
    Row {
        name: "bytes in a value",
        here: Here::Bytes(l::MEMCACHE_VALUE_BYTES_MAX),
        constants: &["MEMCACHE_VALUE_BYTES_MAX"],
        cells: &[
            "the same with its head (`-I 1024m`); 1 MiB at its default",
            "none met: 1.5 GiB, which memcached refused",
            "`SERVER_ERROR object too large for cache`, and the block is dropped as it comes",
            "memcached's own",
        ],
    },
    Row {
        name: "length of a block, as it is written",
        here: Here::Range(0, BLOCK_BYTES_WRITTEN_MAX),
        constants: &[],
        cells: &[LOW_BITS, DIGITS, BAD_FORMAT, "memcached's own, without its slip beyond 32 bits"],
    },
    Row {
        name: "flags",
        here: Here::Range(0, u32::MAX as i64),
        constants: &[],
        cells: &[LOW_BITS, DIGITS, BAD_FORMAT, "what is cut is not what was meant"],
    },
    Row {
        name: "time to live of what stores",
        here: Here::Range(i32::MIN as i64, i32::MAX as i64),
        constants: &[],
        cells: &[
            LOW_BITS,
            "digits, any number of them; no sign",
            BAD_FORMAT,
            "what is cut may be for ever, or over",
        ],
    },
    Row {
        name: "cas unique",
        here: Here::Words("0 to 18,446,744,073,709,551,615"),
        constants: &[],
        cells: &["the same", DIGITS, BAD_FORMAT, "memcached's own"],
    },
    Row {
        name: "how these numbers are written",
        here: Here::Words("digits, with zeros or a `+` before them; a `-` in times only"),
        constants: &[],
        cells: &[
            "the same, `-0`, white space before and after, and anything behind that",
            "digits",
            BAD_FORMAT,
            "servers that speak memcached's protocol differ there, and must cut where we cut",
        ],
    },
];

const MEMCACHED_REPLIES: &[Row] = &[
    Row {
        name: "bytes in a value",
        here: Here::Bytes(l::MEMCACHE_VALUE_BYTES_MAX),
        constants: &["MEMCACHE_VALUE_BYTES_MAX"],
        cells: &["the same with its head", "none met: 600 MiB", CLOSED, "memcached's own"],
    },
    Row {
        name: "bytes in a line",
        here: Here::Bytes(l::MEMCACHE_REPLY_LINE_BYTES_MAX),
        constants: &["MEMCACHE_REPLY_LINE_BYTES_MAX"],
        cells: &[
            "a few KiB",
            "not tried",
            CLOSED,
            "what has no end for so long is none of memcached's",
        ],
    },
];
