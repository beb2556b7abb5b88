//! Frames of publish and subscribe: messages between the replies, and confirmations, of which one request may have
//! several.

use crate::conversation::Request;
use nuthatch_testbed::{Value, parse};
use std::collections::BTreeSet;

/// The first words of messages.
const MESSAGES: [&[u8]; 3] = [b"message", b"pmessage", b"smessage"];
/// Those of confirmations: of the beginning and of the end, by subject.
const CONFIRMATIONS: [[&[u8]; 2]; 3] = [
    [b"subscribe", b"unsubscribe"],
    [b"psubscribe", b"punsubscribe"],
    [b"ssubscribe", b"sunsubscribe"],
];

/// What one client listens to, by subject, as the lone server has confirmed it.
#[derive(Default)]
pub struct Listening([BTreeSet<Vec<u8>>; 3]);

impl Listening {
    /// How many frames this request is answered with, if its first one is a confirmation.
    pub fn confirmations(&self, request: &Request) -> usize {
        let name = request.name().to_ascii_lowercase();
        let subject = CONFIRMATIONS.iter().position(|[_, ends]| *ends == name.as_bytes());
        match subject {
            Some(subject) if request.words.len() == 1 => self.0[subject].len().max(1),
            _ => (request.words.len() - 1).max(1),
        }
    }

    /// Follows a reply of the lone server.
    pub fn follow(&mut self, reply: &[u8]) {
        if reply == b"+RESET\r\n" {
            self.0 = Default::default();
        }
        for (frame, _) in frames(reply) {
            let Some((subject, begins)) = confirmation(&frame) else {
                return;
            };
            let Some(name) = frame.items().and_then(|items| items[1].as_bytes()) else {
                return;
            };
            if begins {
                self.0[subject].insert(name.to_vec());
            } else {
                self.0[subject].remove(name);
            }
        }
    }
}

/// Whether this frame is a message.
pub fn is_message(frame: &[u8]) -> bool {
    matches!(frame.first(), Some(b'*' | b'>'))
        && parse(frame).is_ok_and(|(value, _)| {
            let kind = value.items().and_then(|items| items.first()?.as_bytes());
            kind.is_some_and(|kind| MESSAGES.contains(&kind))
        })
}

pub fn is_confirmation(frame: &[u8]) -> bool {
    parse(frame).is_ok_and(|(value, _)| confirmation(&value).is_some())
}

fn confirmation(frame: &Value) -> Option<(usize, bool)> {
    let kind = frame.items()?.first()?.as_bytes()?;
    let at = |end: usize| CONFIRMATIONS.iter().position(|words| words[end] == kind);
    at(0).map(|subject| (subject, true)).or(at(1).map(|subject| (subject, false)))
}

/// All whole frames in these bytes.
fn frames(mut bytes: &[u8]) -> Vec<(Value, &[u8])> {
    let mut frames = Vec::new();
    while let Ok((value, len)) = parse(bytes) {
        let (frame, rest) = bytes.split_at(len);
        frames.push((value, frame));
        bytes = rest;
    }
    frames
}

/// All that was said, without messages.
pub fn without(bytes: &[u8]) -> Vec<u8> {
    let frames = frames(bytes);
    let whole: usize = frames.iter().map(|(_, frame)| frame.len()).sum();
    let mut out: Vec<u8> = Vec::new();
    frames.iter().filter(|(_, frame)| !is_message(frame)).for_each(|(_, frame)| out.extend(*frame));
    out.extend(&bytes[whole..]);
    out
}

/// Whether these are the same confirmations. Names that the request does not say come in any order; the numbers count
/// down in both.
pub fn same_confirmations(request: &Request, ours: &[u8], theirs: &[u8]) -> bool {
    if ours == theirs {
        return true;
    }
    if request.words.len() > 1 {
        return false;
    }
    // The name, and the frame without it.
    let split = |bytes: &[u8]| -> (Vec<String>, Vec<String>) {
        let split = |(value, frame): (Value, &[u8])| {
            let items = value.items().unwrap_or_default();
            let rest = (frame[0], items.first(), items.get(2), items.len());
            (format!("{:?}", items.get(1)), format!("{rest:?}"))
        };
        frames(bytes).into_iter().map(split).unzip()
    };
    let ((mut our_names, our_rest), (mut their_names, their_rest)) = (split(ours), split(theirs));
    our_names.sort();
    their_names.sort();
    our_names == their_names && our_rest == their_rest
}

/// Messages in an order that two sides have in common. Patterns that match the same message are told in any order.
/// `is_spread`: so are messages of several channels, as they come from several servers.
pub fn in_order(messages: &[Vec<u8>], is_spread: bool) -> Vec<&[u8]> {
    // Channel, message, is it to a pattern?
    let about = |frame: &[u8]| {
        let (value, _) = parse(frame).unwrap();
        let items = value.items().unwrap();
        let last = |back: usize| items[items.len() - back].as_bytes().unwrap().to_vec();
        (last(2), last(1), items.len() == 4)
    };
    let mut all: Vec<_> = messages.iter().map(|frame| (about(frame), &frame[..])).collect();
    if is_spread {
        all.sort_by(|((a, ..), _), ((b, ..), _)| a.cmp(b));
    }
    for run in all.chunk_by_mut(|(a, _), (b, _)| a == b && a.2) {
        run.sort();
    }
    all.into_iter().map(|(_, frame)| frame).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(words: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        nuthatch_testbed::encode(words, &mut out);
        out
    }

    #[test]
    fn only_patterns_of_one_message_change_places() {
        let [a, b] = [["message", "c", "1"], ["message", "d", "2"]].map(|it| message(&it));
        let [p, q] =
            [["pmessage", "p", "c", "1"], ["pmessage", "q", "c", "1"]].map(|it| message(&it));
        let is_same = |ours: &[&Vec<u8>], theirs: &[&Vec<u8>], is_spread| {
            let [ours, theirs] =
                [ours, theirs].map(|it| it.iter().copied().cloned().collect::<Vec<_>>());
            in_order(&ours, is_spread) == in_order(&theirs, is_spread)
        };
        assert!(is_same(&[&a, &p, &q], &[&a, &q, &p], false));
        assert!(!is_same(&[&a, &p], &[&p, &a], false));
        assert!(!is_same(&[&a, &p], &[&a, &p, &p], false));
        assert!(!is_same(&[&a, &b], &[&b, &a], false));
        assert!(is_same(&[&a, &b], &[&b, &a], true));
    }

    #[test]
    fn a_message_is_no_reply() {
        let push = b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n";
        let confirmed = b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
        assert!(is_message(push) && !is_message(confirmed) && is_confirmation(confirmed));
        let said = [&b"+OK\r\n"[..], push, b"$3\r\nge"].concat();
        assert_eq!(without(&said), b"+OK\r\n$3\r\nge");
    }
}
