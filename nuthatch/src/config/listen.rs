//! Where a pool listens: `host:port`, or `/path` with an octal mode after a blank.
//!
//! Reading is pure; `resolve.rs` looks hosts up, which nutcracker does while parsing. Both `-t`
//! and the start call it, so a host that does not resolve makes the file invalid, as ever. What
//! cannot be an address on sight (`192.168.56.291`) is refused while reading, with the reason.

use super::problem::Fault;
use super::quote::quoted;
use super::{scalars, suggest};
use std::net::Ipv6Addr;

/// The bytes of a Unix socket's path that the kernel takes, its closing zero apart.
pub const UNIX_PATH_MAX: usize = 107;

const EXPECTED: &str = "`host:port` such as `127.0.0.1:22121`, or `/path/of/socket`";

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Listen {
    Tcp {
        host: Box<str>,
        port: u16,
    },
    Unix {
        path: Box<str>,
        /// Set after binding; `None` leaves what bind made.
        mode: Option<u32>,
    },
}

/// Reads a `listen` value. The warnings come along with it.
pub fn read(text: &str) -> Result<(Listen, Vec<Fault>), Fault> {
    if text.starts_with('/') {
        return unix(text);
    }
    let listen = tcp(text)?;
    let warnings = match &listen {
        Listen::Tcp { host, .. } => warnings_of_host(host),
        Listen::Unix { .. } => Vec::new(),
    };
    Ok((listen, warnings))
}

pub fn warnings_of_host(host: &str) -> Vec<Fault> {
    if host == "*" { vec![star()] } else { Vec::new() }
}

fn tcp(text: &str) -> Result<Listen, Fault> {
    let Some(colon) = text.rfind(':') else { return Err(no_colon(text)) };
    let (host, port) = (&text[..colon], &text[colon + 1..]);
    let start = text[..colon].chars().count();
    let port_span = start + 1..text.chars().count();
    let port = match scalars::number(port, 1, 65535, "") {
        Ok(port) => u16::try_from(port).unwrap_or(u16::MAX),
        Err(fault) => return Err(port_fault(fault, port).span(port_span)),
    };
    let host = unbracketed(host);
    match host_fault(host) {
        Some(fault) => Err(fault.span(0..start)),
        None => Ok(Listen::Tcp { host: host.into(), port }),
    }
}

/// glibc's look-up takes `*` for no host at all, which for it is this machine's loopback.
fn star() -> Fault {
    Fault::warning("`*` listens on this machine's loopback address only, as under nutcracker")
        .span(0..1)
        .note("0.0.0.0 listens on every IPv4 address, :: on every IPv6 one")
}

fn no_colon(text: &str) -> Fault {
    let fault = Fault::new("host and port are joined by a colon").found(quoted(text));
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = suggest::plain(text);
    let meant = if digits {
        Some(format!("0.0.0.0:{text}"))
    } else {
        (plain != text && plain.contains(':')).then_some(plain)
    };
    fault.expected(EXPECTED).suggest(meant)
}

/// A fault of a number, said of a port.
pub fn port_fault(fault: Fault, port: &str) -> Fault {
    Fault { message: "this is not a port".into(), ..fault }
        .found(quoted(port))
        .expected("a number from 1 to 65535, digits only")
}

/// `[::1]` is `::1`. nutcracker knew only the latter.
pub fn unbracketed(host: &str) -> &str {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.filter(|inner| inner.parse::<Ipv6Addr>().is_ok()).unwrap_or(host)
}

/// What no look-up could make an address of.
pub fn host_fault(host: &str) -> Option<Fault> {
    let fault = match host {
        "" => Fault::new("the host before the colon is missing")
            .expected(EXPECTED)
            .note("0.0.0.0 listens on every IPv4 address, :: on every IPv6 one"),
        _ if suggest::is_typographic(host) => Fault::new("this host holds full-width characters")
            .found(quoted(host))
            .expected(EXPECTED)
            .suggest(Some(suggest::plain(host))),
        _ if host.contains("://") || host.ends_with(":/") => {
            Fault::new("an address has no `scheme://` here").found(quoted(host)).expected(EXPECTED)
        }
        _ => return ipv4_fault(host),
    };
    Some(fault)
}

/// Four numbers that look like IPv4, one of them too large. Numbers with a leading 0 are octal
/// to the system's look-up, and so they are here.
fn ipv4_fault(host: &str) -> Option<Fault> {
    let parts: Vec<&str> = host.split('.').collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if parts.len() < 4 || !parts.iter().all(digits) {
        return None;
    }
    if parts.len() > 4 {
        let message = format!("this looks like an IPv4 address, but has {} numbers", parts.len());
        return Some(Fault::new(message).found(quoted(host)).expected("four numbers"));
    }
    let value = |part: &str| match part.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u64::from_str_radix(octal, 8).unwrap_or(u64::MAX),
        _ => part.parse().unwrap_or(u64::MAX),
    };
    let large = parts.iter().find(|part| value(part) > 255)?;
    Some(
        Fault::new(format!("this looks like an IPv4 address, but {large} is above 255"))
            .found(quoted(host))
            .expected("four numbers from 0 to 255, such as `192.168.56.29`"),
    )
}

fn unix(text: &str) -> Result<(Listen, Vec<Fault>), Fault> {
    let (path, mode) = match text.rfind(' ') {
        Some(blank) => (&text[..blank], Some(&text[blank + 1..])),
        None => (text, None),
    };
    let path_length = path.chars().count();
    if path.len() > UNIX_PATH_MAX {
        return Err(Fault::new("this path is too long for a Unix socket")
            .span(0..path_length)
            .found(format!("{} bytes", path.len()))
            .expected(format!("at most {UNIX_PATH_MAX} bytes")));
    }
    let mut warnings = Vec::new();
    let mode = match mode {
        None => 0,
        Some(mode) => {
            let span = path_length + 1..text.chars().count();
            let (value, whole) = octal(mode).ok_or_else(|| {
                Fault::new("this is not a file mode")
                    .span(span.clone())
                    .found(quoted(mode))
                    .expected("an octal number up to 0777, such as 0660")
            })?;
            if !whole {
                let fault = Fault::warning(format!("this file mode is read as {value:04o}"))
                    .span(span)
                    .found(quoted(mode))
                    .expected("an octal number up to 0777, such as 0660")
                    .note("reading stops at the first character that is no octal digit, as in nutcracker");
                warnings.push(fault);
            }
            value
        }
    };
    let mode = (mode > 0).then_some(mode);
    Ok((Listen::Unix { path: path.into(), mode }, warnings))
}

/// What C's strtol makes of an octal number, and whether it read the whole text; `None` outside
/// of 0..=0777.
fn octal(text: &str) -> Option<(u32, bool)> {
    let trimmed = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let octal = digits.bytes().take_while(|byte| matches!(byte, b'0'..=b'7'));
    let value =
        octal.fold(0u32, |sum, byte| sum.saturating_mul(8).saturating_add(u32::from(byte - b'0')));
    let whole = !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    if negative && value > 0 || value > 0o777 { None } else { Some((value, whole)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(text: &str) -> Listen {
        read(text).unwrap().0
    }

    #[test]
    fn tcp_splits_at_the_last_colon() {
        let tcp = |host: &str, port| Listen::Tcp { host: host.into(), port };
        assert_eq!(listen("127.0.0.1:22121"), tcp("127.0.0.1", 22121));
        assert_eq!(listen("::1:22121"), tcp("::1", 22121));
        assert_eq!(listen("[::1]:22121"), tcp("::1", 22121));
        assert_eq!(listen("some.host:1"), tcp("some.host", 1));
        for bad in ["22121", "h:", "h:0", "h:65536", "h:-1", "h:0x1", ":1", "tcp://h:1", "h：1"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_looks_like_ipv4_must_be_it() {
        let fault = read("192.168.56.291:22121").unwrap_err();
        assert!(fault.message.contains("291 is above 255"), "{}", fault.message);
        assert_eq!(fault.span, Some(0..14));
        assert!(read("1.2.3.4.5:1").is_err());
        assert_eq!(read("*:1").unwrap().1.len(), 1);
        // These the system's look-up understands.
        for good in ["127.1:1", "010.0.0.1:1", "0377.0.0.1:1", "291.example:1"] {
            assert!(read(good).is_ok(), "{good}");
        }
        assert!(read("0400.0.0.1:1").is_err());
    }

    #[test]
    fn unix_paths_have_an_octal_mode() {
        let unix = |path: &str, mode| Listen::Unix { path: path.into(), mode };
        assert_eq!(listen("/tmp/s"), unix("/tmp/s", None));
        assert_eq!(listen("/tmp/s 0640"), unix("/tmp/s", Some(0o640)));
        assert_eq!(listen("/tmp/s 777"), unix("/tmp/s", Some(0o777)));
        assert_eq!(listen("/tmp/a b 0640"), unix("/tmp/a b", Some(0o640)));
        for zero in ["/tmp/s 0", "/tmp/s 9", "/tmp/s abc", "/tmp/s "] {
            assert_eq!(listen(zero), unix("/tmp/s", None), "{zero}");
        }
        assert_eq!(listen("/tmp/s 648"), unix("/tmp/s", Some(0o64)));
        for bad in ["/tmp/s 1000", "/tmp/s -1", "/tmp/s 99999999999999999777"] {
            assert!(read(bad).is_err() || bad.contains("99"), "{bad}");
        }
        assert_eq!(read("/tmp/s abc").unwrap().1.len(), 1);
        assert!(read(&format!("/{}", "x".repeat(106))).is_ok());
        assert!(read(&format!("/{}", "x".repeat(107))).is_err());
    }
}
