//! Writes one row as `COMMAND INFO` and `COMMAND DOCS` do.
//!
//! Client libraries learn here where keys lie, and redis-cli makes its hints from it, so each byte is
//! as in Redis 7.0, except for the order of tips. We leave out the notes of some key specifications. In
//! DOCS we leave out what redis-cli does not read: complexity, history, deprecation, and for an argument
//! its first version and its key specification.

use super::syntax::{self, Argument};
use super::{Command, KeyUse, Keys};
use crate::protocol::resp::{Version, encode};

/// As in `COMMAND INFO`: ten fields. The last one holds the rows of the subcommands.
pub(super) fn info(out: &mut Vec<u8>, version: Version, row: &Command) {
    encode::array(out, 10);
    encode::bulk(out, row.name.as_bytes());
    encode::integer(out, i64::from(row.arity));
    statuses(out, version, row.flags.names());
    for number in triple(row.keys) {
        encode::integer(out, number);
    }
    statuses(out, version, row.categories().names());
    encode::set(out, version, row.tips.words().count());
    for tip in row.tips.words() {
        encode::bulk(out, tip.as_bytes());
    }
    let specs = specs(row);
    encode::set(out, version, specs.iter().flatten().count());
    for spec in specs.iter().flatten() {
        spec.write(out, version);
    }
    if row.subcommands.is_empty() {
        encode::set(out, version, 0);
    } else {
        encode::array(out, row.subcommands.len());
        for sub in row.subcommands {
            info(out, version, sub);
        }
    }
}

/// As in `COMMAND DOCS`: the name, and a map.
pub(super) fn docs(out: &mut Vec<u8>, version: Version, row: &Command) {
    // Never an error: a test parses the syntax of every row.
    let found = syntax::parse(row.syntax).unwrap_or_default();
    let more = usize::from(!found.is_empty()) + usize::from(!row.subcommands.is_empty());
    encode::bulk(out, row.name.as_bytes());
    encode::map(out, version, 3 + more);
    field(out, "summary", row.summary);
    field(out, "since", row.since.first());
    field(out, "group", row.group.name());
    if !found.is_empty() {
        arguments(out, version, &found);
    }
    if !row.subcommands.is_empty() {
        encode::bulk(out, b"subcommands");
        encode::map(out, version, row.subcommands.len());
        for sub in row.subcommands {
            docs(out, version, sub);
        }
    }
}

fn arguments(out: &mut Vec<u8>, version: Version, all: &[Argument<'_>]) {
    encode::bulk(out, b"arguments");
    encode::array(out, all.len());
    for argument in all {
        let flags = argument.flags();
        let has = [argument.token.is_some(), flags.clone().count() > 0, !argument.parts.is_empty()];
        encode::map(out, version, 2 + has.into_iter().filter(|has| *has).count());
        field(out, "name", &argument.name);
        field(out, "type", argument.kind);
        if let Some(token) = argument.token {
            field(out, "token", token);
        }
        if flags.clone().count() > 0 {
            encode::bulk(out, b"flags");
            statuses(out, version, flags);
        }
        if !argument.parts.is_empty() {
            arguments(out, version, &argument.parts);
        }
    }
}

/// A set of words, each a status line.
pub(super) fn statuses(
    out: &mut Vec<u8>,
    version: Version,
    words: impl Iterator<Item = &'static str> + Clone,
) {
    encode::set(out, version, words.clone().count());
    for word in words {
        encode::status(out, word);
    }
}

/// First key, last key, step: all that clients had before Redis 7. Other keys are left out, as in
/// Redis.
pub fn triple(keys: Keys) -> [i64; 3] {
    match keys {
        Keys::Range { first, last, step } => [first.into(), last.into(), step.into()],
        Keys::Sort | Keys::Georadius { .. } | Keys::Counted { dest: true, .. } => [1, 1, 1],
        Keys::None
        | Keys::Streams { .. }
        | Keys::Counted { dest: false, .. }
        | Keys::CountedPairs { .. } => [0, 0, 0],
    }
}

/// Where keys begin, and how to find the rest of them.
struct Spec {
    of: KeyUse,
    begin: Begin,
    find: Find,
}

enum Begin {
    /// At this argument.
    Index(i64),
    /// After this word. The search begins at this argument.
    Keyword(&'static str, i64),
    Unknown,
}

enum Find {
    /// To `last`, counted from the first key, or from the end if negative. If `limit` is not 0, only
    /// the first 1/`limit` of the arguments are keys.
    Range {
        last: i64,
        step: i64,
        limit: i64,
    },
    /// A number, then so many keys.
    Count {
        step: i64,
    },
    Unknown,
}

const ONE: Find = Find::Range { last: 0, step: 1, limit: 0 };

/// Redis stores these; we derive them from the positions of the keys. When the first key has another
/// use than the rest, it gets a specification of its own.
fn specs(row: &Command) -> [Option<Spec>; 3] {
    let [first_use, other_use] = row.uses;
    let spec = |of, begin, find| Some(Spec { of, begin, find });
    let head = |at| spec(first_use, Begin::Index(at), ONE);
    match row.keys {
        Keys::None => [None, None, None],
        Keys::Range { first, last, step } => {
            let (first, last, step) = (i64::from(first), i64::from(last), i64::from(step));
            let range = |from| {
                let last = if last < 0 { last } else { last - from };
                spec(other_use, Begin::Index(from), Find::Range { last, step, limit: 0 })
            };
            if first_use == other_use {
                [range(first), None, None]
            } else {
                [head(first), range(first + 1), None]
            }
        }
        Keys::Counted { count, dest } => {
            let counted = spec(other_use, Begin::Index(count.into()), Find::Count { step: 1 });
            if dest { [head(1), counted, None] } else { [counted, None, None] }
        }
        Keys::CountedPairs { count } => {
            [spec(first_use, Begin::Index(count.into()), Find::Count { step: 2 }), None, None]
        }
        Keys::Streams { grouped } => {
            let begin = Begin::Keyword("STREAMS", if grouped { 4 } else { 1 });
            [spec(first_use, begin, Find::Range { last: -1, step: 1, limit: 2 }), None, None]
        }
        Keys::Sort => [
            head(1),
            // BY and GET make keys from the elements of the first key.
            spec(KeyUse::READ, Begin::Unknown, Find::Unknown),
            spec(other_use, Begin::Unknown, Find::Unknown),
        ],
        Keys::Georadius { options } => {
            let behind = |word| spec(other_use, Begin::Keyword(word, options.into()), ONE);
            [head(1), behind("STORE"), behind("STOREDIST")]
        }
    }
}

impl Spec {
    fn write(&self, out: &mut Vec<u8>, version: Version) {
        encode::map(out, version, 3);
        encode::bulk(out, b"flags");
        statuses(out, version, self.of.names());

        encode::bulk(out, b"begin_search");
        match self.begin {
            Begin::Index(at) => {
                typed(out, version, "index", 1);
                number(out, "index", at);
            }
            Begin::Keyword(word, from) => {
                typed(out, version, "keyword", 2);
                encode::bulk(out, b"keyword");
                encode::bulk(out, word.as_bytes());
                number(out, "startfrom", from);
            }
            Begin::Unknown => typed(out, version, "unknown", 0),
        }

        encode::bulk(out, b"find_keys");
        match self.find {
            Find::Range { last, step, limit } => {
                typed(out, version, "range", 3);
                number(out, "lastkey", last);
                number(out, "keystep", step);
                number(out, "limit", limit);
            }
            Find::Count { step } => {
                typed(out, version, "keynum", 3);
                number(out, "keynumidx", 0);
                number(out, "firstkey", 1);
                number(out, "keystep", step);
            }
            Find::Unknown => typed(out, version, "unknown", 0),
        }
    }
}

/// The head of a search: its type, and the header of a map of `fields` fields.
fn typed(out: &mut Vec<u8>, version: Version, kind: &str, fields: usize) {
    encode::map(out, version, 2);
    encode::bulk(out, b"type");
    encode::bulk(out, kind.as_bytes());
    encode::bulk(out, b"spec");
    encode::map(out, version, fields);
}

fn field(out: &mut Vec<u8>, name: &str, text: &str) {
    encode::bulk(out, name.as_bytes());
    encode::bulk(out, text.as_bytes());
}

fn number(out: &mut Vec<u8>, field: &str, value: i64) {
    encode::bulk(out, field.as_bytes());
    encode::integer(out, value);
}
