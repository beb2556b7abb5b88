//! Writes RESP: our own replies, and requests that we rewrite. Appends to the caller's buffer.

use super::Version;

/// The most that Redis quotes of one argument, and of all arguments together.
pub const QUOTED_BYTES_MAX: usize = 128;

/// Decimal digits of `n`, without an allocation.
pub fn decimal(out: &mut Vec<u8>, n: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = n;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn header(out: &mut Vec<u8>, kind: u8, n: u64) {
    out.push(kind);
    decimal(out, n);
    out.extend_from_slice(b"\r\n");
}

/// `+text`; the text holds no line end.
pub fn status(out: &mut Vec<u8>, text: &str) {
    out.push(b'+');
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `-text`. Line ends in it become blanks, so that a text of the client can be quoted.
pub fn error(out: &mut Vec<u8>, text: impl AsRef<[u8]>) {
    out.push(b'-');
    let bytes = text.as_ref().iter();
    out.extend(bytes.map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
    out.extend_from_slice(b"\r\n");
}

/// The part of an argument that Redis quotes in an error: 128 bytes at most, and up to a NUL, since
/// Redis prints a C string.
pub fn quoted(bytes: &[u8]) -> &[u8] {
    let shown = &bytes[..bytes.len().min(QUOTED_BYTES_MAX)];
    shown.split(|&byte| byte == 0).next().unwrap_or_default()
}

pub fn integer(out: &mut Vec<u8>, n: i64) {
    out.push(b':');
    if n < 0 {
        out.push(b'-');
    }
    decimal(out, n.unsigned_abs());
    out.extend_from_slice(b"\r\n");
}

pub fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    header(out, b'$', bytes.len() as u64);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

pub fn array(out: &mut Vec<u8>, len: usize) {
    header(out, b'*', len as u64);
}

/// A request of these words.
pub fn command(out: &mut Vec<u8>, words: &[&str]) {
    array(out, words.len());
    for word in words {
        bulk(out, word.as_bytes());
    }
}

/// A map of `pairs` pairs: `%` in RESP3, a flat array in RESP2.
pub fn map(out: &mut Vec<u8>, version: Version, pairs: usize) {
    match version {
        Version::Resp2 => header(out, b'*', 2 * pairs as u64),
        Version::Resp3 => header(out, b'%', pairs as u64),
    }
}

/// A set: `~` in RESP3, an array in RESP2.
pub fn set(out: &mut Vec<u8>, version: Version, len: usize) {
    let kind = if version == Version::Resp3 { b'~' } else { b'*' };
    header(out, kind, len as u64);
}

/// A set of bulk strings.
pub fn words(out: &mut Vec<u8>, version: Version, words: &[&str]) {
    set(out, version, words.len());
    for word in words {
        bulk(out, word.as_bytes());
    }
}

/// Nothing: `_` in RESP3, the null bulk in RESP2.
pub fn null(out: &mut Vec<u8>, version: Version) {
    out.extend_from_slice(match version {
        Version::Resp2 => b"$-1\r\n",
        Version::Resp3 => b"_\r\n",
    });
}

/// RESP2's null array, `_` in RESP3.
pub fn null_array(out: &mut Vec<u8>, version: Version) {
    out.extend_from_slice(match version {
        Version::Resp2 => b"*-1\r\n",
        Version::Resp3 => b"_\r\n",
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_each_kind() {
        let mut out = Vec::new();
        integer(&mut out, i64::MIN);
        decimal(&mut out, 0);
        bulk(&mut out, b"");
        error(&mut out, "ERR a\r\nb");
        map(&mut out, Version::Resp2, 2);
        map(&mut out, Version::Resp3, 2);
        let expected: &[u8] = b":-9223372036854775808\r\n0$0\r\n\r\n-ERR a  b\r\n*4\r\n%2\r\n";
        assert_eq!(out, expected);
    }
}
