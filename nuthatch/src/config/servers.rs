//! One entry of `servers`, and the name it is placed by.
//!
//! ```text
//!   10.0.0.1:6379:1 shard-a          /run/redis.sock:1 shard-b
//!   host     port weight name        path            weight name
//! ```
//!
//! Read from the right, as nutcracker does: the name after the last blank, the weight after the
//! last colon, the port after the one before; what is left is the host, which may itself hold
//! colons (IPv6). The *node name* decides where keys live, so it follows nutcracker to the byte,
//! oddities included: port 11211 is left out of it, and a path keeps the colon behind it.

use super::problem::Fault;
use super::quote::quoted;
use super::{listen, scalars, suggest};
use nuthatch_engine::topology::{Address, ShardSpec};

/// memcached's port, which node names leave out.
const PORT_UNNAMED: u16 = 11211;

const EXPECTED: &str = "`host:port:weight` or `/path:weight`, and if wanted a blank and a name";

/// Reads an entry.
pub fn read(text: &str) -> Result<ShardSpec, Fault> {
    let mut rest = Rest(text);
    let name = rest.split(' ');
    let weight = rest.split(':').ok_or_else(|| shapeless(text))?;
    if name.as_ref().is_some_and(|name| name.text.is_empty()) {
        let end = text.chars().count();
        return Err(Fault::new("a blank at the end announces a name, but none follows")
            .span(end - 1..end)
            .expected(EXPECTED));
    }
    let is_unix = text.starts_with('/');
    let port = if is_unix { None } else { Some(rest.split(':').ok_or_else(|| shapeless(text))?) };
    let host = rest.0;
    let weight_value = scalars::number(weight.text, 1, i32::MAX.unsigned_abs(), "")
        .map_err(|fault| weight_fault(fault, &weight))?;
    let address = match port {
        None if host.contains(':') => {
            return Err(Fault::new("a path with a colon in it cannot be read here")
                .found(quoted(host))
                .expected("`/path:weight`; a Unix socket has no port"));
        }
        None => Address::Unix { path: host.into() },
        Some(_) if host.contains("://") || host.contains('@') => {
            // What stands before the `@` may be a password: it is not repeated.
            return Err(Fault::new("a server has no `scheme://`, user or password here")
                .expected("`host:port:weight`; a password belongs to `redis_auth`"));
        }
        Some(port) => {
            let number = scalars::number(port.text, 1, 65535, "")
                .map_err(|fault| listen::port_fault(fault, port.text).span(port.span.clone()))?;
            let port = u16::try_from(number).unwrap_or(u16::MAX);
            Address::Tcp { host: listen::unbracketed(host).into(), port }
        }
    };
    let name = match (name, &address) {
        (Some(name), _) => name.text.into(),
        (None, Address::Tcp { port: PORT_UNNAMED, .. }) => host.into(),
        // As written: `h:06379` and `h:6379` are different names.
        (None, Address::Tcp { .. } | Address::Unix { .. }) => {
            let weight_at = text.len() - weight.text.len();
            let end = if is_unix { weight_at } else { weight_at - 1 };
            text[..end].into()
        }
    };
    Ok(ShardSpec { name, address, weight: weight_value, replicas: Vec::new() })
}

/// A field of an entry and its characters.
struct Field<'a> {
    text: &'a str,
    span: std::ops::Range<usize>,
}

/// What is still unread of an entry, from the left.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Takes off what follows the last separator.
    fn split(&mut self, separator: char) -> Option<Field<'a>> {
        let at = self.0.rfind(separator)?;
        let text = &self.0[at + 1..];
        let start = self.0[..=at].chars().count();
        self.0 = &self.0[..at];
        Some(Field { text, span: start..start + text.chars().count() })
    }
}

fn weight_fault(fault: Fault, weight: &Field<'_>) -> Fault {
    let fault = Fault { message: "this is not a weight".into(), ..fault }
        .span(weight.span.clone())
        .found(quoted(weight.text))
        .expected("a number from 1, digits only");
    if weight.text.ends_with(' ') {
        fault.note("one blank, not more, stands between weight and name; a name has no blank in it")
    } else {
        fault
    }
}

/// Too few colons.
fn shapeless(text: &str) -> Fault {
    let fault = Fault::new("this is no server").found(quoted(text)).expected(EXPECTED);
    let plain = suggest::plain(text);
    if plain != text && read(&plain).is_ok() {
        return fault
            .suggest(Some(plain))
            .note("full-width characters: switch the keyboard to English");
    }
    // `host:port` without weight is what everybody forgets.
    let (entry, name) = match text.split_once(' ') {
        Some((entry, name)) => (entry, format!(" {name}")),
        None => (text, String::new()),
    };
    let is_unix = text.starts_with('/');
    let colons = entry.matches(':').count();
    if colons == usize::from(!is_unix) && !name.contains(' ') {
        return with_weight(fault, &format!("{entry}:1{name}"));
    }
    if colons == usize::from(!is_unix) && name.matches(' ').count() == 1 {
        return with_weight(fault, &format!("{entry}:1{name}"));
    }
    fault
}

fn with_weight(fault: Fault, meant: &str) -> Fault {
    let fault = Fault { message: "the weight is missing".into(), ..fault };
    if read(meant).is_ok() { fault.suggest(Some(meant.to_owned())) } else { fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(text: &str) -> (String, String, u32) {
        let spec = read(text).unwrap_or_else(|fault| panic!("{text}: {}", fault.message));
        (spec.name.into(), spec.address.to_string(), spec.weight)
    }

    #[test]
    fn entries_are_read_from_the_right() {
        let cases = [
            ("127.0.0.1:6379:1", "127.0.0.1:6379", "127.0.0.1:6379", 1),
            ("127.0.0.1:6379:3 alpha", "alpha", "127.0.0.1:6379", 3),
            ("h:6379:1 a:b\"c", "a:b\"c", "h:6379", 1),
            ("h:11211:1", "h", "h:11211", 1),
            ("h:011211:1", "h", "h:11211", 1),
            ("h:06379:1", "h:06379", "h:6379", 1),
            ("::1:6379:1", "::1:6379", "::1:6379", 1),
            ("[::1]:6379:1", "[::1]:6379", "::1:6379", 1),
            ("[::1]:11211:1", "[::1]", "::1:11211", 1),
            (":6379:1", ":6379", ":6379", 1),
            ("/tmp/s:1", "/tmp/s:", "/tmp/s", 1),
            ("/tmp/s:2 x", "x", "/tmp/s", 2),
            ("H:1:1", "H:1", "H:1", 1),
        ];
        for (text, name, address, weight) in cases {
            assert_eq!(shard(text), (name.into(), address.into(), weight), "{text}");
        }
    }

    #[test]
    fn bad_entries_are_refused_with_help() {
        let bad = [
            "h:6379",
            "h",
            "6379:1",
            "h:6379:0",
            "h:6379:-1",
            "h:0:1",
            "h:65536:1",
            "h:x:1",
            "h:6379:1  two",
            "h:6379:1 ",
            "h:6379:1.5",
            "/tmp/s",
            "/tmp/s:0",
            "/tmp/s:1:1",
            "a b:1:1",
            " h:1:1",
            "h:6379:4294967297",
            "h:4294973675:1",
            "h：6379：1",
        ];
        for text in bad {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read("h:6379").unwrap_err().suggestion.as_deref(), Some("h:6379:1"));
        assert_eq!(read("h:6379 n").unwrap_err().suggestion.as_deref(), Some("h:6379:1 n"));
        assert_eq!(read("/tmp/s").unwrap_err().suggestion.as_deref(), Some("/tmp/s:1"));
        assert_eq!(read("h：6379：1").unwrap_err().suggestion.as_deref(), Some("h:6379:1"));
        assert!(!read("h:6379:1  n").unwrap_err().notes.is_empty());
        // A password in a URL would be a part of the server's name, which everything shows.
        for url in ["redis://:S3cret@h:6379:1", "user:S3cret@h:6379:1", "redis://h:6379:1"] {
            let fault = format!("{:?}", read(url).unwrap_err());
            assert!(fault.contains("no `scheme://`") && !fault.contains("S3cret"), "{fault}");
        }
    }
}
