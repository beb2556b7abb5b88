//! A RESP reply as a tree, and its parser.
//!
//! Written for tests: every type of RESP2 and RESP3 is told apart (three kinds of nil too),
//! because "the same answer" should mean the same type as well. `parse` looks at a buffer and
//! either finds one whole reply at its start or says how many bytes it needs at the least, so
//! that a big value arriving in pieces is not scanned again for each piece.

use std::fmt;
use std::str;

/// One reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `+OK`
    Simple(String),
    /// `-ERR ...`, and RESP3's `!` form
    Error(String),
    /// `:1`
    Integer(i64),
    /// `$3 abc`
    Bulk(Vec<u8>),
    /// RESP2's `$-1`
    Nil,
    /// RESP2's `*-1`
    NilArray,
    /// RESP3's `_`
    Null,
    /// `*2 ...`
    Array(Vec<Value>),
    /// RESP3 `%`
    Map(Vec<(Value, Value)>),
    /// RESP3 `~`
    Set(Vec<Value>),
    /// RESP3 `>`: not a reply to a request, but a message that the server sends by itself
    Push(Vec<Value>),
    /// RESP3 `,`
    Double(f64),
    /// RESP3 `#t`
    Boolean(bool),
    /// RESP3 `(`
    BigNumber(String),
    /// RESP3 `=`: format and text
    Verbatim(String, String),
    /// RESP3 `|`: attributes of the value they stand before
    Attribute(Vec<(Value, Value)>, Box<Value>),
}

/// Why there is no value (yet).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseError {
    /// The buffer must hold at least so many bytes before another try makes sense.
    NeedBytes(usize),
    /// These bytes are not RESP.
    Malformed(String),
}

/// Replies may nest; beyond this depth something is wrong.
const DEPTH_MAX: u32 = 64;

impl Value {
    /// Any of the three nils.
    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Nil | Value::NilArray | Value::Null)
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }

    pub fn is_ok(&self) -> bool {
        matches!(self, Value::Simple(text) if text == "OK")
    }

    pub fn as_int(&self) -> Option<i64> {
        if let Value::Integer(n) = self { Some(*n) } else { None }
    }

    /// The bytes of a text-like value.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bulk(bytes) => Some(bytes),
            Value::Simple(text) | Value::Verbatim(_, text) | Value::BigNumber(text) => {
                Some(text.as_bytes())
            }
            _ => None,
        }
    }

    /// A text-like value as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Option<String> {
        self.as_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// The elements of an array, set or push.
    pub fn items(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => Some(items),
            _ => None,
        }
    }

    /// A bulk string, for comparing: `assert_eq!(reply, Value::bulk("x"))`.
    pub fn bulk(bytes: impl AsRef<[u8]>) -> Value {
        Value::Bulk(bytes.as_ref().to_vec())
    }
}

/// As redis-cli would print it, on one line.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Simple(text) | Value::BigNumber(text) => f.write_str(text),
            Value::Error(text) => write!(f, "(error) {text}"),
            Value::Integer(n) => write!(f, "(integer) {n}"),
            Value::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Value::Verbatim(_, text) => write!(f, "\"{}\"", text.escape_default()),
            Value::Nil | Value::NilArray | Value::Null => f.write_str("(nil)"),
            Value::Double(n) => write!(f, "(double) {n}"),
            Value::Boolean(b) => write!(f, "({b})"),
            Value::Array(items) | Value::Set(items) | Value::Push(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Value::Map(pairs) => {
                f.write_str("{")?;
                for (i, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
            Value::Attribute(_, value) => value.fmt(f),
        }
    }
}

/// The value at the start of `bytes` and how many bytes it takes.
pub fn parse(bytes: &[u8]) -> Result<(Value, usize), ParseError> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.value(0)?;
    Ok((value, reader.at))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: u32) -> Result<Value, ParseError> {
        if depth > DEPTH_MAX {
            return Err(ParseError::Malformed("nested too deep".into()));
        }
        let line = self.line()?;
        let Some((&kind, rest)) = line.split_first() else {
            return Err(ParseError::Malformed("an empty line".into()));
        };
        let text = || String::from_utf8_lossy(rest).into_owned();
        Ok(match kind {
            b'+' => Value::Simple(text()),
            b'-' => Value::Error(text()),
            b':' => Value::Integer(number(rest)?),
            b'(' => Value::BigNumber(text()),
            b'_' => Value::Null,
            b'#' if rest == b"t" => Value::Boolean(true),
            b'#' if rest == b"f" => Value::Boolean(false),
            b',' => {
                let double = text().parse().map_err(|_| malformed(&line))?;
                Value::Double(double)
            }
            b'$' if rest == b"-1" => Value::Nil,
            b'*' if rest == b"-1" => Value::NilArray,
            b'$' => Value::Bulk(self.body(length(rest)?)?),
            b'!' => {
                let body = self.body(length(rest)?)?;
                Value::Error(String::from_utf8_lossy(&body).into_owned())
            }
            b'=' => {
                let body = self.body(length(rest)?)?;
                let body = String::from_utf8_lossy(&body).into_owned();
                let (format, text) = body.split_once(':').ok_or_else(|| malformed(&line))?;
                Value::Verbatim(format.into(), text.into())
            }
            b'*' => Value::Array(self.items(length(rest)?, depth)?),
            b'~' => Value::Set(self.items(length(rest)?, depth)?),
            b'>' => Value::Push(self.items(length(rest)?, depth)?),
            b'%' => Value::Map(self.pairs(length(rest)?, depth)?),
            b'|' => {
                let pairs = self.pairs(length(rest)?, depth)?;
                Value::Attribute(pairs, Box::new(self.value(depth + 1)?))
            }
            _ => return Err(malformed(&line)),
        })
    }

    fn line(&mut self) -> Result<Vec<u8>, ParseError> {
        let rest = &self.bytes[self.at..];
        let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
            return Err(ParseError::NeedBytes(self.bytes.len() + 1));
        };
        self.at += end + 2;
        Ok(rest[..end].to_vec())
    }

    fn body(&mut self, len: usize) -> Result<Vec<u8>, ParseError> {
        let end = self.at + len;
        if self.bytes.len() < end + 2 {
            return Err(ParseError::NeedBytes(end + 2));
        }
        if &self.bytes[end..end + 2] != b"\r\n" {
            return Err(ParseError::Malformed("a bulk string without its line end".into()));
        }
        let body = self.bytes[self.at..end].to_vec();
        self.at = end + 2;
        Ok(body)
    }

    fn items(&mut self, count: usize, depth: u32) -> Result<Vec<Value>, ParseError> {
        (0..count).map(|_| self.value(depth + 1)).collect()
    }

    fn pairs(&mut self, count: usize, depth: u32) -> Result<Vec<(Value, Value)>, ParseError> {
        (0..count).map(|_| Ok((self.value(depth + 1)?, self.value(depth + 1)?))).collect()
    }
}

fn malformed(line: &[u8]) -> ParseError {
    ParseError::Malformed(format!("not a reply: {:?}", String::from_utf8_lossy(line)))
}

fn number(digits: &[u8]) -> Result<i64, ParseError> {
    str::from_utf8(digits).ok().and_then(|d| d.parse().ok()).ok_or_else(|| malformed(digits))
}

/// A length or count: at most 1 GiB, so that a broken header cannot ask for more.
fn length(digits: &[u8]) -> Result<usize, ParseError> {
    match usize::try_from(number(digits)?) {
        Ok(len) if len <= 1 << 30 => Ok(len),
        _ => Err(malformed(digits)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Value {
        let (value, used) = parse(bytes).unwrap();
        assert_eq!(used, bytes.len());
        value
    }

    #[test]
    fn one_of_each() {
        assert_eq!(whole(b"+OK\r\n"), Value::Simple("OK".into()));
        assert_eq!(whole(b"-ERR no\r\n"), Value::Error("ERR no".into()));
        assert_eq!(whole(b"!5\r\nERR x\r\n"), Value::Error("ERR x".into()));
        assert_eq!(whole(b":-7\r\n"), Value::Integer(-7));
        assert_eq!(whole(b"$4\r\na\r\nb\r\n"), Value::bulk("a\r\nb"));
        assert_eq!(whole(b"$0\r\n\r\n"), Value::bulk(""));
        assert_eq!(whole(b"$-1\r\n"), Value::Nil);
        assert_eq!(whole(b"*-1\r\n"), Value::NilArray);
        assert_eq!(whole(b"_\r\n"), Value::Null);
        assert_eq!(whole(b"#t\r\n"), Value::Boolean(true));
        assert_eq!(whole(b",1.5\r\n"), Value::Double(1.5));
        assert_eq!(whole(b"(123456789012345678901\r\n").text().unwrap().len(), 21);
        assert_eq!(whole(b"=5\r\ntxt:x\r\n"), Value::Verbatim("txt".into(), "x".into()));
        assert_eq!(
            whole(b"*2\r\n:1\r\n*0\r\n"),
            Value::Array(vec![Value::Integer(1), Value::Array(vec![])])
        );
        assert_eq!(
            whole(b"%1\r\n+a\r\n~1\r\n:2\r\n"),
            Value::Map(vec![(Value::Simple("a".into()), Value::Set(vec![Value::Integer(2)]))])
        );
        assert!(matches!(whole(b"|1\r\n+ttl\r\n:3\r\n+x\r\n"), Value::Attribute(..)));
    }

    #[test]
    fn every_cut_asks_for_more() {
        let bytes = b"*3\r\n$3\r\nabc\r\n:12\r\n>1\r\n+x\r\n";
        for cut in 0..bytes.len() {
            match parse(&bytes[..cut]) {
                Err(ParseError::NeedBytes(n)) => assert!(n > cut && n <= bytes.len()),
                other => panic!("cut at {cut}: {other:?}"),
            }
        }
    }

    #[test]
    fn nonsense_is_told() {
        for bytes in [&b"hello\r\n"[..], b"$x\r\n", b"*99999999999\r\n", b"$1\r\nabc", b"\r\n"] {
            assert!(matches!(parse(bytes), Err(ParseError::Malformed(_))), "{bytes:?}");
        }
    }

    #[test]
    fn reads_like_redis_cli() {
        assert_eq!(whole(b"*2\r\n$1\r\n1\r\n$-1\r\n").to_string(), "[\"1\", (nil)]");
        assert_eq!(whole(b":4\r\n").to_string(), "(integer) 4");
    }
}
