//! The rows of the page: our limits from the constants, the limits of others as measured.

use super::own::{CONFIGURATION, PROTECTION};
use super::row::{Here, Row, Section};
use nuthatch_engine::base::limits as l;
use nuthatch_engine::protocol::memcache::request::BLOCK_BYTES_WRITTEN_MAX;
use nuthatch_engine::protocol::memcache::{KEY_BYTES_MAX, LINE_BYTES_MAX};

pub const INTRODUCTION: &str = "\
# Limits

<!-- Printed from nuthatch/src/cli/limits/; change it there. -->

Each row has our limit, those of the servers and of twemproxy, what happens above ours, and why it is
not higher. The limits of others were measured with redis-server 7.0.15, memcached 1.6.18 and nutcracker
0.5.0 at their defaults. *none met* means that the largest value we tried was accepted; the row names it.
Under `manners: twemproxy` a client above a limit of its protocol is closed without an error.

We have no other limits: none for keys of Redis, the nesting of replies, or the length of names in the
configuration.
";

const REDIS: &[&str] = &["limit", "here", "Redis", "twemproxy", "above it", "why"];
const MEMCACHED: &[&str] = &["limit", "here", "memcached", "twemproxy", "above it", "why"];
const FILE: &[&str] = &["limit", "here", "twemproxy", "above it", "why"];

pub const SECTIONS: &[Section] = &[
    Section {
        title: "Requests to Redis",
        introduction: "A request whose only key is its first argument *flows* from 128 KiB on: it is \
            passed on as it arrives, and has no limit of its own. Any other request is buffered whole.",
        heads: REDIS,
        rows: REDIS_REQUESTS,
    },
    Section {
        title: "Replies of Redis",
        introduction: "A reply flows from 128 KiB on, unless it belongs to a split request. Above \
            these limits the connection to the server is closed, and the requests on it fail.",
        heads: REDIS,
        rows: REDIS_REPLIES,
    },
    Section {
        title: "Requests to memcached",
        introduction: "Requests of many clients share a connection, so we never send a line that some \
            memcached refuses: it would read the block after the line as commands, and other clients \
            would get the answers.",
        heads: MEMCACHED,
        rows: MEMCACHED_REQUESTS,
    },
    Section {
        title: "Replies of memcached",
        introduction: "Above these limits the connection to the server is closed, and the requests \
            on it fail.",
        heads: MEMCACHED,
        rows: MEMCACHED_REPLIES,
    },
    Section {
        title: "Configuration and command line",
        introduction: "A file or a flag outside these limits is refused, with the line and the values \
            that are accepted.",
        heads: &["limit", "here", "twemproxy", "why"],
        rows: CONFIGURATION,
    },
    Section {
        title: "Protection of the process and its servers",
        introduction: "twemproxy buffers without a limit, and without `timeout` it waits for ever.",
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
            "as in Redis",
        ],
    },
    Row {
        name: "arguments of a request that shares its connection",
        here: Here::Count(l::SHARED_ARGS_MAX as u64),
        constants: &["SHARED_ARGS_MAX"],
        cells: &[
            "no such limit; a Redis before 7 accepts no more at all",
            "none",
            "it waits for the replies before it, and gets a connection of its own",
            "a Redis before 7 closes the connection; other clients must not lose theirs",
        ],
    },
    Row {
        name: "bytes in an argument",
        here: Here::Bytes(l::BULK_BYTES_MAX),
        constants: &["BULK_BYTES_MAX"],
        cells: &[
            "the same; more if `proto-max-bulk-len` is raised",
            "none met: 600 MiB, if the server accepts it",
            "`ERR Protocol error: invalid bulk length`, and closed",
            "a Redis at its default closes the connection; if `proto-max-bulk-len` is raised we are stricter",
        ],
    },
    Row {
        name: "bytes in a request that is buffered whole",
        here: Here::Bytes(l::REQUEST_BYTES_MAX),
        constants: &["REQUEST_BYTES_MAX"],
        cells: &[
            "none met: MSET of 3 x 400 MiB",
            "none met: MSET of 3 x 400 MiB",
            "`ERR Protocol error: request above 1 GiB`, and closed",
            "memory: a request and its fragments need twice as much",
        ],
    },
    Row {
        name: "bytes in an inline request",
        here: Here::Bytes(l::INLINE_BYTES_MAX),
        constants: &["INLINE_BYTES_MAX"],
        cells: &[
            "64 KiB; 80 KiB if the end comes with the last read",
            "accepts no inline request",
            "`ERR Protocol error: too big inline request`, and closed",
            "as in Redis",
        ],
    },
    Row {
        name: "arguments before AUTH, if the pool has a password",
        here: Here::Count(l::UNAUTHENTICATED_ARGS_MAX as u64),
        constants: &["UNAUTHENTICATED_ARGS_MAX"],
        cells: &[
            "the same",
            "none",
            "`ERR Protocol error: unauthenticated multibulk length`, and closed",
            "as in Redis: a client without the password cannot make us store much",
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
            "as in Redis",
        ],
    },
    Row {
        name: "bytes in a client's name (CLIENT SETNAME, SETINFO, HELLO)",
        here: Here::Bytes(l::CLIENT_NAME_BYTES_MAX),
        constants: &["CLIENT_NAME_BYTES_MAX"],
        cells: &[
            "none met: 100 MB",
            "accepts no name",
            "`ERR Client names cannot be longer than 64 KiB`",
            "memory: it is stored as long as the client is connected",
        ],
    },
    Row {
        name: "databases",
        here: Here::Key("databases"),
        constants: &["DATABASES_MAX"],
        cells: &[
            "2,147,483,647",
            "only `redis_db`",
            "the file is refused",
            "a database in use has connections of its own to each server",
        ],
    },
    Row {
        name: "scripts that a worker remembers for a pool",
        here: Here::Count(l::SCRIPTS_MAX as u64),
        constants: &["SCRIPTS_MAX"],
        cells: &[
            "its memory",
            "remembers none",
            "the one not used for the longest time is forgotten",
            "EVALSHA finds a remembered script on every server",
        ],
    },
    Row {
        name: "bytes of these scripts",
        here: Here::Bytes(l::SCRIPTS_BYTES_MAX),
        constants: &["SCRIPTS_BYTES_MAX"],
        cells: &[
            "its memory",
            "remembers none",
            "the same; a larger one is not remembered",
            "the same",
        ],
    },
    Row {
        name: "bytes of an EVALSHA that is sent again after NOSCRIPT",
        here: Here::Bytes(l::SCRIPT_CALL_BYTES_MAX),
        constants: &["SCRIPT_CALL_BYTES_MAX"],
        cells: &["-", "sends none again", "the client gets NOSCRIPT", "it is kept until its reply"],
    },
    Row {
        name: "bytes of all such calls of a client",
        here: Here::Bytes(l::SCRIPT_CALLS_BYTES_MAX),
        constants: &["SCRIPT_CALLS_BYTES_MAX"],
        cells: &["-", "sends none again", "the client gets NOSCRIPT", "the same"],
    },
    Row {
        name: "idle time of a connection that one client had alone",
        here: Here::Ms(l::PINNED_IDLE_MS),
        constants: &["PINNED_IDLE_MS"],
        cells: &[
            "-",
            "does not have it",
            "closed",
            "the next client that waits or watches keys takes it",
        ],
    },
    Row {
        name: "connections per server and worker that clients have alone",
        here: Here::Key("pinned_connections"),
        constants: &["PINNED_CONNECTIONS_MAX"],
        cells: &[
            "-",
            "does not have it",
            "an error that names the key",
            "BLPOP, WATCH: `pinned_connections`",
        ],
    },
    Row {
        name: "bytes of messages that a subscriber leaves unread",
        here: Here::Key("pubsub_output_bytes"),
        constants: &["SUBSCRIBER_BYTES"],
        cells: &[
            "32 MiB",
            "does not have it",
            "closed (`subscribers_slow`)",
            "memory: `pubsub_output_bytes`",
        ],
    },
    Row {
        name: "the same for a minute",
        here: Here::Key("pubsub_output_soft_bytes"),
        constants: &["SUBSCRIBER_SOFT_BYTES", "SUBSCRIBER_SOFT_MS"],
        cells: &[
            "8 MiB",
            "does not have it",
            "closed (`subscribers_slow`)",
            "memory: `pubsub_output_soft_bytes`",
        ],
    },
    Row {
        name: "commands of a transaction",
        here: Here::Count(l::TRANSACTION_COMMANDS_MAX as u64),
        constants: &["TRANSACTION_COMMANDS_MAX"],
        cells: &["its memory", "does not have it", "EXECABORT", "they wait for EXEC"],
    },
    Row {
        name: "bytes of its requests",
        here: Here::Bytes(l::TRANSACTION_BYTES_MAX),
        constants: &["TRANSACTION_BYTES_MAX"],
        cells: &["its memory", "does not have it", "EXECABORT", "the same"],
    },
    Row {
        name: "bytes of CLIENT LIST",
        here: Here::Bytes(l::CLIENT_LIST_BYTES_MAX),
        constants: &["CLIENT_LIST_BYTES_MAX"],
        cells: &[
            "its memory",
            "does not have it",
            "`ERR CLIENT LIST would have more than 16 MiB`",
            "a short command has a long answer",
        ],
    },
    Row {
        name: "milliseconds of CLIENT PAUSE",
        here: Here::Ms(l::PAUSE_MS_MAX),
        constants: &["PAUSE_MS_MAX"],
        cells: &[
            "9,223,372,036,854,775,807",
            "does not have it",
            "`ERR timeout is not an integer or out of range`",
            "a longer one is a mistake",
        ],
    },
    Row {
        name: "names in COMMAND INFO and COMMAND DOCS",
        here: Here::Count(l::COMMAND_NAMES_MAX as u64),
        constants: &["COMMAND_NAMES_MAX"],
        cells: &[
            "none met: 2,000",
            "does not have them",
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
            "does not have it",
            "`ERR syntax error`",
            "it is matched with every name; no name has so many",
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
            "its memory: the DUMP of a long list may be longer than any value",
            "none met: 600 MiB",
            CLOSED,
            "it is more than any server holds, so only a broken length is above it",
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
            "it is more than a server holds; nested elements are counted in 64 bits",
        ],
    },
    Row {
        name: "bytes in a status, error or number that flows",
        here: Here::Words("none"),
        constants: &[],
        cells: &["its memory: a script can make any", "none met: 2 MiB", "-", "it flows"],
    },
    Row {
        name: "the same in a reply to a part of a split request",
        here: Here::Bytes(l::REPLY_LINE_BYTES_MAX),
        constants: &["REPLY_LINE_BYTES_MAX"],
        cells: &["its memory", "none met: 2 MiB", CLOSED, "memory: it is buffered whole"],
    },
];

const BAD_FORMAT: &str =
    "`CLIENT_ERROR bad command line format`; the block is read as commands, as in memcached";
const LOW_BITS: &str = "64 bits, of which it uses the low 32";
const DIGITS: &str = "any number of digits";

const MEMCACHED_REQUESTS: &[Row] = &[
    Row {
        name: "bytes in a key",
        here: Here::Bytes(KEY_BYTES_MAX),
        constants: &[],
        cells: &[
            "the same",
            "the same",
            "`CLIENT_ERROR bad command line format`",
            "as in memcached; a key in base64 is counted before it is decoded",
        ],
    },
    Row {
        name: "bytes in a line that is not `get` or `gets`",
        here: Here::Bytes(LINE_BYTES_MAX),
        constants: &[],
        cells: &[
            "the same; more if it comes in one read",
            "none met: 20,000, where memcached closed the connection",
            CLOSED,
            "memcached closes if the line comes in pieces. `gat` belongs here, as in memcached",
        ],
    },
    Row {
        name: "bytes in the line of a `get` or `gets`",
        here: Here::Bytes(l::MEMCACHE_LINE_BYTES_MAX),
        constants: &["MEMCACHE_LINE_BYTES_MAX"],
        cells: &[
            "none, but 8 MiB take 40 s, and twice as many bytes more than twice as long",
            "none met: 4 MiB",
            CLOSED,
            "with more, a server would be busy for minutes and answer no other client",
        ],
    },
    Row {
        name: "bytes in a value",
        here: Here::Bytes(l::MEMCACHE_VALUE_BYTES_MAX),
        constants: &["MEMCACHE_VALUE_BYTES_MAX"],
        cells: &[
            "the same, item header included (`-I 1024m`); 1 MiB by default",
            "none met: 1.5 GiB, which memcached refused",
            "`SERVER_ERROR object too large for cache`, and the block is dropped as it arrives",
            "as in memcached",
        ],
    },
    Row {
        name: "length of a block, as the line gives it",
        here: Here::Range(0, BLOCK_BYTES_WRITTEN_MAX),
        constants: &[],
        cells: &[LOW_BITS, DIGITS, BAD_FORMAT, "as in memcached, without its error above 32 bits"],
    },
    Row {
        name: "flags",
        here: Here::Range(0, u32::MAX as i64),
        constants: &[],
        cells: &[LOW_BITS, DIGITS, BAD_FORMAT, "a number that is cut is another number"],
    },
    Row {
        name: "time to live in a command that stores",
        here: Here::Range(i32::MIN as i64, i32::MAX as i64),
        constants: &[],
        cells: &[
            LOW_BITS,
            "any number of digits; no sign",
            BAD_FORMAT,
            "a time that is cut may mean for ever, or be in the past",
        ],
    },
    Row {
        name: "cas unique",
        here: Here::Words("0 to 18,446,744,073,709,551,615"),
        constants: &[],
        cells: &["the same", DIGITS, BAD_FORMAT, "as in memcached"],
    },
    Row {
        name: "form of these numbers",
        here: Here::Words("digits, perhaps after zeros or a `+`; a `-` in times only"),
        constants: &[],
        cells: &[
            "the same, `-0`, white space before and after, and any text after that",
            "digits",
            BAD_FORMAT,
            "servers with memcached's protocol differ here, and must find the same blocks as we do",
        ],
    },
];

const MEMCACHED_REPLIES: &[Row] = &[
    Row {
        name: "bytes in a value",
        here: Here::Bytes(l::MEMCACHE_VALUE_BYTES_MAX),
        constants: &["MEMCACHE_VALUE_BYTES_MAX"],
        cells: &["the same, item header included", "none met: 600 MiB", CLOSED, "as in memcached"],
    },
    Row {
        name: "bytes in a line",
        here: Here::Bytes(l::MEMCACHE_REPLY_LINE_BYTES_MAX),
        constants: &["MEMCACHE_REPLY_LINE_BYTES_MAX"],
        cells: &["a few KiB", "not tried", CLOSED, "memcached has no longer lines"],
    },
];
