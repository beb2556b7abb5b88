//! Every text of ours that a client may read.
//!
//! Under twemproxy manners the texts of a failure are exactly its texts; under modern ones they
//! begin with them (people grep) and go on to say which shard and server, and whether the request
//! was sent: `not sent` may be repeated safely, after `outcome unknown` only what may happen twice.

use crate::base::limits::{CLIENT_NAME_BYTES_MAX, REQUEST_BYTES_MAX};
use crate::protocol::memcache;
use crate::protocol::resp::{encode, request};
use crate::proxy::link::cause::Cause;
use crate::topology::{Address, Policy, Protocol};

/// Had the request left?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    No,
    Perhaps,
}

/// The text of a failed request, without its `-` and line end.
pub fn failure_text(
    protocol: Protocol,
    policy: &Policy,
    cause: &Cause,
    shard: Option<(&str, &Address)>,
    sent: Sent,
) -> String {
    use std::fmt::Write;
    let kind = match protocol {
        Protocol::Redis => "ERR",
        Protocol::Memcache => "SERVER_ERROR",
    };
    if policy.fails_in_one_word {
        let kind = if matches!(cause, Cause::Password(_)) { "NOAUTH" } else { kind };
        return format!("{kind} {cause}");
    }
    let mut text = format!("{kind} {}", cause.explained());
    if let Some((name, address)) = shard {
        let address = address.to_string();
        if *name == *address {
            let _ = write!(text, " (server {name})");
        } else {
            let _ = write!(text, " (shard {name}, server {address})");
        }
    }
    text.push_str(match sent {
        Sent::No => ", not sent",
        Sent::Perhaps => ", outcome unknown",
    });
    text
}

/// What a malformed request is told before its connection closes: Redis' words.
pub fn protocol_error(out: &mut Vec<u8>, error: request::Error) {
    use request::Error;
    let text = match error {
        Error::ExpectedBulk(got) => {
            format!("ERR Protocol error: expected '$', got '{}'", got.escape_ascii())
        }
        other => format!("ERR Protocol error: {}", protocol_why(other)),
    };
    encode::error(out, &text);
}

/// The same for the log, where it is a fixed text.
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

/// What is wrong with a line of memcached's that stores: memcached's words.
pub fn memcache_refusal(refusal: memcache::request::Refusal) -> &'static str {
    use memcache::request::Refusal;
    match refusal {
        Refusal::Words => MEMCACHE_ERROR,
        Refusal::Format => MEMCACHE_FORMAT,
        Refusal::Chunk => "CLIENT_ERROR bad data chunk",
        Refusal::TooLarge => "SERVER_ERROR object too large for cache",
    }
}

pub const MEMCACHE_ERROR: &str = "ERROR";
pub const MEMCACHE_FORMAT: &str = "CLIENT_ERROR bad command line format";
pub const MEMCACHE_NO_META: &str =
    "CLIENT_ERROR the memcached of this key does not know the meta commands";
pub const MEMCACHE_KEY_LINES: &str =
    "CLIENT_ERROR a key with a line feed is not returned: it could be taken for a line";
pub const MEMCACHE_VERSION: &str = concat!("VERSION 1.6.18 nuthatch-", env!("CARGO_PKG_VERSION"));

pub const MEMCACHE_TOO_LARGE: &str = "SERVER_ERROR request above 1 GiB";

/// A command that speaks of one server.
pub fn memcache_not_served(name: &str) -> String {
    format!("CLIENT_ERROR {name} is not served here: it concerns one server, ask that one")
}

/// All that a client reads which comes when its pool is full. Each protocol's servers say it so.
pub fn too_many_clients(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::Redis => b"-ERR max number of clients reached\r\n",
        Protocol::Memcache => b"ERROR Too many open connections\r\n",
    }
}

pub const REQUEST_TOO_LARGE: &str = "ERR Protocol error: request above 1 GiB";
const _: () = assert!(REQUEST_BYTES_MAX == 1024 * 1024 * 1024);
pub const CROSSSLOT: &str = "CROSSSLOT Keys in request don't hash to the same server";
pub const EXECABORT: &str = "EXECABORT Transaction discarded because of previous errors.";
pub const IN_REFUSED_MULTI: &str = "ERR not done: transactions are not served here, and MULTI was refused; EXEC or DISCARD ends this";
pub const NOPROTO: &str = "NOPROTO unsupported protocol version";

/// A Redis client on a pool of memcached servers.
pub fn resp_on_memcache(pool: &str) -> String {
    format!(
        "ERR pool '{pool}' speaks memcached's protocol, not Redis': `redis: true` is missing in its \
         configuration, or this is the wrong port"
    )
}

/// A memcached client on a pool of Redis servers.
pub fn memcache_on_redis(pool: &str) -> String {
    format!(
        "CLIENT_ERROR pool '{pool}' speaks Redis' protocol, not memcached's: `redis: true` is wrong in \
         its configuration, or this is the wrong port"
    )
}

pub const HELLO_VERSION: &str = "ERR Protocol version is not an integer or out of range";

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

/// HELLO 3 while no server of the pool has answered. Libraries take LOADING for a server that will be
/// there soon.
pub fn no_server_known(pool: &str) -> String {
    format!(
        "LOADING no server of pool '{pool}' has answered yet, so its protocol is not known; try again"
    )
}

pub const WRONGPASS: &str = "WRONGPASS invalid username-password pair or user is disabled.";
pub const NO_PASSWORD_SET: &str = "ERR Client sent AUTH, but no password is set";
pub const INVALID_PASSWORD: &str = "ERR invalid password";
pub const SYNTAX: &str = "ERR syntax error";
pub const NAME_CHARACTERS: &str =
    "ERR Client names cannot contain spaces, newlines or special characters.";
pub const NAME_TOO_LONG: &str = "ERR Client names cannot be longer than 64 KiB";
const _: () = assert!(CLIENT_NAME_BYTES_MAX == 64 * 1024);
pub const HELLO_NOAUTH: &str = "NOAUTH HELLO must be called with the client already authenticated, \
     otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and \
     select the RESP protocol version at the same time";

pub const NOT_INTEGER: &str = "ERR value is not an integer or out of range";

/// SELECT of another database than the pool's.
pub fn other_database(asked: i32, pool: &str, served: u32) -> String {
    format!("ERR DB index {asked}: pool '{pool}' serves database {served} only")
}

pub fn unknown_client_subcommand(given: &[u8]) -> Vec<u8> {
    [b"ERR unknown subcommand '", encode::quoted(given), b"'. Try CLIENT HELP."].concat()
}

pub fn client_arity(subcommand: &str) -> String {
    format!("ERR wrong number of arguments for 'client|{subcommand}' command")
}

/// CLIENT SETINFO of something that Redis does not know.
pub fn setinfo_option(field: &[u8]) -> String {
    let field = String::from_utf8_lossy(&field[..field.len().min(encode::QUOTED_BYTES_MAX)]);
    format!("ERR Unrecognized option '{field}'")
}

pub fn setinfo_characters(field: &[u8]) -> String {
    let field = String::from_utf8_lossy(field).to_ascii_lowercase();
    format!("ERR {field} cannot contain spaces, newlines or special characters.")
}

/// Before AUTH, everything gets this. Redis ends it with a full stop, twemproxy does not.
pub fn noauth(policy: &Policy) -> &'static str {
    if policy.noauth_without_stop {
        "NOAUTH Authentication required"
    } else {
        "NOAUTH Authentication required."
    }
}

/// A command that we do not know, in Redis' words: the name and the beginning of its arguments.
pub fn unknown_command(args: &request::Args<'_>) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Manners;

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

    #[test]
    fn modern_texts_begin_with_twemproxys() {
        let address = Address::Tcp { host: "127.0.0.1".into(), port: 6379 };
        let at = |name| Some((name, &address));
        let modern = Policy::of(Manners::Modern);
        let redis =
            |cause: &Cause, at, sent| failure_text(Protocol::Redis, &modern, cause, at, sent);
        for cause in [
            Cause::Refused,
            Cause::Reset,
            Cause::Eof,
            Cause::TimedOut,
            Cause::UnknownHost,
            Cause::NoSocket,
            Cause::Protocol,
            Cause::Down,
            Cause::NoneLive,
            Cause::QueueFull,
            Cause::Exhausted("Too many open files".into()),
            Cause::System("Network is unreachable".into()),
        ] {
            for (protocol, kind) in [(Protocol::Redis, "ERR"), (Protocol::Memcache, "SERVER_ERROR")]
            {
                let [modern, twemproxy] = [Manners::Modern, Manners::Twemproxy].map(|manners| {
                    failure_text(protocol, &Policy::of(manners), &cause, at("a"), Sent::No)
                });
                assert_eq!(twemproxy, format!("{kind} {cause}"));
                assert!(modern.starts_with(&twemproxy));
            }
        }
        assert_eq!(
            redis(&Cause::Eof, at("a"), Sent::Perhaps),
            "ERR unknown: the server closed the connection (shard a, server 127.0.0.1:6379), \
             outcome unknown"
        );
        assert_eq!(
            redis(&Cause::Refused, at("127.0.0.1:6379"), Sent::No),
            "ERR Connection refused (server 127.0.0.1:6379), not sent"
        );
    }
}
