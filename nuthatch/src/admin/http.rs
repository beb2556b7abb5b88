//! The part of HTTP/1 that a health check and `curl` need: GET and HEAD, one request a connection.
//!
//! Bytes that do not begin a request are no error: readers of plain TCP use the same port, and some
//! of them send a word or a newline before they read.
//!
//! `Host` is ignored: readers may use any name of this host, so none can be refused. A web page whose
//! name was changed to our address (DNS rebinding) can read the same as any reader of the port. It
//! can change nothing, and no byte of a request is repeated in a response.

use crate::io::json_text;
use std::fmt::Write;

/// Bytes of a request's head. Over it: 431.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;

/// The kind of the bytes so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Head<'a> {
    /// The beginning of a request, or nothing yet.
    Incomplete,
    /// Not HTTP, or HTTP/0.9, which has no version: answered with the bare document.
    Plain,
    Request {
        method: &'a str,
        path: &'a str,
        /// The header of that name, or nothing.
        accept: &'a str,
    },
    /// A request in HTTP/2 or in an unknown version.
    OtherVersion,
    TooLong,
}

/// Reads the head of a request.
pub fn read_head(bytes: &[u8]) -> Head<'_> {
    let line = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
    let is_whole_line = line.len() < bytes.len();
    let method = line.split(|&b| b == b' ').next().unwrap_or_default();
    let is_method = method.len() < 16 && method.iter().all(u8::is_ascii_uppercase);
    if !is_method || (is_whole_line && method.is_empty()) {
        return Head::Plain;
    }
    if is_whole_line {
        let Some((method, path, version)) = request_line(line) else {
            return Head::Plain;
        };
        if has_end(bytes) {
            let is_ours = version.starts_with("1.");
            return if is_ours {
                Head::Request { method, path, accept: header(bytes, "accept") }
            } else {
                Head::OtherVersion
            };
        }
    }
    if bytes.len() >= HEAD_BYTES_MAX { Head::TooLong } else { Head::Incomplete }
}

/// Method, path and version of a line like `GET /path?query HTTP/1.1`.
fn request_line(line: &[u8]) -> Option<(&str, &str, &str)> {
    let line = std::str::from_utf8(line.trim_ascii_end()).ok()?;
    let (method, rest) = line.split_once(' ')?;
    let (target, version) = rest.rsplit_once(' ')?;
    let path = target.split('?').next().unwrap_or_default();
    Some((method, path, version.strip_prefix("HTTP/")?))
}

/// The value of a header, or nothing. `name` in small letters.
fn header<'a>(head: &'a [u8], name: &str) -> &'a str {
    let of_line = |line: &'a [u8]| {
        let (key, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    };
    head.split(|&b| b == b'\n').skip(1).find_map(of_line).unwrap_or_default()
}

/// Whether the empty line has arrived.
fn has_end(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|w| w == b"\n\n") || bytes.windows(4).any(|w| w == b"\r\n\r\n")
}

/// The statuses of our responses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    HeadTooLarge,
    Unavailable,
    OtherVersion,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::RequestTimeout => "408 Request Timeout",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::Unavailable => "503 Service Unavailable",
            Status::OtherVersion => "505 HTTP Version Not Supported",
        }
    }
}

/// A whole response with a JSON body, or for HEAD without it.
pub fn response(status: Status, body: &str, is_head: bool) -> String {
    response_of(status, "application/json", body, is_head)
}

/// A whole response with a body of this type.
pub fn response_of(status: Status, content_type: &str, body: &str, is_head: bool) -> String {
    let mut text = format!(
        "HTTP/1.1 {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n",
        status.line(),
        body.len()
    );
    if status == Status::MethodNotAllowed {
        text.push_str("Allow: GET, HEAD\r\n");
    }
    text.push_str("\r\n");
    if !is_head {
        text.push_str(body);
    }
    text
}

/// A response with an error.
pub fn refusal(status: Status, why: &str) -> String {
    let mut body = String::new();
    let _ = writeln!(body, "{{\"error\":{}}}", json_text(why));
    response(status, &body, false)
}

/// The response to a request in another version.
pub fn other_version() -> String {
    refusal(Status::OtherVersion, "only HTTP/1 is supported")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_differ_from_plain_readers() {
        let get = |path| Head::Request { method: "GET", path, accept: "" };
        let cases: [(&str, Head<'_>); 17] = [
            ("", Head::Incomplete),
            ("G", Head::Incomplete),
            ("GET / HTTP/1.1", Head::Incomplete),
            ("GET / HTTP/1.1\r\nHost: x\r\n", Head::Incomplete),
            ("GET / HTTP/1.1\r\n\r\n", get("/")),
            ("GET /ready?x=1 HTTP/1.0\r\nHost: a\r\n\r\n", get("/ready")),
            ("GET / HTTP/1.1\nHost: x\n\n", get("/")),
            ("FOO / HTTP/1.1\r\n\r\n", Head::Request { method: "FOO", path: "/", accept: "" }),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Head::OtherVersion),
            ("GET / HTTP/2\r\n\r\n", Head::OtherVersion),
            ("GET / HTTPS/1.1\r\n\r\n", Head::Plain),
            ("GET /\r\n", Head::Plain),
            ("\r\n", Head::Plain),
            ("stats\r\n", Head::Plain),
            ("\u{0}", Head::Plain),
            ("STATS\n", Head::Plain),
            (" GET / HTTP/1.1\r\n\r\n", Head::Plain),
        ];
        for (text, want) in cases {
            assert_eq!(read_head(text.as_bytes()), want, "{text:?}");
        }
        let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(HEAD_BYTES_MAX));
        assert_eq!(read_head(long.as_bytes()), Head::TooLong);
    }

    #[test]
    fn a_request_is_recognized_at_any_cut() {
        let text = b"GET /stats HTTP/1.1\r\nHost: here:22222\r\nAccept: */*\r\n\r\n";
        for cut in 0..text.len() {
            assert_eq!(read_head(&text[..cut]), Head::Incomplete, "{cut}");
        }
        let whole = Head::Request { method: "GET", path: "/stats", accept: "*/*" };
        assert_eq!(read_head(text), whole);
    }

    #[test]
    fn a_response_is_whole() {
        let text = response(Status::Ok, "{}\n", false);
        assert!(text.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"));
        assert!(text.contains("Content-Length: 3\r\n") && text.ends_with("\r\n\r\n{}\n"));
        assert!(response(Status::Ok, "{}\n", true).ends_with("\r\n\r\n"));
        assert!(refusal(Status::MethodNotAllowed, "x").contains("Allow: GET, HEAD\r\n"));
    }
}
