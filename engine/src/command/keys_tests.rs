//! Checks the examples in `testdata/commands/`. Its README describes their form.

use super::super::tests::{rows, with_args};
use super::super::{Before, COMMANDS, CutBy, Join, Local, Verb, lookup};
use super::*;
use std::collections::{BTreeMap, BTreeSet};

const EXAMPLES: [&str; 23] = [
    include_str!("../../testdata/commands/arrays.txt"),
    include_str!("../../testdata/commands/bitmaps.txt"),
    include_str!("../../testdata/commands/cluster.txt"),
    include_str!("../../testdata/commands/connection.txt"),
    include_str!("../../testdata/commands/generic.txt"),
    include_str!("../../testdata/commands/geo.txt"),
    include_str!("../../testdata/commands/hashes.txt"),
    include_str!("../../testdata/commands/hyperloglog.txt"),
    include_str!("../../testdata/commands/json.txt"),
    include_str!("../../testdata/commands/lists.txt"),
    include_str!("../../testdata/commands/path_hashes.txt"),
    include_str!("../../testdata/commands/probabilistic.txt"),
    include_str!("../../testdata/commands/pubsub.txt"),
    include_str!("../../testdata/commands/scripting.txt"),
    include_str!("../../testdata/commands/server.txt"),
    include_str!("../../testdata/commands/sets.txt"),
    include_str!("../../testdata/commands/sorted_sets.txt"),
    include_str!("../../testdata/commands/streams.txt"),
    include_str!("../../testdata/commands/strings.txt"),
    include_str!("../../testdata/commands/suggestions.txt"),
    include_str!("../../testdata/commands/time_series.txt"),
    include_str!("../../testdata/commands/transactions.txt"),
    include_str!("../../testdata/commands/vector_sets.txt"),
];

/// Requests, and the keys or the error expected.
fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = EXAMPLES.iter().flat_map(|file| file.lines());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let (request, expected) = line.split_once(" ->").unwrap_or_else(|| panic!("{line}"));
        (request, expected.trim_end_matches(" # ours").trim())
    })
}

/// The row found, if any, and the keys, or the error without its line end.
fn outcome(request: &str) -> (Option<&'static Command>, Result<String, String>) {
    with_args(request, |args| {
        let row = lookup(args.name()).unwrap_or_else(|| panic!("{request}"));
        let resolved = resolve(row, args);
        let found = resolved.and_then(|row| keys(row, args)).map(|keys| {
            let promised = keys.len();
            let keys: Vec<_> = keys.map(String::from_utf8_lossy).collect();
            assert_eq!(keys.len(), promised, "{request}");
            keys.join(" ")
        });
        let found = found.map_err(|error| {
            let mut reply = Vec::new();
            error.encode(&mut reply);
            String::from_utf8(reply).unwrap().trim_end().to_owned()
        });
        (resolved.ok(), found)
    })
}

#[test]
fn examples_hold() {
    let mut shown = BTreeSet::new();
    for (request, expected) in examples() {
        let (row, found) = outcome(request);
        if found.is_ok() {
            shown.extend(row.map(|row| row.name));
        }
        assert_eq!(found.unwrap_or_else(|error| error), expected, "{request}");
    }
    // The row of a container has no keys and needs no example. COMMAND is a command too.
    for row in rows().filter(|row| row.subcommands.is_empty() || row.arity == -1) {
        assert!(shown.contains(row.name), "testdata/commands/ has no example of {}", row.name);
    }
}

/// For rows with `single_key` a caller may use argument 1 as the key.
#[test]
fn single_keys_are_argument_one() {
    for (request, expected) in examples().filter(|(_, expected)| !expected.starts_with('-')) {
        with_args(request, |args| {
            let row = lookup(args.name()).unwrap();
            if row.single_key {
                assert!(row.arity_ok(args.len()), "{request}");
                assert_eq!(args.get(1), Some(expected.as_bytes()), "{request}");
            }
        });
    }
}

#[test]
fn twemproxys_commands_are_here() {
    let json = include_str!("../../testdata/twemproxy/redis-commands.json");
    let old: BTreeMap<String, serde_json::Value> = serde_json::from_str(json).unwrap();
    assert_eq!(old.len(), 137);
    let mut known = BTreeSet::new();
    for (name, facts) in old {
        let kind = facts["kind"].as_str().unwrap();
        let row = lookup(name.as_bytes());
        if kind == "refused" {
            // MOVE, KEYS and so on: still refused under twemproxy manners.
            assert!(
                row.is_none_or(|row| row.is_modern() && row.before == Before::Closed),
                "{name}"
            );
            continue;
        }
        let row = row.unwrap_or_else(|| panic!("{name}"));
        let first = match row.keys {
            Keys::None => None,
            Keys::Range { first, .. } => Some(u64::from(first)),
            Keys::Counted { dest: true, .. } | Keys::Sort | Keys::Georadius { .. } => Some(1),
            Keys::Counted { count, dest: false } => Some(u64::from(count) + 1),
            Keys::Streams { .. } | Keys::CountedPairs { .. } => panic!("{name}"),
        };
        if matches!(row.name, "zdiff" | "zinter" | "zunion") {
            // twemproxy used the count of keys as the key.
            assert_eq!((first, facts["key_arg"].as_u64()), (Some(2), Some(1)), "{name}");
        } else {
            assert_eq!(first, facts["key_arg"].as_u64(), "{name}");
        }
        let before = match kind {
            "one_key" | "eval" | "keyless" => Before::Sent,
            "split_keys" | "split_pairs" => Before::Cut,
            "local" => Before::Answered,
            _ => Before::Closed,
        };
        assert_eq!(row.before, before, "{name}");
        known.insert(row.name);
        let verb_fits = match kind {
            "one_key" if row.name == "exists" => row.verb == Verb::Cut(CutBy::Key, Join::Sum),
            "one_key" | "eval" => row.verb == Verb::Forward,
            "split_keys" => matches!(row.verb, Verb::Cut(CutBy::Key, _)),
            "split_pairs" => row.verb == Verb::Cut(CutBy::Pair, Join::AllOk),
            "keyless" if row.name == "command" => row.verb == Verb::Local(Local::Command),
            "keyless" => row.verb == Verb::Placeholder,
            "local" | "close" => matches!(row.verb, Verb::Local(_)),
            _ => false,
        };
        assert!(verb_fits, "{name} is {kind} there and {:?} here", row.verb);
        // We accept the arguments that twemproxy accepted. Where it had no maximum, nor have we.
        match facts["max_args"].as_u64() {
            Some(most) => assert!(row.arity_ok(most as usize + 1), "{name}"),
            None => assert!(row.arity < 0, "{name}"),
        }
    }
    for row in rows().filter(|row| !known.contains(row.name)) {
        assert_eq!(row.before, Before::Closed, "{}", row.name);
    }
}

/// With any arguments there is a result, and every key is one of the arguments.
#[test]
fn any_arguments_have_an_outcome() {
    let words = [
        "a",
        "b",
        "0",
        "1",
        "2",
        "-1",
        "9",
        "99999999999999999999",
        "x",
        "STORE",
        "STOREDIST",
        "STREAMS",
        "GROUP",
        "COUNT",
        "BLOCK",
        "LIMIT",
        "BY",
        "GET",
        "DB",
        "HELP",
        "USAGE",
        "CREATE",
        "ENCODING",
    ];
    let mut chance = crate::base::chance::Chance::new(3);
    for row in &COMMANDS {
        for _ in 0..300 {
            let mut request = row.name.to_owned();
            for _ in 0..chance.below(12) {
                request.push(' ');
                request.push_str(words[chance.below(words.len() as u32) as usize]);
            }
            if let (Some(row), Ok(found)) = outcome(&request) {
                let may_be_none = row.keys == Keys::None
                    || row.flags.has(Flags::NO_MANDATORY_KEYS)
                    || row.arity == -1;
                assert!(!found.is_empty() || may_be_none, "{request}");
                assert!(found.is_empty() || row.keys != Keys::None, "{request}");
                let known = |key| request.split(' ').any(|arg| arg == key);
                assert!(found.split_terminator(' ').all(known), "{request}");
            }
        }
    }
}

#[test]
fn an_unknown_subcommand_is_quoted() {
    let long = "x".repeat(200);
    assert_eq!(
        outcome(&format!("object {long}")).1,
        Err(format!("-ERR unknown subcommand '{}'. Try OBJECT HELP.", &long[..128]))
    );
}
