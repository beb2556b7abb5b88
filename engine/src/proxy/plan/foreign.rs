//! Recognizes clients that speak another protocol than their pool, by their first bytes, before any
//! byte is read as a request.
//!
//! There are two reasons. A web page can make a browser send a POST to any port, and some servers can
//! be made to do the same. The body of such a request must never be read as commands. And an operator
//! may forget `redis: true`. Clients then get nothing but errors, so the log names the cause.
//!
//! | first bytes                          | a pool of Redis        | a pool of memcached  |
//! |--------------------------------------|------------------------|----------------------|
//! | a TLS hello                          | closed                 | closed               |
//! | an HTTP request line                 | closed                 | closed               |
//! | `*1\r\n`                             | its protocol           | an error, and closed |
//! | memcached's binary protocol          | closed                 | closed               |
//! | a line of memcached with a block     | an error, and closed   | its protocol         |
//! | a line that only memcached knows     | an error, and a log line | its protocol       |

use crate::command;
use crate::protocol::memcache::{self, BINARY_MAGIC, words::Words};
use crate::topology::Protocol;

/// The first byte of a TLS record that holds a handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// A protocol that the pool does not speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Foreign {
    Tls,
    Http,
    Resp,
    MemcacheBinary,
    /// A line that stores. A block follows, which must not be read as commands.
    MemcacheBlock,
    /// A line that memcached knows and Redis does not.
    MemcacheLine,
}

impl Foreign {
    /// For the log.
    pub fn why(self) -> &'static str {
        match self {
            Foreign::Tls => "a TLS client; this port does not speak TLS",
            Foreign::Http => "an HTTP client",
            Foreign::Resp => {
                "a Redis client on a pool of memcached servers: is `redis: true` missing?"
            }
            Foreign::MemcacheBinary => {
                "the binary protocol of memcached, which is not served; clients can be set to text"
            }
            Foreign::MemcacheBlock | Foreign::MemcacheLine => {
                "a memcached client on a pool of Redis servers: is `redis: true` wrong?"
            }
        }
    }
}

/// Recognizes the first bytes of a connection. `None` also means that more bytes are needed.
pub fn of_bytes(protocol: Protocol, bytes: &[u8]) -> Option<Foreign> {
    match (protocol, bytes) {
        (_, [TLS_HANDSHAKE, ..]) => Some(Foreign::Tls),
        (_, [BINARY_MAGIC, ..]) => Some(Foreign::MemcacheBinary),
        (Protocol::Memcache, [b'*', b'0'..=b'9', ..]) => Some(Foreign::Resp),
        _ => None,
    }
}

/// Recognizes the first line of a connection, given without its end.
pub fn of_line(protocol: Protocol, line: &[u8]) -> Option<Foreign> {
    if is_request_line(line) && !(protocol == Protocol::Redis && is_redis_request(line)) {
        return Some(Foreign::Http);
    }
    if protocol == Protocol::Memcache {
        return None;
    }
    let name = Words::new(line).next()?;
    command::memcache::lookup(name)?;
    command::lookup(name).is_none().then_some(Foreign::MemcacheLine)
}

/// Whether memcached would read a block after this line. Redis has no request of this form. Every line
/// to a pool of Redis is checked, because a memcached client often begins with another line.
pub fn has_block(line: &[u8]) -> bool {
    memcache::request::has_block(line)
}

/// Whether a line that is not a command belongs to an HTTP request. memcached has the same test.
pub fn is_of_http(line: &[u8]) -> bool {
    let first = Words::new(line).next().unwrap_or_default();
    let is = |name: &[u8]| first.eq_ignore_ascii_case(name);
    is(b"post")
        || is_header(first, b"host:")
        || Words::new(line).last().is_some_and(is_http_version)
}

/// `METHOD target HTTP/1.1`: three words, the last one a version. The method may be the name of a
/// command.
fn is_request_line(line: &[u8]) -> bool {
    let mut words = Words::new(line);
    let last = words.nth(2);
    last.is_some_and(is_http_version) && words.next().is_none()
}

/// Whether a line of three words may be a request to Redis: `SET agent HTTP/1.1`. If it is HTTP, the
/// next line is a header, which closes the connection.
fn is_redis_request(line: &[u8]) -> bool {
    let name = Words::new(line).next().unwrap_or_default();
    command::lookup(name).is_some_and(|command| command.arity_ok(3))
}

/// `Host:`, with or without its value right after the colon.
fn is_header(word: &[u8], name: &[u8]) -> bool {
    word.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name))
}

/// `HTTP/1.1`. Protocols like HTTP (RTSP, SIP, ICAP) have versions of the same form.
fn is_http_version(word: &[u8]) -> bool {
    let Some(bar) = word.iter().position(|&byte| byte == b'/') else {
        return false;
    };
    let (name, number) = (&word[..bar], word[bar + 1..].trim_ascii_end());
    (3..=5).contains(&name.len())
        && name.iter().all(u8::is_ascii_alphabetic)
        && number.first().is_some_and(u8::is_ascii_digit)
        && number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use Protocol::{Memcache, Redis};

    #[test]
    fn first_bytes_are_recognized() {
        for (protocol, bytes, want) in [
            (Redis, &b"\x16\x03\x01\x02\x00"[..], Some(Foreign::Tls)),
            (Memcache, b"\x16", Some(Foreign::Tls)),
            (Redis, b"\x80\x0a", Some(Foreign::MemcacheBinary)),
            (Memcache, b"*1\r\n$4\r\nPING\r\n", Some(Foreign::Resp)),
            (Memcache, b"*", None),
            (Memcache, b"get a\r\n", None),
            (Redis, b"*1\r\n", None),
            (Redis, b"PING\r\n", None),
            (Redis, b"", None),
        ] {
            assert_eq!(of_bytes(protocol, bytes), want, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn first_lines_are_recognized() {
        for (protocol, line, want) in [
            (Memcache, "POST / HTTP/1.1", Some(Foreign::Http)),
            (Memcache, "GET /x HTTP/1.0", Some(Foreign::Http)),
            (Memcache, "set /x HTTP/1.1", Some(Foreign::Http)),
            (Redis, "PRI * HTTP/2.0", Some(Foreign::Http)),
            (Redis, "GET / HTTP/1.1", Some(Foreign::Http)),
            (Redis, "MGET a b HTTP/1.1", None),
            (Redis, "GET HTTP/1.1", None),
            (Redis, "SET agent HTTP/1.1", None),
            (Redis, "DELETE /x HTTP/1.1", Some(Foreign::Http)),
            (Memcache, "get HTTP/1.1 HTTP/x.y", None),
            (Memcache, "get a b", None),
            (Redis, "set k v EX 5", None),
            (Redis, "get k", None),
            (Redis, "gets k", Some(Foreign::MemcacheLine)),
            (Redis, "version", Some(Foreign::MemcacheLine)),
            (Redis, "VERSION", None),
            (Redis, "mg k v", Some(Foreign::MemcacheLine)),
            (Redis, "", None),
        ] {
            assert_eq!(of_line(protocol, line.as_bytes()), want, "{line}");
        }
    }

    #[test]
    fn only_memcached_has_blocks() {
        for line in [
            "set k 0 0 5",
            "append k 0 60 5 noreply",
            "add k 0 -1 8",
            "cas k 0 0 5 17",
            "ms k 16",
            "ms k 16 T0 q",
        ] {
            assert!(has_block(line.as_bytes()), "{line}");
        }
        for line in
            ["set k v", "set k v ex 5", "SET k 0 0 5", "touch a 1 2 3", "get k", "append k 5"]
        {
            assert!(!has_block(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn later_lines_of_http_are_recognized() {
        assert!(is_of_http(b"PUT /a b HTTP/1.1"));
        assert!(is_of_http(b"Host: x"));
        assert!(is_of_http(b"POST"));
        assert!(is_of_http(b"host:127.0.0.1"));
        assert!(is_of_http(b"PUT /x http/1.10"));
        assert!(is_of_http(b"OPTIONS * RTSP/1.0"));
        assert!(!is_of_http(b"gett a/1 b/2.c"));
        assert!(!is_of_http(b"Content-Length: 5"));
        assert!(!is_of_http(b""));
    }
}
