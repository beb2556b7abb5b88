//! Every text that a client reads from us and from no server.
//!
//! A text that Redis, memcached or twemproxy has too is theirs byte for byte, because libraries act on
//! its first word and people search for it. Our own texts say what was not done and what to do about
//! it. This file only makes the texts. Other files decide when a client gets one and how it is framed.
//!
//! Not here: plain words of a protocol (`OK`, `PONG`, `END`), the summaries in the tables of commands,
//! and the fields of INFO.

use crate::base::limits::{CLIENT_LIST_BYTES_MAX, CLIENT_NAME_BYTES_MAX, REQUEST_BYTES_MAX};
use crate::protocol::memcache;
use crate::protocol::resp::{Args, encode, request};

// ---- RESP: a request that cannot be read -------------------------------------------------

/// What is wrong with a malformed request: Redis' words.
pub fn protocol_error(error: request::Error) -> String {
    use request::Error;
    match error {
        Error::ExpectedBulk(got) => {
            format!("ERR Protocol error: expected '$', got '{}'", got.escape_ascii())
        }
        other => format!("ERR Protocol error: {}", protocol_why(other)),
    }
}

/// The same for the log, as a fixed text.
pub fn protocol_why(error: request::Error) -> &'static str {
    use request::Error;
    match error {
        Error::ExpectedBulk(_) => "expected '$'",
        Error::ArrayLength => "invalid multibulk length",
        Error::BulkLength => "invalid bulk length",
        Error::BulkEnd => "bulk without a line end",
        Error::UnauthenticatedArrayLength => "unauthenticated multibulk length",
        Error::UnauthenticatedBulkLength => "unauthenticated bulk length",
        Error::InlineTooLong => "too big inline request",
        Error::UnbalancedQuotes => "unbalanced quotes in request",
    }
}

pub const REQUEST_TOO_LARGE: &str = "ERR Protocol error: request above 1 GiB";
const _: () = assert!(REQUEST_BYTES_MAX == 1024 * 1024 * 1024);

/// A Redis client on a pool of memcached servers.
pub fn resp_on_memcache(pool: &str) -> String {
    format!(
        "ERR pool '{pool}' speaks memcached's protocol, not Redis': `redis: true` is missing in its \
         configuration, or this is the wrong port"
    )
}

// ---- RESP: a request that is not served --------------------------------------------------

/// The whole reply to a client that connects when its pool is full: Redis' text.
pub const TOO_MANY_CLIENTS: &[u8] = b"-ERR max number of clients reached\r\n";

pub const CROSSSLOT: &str = "CROSSSLOT Keys in request don't hash to the same server";

/// A command that is never served. `why` is the reason.
pub fn not_served(name: &str, why: &str) -> String {
    format!("ERR '{name}' is not served by the proxy: {why}")
}

/// READONLY in a pool without replicas.
pub const NO_REPLICAS: &str = "the pool has no replicas, and every server answers reads";

/// A command that changes servers, in a pool that does not allow it.
pub fn fenced(name: &str, pool: &str) -> String {
    format!(
        "ERR '{name}' changes servers and is not allowed in pool '{pool}'; `admin_commands: allow` in \
         its configuration allows it"
    )
}

pub const SORT_PATTERNS: &str = "ERR BY and GET may name keys of other shards here: the pattern must \
     carry the hash tag of the sorted key";
pub const INVALID_CURSOR: &str = "ERR invalid cursor";
/// A server that makes cursors of more than 42 bits.
pub const CURSOR_TOO_LARGE: &str =
    "ERR the server's cursor has more than 42 bits, so the proxy cannot pass it on";
pub const DB_OUT_OF_RANGE: &str = "ERR DB index is out of range";
/// ACL CAT of a category that Redis does not know either.
pub fn unknown_category(name: &[u8]) -> Vec<u8> {
    [b"ERR Unknown category '", encode::quoted(name), b"'"].concat()
}

pub const CLUSTER_DISABLED: &str = "ERR This instance has cluster support disabled";

pub const EXECABORT: &str = "EXECABORT Transaction discarded because of previous errors.";
pub const UNBLOCK_REASON: &str = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
pub const EXEC_ARITY: &str = "wrong number of arguments for 'exec' command";
pub const EXEC_WITHOUT_MULTI: &str = "ERR EXEC without MULTI";
pub const DISCARD_WITHOUT_MULTI: &str = "ERR DISCARD without MULTI";
pub const NESTED_MULTI: &str = "ERR MULTI calls can not be nested";
pub const WATCH_IN_MULTI: &str = "ERR WATCH inside MULTI is not allowed";
pub const NOT_IN_MULTI: &str = "ERR Command not allowed inside a transaction";
/// The same topology does not hold any more, so a key may have another server now.
pub const SERVERS_CHANGED: &str = "TRYAGAIN the pool's servers have changed since MULTI";
/// Watched keys, and a database that was not used before.
pub const DB_NOT_KNOWN: &str =
    "ERR with watched keys, SELECT within a transaction needs a database that was used before";
/// A transaction over several shards, where the pool allows none.
pub const CROSSSLOT_IN_MULTI: &str = "CROSSSLOT Keys of the transaction don't hash to the same server; tie them by a \
                                      hash tag, or set `transactions: per_shard` for the pool";
/// BLPOP of keys of several shards.
pub const CROSSSLOT_WAIT: &str = "CROSSSLOT Keys in request don't hash to the same server; tie the keys to wait for by a hash \
                                  tag or `colocate`";
/// WATCH of keys of several shards.
pub const CROSSSLOT_WATCH: &str = "CROSSSLOT Watched keys don't hash to the same server";

/// A client of RESP2 that listens asks for something else. Without the first word.
pub fn only_listening(name: &str) -> Vec<u8> {
    format!(
        "Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in \
         this context"
    )
    .into_bytes()
}

/// A command that is not served between MULTI and EXEC.
pub fn not_in_multi(name: &str) -> String {
    format!("ERR '{name}' is not served by the proxy inside a transaction")
}

/// The same for a command about all shards, of which the pool has several.
pub fn whole_in_multi(name: &str) -> String {
    format!("{}: it is about all shards", not_in_multi(name))
}

/// EXEC of a transaction that is given up. `why` is the text of an error, with its `-` and line end or without.
pub fn exec_refused(why: &[u8]) -> Vec<u8> {
    [b"EXECABORT Transaction discarded because of: ", said(why)].concat()
}

/// The server did not take MULTI.
pub fn multi_refused(why: &[u8]) -> Vec<u8> {
    [b"ERR the server refused MULTI, so the commands were executed one by one: ", said(why)]
        .concat()
}

fn said(error: &[u8]) -> &[u8] {
    let error = error.strip_prefix(b"-").unwrap_or(error);
    error.strip_suffix(b"\r\n").unwrap_or(error)
}

/// A transaction that is too large. `what` is a number of bytes or commands.
pub fn transaction_too_large(what: &str) -> String {
    format!("ERR a transaction has at most {what}")
}

/// A command that we do not know, in Redis' words: the name and the beginning of its arguments.
pub fn unknown_command(args: &Args<'_>) -> Vec<u8> {
    let name = encode::quoted(args.name());
    let mut text = [b"ERR unknown command '", name, b"', with args beginning with: "].concat();
    let begin = text.len();
    for arg in args.iter_from(1) {
        let room = encode::QUOTED_BYTES_MAX.saturating_sub(text.len() - begin);
        if room == 0 {
            break;
        }
        text.push(b'\'');
        text.extend_from_slice(encode::quoted(&arg[..arg.len().min(room)]));
        text.extend_from_slice(b"' ");
    }
    text
}

// ---- RESP: wrong arguments ---------------------------------------------------------------

pub const SYNTAX: &str = "ERR syntax error";
pub const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
pub const NOT_32_BITS: &str =
    "ERR value is out of range, value must between -2147483648 and 2147483647";
pub const LINE_BREAK: &str = "ERR an argument of this command must not have a line break: servers put it into their error as it is";

/// LMPOP, ZMPOP and SINTERCARD have one text for every bad number of keys.
pub const NUMKEYS_NOT_POSITIVE: &str = "ERR numkeys should be greater than 0";
/// Of MSETEX.
pub const NUMKEYS_OUT_OF_RANGE: &str = "ERR invalid numkeys value or out of range";
/// Of scripts.
pub const NUMKEYS_NEGATIVE: &str = "ERR Number of keys can't be negative";
/// Of scripts.
pub const NUMKEYS_TOO_LARGE: &str = "ERR Number of keys can't be greater than number of args";
/// XREAD and XREADGROUP. Not a text of Redis.
pub const BLOCK_NOT_SERVED: &str = "ERR BLOCK is not supported by the proxy";

/// `command` may be a subcommand: `object|encoding`.
pub fn arity(command: &str) -> String {
    format!("ERR wrong number of arguments for '{command}' command")
}

/// The number of keys is below 1: commands that are no scripts.
pub fn no_input_key(command: &str) -> String {
    format!("ERR at least 1 input key is needed for '{command}' command")
}

pub fn unknown_subcommand(container: &str, given: &[u8]) -> Vec<u8> {
    let container = container.to_ascii_uppercase();
    let parts = [
        b"ERR unknown subcommand '",
        encode::quoted(given),
        b"'. Try ",
        container.as_bytes(),
        b" HELP.",
    ];
    parts.concat()
}

// ---- AUTH, HELLO -------------------------------------------------------------------------

/// The answer to every other command before AUTH.
pub const NOAUTH: &str = "NOAUTH Authentication required.";
/// twemproxy ends it without a full stop.
pub const NOAUTH_WITHOUT_STOP: &str = "NOAUTH Authentication required";
pub const WRONGPASS: &str = "WRONGPASS invalid username-password pair or user is disabled.";
pub const NO_PASSWORD_SET: &str = "ERR Client sent AUTH, but no password is set";
/// twemproxy's words for a wrong password.
pub const INVALID_PASSWORD: &str = "ERR invalid password";

pub const HELLO_NOAUTH: &str = "NOAUTH HELLO must be called with the client already authenticated, \
     otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and \
     select the RESP protocol version at the same time";
pub const HELLO_VERSION: &str = "ERR Protocol version is not an integer or out of range";
pub const NOPROTO: &str = "NOPROTO unsupported protocol version";

/// An option of HELLO that Redis does not know either.
pub fn hello_option(option: &[u8]) -> Vec<u8> {
    [b"ERR Syntax error in HELLO option '", encode::quoted(option), b"'"].concat()
}

/// HELLO 3 where a server does not speak RESP3. Libraries go on with RESP2 when they read NOPROTO, some
/// only when they read "unknown command".
pub fn noproto_of_server(pool: &str) -> String {
    format!(
        "{NOPROTO}: a server of pool '{pool}' speaks RESP2 only (it answers: unknown command 'HELLO')"
    )
}

/// HELLO 3 while no server of the pool has answered. A library that reads LOADING tries again soon.
pub fn no_server_known(pool: &str) -> String {
    format!(
        "LOADING no server of pool '{pool}' has answered yet, so its protocol is not known; try again"
    )
}

// ---- SELECT, CLIENT ----------------------------------------------------------------------

/// SELECT of another database than the pool's.
pub fn other_database(asked: i32, pool: &str, served: u32) -> String {
    format!("ERR DB index {asked}: pool '{pool}' serves database {served} only")
}

pub const NO_SUCH_CLIENT: &str = "ERR No such client";
pub const CLIENT_LIST_TOO_LONG: &str =
    "ERR CLIENT LIST would have more than 16 MiB: name clients by ID or another filter";
const _: () = assert!(CLIENT_LIST_BYTES_MAX == 16 * 1024 * 1024);
pub const PAUSE_NOT_INTEGER: &str = "ERR timeout is not an integer or out of range";
pub const CLIENT_ID_INVALID: &str = "ERR client-id should be greater than 0";

/// CLIENT LIST TYPE and CLIENT KILL TYPE of a type that Redis does not know.
pub fn unknown_client_type(word: &[u8]) -> Vec<u8> {
    [b"ERR Unknown client type '", encode::quoted(word), b"'"].concat()
}

/// CLIENT TRACKING in a mode that would track keys, CLIENT CACHING YES, and the request behind it.
pub const NOT_TRACKED: &str = "ERR the proxy does not track keys: only CLIENT TRACKING ON OPTIN without CACHING YES is served";
/// Redis' text.
pub const CACHING_WITHOUT_OPTIN: &str = "ERR CLIENT CACHING can be called only when the client is \
     in tracking mode with OPTIN or OPTOUT mode enabled";
pub const NAME_CHARACTERS: &str =
    "ERR Client names cannot contain spaces, newlines or special characters.";
pub const NAME_TOO_LONG: &str = "ERR Client names cannot be longer than 64 KiB";
const _: () = assert!(CLIENT_NAME_BYTES_MAX == 64 * 1024);

/// CLIENT SETINFO of a field that Redis does not know.
pub fn setinfo_option(field: &[u8]) -> String {
    let field = String::from_utf8_lossy(&field[..field.len().min(encode::QUOTED_BYTES_MAX)]);
    format!("ERR Unrecognized option '{field}'")
}

pub fn setinfo_characters(field: &[u8]) -> String {
    let field = String::from_utf8_lossy(field).to_ascii_lowercase();
    format!("ERR {field} cannot contain spaces, newlines or special characters.")
}

// ---- COMMAND, and HELP of containers -----------------------------------------------------

pub const TOO_MANY_NAMES: &str = "ERR too many command names";
pub const GETKEYS_COMMAND: &str = "ERR Invalid command specified";
pub const GETKEYS_NO_KEYS: &str = "ERR The command has no key arguments";
pub const GETKEYS_ARITY: &str = "ERR Invalid number of arguments specified for command";
pub const GETKEYS_ARGUMENTS: &str = "ERR Invalid arguments specified for command";

/// The first line of HELP.
pub fn help_head(container: &str) -> String {
    let container = container.to_ascii_uppercase();
    format!("{container} <subcommand> [<arg> ...]. Subcommands are:")
}

/// The line below a subcommand in HELP.
pub fn help_about(summary: &str) -> String {
    format!("    {summary}")
}

// ---- memcached's protocol ----------------------------------------------------------------

/// The whole reply to a client that connects when its pool is full: memcached's text.
pub const MEMCACHE_TOO_MANY_CLIENTS: &[u8] = b"ERROR Too many open connections\r\n";
pub const MEMCACHE_TOO_LARGE: &str = "SERVER_ERROR request above 1 GiB";
pub const MEMCACHE_ERROR: &str = "ERROR";
pub const MEMCACHE_FORMAT: &str = "CLIENT_ERROR bad command line format";
pub const MEMCACHE_NO_META: &str =
    "CLIENT_ERROR the memcached of this key does not know the meta commands";
pub const MEMCACHE_KEY_LINES: &str =
    "CLIENT_ERROR a key with a line feed is not returned: it could be taken for a line";
pub const MEMCACHE_VERSION: &str = concat!("VERSION 1.6.18 nuthatch-", env!("CARGO_PKG_VERSION"));

/// What is wrong with a line that stores: memcached's words.
pub fn memcache_refusal(refusal: memcache::request::Refusal) -> &'static str {
    use memcache::request::Refusal;
    match refusal {
        Refusal::Words => MEMCACHE_ERROR,
        Refusal::Format => MEMCACHE_FORMAT,
        Refusal::Chunk => "CLIENT_ERROR bad data chunk",
        Refusal::TooLarge => "SERVER_ERROR object too large for cache",
    }
}

/// A command that concerns one server.
pub fn memcache_not_served(name: &str) -> String {
    format!("CLIENT_ERROR {name} is not served here: it concerns one server, ask that one")
}

/// A memcached client on a pool of Redis servers.
pub fn memcache_on_redis(pool: &str) -> String {
    format!(
        "CLIENT_ERROR pool '{pool}' speaks Redis' protocol, not memcached's: `redis: true` is wrong in \
         its configuration, or this is the wrong port"
    )
}

// ---- replies that are joined -------------------------------------------------------------

/// Hides a server's error under twemproxy manners, and stands for a reply that does not fit the others.
pub const INVALID_PART: &str = "ERR Invalid argument";
pub const MEMCACHE_INVALID_PART: &str = "SERVER_ERROR Invalid argument";
/// What twemproxy says of a server that closed the connection normally. Any other text says more.
pub const UNKNOWN_PART: &str = "ERR unknown";
/// Behind a server's error: where it came from.
pub fn of_shard(name: &str) -> String {
    format!(" (shard {name})")
}

/// Behind the error of a command that some shards have done. `names` may be the first of `count` only.
pub fn done_on(names: &[&str], count: usize) -> String {
    let more = if count > names.len() {
        format!(" and {} more", count - names.len())
    } else {
        String::new()
    };
    match count {
        0 => "; done on no shard".to_owned(),
        1 => format!("; done on shard {}", names.join(", ")),
        _ => format!("; done on shards {}{more}", names.join(", ")),
    }
}

/// In `stats`, the value of a server that failed.
pub const MEMCACHE_NO_ANSWER: &str = "no answer";

// ---- a server that did not answer --------------------------------------------------------
//
// Under twemproxy manners the text is a kind and one of the causes below. Under modern manners it
// begins with them (people search for it) and adds the detail, the shard and server, and whether the
// request was sent. `proxy::plan::failure` puts it together.

pub const FAILED: &str = "ERR";
/// Libraries send a request again by themselves if its error begins with one of these words. So only an error
/// of a request that was surely not executed does, under modern manners: the shard has no server now, or
/// too many requests wait for it.
pub const NO_SERVER: &str = "MASTERDOWN";
pub const TRY_AGAIN: &str = "TRYAGAIN";

/// The same error for a request that others parts of were executed: it must not be repeated as a whole.
pub fn without_retry_word(text: &str) -> String {
    let rest = [NO_SERVER, TRY_AGAIN].iter().find_map(|word| text.strip_prefix(word));
    rest.map_or_else(|| text.to_owned(), |rest| format!("{FAILED}{rest}"))
}

pub const MEMCACHE_FAILED: &str = "SERVER_ERROR";
/// The server refused the pool's password, under twemproxy manners.
pub const FAILED_NOAUTH: &str = "NOAUTH";

/// May be repeated without risk.
pub const REFUSED_BEFORE: &str =
    "-LOADING the server was loading its data, and has done a later request since; not done\r\n";
pub const NOT_SENT: &str = ", not sent";
/// May have been done.
pub const OUTCOME_UNKNOWN: &str = ", outcome unknown";

pub fn at_server(name: &str) -> String {
    format!(" (server {name})")
}

pub fn at_shard(shard: &str, server: &str) -> String {
    format!(" (shard {shard}, server {server})")
}

/// The causes: twemproxy's texts, from the C library.
pub mod cause {
    pub const REFUSED: &str = "Connection refused";
    pub const RESET: &str = "Connection reset by peer";
    pub const BROKEN_PIPE: &str = "Broken pipe";
    pub const UNKNOWN: &str = "unknown";
    pub const TIMED_OUT: &str = "Connection timed out";
    pub const UNKNOWN_HOST: &str = "Host is down";
    pub const NO_SOCKET: &str = "No such file or directory";
    pub const INVALID: &str = "Invalid argument";
    pub const AUTHENTICATION: &str = "Authentication required.";
    pub const QUEUE_FULL: &str = "Resource temporarily unavailable";
    pub const PINNED_FULL: &str = QUEUE_FULL;
}

/// What modern manners add to a cause.
pub mod detail {
    pub const EOF: &str = "the server closed the connection";
    pub const UNKNOWN_HOST: &str = "the server's name does not resolve";
    pub const PROTOCOL: &str = "the server sent what is no reply";
    pub const EXHAUSTED: &str = "the proxy has no room for another connection";
    pub const DOWN: &str = "the server is out until it answers a probe";
    pub const NO_PRIMARY: &str = "the server is no primary";
    pub const REPLACED: &str = "another server is the primary now";
    pub const NO_REPLICA: &str = "no replica can be read now";
    pub const NONE_LIVE: &str = "every server of the pool is ejected";
    pub const QUEUE_FULL: &str = "too many requests wait for the server";
    pub const PINNED_FULL: &str =
        "as many clients wait or watch keys there as `pinned_connections` allows";
    pub const NO_META: &str = "it does not know the meta commands";

    /// The server's `answer` to AUTH.
    pub fn refused_password(answer: &str) -> String {
        format!("the server refused the pool's password: {answer}")
    }

    /// The server's `answer` to another request of the handshake.
    pub fn refused_handshake(request: &str, answer: &str) -> String {
        format!("the server refused our {request}: {answer}")
    }

    /// The server has too many clients.
    pub fn turned_away(answer: &str) -> String {
        format!("the server turned us away: {answer}")
    }

    /// Stands for an answer that repeats the pool's password. `code` is its first word, if that is one.
    pub fn holds_password(code: Option<&str>) -> String {
        format!("{} and words that hold the password", code.unwrap_or("an error"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_is_quoted_as_redis_does() {
        let bytes = [
            b"*4\r\n$4\r\nN\0PE\r\n$3\r\n\xff\0\xfe\r\n$130\r\n",
            &[b'x'; 130][..],
            b"\r\n$1\r\ny\r\n",
        ];
        let bytes = bytes.concat();
        let mut progress = request::Progress::default();
        let parsed = request::parse(&bytes, &mut progress, request::Trust::Authenticated);
        let Ok(request::Parsed::Request(args)) = parsed else {
            panic!("not a request");
        };
        // The arguments have 128 bytes together, quotes and blanks counted, and the last is cut.
        let mut wanted = b"ERR unknown command 'N', with args beginning with: '\xff' '".to_vec();
        wanted.resize(wanted.len() + 124, b'x');
        wanted.extend_from_slice(b"' ");
        assert_eq!(unknown_command(&args), wanted);
    }
}
