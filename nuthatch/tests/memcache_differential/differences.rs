//! Every way in which an answer through three servers may differ from one server's, each with its
//! reason. What is not here must be the same, byte for byte.

const UNIQUE: &str = "a cas unique is its server's count of changes";
const CLOCK: &str = "the two are asked one after the other, and their clocks tell";

/// Flags of meta replies whose numbers may differ.
pub const MASKED_FLAGS: &[(u8, &str)] = &[(b'c', UNIQUE), (b'l', CLOCK), (b't', CLOCK)];

/// Names in the reply to `me`.
pub const MASKED_NAMES: &[(&str, &str)] = &[("cas=", UNIQUE), ("exp=", CLOCK), ("la=", CLOCK)];

/// Why a batch is cut before some requests: what a server answers to them depends on which replies
/// to earlier ones it has not sent yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// memcached 1.6.18 answers a retrieval with a key that is too long by dropping what it has
    /// not sent yet, the replies to earlier requests with it. With `gat` there is none: it would
    /// have touched the keys before that one, and we touch none.
    LongKey,
    /// It adds in place, and keeps the length, unless a reply holds the item: then the item is
    /// made anew, without blanks at its end, and forgets that it was fetched.
    Held,
}

/// A request, the beginnings of our answer and of a server's, and the reason.
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

const ONE_SERVER: &str = "speaks of one server, or would change what others share";
const BEYOND: &str =
    "whether a server takes it depends on its version, and whether a block follows on that";

const LINES: &str =
    "memcached 1.6.18 may return the key as bytes, and who shares the upstream would read them";

/// `~` is a line end. Each on a connection of its own; an empty answer is a close.
#[rustfmt::skip] // a table is read by its columns
pub const ANSWERS: &[Answer] = &[
    answer("version~", "VERSION 1.6.18 nuthatch-", "VERSION 1.6.", "is ours"),
    answer("stats~", "STAT pid:", "STAT pid ", "of three servers: added up, or told apart"),
    answer("stats settings~", "STAT maxbytes", "STAT maxbytes", "likewise"),
    answer("shutdown~", "CLIENT_ERROR shutdown is not served here", "ERROR: shutdown not enabled", ONE_SERVER),
    answer("cache_memlimit 64~", "CLIENT_ERROR cache_memlimit is not", "OK", ONE_SERVER),
    answer("slabs automove 1~", "CLIENT_ERROR slabs is not", "OK", ONE_SERVER),
    answer("lru mode segmented~", "CLIENT_ERROR lru is not", "ERROR", ONE_SERVER),
    answer("lru_crawler metadump all~", "CLIENT_ERROR lru_crawler is not", "CLIENT_ERROR lru crawler disabled", ONE_SERVER),
    answer("watch fetchers~", "CLIENT_ERROR watch is not", "OK", ONE_SERVER),
    answer("me~", "ERROR", "CLIENT_ERROR bad command line format", "without a key there is no owner"),
    answer("mg YQpi b k~", "CLIENT_ERROR a key with a line feed", "EN", LINES),
    answer("me YQpi b~", "CLIENT_ERROR a key with a line feed", "EN", LINES),
    answer("set k 0 0 1\r ~x~", "CLIENT_ERROR bad command line format", "STORED", BEYOND),
    answer("set k 4294967296 0 1~x~", "CLIENT_ERROR bad command line format", "STORED", BEYOND),
    answer("set k 0 9999999999 1~x~", "CLIENT_ERROR bad command line format", "STORED", BEYOND),
];
