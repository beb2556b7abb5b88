//! Keys that belong together by their beginning: the pool's key `colocate`.
//!
//! A program may use several keys in one command or script, and give them no hash tag. A job queue
//! does: `bull:mail:wait`, `bull:mail:active`. An entry of `colocate` lists the prefixes of such keys.
//! A key that begins with a prefix of an entry is hashed as the *first* prefix of that entry, so all
//! keys of the entry have one owner:
//!
//! ```text
//!   entry "celery _kombu unacked"      "celery"          ──┐
//!                                      "_kombu.binding." ──┼──▶ the hash of "celery" ──▶ one shard
//!                                      "unacked_index"   ──┘
//! ```
//!
//! * The longest prefix of all entries wins.
//! * The first prefix is hashed whole. A hash tag in it or in the key has no effect.
//! * A key that begins with no prefix is routed as without `colocate`.
//!
//! twemproxy has no such key. A pool without it places every key as twemproxy does.

use crate::base::limits;

/// The prefixes of one pool, sorted for the search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Colocate {
    /// By first byte, then the longest first.
    prefixes: Box<[Prefix]>,
    /// Where in `prefixes` each first byte begins, and the end after the last one.
    starts: Box<[u16]>,
    /// The first prefix of each entry, in the order of the file.
    firsts: Box<[Box<[u8]>]>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Prefix {
    bytes: Box<[u8]>,
    entry: u16,
}

/// The prefix that a key begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Match<'a> {
    pub prefix: &'a [u8],
    /// The first prefix of the same entry. It is hashed instead of the key.
    pub first: &'a [u8],
}

impl Colocate {
    /// Each entry is a list of prefixes. None is empty, none is given twice, and all are within
    /// the limits: the configuration checks that and names the line.
    pub fn new(entries: &[Vec<&[u8]>]) -> Colocate {
        let mut prefixes: Vec<Prefix> = (0u16..)
            .zip(entries)
            .flat_map(|(entry, list)| list.iter().map(move |&bytes| (entry, bytes)))
            .map(|(entry, bytes)| Prefix { bytes: bytes.into(), entry })
            .collect();
        debug_assert!(prefixes.len() <= limits::COLOCATE_PREFIXES_MAX);
        debug_assert!(prefixes.iter().all(|prefix| {
            (1..=limits::COLOCATE_PREFIX_BYTES_MAX).contains(&prefix.bytes.len())
        }));
        prefixes.sort_by_key(|prefix| {
            (prefix.bytes.first().copied(), std::cmp::Reverse(prefix.bytes.len()))
        });
        let start = |byte: u16| {
            prefixes.partition_point(|prefix| prefix.bytes.first().map(|&b| b.into()) < Some(byte))
        };
        let firsts = entries.iter().map(|list| list.first().copied().unwrap_or_default().into());
        Colocate {
            starts: (0..=256).map(|byte| start(byte) as u16).collect(),
            firsts: firsts.collect(),
            prefixes: prefixes.into(),
        }
    }

    /// The longest prefix that the key begins with.
    pub fn find(&self, key: &[u8]) -> Option<Match<'_>> {
        let byte = usize::from(*key.first()?);
        let (start, end) = (usize::from(self.starts[byte]), usize::from(self.starts[byte + 1]));
        let found = self.prefixes[start..end].iter().find(|one| key.starts_with(&one.bytes))?;
        Some(Match { prefix: &found.bytes, first: &self.firsts[usize::from(found.entry)] })
    }

    /// Whether a key that begins with `head` may begin with a prefix too.
    pub fn may_meet(&self, head: &[u8]) -> bool {
        let meets = |one: &Prefix| one.bytes.starts_with(head) || head.starts_with(&one.bytes);
        self.prefixes.iter().any(meets)
    }

    /// The first prefix of each entry, in the order of the file. All keys of the entry have the
    /// owner of these bytes.
    pub fn firsts(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.firsts.iter().map(|first| &**first)
    }
}

#[cfg(test)]
mod tests {
    use super::{Colocate, Match};

    fn colocate(entries: &[&str]) -> Colocate {
        let entries: Vec<Vec<&[u8]>> =
            entries.iter().map(|entry| entry.split(' ').map(str::as_bytes).collect()).collect();
        Colocate::new(&entries)
    }

    #[test]
    fn a_key_is_hashed_as_the_first_prefix_of_its_entry() {
        let colocate = colocate(&["bull:", "celery _kombu unacked"]);
        for (key, prefix, first) in [
            ("bull:", "bull:", "bull:"),
            ("bull:a", "bull:", "bull:"),
            ("bull:{x}:c", "bull:", "bull:"),
            ("celery", "celery", "celery"),
            ("_kombu.binding.celery", "_kombu", "celery"),
            ("unacked_index", "unacked", "celery"),
        ] {
            let (prefix, first) = (prefix.as_bytes(), first.as_bytes());
            assert_eq!(colocate.find(key.as_bytes()), Some(Match { prefix, first }), "{key}");
        }
        for key in ["", "b", "bull", "Bull:a", "xbull:a", "{bull:}", "kombu", "\u{ff}"] {
            assert_eq!(colocate.find(key.as_bytes()), None, "{key}");
        }
        assert_eq!(colocate.firsts().collect::<Vec<_>>(), [&b"bull:"[..], b"celery"]);
        assert!(
            ["", "b", "bull:a", "_kombu", "_"]
                .iter()
                .all(|head| colocate.may_meet(head.as_bytes()))
        );
        assert!(!["x", "bull;", "key:"].iter().any(|head| colocate.may_meet(head.as_bytes())));
    }

    #[test]
    fn the_longest_prefix_of_all_entries_wins() {
        let colocate = colocate(&["a ab:", "abc x", "ab z"]);
        for (key, first) in
            [("a", "a"), ("ax", "a"), ("ab", "ab"), ("ab:", "a"), ("abc", "abc"), ("abcd", "abc")]
        {
            let first = Some(first.as_bytes());
            assert_eq!(colocate.find(key.as_bytes()).map(|found| found.first), first, "{key}");
        }
    }

    #[test]
    fn the_first_and_the_last_byte_have_their_own_prefixes() {
        let colocate = Colocate::new(&[vec![b"\0"], vec![b"\xff", b"\xfe"]]);
        assert_eq!(colocate.find(b"\0a").map(|found| found.first), Some(&b"\0"[..]));
        assert_eq!(colocate.find(b"\xff").map(|found| found.first), Some(&b"\xff"[..]));
        assert_eq!(colocate.find(b"\xfe").map(|found| found.first), Some(&b"\xff"[..]));
        assert_eq!(colocate.find(b"\x01"), None);
        assert_eq!(Colocate::new(&[]).find(b"a"), None);
    }
}
