//! Where a server's reply ends.
//!
//! Replies nest, but finding the end needs no stack: a counter of missing elements is enough. An
//! array of n adds n, a map 2n, an attribute 2n and the reply that it belongs to. So depth costs
//! nothing, and three numbers hold the position in an unfinished reply.

use super::bulk;
use crate::base::limits::{REPLY_BULK_BYTES_MAX, REPLY_ELEMENTS_MAX, REPLY_LINE_BYTES_MAX};

/// Why the bytes are not a reply. The next reply cannot be found then: close.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// An unknown type byte.
    Kind(u8),
    /// A length that is not a number, or is above the limit. Streamed strings and aggregates (`$?`)
    /// too: no server sends them.
    Length,
    /// A line without an end.
    LineTooLong,
    /// A body or a line not followed by CRLF.
    End,
}

/// What the bytes begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parsed {
    /// A whole reply of `len` bytes. `kind` is its type byte, not that of an attribute before it.
    Complete { len: usize, kind: u8 },
    /// At least `missing` bytes more are needed.
    Incomplete { missing: usize },
}

/// The position in an unfinished reply. A new one for each reply.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    at: usize,
    owed: u64,
    kind: u8,
    /// There is no line end up to here in an unfinished line.
    scanned: usize,
    /// Only in `pass`: the beginning of the current line was passed on.
    in_line: bool,
}

/// Reads one reply from the front of `bytes`. When it is incomplete, call again with the same
/// `progress` and the same bytes plus more.
#[inline]
pub fn parse(bytes: &[u8], progress: &mut Progress) -> Result<Parsed, Error> {
    // `walk` finds the same, but it writes its position to memory: 2 % of a request.
    if progress.kind == 0
        && let Some(len) = plain(bytes)
    {
        return Ok(Parsed::Complete { len, kind: bytes[0] });
    }
    walk::<false>(bytes, progress)
}

/// The length of a whole reply of the usual kinds: a short string, a null, or `+OK`. `None`: `walk`
/// must decide.
#[inline]
fn plain(bytes: &[u8]) -> Option<usize> {
    match *bytes.first_chunk::<5>()? {
        [b'$', b'-', b'1', b'\r', b'\n'] => Some(5),
        [b'+', a, b, b'\r', b'\n'] if a != b'\r' && b != b'\r' => Some(5),
        _ => bulk::short(bytes).map(|(_, end)| end + 2),
    }
}

/// How many of `bytes` belong to the reply of `progress`, and whether the reply ends with them.
/// For a reply that is passed on as it arrives: call again with the bytes after those. The CRLF
/// after a body is not checked, and a line may have any length.
pub fn pass(bytes: &[u8], progress: &mut Progress) -> Result<(usize, bool), Error> {
    let end = match walk::<true>(bytes, progress)? {
        Parsed::Complete { len, .. } if len <= bytes.len() => return Ok((len, true)),
        Parsed::Complete { .. } | Parsed::Incomplete { .. } => progress.at.min(bytes.len()),
    };
    progress.at -= end;
    progress.scanned = progress.scanned.saturating_sub(end);
    Ok((end, false))
}

/// `PASSING`: walks over a body or a line before it is whole.
#[inline]
fn walk<const PASSING: bool>(bytes: &[u8], progress: &mut Progress) -> Result<Parsed, Error> {
    if progress.kind == 0 {
        progress.owed = 1;
    }
    while progress.owed > 0 {
        let at = progress.at;
        let Some(&kind) = bytes.get(at) else {
            return Ok(Parsed::Incomplete { missing: 1 });
        };
        if PASSING && progress.in_line {
            if !progress.walk_line::<PASSING>(bytes, at)? {
                return Ok(Parsed::Incomplete { missing: 1 });
            }
            continue;
        }
        // The kind is that of the reply itself, not of an attribute before it.
        if progress.owed == 1 && matches!(progress.kind, 0 | b'|') {
            progress.kind = kind;
        }
        if let Some(len) = bytes.get(at..).and_then(plain) {
            progress.at += len;
            progress.owed -= 1;
            continue;
        }
        match kind {
            b'$' | b'=' | b'!' => {
                if let Some(missing) = progress.walk_body::<PASSING>(bytes, at)? {
                    return Ok(Parsed::Incomplete { missing });
                }
            }
            b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => {
                if !progress.walk_line::<PASSING>(bytes, at + 1)? {
                    let has_cr = progress.scanned < bytes.len();
                    return Ok(Parsed::Incomplete { missing: if has_cr { 1 } else { 2 } });
                }
            }
            b'*' | b'~' | b'>' | b'%' | b'|' => {
                let Some((len, next)) = length(bytes, at + 1)? else {
                    return Ok(Parsed::Incomplete { missing: 1 });
                };
                let len = len.unwrap_or(0);
                if len > REPLY_ELEMENTS_MAX {
                    return Err(Error::Length);
                }
                let held = if matches!(kind, b'%' | b'|') { 2 * len } else { len };
                // After an attribute the reply that it describes is still missing.
                let done = u64::from(kind != b'|');
                progress.owed = progress.owed - done + held;
                progress.at = next;
            }
            other => return Err(Error::Kind(other)),
        }
    }
    Ok(Parsed::Complete { len: progress.at, kind: progress.kind })
}

impl Progress {
    /// For so many replies in a row, which count as one. For a new position only.
    pub fn of_several(replies: u32) -> Progress {
        // The kind is that of the first reply, which `walk` would note; it only must not be 0.
        Progress { owed: u64::from(replies), kind: b'+', ..Progress::default() }
    }

    pub fn is_new(&self) -> bool {
        self.kind == 0
    }

    /// Walks over the body whose type byte is at `at`. Returns how many bytes are missing, if any.
    #[inline]
    fn walk_body<const PASSING: bool>(
        &mut self,
        bytes: &[u8],
        at: usize,
    ) -> Result<Option<usize>, Error> {
        let Some((len, next)) = length(bytes, at + 1)? else { return Ok(Some(1)) };
        let end = match len {
            None => next,
            Some(len) if len > REPLY_BULK_BYTES_MAX as u64 => return Err(Error::Length),
            Some(len) => {
                let end = next + len as usize + 2;
                if bytes.len() < end {
                    if PASSING {
                        self.at = end;
                        self.owed -= 1;
                    }
                    return Ok(Some(end - bytes.len()));
                }
                if bytes[end - 2] != b'\r' || bytes[end - 1] != b'\n' {
                    return Err(Error::End);
                }
                end
            }
        };
        self.at = end;
        self.owed -= 1;
        Ok(None)
    }

    /// Walks over the line whose text begins at `text`. `false`: its end is missing.
    #[inline]
    fn walk_line<const PASSING: bool>(&mut self, bytes: &[u8], text: usize) -> Result<bool, Error> {
        let from = text.max(self.scanned);
        let end = bytes[from..].iter().position(|&b| b == b'\r').map(|found| from + found);
        match end.map(|end| bytes.get(end + 1)) {
            Some(Some(b'\n')) => {
                self.at = end.unwrap_or(from) + 2;
                self.owed -= 1;
                self.in_line = false;
                return Ok(true);
            }
            Some(Some(_)) => return Err(Error::End),
            Some(None) | None => {}
        }
        self.scanned = end.unwrap_or(bytes.len());
        if PASSING {
            // Not over a CR: the LF after it is checked when both are here.
            (self.at, self.in_line) = (self.scanned, true);
        } else if self.scanned - text > REPLY_LINE_BYTES_MAX {
            return Err(Error::LineTooLong);
        }
        Ok(false)
    }
}

/// A length up to its CRLF. `-1` is `None`. `Ok(None)`: the end is missing.
#[allow(clippy::type_complexity)]
#[inline]
fn length(bytes: &[u8], start: usize) -> Result<Option<(Option<u64>, usize)>, Error> {
    let negative = bytes.get(start) == Some(&b'-');
    let digits = start + usize::from(negative);
    let mut at = digits;
    let mut value = 0u64;
    loop {
        let Some(&b) = bytes.get(at) else {
            return Ok(None);
        };
        let digit = b.wrapping_sub(b'0');
        if digit <= 9 {
            if at - digits >= 15 {
                return Err(Error::Length);
            }
            value = value * 10 + u64::from(digit);
            at += 1;
            continue;
        }
        if b != b'\r' || at == digits {
            return Err(Error::Length);
        }
        return match bytes.get(at + 1) {
            None => Ok(None),
            Some(b'\n') if negative && value != 1 => Err(Error::Length),
            Some(b'\n') => Ok(Some((if negative { None } else { Some(value) }, at + 2))),
            Some(_) => Err(Error::End),
        };
    }
}

/// Where the first element of a whole array, set, push or map begins, and how many there are.
/// `None` for other kinds and for null arrays.
pub fn aggregate(reply: &[u8]) -> Option<(usize, usize)> {
    let per = match reply.first()? {
        b'*' | b'~' | b'>' => 1,
        b'%' => 2,
        _ => return None,
    };
    let (len, next) = length(reply, 1).ok()??;
    Some((next, per * usize::try_from(len?).ok()?))
}

/// The length of the element at the front of `bytes`; 0 if there is none.
#[inline]
pub fn element(bytes: &[u8]) -> usize {
    match parse(bytes, &mut Progress::default()) {
        Ok(Parsed::Complete { len, .. }) => len,
        _ => 0,
    }
}

/// The elements of a whole array, set, push or map. `None` for other kinds and for null arrays.
pub fn elements(reply: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let (first, _) = aggregate(reply)?;
    let mut rest = &reply[first..];
    Some(std::iter::from_fn(move || {
        let (element, after) = rest.split_at(element(rest));
        rest = after;
        (!element.is_empty()).then_some(element)
    }))
}

/// The value of an integer reply.
pub fn integer(reply: &[u8]) -> Option<i64> {
    let digits = reply.strip_prefix(b":")?.strip_suffix(b"\r\n")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The text of a string in any form, without its frame; `None` for another kind of reply and for a null.
pub fn text(reply: &[u8]) -> Option<&[u8]> {
    match reply.first()? {
        b'+' => reply[1..].strip_suffix(b"\r\n"),
        b'$' | b'=' => {
            let (len, next) = length(reply, 1).ok()??;
            let body = reply.get(next..next + usize::try_from(len?).ok()?)?;
            // A verbatim string begins with its format.
            if reply[0] == b'=' { body.get(4..) } else { Some(body) }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLIES: &[(&[u8], u8)] = &[
        (b"+OK\r\n", b'+'),
        (b"-ERR x\r\n", b'-'),
        (b":-12\r\n", b':'),
        (b"$3\r\na\r\n\r\n", b'$'),
        (b"$-1\r\n", b'$'),
        (b"*-1\r\n", b'*'),
        (b"*0\r\n", b'*'),
        (b"*3\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n+x\r\n", b'*'),
        (b"_\r\n", b'_'),
        (b"#t\r\n", b'#'),
        (b",1.5\r\n", b','),
        (b"(123456789012345678901234567890\r\n", b'('),
        (b"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n", b'%'),
        (b"~2\r\n:1\r\n:2\r\n", b'~'),
        (b">2\r\n+invalidate\r\n*1\r\n+k\r\n", b'>'),
        (b"=7\r\ntxt:abc\r\n", b'='),
        (b"!5\r\nERR x\r\n", b'!'),
        (b"*2\r\n|1\r\n+ttl\r\n:9\r\n:1\r\n:2\r\n", b'*'),
    ];

    #[test]
    fn the_end_of_every_kind_is_found_at_any_cut() {
        for &(reply, kind) in REPLIES {
            let mut padded = reply.to_vec();
            padded.extend_from_slice(b"+next\r\n");
            let mut progress = Progress::default();
            for cut in 0..reply.len() {
                let parsed = parse(&padded[..cut], &mut progress).unwrap();
                let Parsed::Incomplete { missing } = parsed else { panic!("{cut}: {parsed:?}") };
                assert!(missing >= 1 && cut + missing <= reply.len(), "{cut} {missing}");
            }
            let done = Ok(Parsed::Complete { len: reply.len(), kind });
            assert_eq!(parse(&padded, &mut progress), done);
            assert_eq!(parse(&padded, &mut Progress::default()), done);
        }
    }

    /// Cut in three pieces at any two places: every byte is passed on once, and the end is found.
    #[test]
    fn every_kind_is_passed_on_as_it_arrives() {
        for &(reply, _) in REPLIES {
            let padded = [reply, b"+next\r\n"].concat();
            for first in 0..reply.len() {
                for second in first..reply.len() {
                    let mut progress = Progress::default();
                    let mut at = 0;
                    for end in [first, second] {
                        let (len, done) = pass(&padded[at..end], &mut progress).unwrap();
                        assert!(!done, "{first} {second} {}", reply.escape_ascii());
                        at += len;
                    }
                    let (len, done) = pass(&padded[at..], &mut progress).unwrap();
                    assert!(done, "{first} {second} {}", reply.escape_ascii());
                    assert_eq!(at + len, reply.len(), "{first} {second} {}", reply.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn a_line_that_is_passed_on_is_not_stored() {
        let mut progress = Progress::default();
        let piece = vec![b'x'; 64 * 1024];
        assert_eq!(pass(b"*2\r\n+", &mut progress), Ok((5, false)));
        for _ in 0..1_000 {
            assert_eq!(pass(&piece, &mut progress), Ok((piece.len(), false)));
        }
        assert_eq!(pass(b"$5\r", &mut progress), Ok((2, false)));
        assert_eq!(pass(b"\r\n:", &mut progress), Ok((3, false)));
        assert_eq!(pass(b"1\r", &mut progress), Ok((1, false)));
        assert_eq!(pass(b"\r\n+next", &mut progress), Ok((2, true)));
        let mut progress = Progress::default();
        assert_eq!(pass(b"+a\r", &mut progress), Ok((2, false)));
        assert_eq!(pass(b"\rb", &mut progress), Err(Error::End));
    }

    #[test]
    fn an_attribute_belongs_to_the_reply_after_it() {
        let reply = b"|1\r\n+ttl\r\n:9\r\n:1\r\n";
        let parsed = parse(reply, &mut Progress::default()).unwrap();
        assert_eq!(parsed, Parsed::Complete { len: reply.len(), kind: b':' });
    }

    #[test]
    fn refuses_other_bytes() {
        for (bytes, error) in [
            (&b"x"[..], Error::Kind(b'x')),
            (b"$?\r\n", Error::Length),
            (b"$-2\r\n", Error::Length),
            (b"$\r\n", Error::Length),
            (b"*9999999999999\r\n", Error::Length),
            (b"$1\r\nabc", Error::End),
            (b"+a\rb", Error::End),
        ] {
            assert_eq!(parse(bytes, &mut Progress::default()), Err(error));
        }
    }
}
