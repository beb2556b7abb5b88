//! Where a client's request ends.
//!
//! ```text
//!   get key key\r\n                          a line of words
//!   set key 0 0 5\r\n  hello\r\n             a line, and a block of as many bytes as it says
//!   ms key 5 q O12\r\n hello\r\n
//! ```
//!
//! The parser must know one thing of a command: whether a block follows. The server must decide the
//! same. Otherwise it would read the block as commands, on a connection that clients share. So the
//! numbers of such a line are read strictly. A line that some memcached might refuse is refused here
//! and never sent; the bytes after it are read as commands, as memcached does.
//!
//! The parser keeps its position in an unfinished request ([`Progress`]), so neither a long line nor
//! a value that arrives in pieces is read twice, and it says how many bytes are missing. A block
//! too large to be stored is dropped as it arrives.

use super::words::{Words, number};
use super::{KEY_BYTES_MAX, LINE_BYTES_MAX};
use crate::base::limits::{MEMCACHE_LINE_BYTES_MAX, MEMCACHE_VALUE_BYTES_MAX};
use crate::base::scan::{find, find_below};

/// Why the connection must be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// A line without an end.
    LineTooLong,
}

/// Why a request that stores is refused. It must not be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Too few words or too many.
    Words,
    /// A bad number, or a key that is too long.
    Format,
    /// No CRLF after the block. The block belongs to the request.
    Chunk,
    /// The block is too large for us or for a server. It will be dropped.
    TooLarge,
}

/// A whole request, borrowed from the bytes that were read.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The line, and the block if there is one.
    pub bytes: &'a [u8],
    /// The words: up to the end of the line, or to a NUL before it.
    pub line: &'a [u8],
    /// The first word, empty if there is none.
    pub name: &'a [u8],
    /// The words after it.
    pub words: Words<'a>,
    /// It has a block: enough words, a key of allowed length and good numbers.
    pub stores: bool,
    pub refusal: Option<Refusal>,
}

/// What the bytes begin with.
#[derive(Debug)]
pub enum Parsed<'a> {
    Request(Request<'a>),
    /// Part of a block that is dropped: skip so many bytes.
    Skip(usize),
    /// At least `missing` bytes more are needed. Above 1 they all belong to the block.
    Incomplete {
        missing: usize,
    },
}

/// The position in an unfinished request. A new one for each request.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The first bytes of the line, which hold no line end.
    scanned: usize,
    /// Bytes of the line with its end; 0 while the end is not found.
    line: usize,
    /// Bytes of the block with its CRLF.
    block: usize,
    /// Bytes still to drop.
    skip: u64,
}

impl Progress {
    /// The words of the line, when only the block is missing.
    pub fn line<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        (self.line > 0).then(|| words_of(&bytes[..self.line]))
    }

    /// Whether the next bytes belong to a block that is dropped.
    pub fn is_dropping(&self) -> bool {
        self.skip > 0
    }
}

/// Reads one request from the front of `bytes`.
///
/// After [`Parsed::Incomplete`], call again with the same `progress` and with the same bytes plus
/// more. After [`Parsed::Skip`], call again with the same `progress` and the bytes after the skipped
/// ones.
#[inline]
pub fn parse<'a>(bytes: &'a [u8], progress: &mut Progress) -> Result<Parsed<'a>, Error> {
    if progress.skip > 0 {
        let len = bytes.len().min(usize::try_from(progress.skip).unwrap_or(usize::MAX));
        if len == 0 {
            return Ok(Parsed::Incomplete { missing: 1 });
        }
        progress.skip -= len as u64;
        return Ok(Parsed::Skip(len));
    }
    if progress.line == 0 {
        let Some((end, nul)) = line_end(bytes, progress.scanned) else {
            if is_too_long(bytes) {
                return Err(Error::LineTooLong);
            }
            progress.scanned = bytes.len();
            return Ok(Parsed::Incomplete { missing: 1 });
        };
        let len = end + 1;
        // Also when it came whole: a server may get it in pieces, and would then close the shared
        // connection.
        if is_too_long(&bytes[..end]) {
            return Err(Error::LineTooLong);
        }
        progress.scanned = 0;
        let line = if nul { words_of(&bytes[..len]) } else { without_end(&bytes[..len]) };
        let mut request = Request::of(&bytes[..len], line);
        request.refusal = match block(request.name, request.words.clone()) {
            Ok(None) => None,
            Ok(Some(block)) if block <= MEMCACHE_VALUE_BYTES_MAX as u64 => {
                return Ok(request.with_block(bytes, block as usize + 2, progress));
            }
            Ok(Some(block)) => {
                progress.skip = block + 2;
                Some(Refusal::TooLarge)
            }
            Err(wrong) => Some(wrong),
        };
        return Ok(Parsed::Request(request));
    }
    let line = &bytes[..progress.line];
    Ok(Request::of(line, words_of(line)).with_block(bytes, progress.block, progress))
}

impl<'a> Request<'a> {
    /// A request without a block. `bytes` are the line with its end, `line` its words.
    #[inline]
    fn of(bytes: &'a [u8], line: &'a [u8]) -> Request<'a> {
        let mut words = Words::new(line);
        let name = words.next().unwrap_or_default();
        Request { bytes, line, name, words, stores: false, refusal: None }
    }

    /// The same with its block of `block` bytes, CRLF included, once `bytes` hold it.
    #[inline]
    fn with_block(mut self, bytes: &'a [u8], block: usize, progress: &mut Progress) -> Parsed<'a> {
        let len = self.bytes.len();
        let end = len + block;
        if bytes.len() < end {
            (progress.line, progress.block) = (len, block);
            return Parsed::Incomplete { missing: end - bytes.len() };
        }
        progress.line = 0;
        self.bytes = &bytes[..end];
        self.stores = true;
        if !self.bytes.ends_with(b"\r\n") {
            self.refusal = Some(Refusal::Chunk);
        }
        Parsed::Request(self)
    }
}

/// Where the line ends, and whether it may hold a NUL. Its first `scanned` bytes hold no end.
#[inline]
fn line_end(bytes: &[u8], scanned: usize) -> Option<(usize, bool)> {
    let (mut at, mut nul) = (scanned, scanned > 0);
    loop {
        at += find_below::<{ b'\n' + 1 }>(&bytes[at..])?;
        match bytes[at] {
            b'\n' => return Some((at, nul)),
            other => nul |= other == 0,
        }
        at += 1;
    }
}

/// The line without its end. memcached drops a CR only if a byte precedes it.
#[inline]
fn without_end(line: &[u8]) -> &[u8] {
    match line {
        [text @ .., b'\r', b'\n'] if !text.is_empty() => text,
        [text @ .., b'\n'] => text,
        text => text,
    }
}

/// The line without its end, and without the bytes from a NUL on.
fn words_of(line: &[u8]) -> &[u8] {
    let line = without_end(line);
    match find::<0>(line) {
        None => line,
        Some(nul) => &line[..nul],
    }
}

#[inline]
fn is_too_long(line: &[u8]) -> bool {
    line.len() > LINE_BYTES_MAX && (!is_retrieval(line) || line.len() > MEMCACHE_LINE_BYTES_MAX)
}

/// Whether this line may be longer than `LINE_BYTES_MAX`.
fn is_retrieval(line: &[u8]) -> bool {
    let blanks = line.iter().take_while(|&&byte| byte == b' ').count();
    blanks <= 100 && [&b"get "[..], b"gets "].iter().any(|name| line[blanks..].starts_with(name))
}

/// Whether memcached expects a block after this line.
pub fn has_block(line: &[u8]) -> bool {
    let mut words = Words::new(line);
    let name = words.next().unwrap_or_default();
    matches!(block(name, words), Ok(Some(_)))
}

/// Bytes in the block after a line with this name and these words, if there is one.
#[inline]
fn block(name: &[u8], words: Words<'_>) -> Result<Option<u64>, Refusal> {
    match name {
        b"set" | b"add" | b"replace" | b"append" | b"prepend" => stored(words, 0),
        b"cas" => stored(words, 1),
        b"ms" => meta_set(words),
        _ => Ok(None),
    }
}

/// `<key> <flags> <exptime> <bytes>`, `unique` numbers, and perhaps one more word, of any value.
fn stored(mut words: Words<'_>, unique: usize) -> Result<Option<u64>, Refusal> {
    let mut given: [&[u8]; 5] = [b""; 5];
    for place in &mut given[..4 + unique] {
        *place = words.next().ok_or(Refusal::Words)?;
    }
    if words.next().is_some() && words.next().is_some() {
        return Err(Refusal::Words);
    }
    let [key, flags, exptime, bytes, cas] = given;
    let fits = key.len() <= KEY_BYTES_MAX
        && number(flags).is_some_and(|n| u32::try_from(n).is_ok() && flags[0] != b'-')
        && number(exptime).is_some_and(|n| i32::try_from(n).is_ok())
        && (unique == 0 || is_unique(cas));
    if fits { length(bytes) } else { Err(Refusal::Format) }
}

/// A cas unique: 64 bits without a sign.
fn is_unique(word: &[u8]) -> bool {
    std::str::from_utf8(word).is_ok_and(|text| text.parse::<u64>().is_ok())
}

/// `<key> <bytes> <flags>*`. The server checks the flags, and reads the block in any case.
fn meta_set(mut words: Words<'_>) -> Result<Option<u64>, Refusal> {
    let key = words.next().ok_or(Refusal::Words)?;
    let bytes = words.next().ok_or(Refusal::Format)?;
    if key.len() > KEY_BYTES_MAX { Err(Refusal::Format) } else { length(bytes) }
}

/// The longest block that a line may announce: with its CRLF it fits an `int`. A block above
/// `MEMCACHE_VALUE_BYTES_MAX` is dropped as it arrives.
pub const BLOCK_BYTES_WRITTEN_MAX: i64 = i32::MAX as i64 - 2;

fn length(bytes: &[u8]) -> Result<Option<u64>, Refusal> {
    match number(bytes) {
        Some(n) if (0..=BLOCK_BYTES_WRITTEN_MAX).contains(&n) && bytes[0] != b'-' => {
            Ok(Some(n as u64))
        }
        _ => Err(Refusal::Format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(bytes: &[u8]) -> (usize, Vec<u8>, Option<Refusal>) {
        match parse(bytes, &mut Progress::default()) {
            Ok(Parsed::Request(request)) => {
                (request.bytes.len(), request.line.to_vec(), request.refusal)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines_end_in_lf_and_lose_a_cr_and_what_follows_a_nul() {
        for (bytes, line) in [
            (&b"get a\r\n"[..], &b"get a"[..]),
            (b"get a\n", b"get a"),
            (b"get a\r\r\n", b"get a\r"),
            (b"\r\n", b"\r"),
            (b"\n", b""),
            (b"get a\0b\r\n", b"get a"),
        ] {
            assert_eq!(one(bytes), (bytes.len(), line.to_vec(), None));
        }
    }

    #[test]
    fn requests_that_store_have_a_block() {
        for bytes in [
            &b"set k 0 0 5\r\nhello\r\n"[..],
            b"set k 0 0 0\r\n\r\n",
            b"set k 4294967295 -1 +1 noreply\nx\r\n",
            b"set k 00000000000000000007 -0000000000000000000001 00000000000000000001\r\nx\r\n",
            b"cas k 0 0 1 00000000000000000000000000000018446744073709551615\r\nx\r\n",
            b"ms k 00000000000000000000001\r\nx\r\n",
            b"prepend k 0 0 1 whatever\r\nx\r\n",
            b"cas k 0 0 1 18446744073709551615\r\nx\r\n",
            b"cas k 0 0 1 1 noreply\r\nx\r\n",
            b"ms k 3 q O1 b\r\n\r\n\n\r\n",
        ] {
            let padded = [bytes, b"get k\r\n"].concat();
            assert_eq!(one(&padded).0, bytes.len());
            assert_eq!(one(&padded).2, None);
        }
    }

    #[test]
    fn a_line_that_a_server_may_refuse_has_no_block() {
        let long = [b"set ", &[b'k'; 251][..], b" 0 0 1\r\n"].concat();
        for (line, refusal) in [
            (&b"set k 0 0\r\n"[..], Refusal::Words),
            (b"set k 0 0 1 noreply more\r\n", Refusal::Words),
            (b"cas k 0 0 1\r\n", Refusal::Words),
            (b"ms\r\n", Refusal::Words),
            (b"set k x 0 1\r\n", Refusal::Format),
            (b"set k -1 0 1\r\n", Refusal::Format),
            (b"set k 4294967296 0 1\r\n", Refusal::Format),
            (b"set k 0 99999999999 1\r\n", Refusal::Format),
            (b"set k 0 0 -1\r\n", Refusal::Format),
            (b"set k 0 0 -0\r\n", Refusal::Format),
            (b"set k 0 0 2147483646\r\n", Refusal::Format),
            (b"set k 0 0 99999999999\r\n", Refusal::Format),
            (b"cas k 0 0 1 x\r\n", Refusal::Format),
            (b"ms k\r\n", Refusal::Format),
            (b"ms k S1\r\n", Refusal::Format),
            (&long, Refusal::Format),
        ] {
            let padded = [line, b"x\r\n"].concat();
            let (len, _, found) = one(&padded);
            assert_eq!((len, found), (line.len(), Some(refusal)), "{}", line.escape_ascii());
        }
        // memcached reads as many bytes as the line says, CRLF or not.
        assert_eq!(one(b"set k 0 0 2\r\nabc\r\n").0, 17);
        assert_eq!(one(b"set k 0 0 2\r\nabc\r\n").2, Some(Refusal::Chunk));
    }

    #[test]
    fn the_largest_block_is_memcacheds() {
        let sent = |bytes: &'static [u8]| parse(bytes, &mut Progress::default()).unwrap();
        let Parsed::Incomplete { missing } = sent(b"set k 0 0 1073741824\r\n") else { panic!() };
        assert_eq!(missing, (1 << 30) + 2);
        let Parsed::Request(request) = sent(b"set k 0 0 1073741825\r\n") else { panic!() };
        assert_eq!(request.refusal, Some(Refusal::TooLarge));
    }

    #[test]
    fn a_block_too_large_is_dropped_as_it_arrives() {
        let mut progress = Progress::default();
        let line = b"set k 0 0 2147483645\r\n";
        let parsed = parse(line, &mut progress).unwrap();
        assert!(matches!(parsed, Parsed::Request(r) if r.refusal == Some(Refusal::TooLarge)));
        let mut left = 2_147_483_647_usize;
        let piece = vec![b'x'; 64 << 20];
        while left > 0 {
            let Parsed::Skip(len) = parse(&piece, &mut progress).unwrap() else { panic!() };
            assert_eq!(len, left.min(piece.len()));
            left -= len;
        }
        assert!(matches!(parse(b"get k\r\n", &mut progress), Ok(Parsed::Request(_))));
    }

    #[test]
    fn any_cut_parses_alike() {
        for bytes in [&b"get a b c\r\n"[..], b"set k 0 0 5 noreply\r\nhello\r\n", b"ms k 2\nab\r\n"]
        {
            let mut progress = Progress::default();
            for cut in 0..bytes.len() {
                match parse(&bytes[..cut], &mut progress) {
                    Ok(Parsed::Incomplete { missing }) => assert!(cut + missing <= bytes.len()),
                    other => panic!("{cut}: {other:?}"),
                }
            }
            let Ok(Parsed::Request(request)) = parse(bytes, &mut progress) else { panic!() };
            assert_eq!((request.bytes, request.refusal), (bytes, None));
        }
    }

    #[test]
    fn only_retrievals_may_be_long() {
        let long = [b'a'; LINE_BYTES_MAX + 1];
        assert_eq!(parse(&long, &mut Progress::default()).unwrap_err(), Error::LineTooLong);
        let ended = [&long[..], b"\r\n"].concat();
        assert_eq!(parse(&ended, &mut Progress::default()).unwrap_err(), Error::LineTooLong);
        let long = [b"  get ", &long[..]].concat();
        assert!(matches!(
            parse(&long, &mut Progress::default()),
            Ok(Parsed::Incomplete { missing: 1 })
        ));
        assert!(one(&[&long[..], b"\r\n"].concat()).2.is_none());
    }
}
