//! Our table of decisions: where we differ from twemproxy under twemproxy's own manners, a row
//! each, and where the difference can be seen.

/// A row by its short name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Row {
    TodaysClients,
    Numkeys,
    Exists,
    CrossSlot,
    Command,
    KeyLength,
    EmptyLength,
    ScriptAtBufferEnd,
    MgetCloses,
    HiddenError,
    Oom,
    Database,
    Timeout,
    Failure,
    Readmission,
    Buffering,
    ClientLimit,
    Dns,
    Stats,
    TestConf,
    Daemon,
    Ending,
    Numbers,
    Served,
    EarlierReplies,
    Rewritten,
    Connections,
    Http,
    Version,
    BareLf,
    Fenced,
    Order,
}

/// Where a row is seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// By a case of this test.
    Here,
    /// Not by comparing replies under twemproxy manners, for this reason.
    NotHere(#[allow(dead_code, reason = "for readers")] &'static str),
}

use Seen::{Here, NotHere};

pub const ROWS: &[(Row, &str, Seen)] = &[
    (Row::TodaysClients, "HELLO, CLIENT, two-argument AUTH, PING x, SELECT: answered", Here),
    (Row::Numkeys, "ZDIFF, ZINTER, ZUNION: by their first key", Here),
    (Row::Exists, "EXISTS: split and added up", Here),
    (
        Row::CrossSlot,
        "other multi-key commands: checked",
        NotHere("commands_as_before plays modern manners, sent_before what is checked under both"),
    ),
    (Row::Command, "COMMAND: answered from our table", Here),
    (Row::KeyLength, "a key may be longer than a buffer", Here),
    (Row::EmptyLength, "a length without digits: refused", Here),
    (Row::ScriptAtBufferEnd, "EVAL at a buffer's end: as anywhere", Here),
    (Row::MgetCloses, "MGET: the error is written, the connection stays", Here),
    (
        Row::HiddenError,
        "a server's own error in a split command",
        NotHere("under modern manners only; commands_as_before plays it"),
    ),
    (Row::Oom, "-OOM, -BUSY, -LOADING: passed on; never close, never eject", Here),
    (Row::Database, "AUTH, then SELECT, on every socket; a refusal fails requests", Here),
    (Row::Timeout, "a timeout: only what is late fails", Here),
    (Row::Failure, "an orderly close of an idle connection is no failure", Here),
    (Row::Readmission, "readmitted by the first good probe", Here),
    (
        Row::Buffering,
        "buffers are bounded and given back",
        NotHere("a matter of memory; limits and clients_misbehave play it"),
    ),
    (
        Row::ClientLimit,
        "client_connections: honoured",
        NotHere("under modern manners only; limits plays both"),
    ),
    (
        Row::Dns,
        "names are resolved off the loop",
        NotHere("needs a name server that is slow at will"),
    ),
    (Row::Stats, "fresh and right; -i has no effect", Here),
    (Row::TestConf, "-t gives the reasons, and its line once", Here),
    (Row::Daemon, "-d: the parent waits for ready, or exits 1", Here),
    (Row::Ending, "TERM and INT: a graceful end, the pid file removed", Here),
    (Row::Numbers, "numbers that do not fit: refused", Here),
    (Row::Served, "above the table: what the old one refused we may serve", Here),
];

/// Differences that the table does not have, each of them open: a row, or a repair.
pub const UNLISTED: &[(Row, &str)] = &[
    (Row::EarlierReplies, "a refused request does not cost the replies before it"),
    (Row::Rewritten, "a request with leading zeros in its counts is written anew, not as it came"),
    (
        Row::Connections,
        "a client keeps to one of `server_connections`; `preconnect` makes and greets them all",
    ),
    (Row::Http, "the stats port speaks HTTP to those who do"),
    (Row::Version, "memcached's version is ours, not that of some server"),
    (Row::BareLf, "a line of memcached's may end in a bare LF, as memcached itself has it"),
    (
        Row::Fenced,
        "behind noreply goes a `version`, so that what a server says all the same is heard",
    ),
    (Row::Order, "items come in the order of the request, also when some are missing"),
];
