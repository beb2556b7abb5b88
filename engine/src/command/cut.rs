//! Cuts a request into parts: one for each owner of its keys, or one for every server.

use super::tips::RequestPolicy;
use crate::protocol::memcache::words::Words;
use crate::protocol::resp::{Args, ArgsIter, encode};

/// How a request is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CutBy {
    /// By key.
    Key,
    /// By key and the value after it.
    Pair,
    /// By key and value, as many as argument 1 says. What follows the pairs goes to each part.
    CountedPair,
    /// By key, up to the last argument, which goes to each part.
    KeyBeforeLast,
    /// Not cut: every shard gets the whole.
    Shards,
    /// The same for every server: what it changes is not replicated.
    Servers,
}

impl CutBy {
    /// Arguments of a piece: a key, or a key and its value.
    pub fn stride(self) -> usize {
        match self {
            CutBy::Key | CutBy::KeyBeforeLast => 1,
            CutBy::Pair | CutBy::CountedPair => 2,
            CutBy::Shards | CutBy::Servers => 0,
        }
    }

    /// Every shard gets the whole request.
    #[inline]
    pub fn is_to_all(self) -> bool {
        matches!(self, CutBy::Shards | CutBy::Servers)
    }

    pub const fn policy(self) -> RequestPolicy {
        match self {
            CutBy::Key | CutBy::Pair | CutBy::CountedPair | CutBy::KeyBeforeLast => {
                RequestPolicy::MultiShard
            }
            CutBy::Shards => RequestPolicy::AllShards,
            CutBy::Servers => RequestPolicy::AllNodes,
        }
    }
}

/// What the parts of a request are made of.
#[derive(Clone)]
pub enum Pieces<'a> {
    /// Arguments of a RESP request. Each piece has `stride` of them.
    Args { name: &'static str, stride: usize, rest: ArgsIter<'a> },
    /// The same, with arguments behind the pieces. `is_counted`: the number of pieces comes first.
    Framed {
        name: &'static str,
        stride: usize,
        is_counted: bool,
        rest: ArgsIter<'a>,
        /// What follows the pieces: so many arguments, and their bytes.
        after: (usize, &'a [u8]),
    },
    /// Keys of a memcached retrieval. `head` is the line up to its keys.
    Keys { head: &'a [u8], rest: Words<'a> },
    /// The same bytes for every part. There are no pieces.
    Whole { bytes: &'a [u8] },
    /// SCAN with another cursor. `rest`: what follows the cursor.
    Scan { cursor: u64, rest: ArgsIter<'a> },
}

impl<'a> Pieces<'a> {
    /// `keys`: how many the request has.
    pub fn of_args(cut: CutBy, name: &'static str, args: &Args<'a>, keys: usize) -> Pieces<'a> {
        let stride = cut.stride();
        let is_counted = cut == CutBy::CountedPair;
        if is_counted || cut == CutBy::KeyBeforeLast {
            let first = if is_counted { 2 } else { 1 };
            let rest = args.iter_from(first);
            let behind = args.iter_from(first + stride * keys);
            let after = (behind.len(), behind.clone().next_encoded(behind.len()));
            return Pieces::Framed { name, stride, is_counted, rest, after };
        }
        Pieces::Args { name, stride: cut.stride(), rest: args.iter_from(1) }
    }

    /// Writes the beginning of a part with this number of pieces.
    pub fn write_head(&self, out: &mut Vec<u8>, pieces: usize) {
        match self {
            Pieces::Args { name, stride, .. } => {
                encode::array(out, 1 + pieces * stride);
                encode::bulk(out, name.as_bytes());
            }
            Pieces::Framed { name, stride, is_counted, after, .. } => {
                encode::array(out, 1 + usize::from(*is_counted) + pieces * stride + after.0);
                encode::bulk(out, name.as_bytes());
                if *is_counted {
                    let mut digits = Vec::with_capacity(20);
                    encode::decimal(&mut digits, pieces as u64);
                    encode::bulk(out, &digits);
                }
            }
            Pieces::Keys { head, .. } => out.extend_from_slice(head),
            Pieces::Whole { bytes } => out.extend_from_slice(bytes),
            Pieces::Scan { cursor, rest } => {
                encode::array(out, 2 + rest.len());
                encode::bulk(out, b"SCAN");
                let mut digits = Vec::with_capacity(20);
                encode::decimal(&mut digits, *cursor);
                encode::bulk(out, &digits);
                out.extend_from_slice(rest.clone().next_encoded(rest.len()));
            }
        }
    }

    /// The next piece: a separator and the bytes that its part gets.
    #[inline]
    pub fn next_piece(&mut self) -> (&'static [u8], &'a [u8]) {
        match self {
            Pieces::Args { stride, rest, .. } => (b"", rest.next_encoded(*stride)),
            Pieces::Keys { rest, .. } => (b" ", rest.next().unwrap_or_default()),
            other => other.next_of_others(),
        }
    }

    #[inline(never)]
    fn next_of_others(&mut self) -> (&'static [u8], &'a [u8]) {
        match self {
            Pieces::Framed { stride, rest, .. } => (b"", rest.next_encoded(*stride)),
            _ => (b"", b""),
        }
    }

    /// The end of every part.
    pub fn tail(&self) -> &'a [u8] {
        match self {
            Pieces::Framed { after, .. } => after.1,
            Pieces::Keys { .. } => b"\r\n",
            Pieces::Args { .. } | Pieces::Whole { .. } | Pieces::Scan { .. } => b"",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::with_args;
    use super::*;

    /// The part that has all pieces.
    fn part(mut pieces: Pieces<'_>, count: usize) -> String {
        let mut out = Vec::new();
        pieces.write_head(&mut out, count);
        for _ in 0..count {
            let (before, piece) = pieces.next_piece();
            out.extend_from_slice(before);
            out.extend_from_slice(piece);
        }
        out.extend_from_slice(pieces.tail());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_part_counts_its_own_arguments() {
        with_args("MSET a 1 b 2 c 3", |args| {
            let pieces = Pieces::of_args(CutBy::Pair, "mset", args, 3);
            let want = "*5\r\n$4\r\nmset\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n";
            assert_eq!(part(pieces, 2), want);
        });
    }

    #[test]
    fn what_frames_the_pieces_goes_to_each_part() {
        with_args("MSETEX 2 a 1 b 2 EX 5", |args| {
            let pieces = Pieces::of_args(CutBy::CountedPair, "msetex", args, 2);
            let want =
                "*6\r\n$6\r\nmsetex\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\n1\r\n$2\r\nEX\r\n$1\r\n5\r\n";
            assert_eq!(part(pieces, 1), want);
        });
        with_args("JSON.MGET a b path", |args| {
            let pieces = Pieces::of_args(CutBy::KeyBeforeLast, "json.mget", args, 2);
            assert_eq!(part(pieces, 1), "*3\r\n$9\r\njson.mget\r\n$1\r\na\r\n$4\r\npath\r\n");
        });
    }

    #[test]
    fn keys_follow_the_head_of_the_line() {
        let pieces = Pieces::Keys { head: b"gat 60", rest: Words::new(b" a  b") };
        assert_eq!(part(pieces, 2), "gat 60 a b\r\n");
        assert_eq!(part(Pieces::Whole { bytes: b"flush_all\r\n" }, 0), "flush_all\r\n");
    }
}
