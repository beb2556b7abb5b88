//! What the old proxy sent, cut, answered and closed on: the column `before` of the command
//! table, asked of a live nutcracker.
//!
//! ```text
//!   testdata/commands/*.txt ─▶ a request a row, ─┬▶ nutcracker ─▶ a reply or a close? which servers
//!                              keys of two       │                were called? = the column
//!                              servers           └▶ nuthatch, twemproxy manners ─▶ unchecked where
//!                                                   the column says `Sent`, else CROSSSLOT
//! ```
//!
//! Which servers were called is what they say themselves, in `INFO commandstats`.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

use nuthatch_engine::command::{Before, COMMANDS, Command, Keys, Verb, keys, lookup};
use nuthatch_testbed::{Nutcracker, Nuthatch, Proxy, RedisServer, free_port, pool_yaml};
use std::collections::{BTreeMap, BTreeSet};

const CROSSSLOT: &[u8] = b"-CROSSSLOT ";

#[test]
fn nutcracker_does_what_the_column_says() {
    let Some(stage) = Stage::start() else { return };
    let mut wrong = Vec::new();
    let mut seen = BTreeMap::new();
    for (row, request) in stage.requests() {
        let (reply, called) = stage.ask(&stage.old, row, &request);
        let did = match (reply, called.as_slice()) {
            (None, []) => Before::Closed,
            (Some(_), []) => Before::Answered,
            (Some(_), [_]) => Before::Sent,
            (Some(_), [_, _]) => Before::Cut,
            (None, _) => panic!("{request}: closed, and yet {called:?} were called"),
            (Some(_), _) => panic!("{request}: {called:?}"),
        };
        *seen.entry(format!("{did:?}")).or_insert(0) += 1;
        if did != row.before {
            wrong.push(format!("{request}: {did:?}, not {:?} as the row has it", row.before));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(seen.len(), 4, "each of the four was seen: {seen:?}");
    let rows = COMMANDS.iter().map(|row| 1 + row.subcommands.len()).sum::<usize>() - 1;
    assert_eq!(seen.values().sum::<usize>(), rows);
}

#[test]
fn only_what_was_sent_goes_unchecked() {
    let Some(stage) = Stage::start() else { return };
    let mut told = BTreeSet::new();
    for (row, request) in stage.requests() {
        if row.verb != Verb::Forward || !has_several_keys(row) {
            continue;
        }
        let (reply, called) = stage.ask(&stage.ours, row, &request);
        let reply = reply.unwrap_or_else(|| panic!("{request}: closed"));
        let refused = reply.starts_with(CROSSSLOT);
        assert_eq!(!refused, row.before == Before::Sent, "{request}: {}", reply.escape_ascii());
        // Keys are named in turns of the first server and the second.
        assert_eq!(called, if refused { vec![] } else { vec![0] }, "{request}");
        told.insert((refused, row.name));
    }
    for name in ["rename", "renamenx", "msetnx", "bitop", "lmpop", "lcs", "xreadgroup", "fcall"] {
        assert!(told.contains(&(true, name)), "{name} was not asked");
    }
    for name in ["sunion", "pfmerge", "sort", "georadius", "zunionstore", "zdiff", "eval"] {
        assert!(told.contains(&(false, name)), "{name} was not asked");
    }
}

fn has_several_keys(row: &Command) -> bool {
    match row.keys {
        Keys::None => false,
        Keys::Range { first, last, .. } => i16::from(first) != i16::from(last),
        Keys::Counted { .. }
        | Keys::CountedPairs { .. }
        | Keys::Streams { .. }
        | Keys::Sort
        | Keys::Georadius { .. } => true,
    }
}

/// Two servers, and before them the old proxy and ours.
struct Stage {
    servers: [RedisServer; 2],
    old: Proxy,
    ours: Proxy,
    /// Names of keys that the old proxy puts on the first server, the second, the first, ...
    keys: Vec<String>,
}

impl Stage {
    /// `None` without the old proxy.
    fn start() -> Option<Stage> {
        if nuthatch_testbed::find_program("nutcracker").is_none() {
            eprintln!("nutcracker is not installed: nothing to compare with");
            return None;
        }
        let servers = [(); 2].map(|()| RedisServer::start().unwrap());
        let entries = [servers[0].entry(1, "one"), servers[1].entry(1, "two")];
        let yaml = |keys: &[(&str, &str)]| {
            pool_yaml("pool", free_port(), &[&[("redis", "true")], keys].concat(), &entries)
        };
        let old = Nutcracker::start(&yaml(&[])).unwrap();
        let ours = Nuthatch::start(&yaml(&[("manners", "twemproxy")]), &[]).unwrap();
        let mut stage = Stage { servers, old, ours, keys: Vec::new() };
        for n in 0.. {
            if stage.keys.len() == 8 {
                break;
            }
            let key = format!("some-key-{n}");
            assert!(stage.old.client().unwrap().command(&["SET", &key, "v"]).unwrap().is_ok());
            let mut wanted = stage.servers[stage.keys.len() % 2].client().unwrap();
            if wanted.command(&["EXISTS", &key]).unwrap().as_int() == Some(1) {
                stage.keys.push(key);
            }
        }
        Some(stage)
    }

    /// A request of every row, in the words of that example which has the most keys; they are
    /// `keys`, in order.
    fn requests(&self) -> Vec<(&'static Command, String)> {
        let rows = COMMANDS.iter().flat_map(|row| std::iter::once(row).chain(row.subcommands));
        let examples = examples();
        let request = |row: &'static Command| {
            let of_row = examples.iter().filter(|example| example.is_of(row));
            // Of several the last would be taken; we want the first.
            let best = of_row.rev().max_by_key(|example| example.keys.len());
            let Some(best) = best else {
                assert!(!row.subcommands.is_empty(), "no example of {}", row.name);
                return (row, row.name.to_owned());
            };
            let several = best.keys.len() >= 2;
            assert!(several || !has_several_keys(row), "{}: not several keys", row.name);
            (row, best.request_with(&self.keys))
        };
        // How often a server was called is counted from its CONFIG RESETSTAT on.
        rows.filter(|row| row.name != "config|resetstat").map(request).collect()
    }

    /// The reply, if any came before a close, and the servers that were called.
    fn ask(&self, proxy: &Proxy, row: &Command, request: &str) -> (Option<Vec<u8>>, Vec<usize>) {
        for server in &self.servers {
            assert!(server.client().unwrap().command(&["CONFIG", "RESETSTAT"]).unwrap().is_ok());
        }
        let mut client = proxy.client().unwrap();
        client.send(&request.split(' ').collect::<Vec<_>>()).unwrap();
        let reply = match client.recv_raw() {
            Ok(reply) => Some(reply),
            Err(e) if nuthatch_testbed::is_timeout(&e) => panic!("no answer to {request}"),
            Err(_) => None,
        };
        // What was called as COMMAND INFO names it, refused calls included.
        let line = format!("cmdstat_{}:calls=", row.name);
        let was_called = |at: &usize| {
            let mut server = self.servers[*at].client().unwrap();
            let info = server.command(&["INFO", "commandstats"]).unwrap();
            info.text().unwrap().contains(&line)
        };
        (reply, (0..self.servers.len()).filter(was_called).collect())
    }
}

/// A well-formed request.
struct Example {
    words: Vec<String>,
    keys: Vec<String>,
}

impl Example {
    /// `None` for one that is refused, or has a key that is called like another of its words.
    fn read(line: &str) -> Option<Example> {
        let (request, outcome) = line.split_once(" ->")?;
        let outcome = outcome.trim().trim_end_matches("# ours");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let example = Example { words: words(request), keys: words(outcome) };
        let named = example.words.iter().filter(|word| example.keys.contains(word)).count();
        (!outcome.starts_with('-') && named == example.keys.len()).then_some(example)
    }

    /// Is it a request of the row, and of no subcommand that has a row of its own?
    fn is_of(&self, row: &Command) -> bool {
        let named = lookup(self.words[0].as_bytes()).unwrap();
        let sub = self.words.get(1).and_then(|word| keys::subcommand(named, word.as_bytes()));
        sub.unwrap_or(named).name == row.name
    }

    fn request_with(&self, keys: &[String]) -> String {
        let mut keys = keys.iter();
        let word = |word| if self.keys.contains(word) { keys.next().unwrap() } else { word };
        self.words.iter().map(word).map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

fn examples() -> Vec<Example> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/testdata/commands");
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "txt") {
            let text = std::fs::read_to_string(path).unwrap();
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            found.extend(lines.filter_map(Example::read));
        }
    }
    found
}
