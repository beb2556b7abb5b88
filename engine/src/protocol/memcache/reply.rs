//! Where a server's reply ends.
//!
//! ```text
//!   STORED                      one line
//!   VALUE k 0 5\r\n hello       any number of these, up to a line of another kind (END)
//!   STAT name value             the same
//!   VA 5 kk O1\r\n  hello       one line and one block
//! ```
//!
//! A reply shows where it ends, but not whether it comes at all: with `noreply` and in the quiet
//! mode of the meta commands the server may or may not answer. We would take such a reply for the
//! reply of the next request. So we send a *fence* after such a request: a command that every
//! memcached answers, in one line that no other command gives. All bytes before that line, if any,
//! belong to the request.

use super::words::{Words, number};
use crate::base::limits::{MEMCACHE_REPLY_LINE_BYTES_MAX, MEMCACHE_VALUE_BYTES_MAX};
use crate::base::scan::{find, find_below};

/// Sent after a request that the server may not answer. Not `mn`: a server too old for the meta
/// commands would answer `ERROR`, and the next line would be taken for the reply.
pub const FENCE: &[u8] = b"version\r\n";

/// Why the bytes are not a reply. The next reply cannot be found then: close.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// The line begins with no word of memcached.
    Kind,
    /// A length that is not a number, or is above the limit.
    Length,
    /// A line without an end.
    LineTooLong,
    /// A block or a line not followed by CRLF.
    End,
}

/// What the bytes begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parsed {
    /// A whole reply of `len` bytes. The first `shown` are for the client: all but the fence.
    Complete { len: usize, shown: usize },
    /// At least `missing` bytes more are needed.
    Incomplete { missing: usize },
}

/// The position in an unfinished reply. A new one for each reply.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    at: usize,
    /// There is no line end between `at` and here.
    scanned: usize,
    /// Only in `pass`: the reply ends with the block that is being read.
    closing: bool,
}

/// What follows a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Nothing: the reply ends.
    Last,
    /// Another line.
    More,
    /// A block, whose length is in word number `word`; then another line if `more`.
    Block { word: usize, more: bool },
}

/// By the first word of a line. Numbers, the reply to `incr`, have no row.
static LINES: [(&[u8], Line); 25] = [
    (b"VALUE", Line::Block { word: 2, more: true }),
    (b"END", Line::Last),
    (b"STORED", Line::Last),
    (b"HD", Line::Last),
    (b"VA", Line::Block { word: 0, more: false }),
    (b"EN", Line::Last),
    (b"NS", Line::Last),
    (b"NF", Line::Last),
    (b"EX", Line::Last),
    (b"MN", Line::Last),
    (b"ME", Line::Last),
    (b"NOT_STORED", Line::Last),
    (b"EXISTS", Line::Last),
    (b"NOT_FOUND", Line::Last),
    (b"DELETED", Line::Last),
    (b"TOUCHED", Line::Last),
    (b"OK", Line::Last),
    (b"VERSION", Line::Last),
    (b"STAT", Line::More),
    (b"PREFIX", Line::More), // stats detail dump
    (b"ITEM", Line::More),   // stats cachedump
    (b"RESET", Line::Last),  // stats reset
    (b"ERROR", Line::Last),
    (b"CLIENT_ERROR", Line::Last),
    (b"SERVER_ERROR", Line::Last),
];

/// Reads one reply from the front of `bytes`. When it is incomplete, call again with the same
/// `progress` and the same bytes plus more. `fenced`: a fence was sent after the request.
#[inline]
pub fn parse(bytes: &[u8], progress: &mut Progress, fenced: bool) -> Result<Parsed, Error> {
    loop {
        let at = progress.at;
        let rest = bytes.get(at..).unwrap_or_default();
        if let Some((_, len)) = plain_item(rest)
            && let Some(end) = bytes.get(at + len - 2..at + len)
        {
            if end != b"\r\n" {
                return Err(Error::End);
            }
            progress.at = at + len;
            continue;
        }
        if !fenced && let Some(len) = usual_end(rest) {
            let len = at + len;
            *progress = Progress::default();
            return Ok(Parsed::Complete { len, shown: len });
        }
        let from = at.max(progress.scanned);
        let Some(found) = find::<b'\n'>(bytes.get(from..).unwrap_or_default()) else {
            if bytes.len().saturating_sub(at) > MEMCACHE_REPLY_LINE_BYTES_MAX {
                return Err(Error::LineTooLong);
            }
            let missing = if bytes.len() < at { at - bytes.len() + 1 } else { 1 };
            progress.scanned = bytes.len();
            return Ok(Parsed::Incomplete { missing });
        };
        let next = from + found + 1;
        let Some(line) = bytes[at..next].strip_suffix(b"\r\n") else {
            return Err(Error::End);
        };
        let (kind, is_fence) = kind(line)?;
        let (end, more) = match kind {
            Line::Last => (next, false),
            Line::More => (next, true),
            Line::Block { word, more } => {
                let end = next + length(line, word)? + 2;
                if bytes.len() < end {
                    // The next call reads the line again, but not the block.
                    progress.scanned = next - 1;
                    return Ok(Parsed::Incomplete { missing: end - bytes.len() });
                }
                if bytes[end - 2..end] != *b"\r\n" {
                    return Err(Error::End);
                }
                (end, more)
            }
        };
        progress.at = end;
        if !more && (!fenced || is_fence) {
            let len = progress.at;
            let shown = if fenced { at } else { len };
            *progress = Progress::default();
            return Ok(Parsed::Complete { len, shown });
        }
    }
}

/// The length of the line that ends nearly every reply. A search in the table of lines would cost 5 %
/// of a request.
#[inline]
fn usual_end(bytes: &[u8]) -> Option<usize> {
    let ends = [&b"END\r\n"[..], b"STORED\r\n"];
    ends.into_iter().find(|line| bytes.starts_with(line)).map(<[u8]>::len)
}

/// How many of `bytes` belong to the reply of `progress`, and whether the reply ends with them.
/// For a reply that is passed on as it arrives, and has no fence: call again with the bytes after
/// those. The CRLF after a block is not checked.
pub fn pass(bytes: &[u8], progress: &mut Progress) -> Result<(usize, bool), Error> {
    loop {
        if progress.at > bytes.len() {
            break;
        }
        if progress.closing {
            return Ok((progress.at, true));
        }
        let at = progress.at;
        let from = at.max(progress.scanned);
        let Some(found) = find::<b'\n'>(&bytes[from..]) else {
            if bytes.len() - at > MEMCACHE_REPLY_LINE_BYTES_MAX {
                return Err(Error::LineTooLong);
            }
            progress.scanned = bytes.len();
            break;
        };
        let next = from + found + 1;
        let line = bytes[at..next].strip_suffix(b"\r\n").ok_or(Error::End)?;
        (progress.at, progress.closing) = match kind(line)?.0 {
            Line::Last => (next, true),
            Line::More => (next, false),
            Line::Block { word, more } => (next + length(line, word)? + 2, !more),
        };
    }
    let end = progress.at.min(bytes.len());
    progress.at -= end;
    progress.scanned = progress.scanned.saturating_sub(end);
    Ok((end, false))
}

/// What follows a line, and whether the line answers a fence.
#[inline]
fn kind(line: &[u8]) -> Result<(Line, bool), Error> {
    let end = find::<b' '>(line).unwrap_or(line.len());
    let word = &line[..end];
    if let Some((name, line)) = LINES.iter().find(|(name, _)| *name == word) {
        return Ok((*line, *name == b"VERSION"));
    }
    match word {
        [b'0'..=b'9', ..] => Ok((Line::Last, false)),
        _ => Err(Error::Kind),
    }
}

/// The block's length: the word after the first one and `skip` others.
#[inline]
fn length(line: &[u8], skip: usize) -> Result<usize, Error> {
    match Words::new(line).nth(1 + skip).and_then(number) {
        Some(n) if (0..=MEMCACHE_VALUE_BYTES_MAX as i64).contains(&n) => Ok(n as usize),
        _ => Err(Error::Length),
    }
}

/// The first item in `bytes`, the rest of a whole reply to a retrieval: its key, and its length with
/// the block. `None` at the end, or at a line that is not an item.
#[inline]
pub fn item(bytes: &[u8]) -> Option<(&[u8], usize)> {
    plain_item(bytes).or_else(|| any_item(bytes))
}

/// Reads an item in one pass, if its line has one blank between words, as every memcached writes it.
/// A retrieval may have hundreds. `None`: [`any_item`] must decide.
#[inline]
fn plain_item(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let rest = bytes.strip_prefix(b"VALUE ")?;
    let key = find_below::<{ b' ' + 1 }>(rest)?;
    let mut at = key;
    // Flags, then the length, then perhaps a cas unique, which is skipped.
    let mut numbers = [0u64; 2];
    for number in &mut numbers {
        if rest.get(at) != Some(&b' ') {
            return None;
        }
        at += 1;
        let start = at;
        while let Some(digit) = rest.get(at).map(|byte| byte.wrapping_sub(b'0'))
            && digit <= 9
        {
            if at - start == 10 {
                return None;
            }
            *number = *number * 10 + u64::from(digit);
            at += 1;
        }
        if at == start {
            return None;
        }
    }
    if rest.get(at) == Some(&b' ') {
        at += 1;
        while rest.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
    }
    if key == 0 || numbers[1] > MEMCACHE_VALUE_BYTES_MAX as u64 || rest.get(at..at + 2)? != b"\r\n"
    {
        return None;
    }
    Some((&rest[..key], 6 + at + 2 + numbers[1] as usize + 2))
}

fn any_item(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let line = &bytes[..bytes.iter().position(|&byte| byte == b'\n')?];
    let rest = line.strip_prefix(b"VALUE ")?;
    let key = Words::new(rest).next()?;
    let line_end = line.len() + 1;
    Some((key, line_end + length(line.strip_suffix(b"\r")?, 2).ok()? + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLIES: &[&[u8]] = &[
        b"STORED\r\n",
        b"12\r\n",
        b"5  \r\n",
        b"END\r\n",
        b"VALUE k 0 5\r\na\r\nEN\r\nEND\r\n",
        b"VALUE a 1 0 77\r\n\r\nVALUE b 0 1\r\nx\r\nEND\r\n",
        b"VALUE a 1 1\r\nx\r\nSERVER_ERROR out of memory writing get response\r\n",
        b"VA 3 kk O1\r\nMN\n\r\n",
        b"HD kfoo\r\n",
        b"STAT pid 1\r\nSTAT version 1.6\r\nEND\r\n",
        b"CLIENT_ERROR bad data chunk\r\n",
        b"VERSION 1.6.18\r\n",
        b"MN\r\n",
    ];

    #[test]
    fn the_end_of_every_reply_is_found_at_any_cut() {
        for &reply in REPLIES {
            let padded = [reply, b"VERSION 1.6\r\n"].concat();
            for fenced in [false, true] {
                if fenced && reply.starts_with(b"VERSION") {
                    continue;
                }
                let end = if fenced { padded.len() } else { reply.len() };
                let mut progress = Progress::default();
                for cut in 0..end {
                    let parsed = parse(&padded[..cut], &mut progress, fenced).unwrap();
                    let Parsed::Incomplete { missing } = parsed else { panic!("{cut} {parsed:?}") };
                    assert!(missing >= 1 && cut + missing <= end, "{cut} {missing}");
                }
                let done = Ok(Parsed::Complete { len: end, shown: reply.len() });
                assert_eq!(parse(&padded, &mut progress, fenced), done);
                assert_eq!(parse(&padded, &mut Progress::default(), fenced), done);
            }
        }
    }

    #[test]
    fn a_fence_alone_is_silence() {
        for fence in [&b"VERSION 1.6.18\r\n"[..], b"VERSION 1.4.13\r\n"] {
            let parsed = parse(fence, &mut Progress::default(), true);
            assert_eq!(parsed, Ok(Parsed::Complete { len: fence.len(), shown: 0 }));
        }
    }

    #[test]
    fn refuses_other_bytes() {
        for (bytes, error) in [
            (&b"+OK\r\n"[..], Error::Kind),
            (b"\r\n", Error::Kind),
            (b"STOREDX\r\n", Error::Kind),
            (b"STORED\n", Error::End),
            (b"VALUE k 0\r\n", Error::Length),
            (b"VALUE k 0 x\r\n", Error::Length),
            (b"VALUE k 0 99999999999\r\n", Error::Length),
            (b"VALUE k 0 1\r\nabc", Error::End),
            (b"VA\r\n", Error::Length),
        ] {
            assert_eq!(parse(bytes, &mut Progress::default(), false), Err(error));
        }
    }

    #[test]
    fn items_are_walked() {
        let reply = b"VALUE a 1 2 9\r\nxy\r\nVALUE b 0 0\r\n\r\nEND\r\n";
        assert_eq!(item(reply), Some((&b"a"[..], 19)));
        assert_eq!(item(&reply[19..]), Some((&b"b"[..], 15)));
        assert_eq!(item(&reply[34..]), None);
    }
}
