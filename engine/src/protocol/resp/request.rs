//! Where a client's request ends, and where its arguments lie.
//!
//! ```text
//!   *2\r\n $3\r\n GET\r\n $3\r\n key\r\n     an array: sent by every client library
//!   GET key\r\n                              a line: typed by hand, with nc (see inline.rs)
//! ```
//!
//! The parser jumps from length to length and never reads a body. It keeps its position in an
//! unfinished request ([`Progress`]), so a value that arrives in a hundred pieces is not read a
//! hundred times, and it can say how many bytes of a body are missing. It stores the positions of
//! the first few arguments, which hold the name and the key of nearly every command. The others are
//! found again by the same jumps, when a command with many keys needs them.

use super::args::{Odd, REMEMBERED};
use super::bulk;
use crate::base::limits::{
    BULK_BYTES_MAX, INLINE_BYTES_MAX, REQUEST_ARGS_MAX, SHARED_ARGS_MAX, UNAUTHENTICATED_ARGS_MAX,
    UNAUTHENTICATED_BULK_BYTES_MAX,
};

pub use super::args::{Args, ArgsIter};

/// Why the bytes are not a request. The next request cannot be found then: answer and close.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// An argument begins with this byte and not with `$`.
    ExpectedBulk(u8),
    /// The text after `*` is not a number, or the number is above the limit.
    ArrayLength,
    /// The text after `$` is not a number, or the number is above the limit.
    BulkLength,
    /// A body is not followed by CRLF.
    BulkEnd,
    /// More arguments than a client may send before AUTH.
    UnauthenticatedArrayLength,
    /// A longer argument than a client may send before AUTH.
    UnauthenticatedBulkLength,
    /// A line without an end.
    InlineTooLong,
    /// An inline request opens a quote and does not close it.
    UnbalancedQuotes,
}

/// How large a request may be. Before AUTH the limits are lower, as in Redis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    Authenticated,
    Stranger,
}

/// What the bytes begin with.
#[derive(Debug)]
pub enum Parsed<'a> {
    /// A whole request.
    Request(Args<'a>),
    /// A whole line, without its line end. `len` includes the line end.
    Inline { line: &'a [u8], len: usize },
    /// Nothing to do (`*0`, an empty line): skip `len` bytes.
    Empty { len: usize },
    /// At least `missing` bytes more are needed. Above 1 they all belong to a body.
    Incomplete { missing: usize },
}

/// The position in an unfinished request. A new one for each request.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    at: usize,
    count: u32,
    parsed: u32,
    first: [(u32, u32); REMEMBERED],
    odd: Odd,
    /// There is no line end up to here in an inline request.
    line: usize,
}

/// A number, and the position after its CRLF.
struct Number {
    value: u64,
    next: usize,
    /// Has leading zeros.
    odd: bool,
}

/// Digits up to a CRLF. `Ok(None)`: the end is missing.
fn number(bytes: &[u8], start: usize) -> Result<Option<Number>, ()> {
    let mut at = start;
    let mut value = 0u64;
    loop {
        let Some(&b) = bytes.get(at) else {
            return Ok(None);
        };
        let digit = b.wrapping_sub(b'0');
        if digit <= 9 {
            // 19 digits fit 64 bits; allowed numbers are far smaller.
            if at - start >= 19 {
                return Err(());
            }
            value = value * 10 + u64::from(digit);
            at += 1;
            continue;
        }
        if b != b'\r' || at == start {
            return Err(());
        }
        return match bytes.get(at + 1) {
            None => Ok(None),
            Some(b'\n') => {
                let odd = bytes[start] == b'0' && at - start > 1;
                Ok(Some(Number { value, next: at + 2, odd }))
            }
            Some(_) => Err(()),
        };
    }
}

/// The length of the argument at `at`. `Ok(None)`: the end is missing.
fn bulk_length(bytes: &[u8], at: usize) -> Result<Option<Number>, Error> {
    match bytes.get(at) {
        Some(b'$') => {}
        None => return Ok(None),
        Some(&other) => return Err(Error::ExpectedBulk(other)),
    }
    match number(bytes, at + 1) {
        Ok(Some(n)) if n.value > BULK_BYTES_MAX as u64 => Err(Error::BulkLength),
        Ok(n) => Ok(n),
        Err(()) => Err(Error::BulkLength),
    }
}

/// Reads a whole request of the usual kind: few arguments, all short, and within the limits before
/// AUTH. `None`: [`walk`] must decide. Its loop finds the same, but it must keep its position: this
/// needs a quarter fewer instructions.
#[inline]
fn plain(bytes: &[u8]) -> Option<Args<'_>> {
    let [b'*', count, b'\r', b'\n'] = *bytes.first_chunk::<4>()? else {
        return None;
    };
    let count = count.wrapping_sub(b'0');
    if count == 0 || usize::from(count) > REMEMBERED {
        return None;
    }
    let mut first = [(0, 0); REMEMBERED];
    let mut at = 4;
    for place in &mut first[..usize::from(count)] {
        let (start, end) = bulk::short(bytes.get(at..)?)?;
        *place = ((at + start) as u32, (at + end) as u32);
        at += end + 2;
    }
    Some(Args { bytes: &bytes[..at], count: u32::from(count), first, odd: Odd::NONE })
}

/// The part before the arguments.
enum Head<'a> {
    /// Their number: at least one.
    Array(Number),
    /// Not an array with arguments, or not whole.
    Other(Parsed<'a>),
}

#[inline]
fn head<'a>(bytes: &'a [u8], progress: &mut Progress, trust: Trust) -> Result<Head<'a>, Error> {
    let incomplete = Ok(Head::Other(Parsed::Incomplete { missing: 1 }));
    match bytes.first() {
        Some(b'*') => {}
        None => return incomplete,
        Some(_) => return line(bytes, progress).map(Head::Other),
    }
    if bytes.get(1) == Some(&b'-') {
        // Redis ignores a null or negative array.
        return match number(bytes, 2) {
            Ok(Some(n)) => Ok(Head::Other(Parsed::Empty { len: n.next })),
            Ok(None) => incomplete,
            Err(()) => Err(Error::ArrayLength),
        };
    }
    let Some(n) = number(bytes, 1).map_err(|()| Error::ArrayLength)? else { return incomplete };
    if n.value == 0 {
        return Ok(Head::Other(Parsed::Empty { len: n.next }));
    }
    if n.value > REQUEST_ARGS_MAX as u64 {
        return Err(Error::ArrayLength);
    }
    if trust == Trust::Stranger && n.value > UNAUTHENTICATED_ARGS_MAX as u64 {
        return Err(Error::UnauthenticatedArrayLength);
    }
    Ok(Head::Array(n))
}

/// Reads one request from the front of `bytes`.
///
/// After [`Parsed::Incomplete`], call again with the same `progress` and with the same bytes plus
/// more. Otherwise `progress` is reset for the next request.
#[inline]
pub fn parse<'a>(
    bytes: &'a [u8],
    progress: &mut Progress,
    trust: Trust,
) -> Result<Parsed<'a>, Error> {
    if progress.count == 0
        && let Some(args) = plain(bytes)
    {
        return Ok(Parsed::Request(args));
    }
    walk(bytes, progress, trust)
}

/// The rest of [`parse`]. A function of its own, so that the usual request need not save registers for
/// this loop.
#[inline(never)]
fn walk<'a>(bytes: &'a [u8], progress: &mut Progress, trust: Trust) -> Result<Parsed<'a>, Error> {
    // The position stays in registers. It is stored only when the request is incomplete.
    let Progress { mut at, mut count, mut parsed, mut first, mut odd, .. } = *progress;
    if count == 0 {
        let n = match head(bytes, progress, trust)? {
            Head::Array(n) => n,
            Head::Other(parsed) => return Ok(parsed),
        };
        count = n.value as u32;
        at = n.next;
        odd = Odd::NONE;
        odd.set(Odd::ZEROS, n.odd);
        odd.set(Odd::MANY, n.value > SHARED_ARGS_MAX as u64);
    }
    let missing = loop {
        if parsed == count {
            if progress.count != 0 {
                *progress = Progress::default();
            }
            return Ok(Parsed::Request(Args { bytes: &bytes[..at], count, first, odd }));
        }
        let (start, end) = if let Some((start, end)) = bytes.get(at..).and_then(bulk::short) {
            (at + start, at + end)
        } else {
            let Some(n) = bulk_length(bytes, at)? else {
                break 1;
            };
            if trust == Trust::Stranger && n.value > UNAUTHENTICATED_BULK_BYTES_MAX as u64 {
                return Err(Error::UnauthenticatedBulkLength);
            }
            let end = n.next + n.value as usize;
            match bytes.get(end..end + 2) {
                Some(b"\r\n") => {}
                Some(_) => return Err(Error::BulkEnd),
                None => break end + 2 - bytes.len(),
            }
            odd.set(Odd::ZEROS, n.odd);
            (n.next, end)
        };
        if let Some(place) = first.get_mut(parsed as usize) {
            *place = (start as u32, end as u32);
        }
        parsed += 1;
        at = end + 2;
    };
    *progress = Progress { at, count, parsed, first, odd, line: 0 };
    Ok(Parsed::Incomplete { missing })
}

impl Progress {
    /// The name, the first argument and the number of arguments of an unfinished request, once they
    /// are known. `None` also if the request must be rewritten.
    pub fn head<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8], usize)> {
        let [name, key, ..] = self.first;
        let arg = |(start, end): (u32, u32)| &bytes[start as usize..end as usize];
        let is_known = self.parsed >= 2 && self.odd.0 & Odd::ZEROS == 0;
        is_known.then(|| (arg(name), arg(key), self.count as usize))
    }
}

/// How many of `bytes` belong to the request of `progress`, and whether the request ends with them.
/// For a request that is passed on as it arrives: call again with the bytes after those. The CRLF
/// after a body is not checked.
pub fn pass(bytes: &[u8], progress: &mut Progress) -> Result<(usize, bool), Error> {
    while progress.at <= bytes.len() {
        if progress.parsed == progress.count {
            return Ok((progress.at, true));
        }
        let Some(n) = bulk_length(bytes, progress.at)? else {
            break;
        };
        progress.at = n.next + n.value as usize + 2;
        progress.parsed += 1;
    }
    let end = progress.at.min(bytes.len());
    progress.at -= end;
    Ok((end, false))
}

fn line<'a>(bytes: &'a [u8], progress: &mut Progress) -> Result<Parsed<'a>, Error> {
    let Some(found) = bytes[progress.line..].iter().position(|&b| b == b'\n') else {
        progress.line = bytes.len();
        if bytes.len() > INLINE_BYTES_MAX {
            return Err(Error::InlineTooLong);
        }
        return Ok(Parsed::Incomplete { missing: 1 });
    };
    let end = progress.line + found;
    progress.line = 0;
    if end > INLINE_BYTES_MAX {
        return Err(Error::InlineTooLong);
    }
    let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(Parsed::Empty { len: end + 1 });
    }
    Ok(Parsed::Inline { line, len: end + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Result<Parsed<'_>, Error> {
        parse(bytes, &mut Progress::default(), Trust::Authenticated)
    }

    #[test]
    fn the_arguments_of_a_request_are_found() {
        let bytes =
            b"*6\r\n$4\r\nMGET\r\n$1\r\na\r\n$0\r\n\r\n$3\r\nccc\r\n$1\r\nd\r\n$2\r\nee\r\nrest";
        let Ok(Parsed::Request(args)) = whole(bytes) else { panic!() };
        assert_eq!(args.bytes().len(), bytes.len() - 4);
        let expected: Vec<&[u8]> = vec![b"MGET", b"a", b"", b"ccc", b"d", b"ee"];
        assert_eq!(args.iter().collect::<Vec<_>>(), expected);
        for (at, arg) in expected.iter().enumerate() {
            assert_eq!(args.get(at), Some(*arg));
            assert_eq!(args.iter_from(at).collect::<Vec<_>>(), expected[at..]);
        }
        assert_eq!(args.get(6), None);
        assert_eq!(args.iter_from(6).count(), 0);
        assert!(!args.must_rewrite());
    }

    #[test]
    fn lengths_that_servers_refuse_are_rewritten() {
        let Ok(Parsed::Request(args)) = whole(b"*02\r\n$003\r\nGET\r\n$1\r\na\r\n") else {
            panic!()
        };
        assert!(args.must_rewrite());
        let mut out = Vec::new();
        args.encode(&mut out);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
    }

    #[test]
    fn a_request_with_many_arguments_goes_apart() {
        for (count, apart) in [(SHARED_ARGS_MAX, false), (SHARED_ARGS_MAX + 1, true)] {
            let zeros = if apart { "0" } else { "" };
            let head = format!("*{zeros}{count}\r\n");
            let bytes = [head.as_bytes(), &b"$1\r\na\r\n".repeat(count)].concat();
            let mut progress = Progress::default();
            let cut = bytes.len() / 2;
            let unfinished = parse(&bytes[..cut], &mut progress, Trust::Authenticated);
            assert!(matches!(unfinished, Ok(Parsed::Incomplete { .. })));
            let parsed = parse(&bytes, &mut progress, Trust::Authenticated);
            let Ok(Parsed::Request(args)) = parsed else { panic!("{count}") };
            assert_eq!((args.len(), args.bytes().len()), (count, bytes.len()));
            assert_eq!((args.goes_apart(), args.must_rewrite()), (apart, apart), "{count}");
            assert_eq!(args.is_usual(), !apart);
        }
    }

    #[test]
    fn says_how_much_is_missing() {
        let Ok(Parsed::Incomplete { missing }) = whole(b"*1\r\n$1000\r\nabc") else { panic!() };
        assert_eq!(missing, 999);
    }

    #[test]
    fn refuses_other_bytes() {
        for (bytes, error) in [
            (&b"*x\r\n"[..], Error::ArrayLength),
            (b"*\r\n", Error::ArrayLength),
            (b"*2147483648\r\n", Error::ArrayLength),
            (b"*99999999999999999999\r\n", Error::ArrayLength),
            (b"*1\r\n:1\r\n", Error::ExpectedBulk(b':')),
            (b"*1\r\n$\r\n", Error::BulkLength),
            (b"*1\r\n$-1\r\n", Error::BulkLength),
            (b"*1\r\n$536870913\r\n", Error::BulkLength),
            (b"*1\r\n$1\r\nabc", Error::BulkEnd),
            (b"*1\r\n$1\rx", Error::BulkLength),
        ] {
            assert_eq!(
                whole(bytes).map(|_| ()),
                Err(error),
                "{:?}",
                String::from_utf8_lossy(bytes)
            );
        }
        let stranger = |bytes| parse(bytes, &mut Progress::default(), Trust::Stranger).map(|_| ());
        assert_eq!(stranger(b"*11\r\n"), Err(Error::UnauthenticatedArrayLength));
        assert_eq!(stranger(b"*1\r\n$16385\r\n"), Err(Error::UnauthenticatedBulkLength));
        let line = |len| [&vec![b'a'; len][..], b"\n"].concat();
        assert!(matches!(whole(&line(INLINE_BYTES_MAX)), Ok(Parsed::Inline { .. })));
        for too_long in [&line(INLINE_BYTES_MAX + 1)[..], &vec![b'a'; INLINE_BYTES_MAX + 1]] {
            assert_eq!(whole(too_long).map(|_| ()), Err(Error::InlineTooLong));
        }
    }

    #[test]
    fn empty_requests_are_skipped_as_in_redis() {
        for (bytes, expected) in
            [(&b"*0\r\nx"[..], 4), (b"*-1\r\n", 5), (b"\r\n", 2), (b"\n", 1), (b"  \r\nPING", 4)]
        {
            let Ok(Parsed::Empty { len }) = whole(bytes) else { panic!("{bytes:?}") };
            assert_eq!(len, expected);
        }
        let Ok(Parsed::Inline { line, len }) = whole(b"PING x\r\nrest") else { panic!() };
        assert_eq!((line, len), (&b"PING x"[..], 8));
    }
}
