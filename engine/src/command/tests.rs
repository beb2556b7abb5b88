//! Walks over the whole table.

use super::*;
use crate::base::chance::Chance;
use crate::protocol::resp::encode;
use crate::protocol::resp::request::{Parsed, Progress, Trust, parse};

/// Every row, subcommands behind their containers.
pub(super) fn rows() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().flat_map(|row| std::iter::once(row).chain(row.subcommands))
}

/// The bytes of a request whose arguments are the line's words.
pub(super) fn request(line: &str) -> Vec<u8> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut bytes = Vec::new();
    encode::array(&mut bytes, words.len());
    for word in words {
        encode::bulk(&mut bytes, word.as_bytes());
    }
    bytes
}

pub(super) fn with_args<T>(
    line: &str,
    run: impl FnOnce(&crate::protocol::resp::Args<'_>) -> T,
) -> T {
    let bytes = request(line);
    match parse(&bytes, &mut Progress::default(), Trust::Authenticated) {
        Ok(Parsed::Request(args)) => run(&args),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn rows_are_sorted_and_described() {
    let mut names = std::collections::BTreeSet::new();
    for row in rows() {
        assert!(names.insert(row.name), "{} twice", row.name);
        assert!(
            row.name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'_' | b'-' | b'|' | b'.')),
            "{}",
            row.name
        );
        assert!(row.summary.ends_with('.') && row.summary.len() < 80, "{}", row.name);
        let Since { redis, valkey, .. } = row.since;
        for since in [redis, valkey, row.since.first()] {
            assert!(since.is_empty() || since.split('.').count() == 3, "{}", row.name);
        }
        assert!(!row.since.first().is_empty(), "{}", row.name);
        assert_ne!(row.arity, 0, "{}", row.name);
        assert!(row.subcommands.is_sorted_by_key(|sub| sub.name), "{}", row.name);
        for sub in row.subcommands {
            assert!(sub.name.strip_prefix(row.name).is_some_and(|rest| rest.starts_with('|')));
            assert!(sub.subcommands.is_empty());
        }
    }
    let grouped = COMMANDS.chunk_by(|a, b| a.group == b.group).collect::<Vec<_>>();
    assert_eq!(grouped.len(), 23, "a file holds one group");
    assert!(grouped.iter().all(|rows| rows.is_sorted_by_key(|row| row.name)));
}

#[test]
fn verbs_keys_and_flags_go_together() {
    for row in rows() {
        let name = row.name;
        let keyless = row.keys == Keys::None;
        let container = !row.subcommands.is_empty();
        match row.verb {
            Verb::Forward | Verb::Wait => assert_eq!(keyless, container, "{name}"),
            Verb::Cut(by, _) if by.is_to_all() => assert!(keyless, "{name}"),
            Verb::Cut(by, _) => {
                let fits = match by {
                    CutBy::CountedPair => matches!(row.keys, Keys::CountedPairs { count: 1 }),
                    CutBy::KeyBeforeLast => {
                        matches!(row.keys, Keys::Range { first: 1, last: -2, step: 1 })
                    }
                    _ => matches!(row.keys, Keys::Range { first: 1, last: -1, .. }),
                };
                assert!(fits, "{name}");
            }
            Verb::Transact(act) => assert_eq!(keyless, act != Transact::Watch, "{name}"),
            Verb::Subscribe(_) | Verb::Unsubscribe(_) | Verb::Publish => {}
            Verb::Listeners => assert!(keyless, "{name}"),
            Verb::Local(_) | Verb::Placeholder | Verb::Scan | Verb::Acknowledge(_) => {
                assert!(keyless, "{name}");
            }
        }
        let both = Flags::READONLY.and(Flags::WRITE);
        assert!(!row.flags.has(both), "{name}");
        assert_eq!(keyless, row.uses == [KeyUse::NONE; 2], "{name}");
        // The shortcut may pass over neither a subcommand nor a refusal.
        if row.single_key {
            assert!(!container && row.refuses == Refuses::Nothing, "{name}");
            assert!(row.arity.unsigned_abs() >= 2, "{name}");
        }
    }
}

#[test]
fn indexes_are_dense() {
    let mut seen = vec![false; INDEX_COUNT];
    for row in rows() {
        assert!(!std::mem::replace(&mut seen[row.index()], true), "{}", row.name);
        assert!(std::ptr::eq(row, by_index(row.index()).unwrap()), "{}", row.name);
    }
    assert!(seen.iter().all(|seen| *seen));
    assert!(by_index(INDEX_COUNT).is_none());
}

#[test]
fn any_case_is_found() {
    let mut chance = Chance::new(7);
    for row in &COMMANDS {
        for _ in 0..20 {
            let bits = chance.draw();
            let name: Vec<u8> = row
                .name
                .bytes()
                .enumerate()
                .map(|(at, b)| if bits >> at & 1 == 1 { b.to_ascii_uppercase() } else { b })
                .collect();
            assert!(std::ptr::eq(lookup(&name).unwrap(), row), "{}", row.name);
        }
    }
}

#[test]
fn only_names_are_found() {
    let names: Vec<&str> = COMMANDS.iter().map(|row| row.name).collect();
    let expect = |name: &[u8]| {
        let known = names.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name));
        assert_eq!(lookup(name).is_some(), known, "{:?}", String::from_utf8_lossy(name));
    };
    for name in [&b""[..], b"g", b"get\0", b"\0get", b"getget", b"object|encoding", b"shutdown"] {
        expect(name);
    }
    // A name with one byte changed, lost or doubled: `_` and 0x7f differ in the bit of the case.
    for name in &names {
        for at in 0..name.len() {
            for byte in 0..=255 {
                let mut near = name.as_bytes().to_vec();
                near[at] = byte;
                expect(&near);
            }
            let mut near = name.as_bytes().to_vec();
            near.insert(at, near[at]);
            expect(&near);
            near.drain(at..at + 2);
            expect(&near);
        }
    }
    let mut chance = Chance::new(11);
    for _ in 0..20_000 {
        let len = chance.draw() as usize % 40;
        let name: Vec<u8> = (0..len).map(|_| chance.draw() as u8).collect();
        expect(&name);
    }
}
