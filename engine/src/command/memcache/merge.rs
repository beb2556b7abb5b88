//! The answers of several servers to one request become one.
//!
//! A retrieval's items return in the order of the request's keys, each as often as it was asked
//! for and found: a server answers the keys it was asked for in their order and leaves out those
//! it does not have, so the next item of a key's server is that key's or nobody's yet.
//!
//! When a server fails, the others' items are returned all the same: to a cache's client a key
//! that cannot be had is a miss, and it knows what to do then (docs/adr/0008). Only when nobody
//! answered is the whole an error. Under twemproxy manners any failed part fails the whole.

use super::{Join, stats};
use crate::protocol::memcache::words::Words;
use crate::protocol::memcache::{encode, reply};

const INVALID: &[u8] = b"SERVER_ERROR Invalid argument";

/// The fragments of one request, as their replies come in.
pub struct Merge {
    join: Join,
    /// twemproxy manners: a failed part fails the whole, in words that hide the server's.
    strict: bool,
    /// `noreply`: nobody wants to hear of it.
    mute: bool,
    /// Parts that have not answered.
    left: u16,
    /// The failed part of the lowest number and its line.
    error: Option<(u16, Box<[u8]>)>,
    /// Parts that failed here, no server having answered.
    failed_here: u16,
    /// The part that holds each key, in the order of the request.
    order: Box<[u16]>,
    /// The keys, as they stand in the request.
    keys: Box<[u8]>,
    /// Each server's name.
    names: Box<[Box<str>]>,
    /// Each part's reply; `None` when it failed.
    parts: Box<[Option<Vec<u8>>]>,
    held_bytes: usize,
}

impl Merge {
    /// A retrieval of `keys`, of which `order` names the parts.
    pub fn values(parts: u16, order: Box<[u16]>, keys: &[u8], strict: bool) -> Merge {
        let names = Box::default();
        let (join, keys, mute) = (Join::Values, keys.into(), false);
        Merge { order, keys, ..Merge::new(join, names, parts, strict, mute) }
    }

    /// A request to all servers, in the order of their names here.
    pub fn all(join: Join, names: Box<[Box<str>]>, strict: bool, mute: bool) -> Merge {
        let parts = names.len() as u16;
        Merge::new(join, names, parts, strict, mute)
    }

    fn new(join: Join, names: Box<[Box<str>]>, parts: u16, strict: bool, mute: bool) -> Merge {
        Merge {
            join,
            strict,
            mute,
            left: parts,
            error: None,
            failed_here: 0,
            order: Box::default(),
            keys: Box::default(),
            names,
            parts: vec![None; usize::from(parts)].into(),
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
        let errors = [&b"ERROR"[..], b"CLIENT_ERROR", b"SERVER_ERROR"];
        if errors.iter().any(|error| bytes.starts_with(error)) {
            let line = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
            self.fail(part, if self.strict { INVALID } else { line });
            return;
        }
        self.held_bytes += bytes.len();
        self.parts[usize::from(part)] = Some(bytes.to_vec());
    }

    /// The part failed here, for this reason.
    pub fn handle_failure(&mut self, part: u16, text: &str) {
        self.left -= 1;
        self.failed_here += 1;
        self.fail(part, text.as_bytes());
    }

    fn fail(&mut self, part: u16, line: &[u8]) {
        if self.error.as_ref().is_none_or(|(first, _)| part < *first) {
            self.error = Some((part, line.into()));
        }
    }

    /// Whether some part failed without a server's answer.
    pub fn failed_here(&self) -> bool {
        self.failed_here > 0
    }

    /// Whether the reply leaves out what a failed part may have had.
    pub fn is_partial(&self) -> bool {
        self.join != Join::Same && self.whole_error().is_none() && self.error.is_some()
    }

    /// The error that is the whole answer.
    fn whole_error(&self) -> Option<&[u8]> {
        let (_, line) = self.error.as_ref()?;
        let is_whole =
            self.strict || self.join == Join::Same || self.parts.iter().all(Option::is_none);
        is_whole.then_some(line)
    }

    /// Appends the reply; the merge is complete.
    pub fn finish(&self, out: &mut Vec<u8>) {
        debug_assert!(self.is_complete());
        if self.mute {
            return;
        }
        if let Some(line) = self.whole_error() {
            encode::line(out, line);
            return;
        }
        match self.join {
            Join::Values => self.weave(out),
            Join::Same => out.extend_from_slice(self.parts[0].as_deref().unwrap_or_default()),
            Join::Stats | Join::Settings => {
                let named = self.names.iter().map(|name| &**name);
                let replies = self.parts.iter().map(Option::as_deref);
                let servers: Vec<_> = named.zip(replies).collect();
                stats::join(out, &servers, self.join == Join::Stats);
            }
        }
    }

    fn weave(&self, out: &mut Vec<u8>) {
        out.reserve(16 + self.parts.iter().flatten().map(Vec::len).sum::<usize>());
        let mut rests: Vec<&[u8]> =
            self.parts.iter().map(|part| part.as_deref().unwrap_or_default()).collect();
        let mut items: Vec<Option<(&[u8], usize)>> =
            rests.iter().map(|rest| reply::item(rest)).collect();
        for (key, &part) in Words::new(&self.keys).zip(&self.order) {
            let part = usize::from(part);
            if let Some((found, len)) = items[part]
                && found == key
            {
                let (item, rest) = rests[part].split_at(len);
                out.extend_from_slice(item);
                rests[part] = rest;
                items[part] = reply::item(rest);
            }
        }
        out.extend_from_slice(b"END\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(merge: &Merge) -> String {
        let mut out = Vec::new();
        merge.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn names() -> Box<[Box<str>]> {
        Box::new(["one".into(), "two".into()])
    }

    #[test]
    fn items_return_in_the_order_of_the_request_once_a_mention() {
        let mut merge = Merge::values(2, Box::new([0, 1, 0, 1, 0]), b" a  b c d a ", false);
        merge.handle_reply(1, b"VALUE d 0 1\r\nD\r\nEND\r\n");
        assert!(!merge.is_complete());
        merge.handle_reply(0, b"VALUE a 0 1\r\nA\r\nVALUE a 0 1\r\nA\r\nEND\r\n");
        assert_eq!(
            merged(&merge),
            "VALUE a 0 1\r\nA\r\nVALUE d 0 1\r\nD\r\nVALUE a 0 1\r\nA\r\nEND\r\n"
        );
        assert!(!merge.is_partial());
    }

    #[test]
    fn a_failed_part_is_missed_or_fails_the_whole() {
        for (strict, text) in
            [(false, "VALUE a 0 1\r\nA\r\nEND\r\n"), (true, "SERVER_ERROR Connection refused\r\n")]
        {
            let mut merge = Merge::values(2, Box::new([0, 1]), b"a b", strict);
            merge.handle_reply(0, b"VALUE a 0 1\r\nA\r\nEND\r\n");
            merge.handle_failure(1, "SERVER_ERROR Connection refused");
            assert_eq!(merged(&merge), text);
            assert_eq!(merge.is_partial(), !strict);
            assert!(merge.failed_here());
        }
        let mut merge = Merge::values(2, Box::new([0, 1]), b"a b", false);
        merge.handle_failure(1, "SERVER_ERROR second");
        merge.handle_reply(0, b"CLIENT_ERROR invalid exptime argument\r\n");
        assert_eq!(merged(&merge), "CLIENT_ERROR invalid exptime argument\r\n");
        assert!(!merge.is_partial());
    }

    #[test]
    fn what_goes_to_all_is_done_when_all_have() {
        let mut merge = Merge::all(Join::Same, names(), false, false);
        merge.handle_reply(1, b"OK\r\n");
        merge.handle_reply(0, b"OK\r\n");
        assert_eq!(merged(&merge), "OK\r\n");
        let mut merge = Merge::all(Join::Same, names(), false, false);
        merge.handle_reply(0, b"OK\r\n");
        merge.handle_failure(1, "SERVER_ERROR gone");
        assert_eq!(merged(&merge), "SERVER_ERROR gone\r\n");
        let mut merge = Merge::all(Join::Same, names(), false, true);
        merge.handle_reply(0, b"");
        merge.handle_failure(1, "SERVER_ERROR gone");
        assert_eq!(merged(&merge), "");
    }
}
