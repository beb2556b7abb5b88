//! The replies of a request's fragments become its one reply.
//!
//! MGET takes each key's element from its fragment in the order of the request; DEL, UNLINK,
//! TOUCH and EXISTS add up; MSET is OK when every part is. If any part fails, the whole is the
//! error of the first failed part in the order of the shards: under twemproxy manners a server's
//! own error is hidden behind `Invalid argument`, as it was, and `unknown` yields to any other text.

use super::Split;
use crate::protocol::resp::{encode, reply};

const INVALID: &str = "ERR Invalid argument";
/// What twemproxy said of a server that closed in good order.
const WORDLESS: &str = "ERR unknown";

/// The fragments of one request, as their replies come in.
pub struct Merge {
    split: Split,
    hide_errors: bool,
    /// Parts that have not answered.
    left: u16,
    sum: i64,
    /// The failed part of the lowest number, its text, and whether the text is ours.
    error: Option<(u16, Box<str>, bool)>,
    /// MGET: the part that holds each key, in the order of the request.
    order: Box<[u16]>,
    /// MGET: each part's reply.
    parts: Vec<Vec<u8>>,
    held_bytes: usize,
}

impl Merge {
    /// `parts` fragments; `order` names the part of each key and is only needed for MGET.
    pub fn new(split: Split, parts: u16, order: Box<[u16]>, hide_errors: bool) -> Merge {
        let held = if split == Split::Mget { usize::from(parts) } else { 0 };
        Merge {
            split,
            hide_errors,
            left: parts,
            sum: 0,
            error: None,
            order,
            parts: vec![Vec::new(); held],
            held_bytes: 0,
        }
    }

    pub fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// Bytes of replies that wait for the others.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Parts that are still owed.
    pub fn left(&self) -> u16 {
        self.left
    }

    pub fn handle_reply(&mut self, part: u16, bytes: &[u8]) {
        self.left -= 1;
        if matches!(bytes.first(), Some(b'-' | b'!')) {
            let text = if self.hide_errors { INVALID.into() } else { error_text(bytes) };
            self.fail(part, text, self.hide_errors);
            return;
        }
        let fits = match self.split {
            Split::Mget => {
                let held = &mut self.parts[usize::from(part)];
                held.extend_from_slice(bytes);
                self.held_bytes += bytes.len();
                reply::aggregate(bytes).is_some()
            }
            // Servers count keys; a sum beyond 64 bits is no count of anything.
            Split::Sum => match reply::integer(bytes).and_then(|n| self.sum.checked_add(n)) {
                Some(sum) => {
                    self.sum = sum;
                    true
                }
                None => false,
            },
            Split::Mset => bytes.first() == Some(&b'+'),
        };
        if !fits {
            self.fail(part, INVALID.into(), true);
        }
    }

    /// The part failed here; `text` has no `-` before it.
    pub fn handle_failure(&mut self, part: u16, text: &str) {
        self.left -= 1;
        self.fail(part, text.into(), true);
    }

    /// The first part speaks. twemproxy had no words for an orderly close, and let the first speak
    /// that had some.
    fn fail(&mut self, part: u16, text: Box<str>, is_ours: bool) {
        let is_mute = |text: &str| self.hide_errors && text == WORDLESS;
        let rank = (is_mute(&text), part);
        if self.error.as_ref().is_none_or(|(first, said, _)| rank < (is_mute(said), *first)) {
            self.error = Some((part, text, is_ours));
        }
    }

    /// Whether the reply is an error that no server wrote.
    pub fn failed_here(&self) -> bool {
        matches!(self.error, Some((.., true)))
    }

    /// Appends the reply; the merge is complete.
    pub fn finish(&self, out: &mut Vec<u8>) {
        debug_assert!(self.is_complete());
        let start = out.len();
        if let Some((_, text, _)) = &self.error {
            encode::error(out, text.as_bytes());
            return;
        }
        match self.split {
            Split::Sum => encode::integer(out, self.sum),
            Split::Mset => encode::status(out, "OK"),
            Split::Mget => {
                if !self.weave(out) {
                    out.truncate(start);
                    encode::error(out, INVALID);
                }
            }
        }
    }

    /// Each key's element from its part; `false` if a part holds fewer or more than it should.
    fn weave(&self, out: &mut Vec<u8>) -> bool {
        out.reserve(16 + self.parts.iter().map(Vec::len).sum::<usize>());
        encode::array(out, self.order.len());
        let mut cursors: Vec<usize> = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let Some((first, _)) = reply::aggregate(part) else {
                return false;
            };
            cursors.push(first);
        }
        for &part in &self.order {
            let part = usize::from(part);
            let rest = &self.parts[part][cursors[part]..];
            let len = reply::element(rest);
            if len == 0 {
                return false;
            }
            out.extend_from_slice(&rest[..len]);
            cursors[part] += len;
        }
        cursors.iter().zip(&self.parts).all(|(&cursor, part)| cursor == part.len())
    }
}

/// The text of an error reply: `-text`, or RESP3's `!length` and the text behind it.
fn error_text(bytes: &[u8]) -> Box<str> {
    let text = match bytes.first() {
        Some(b'!') => {
            let body = bytes.iter().position(|&b| b == b'\n').map_or(bytes.len(), |at| at + 1);
            &bytes[body..]
        }
        _ => &bytes[1..],
    };
    String::from_utf8_lossy(text.strip_suffix(b"\r\n").unwrap_or(text)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(merge: &Merge) -> String {
        let mut out = Vec::new();
        merge.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn mget_weaves_in_the_order_of_the_request() {
        let mut merge = Merge::new(Split::Mget, 2, Box::new([1, 0, 1]), false);
        merge.handle_reply(1, b"*2\r\n$1\r\na\r\n$-1\r\n");
        assert!(!merge.is_complete());
        merge.handle_reply(0, b"*1\r\n$1\r\nb\r\n");
        assert!(merge.is_complete());
        assert_eq!(merged(&merge), "*3\r\n$1\r\na\r\n$1\r\nb\r\n$-1\r\n");
    }

    #[test]
    fn a_part_that_is_too_short_or_too_long_spoils_the_whole() {
        for reply in [&b"*1\r\n$1\r\na\r\n"[..], b"*3\r\n_\r\n_\r\n_\r\n", b"*-1\r\n", b"+OK\r\n"] {
            let mut merge = Merge::new(Split::Mget, 1, Box::new([0, 0]), false);
            merge.handle_reply(0, reply);
            assert_eq!(merged(&merge), "-ERR Invalid argument\r\n");
        }
    }

    #[test]
    fn sums_add_and_the_first_failed_part_speaks() {
        let mut merge = Merge::new(Split::Sum, 3, Box::default(), false);
        merge.handle_failure(2, "ERR Connection refused");
        merge.handle_reply(1, b"-READONLY no\r\n");
        merge.handle_reply(0, b":2\r\n");
        assert_eq!(merged(&merge), "-READONLY no\r\n");

        let mut merge = Merge::new(Split::Sum, 2, Box::default(), true);
        merge.handle_reply(1, b"-READONLY no\r\n");
        merge.handle_reply(0, b":2\r\n");
        assert_eq!(merged(&merge), "-ERR Invalid argument\r\n");

        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let texts = ["ERR unknown", "ERR Connection refused", "ERR Broken pipe"];
            let mut merge = Merge::new(Split::Sum, 3, Box::default(), true);
            for part in order {
                merge.handle_failure(part, texts[usize::from(part)]);
            }
            assert_eq!(merged(&merge), "-ERR Connection refused\r\n", "{order:?}");
        }

        let mut merge = Merge::new(Split::Sum, 2, Box::default(), true);
        merge.handle_reply(1, b":40\r\n");
        merge.handle_reply(0, b":2\r\n");
        assert_eq!(merged(&merge), ":42\r\n");

        let mut merge = Merge::new(Split::Sum, 2, Box::default(), false);
        merge.handle_reply(0, b":9223372036854775807\r\n");
        merge.handle_reply(1, b":1\r\n");
        assert_eq!(merged(&merge), "-ERR Invalid argument\r\n");
    }

    #[test]
    fn mset_is_ok_when_all_parts_are() {
        let mut merge = Merge::new(Split::Mset, 2, Box::default(), false);
        merge.handle_reply(0, b"+OK\r\n");
        merge.handle_reply(1, b"!8\r\nERR oops\r\n");
        assert_eq!(merged(&merge), "-ERR oops\r\n");
    }
}
