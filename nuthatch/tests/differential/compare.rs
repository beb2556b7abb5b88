//! Are two replies the same answer? The rules are in `differences.rs`; here is what they mean.

use crate::differences::{Place, RULES, Rule};
use crate::table::row_name;
use nuthatch_testbed::{Value, parse};

/// Two replies to one request.
#[derive(Clone)]
pub struct Replies {
    pub ours: Vec<u8>,
    pub theirs: Vec<u8>,
}

/// `before`: the replies to the request before this one.
pub fn same(args: &[Vec<u8>], replies: &Replies, before: Option<&Replies>) -> bool {
    if replies.ours == replies.theirs {
        return true;
    }
    let name = row_name(args);
    let Some((_, rule, _)) = RULES.iter().find(|(row, ..)| Some(*row) == name) else {
        return false;
    };
    if let Rule::NoCount(answers) = rule {
        return answers.iter().any(|answer| replies.ours == answer.as_bytes());
    }
    if matches!(rule, Rule::Page) && replies.ours == b"-ERR invalid cursor\r\n" {
        return true;
    }
    let (ours, theirs) = (value(&replies.ours), value(&replies.theirs));
    if ours.is_error() || theirs.is_error() {
        return false;
    }
    match *rule {
        Rule::NoCount(_) => false,
        Rule::AnyOrder => elements(&ours, false) == elements(&theirs, false),
        Rule::AnyOrderOfPairs => elements(&ours, true) == elements(&theirs, true),
        Rule::Scan => {
            let from_start = args.get(2).is_some_and(|cursor| cursor == b"0");
            scan(&ours, &theirs, !args[0].eq_ignore_ascii_case(b"SSCAN"), from_start)
        }
        Rule::Picked => before.is_some_and(|before| {
            shape(&ours) == shape(&theirs)
                && is_from(&ours, &value(&before.ours))
                && is_from(&theirs, &value(&before.theirs))
        }),
        Rule::Near { by, at } => {
            near(&ours, &theirs, Spot { whole: true, nth: 0, field: None }, by, at)
        }
        Rule::ClockId => match (clock(&ours), clock(&theirs)) {
            (Some(ours), Some(theirs)) => {
                args.iter().any(|arg| arg == b"*") && ours.abs_diff(theirs) < 10_000
            }
            _ => false,
        },
        Rule::Dump => match (ours, theirs) {
            // RDB's types: 2 a set, 4 a hash, both as hash tables; 22 a hash whose fields expire; 19 a stream.
            (Value::Bulk(ours), Value::Bulk(theirs)) => {
                ours.len() == theirs.len()
                    && ours[0] == theirs[0]
                    && matches!(ours[0], 2 | 4 | 15 | 19 | 21 | 22)
            }
            _ => false,
        },
        Rule::Kind | Rule::Page => std::mem::discriminant(&ours) == std::mem::discriminant(&theirs),
        Rule::LastLine => {
            let last =
                |value: &Value| value.text().and_then(|t| Some(t.lines().last()?.to_owned()));
            last(&ours).is_some() && last(&ours) == last(&theirs)
        }
    }
}

pub fn value(bytes: &[u8]) -> Value {
    parse(bytes).map_or_else(|e| panic!("not one reply: {e:?}"), |(value, _)| value)
}

/// What a list, set or map holds, sorted; `None` for anything else.
pub fn elements(value: &Value, pairs: bool) -> Option<Vec<String>> {
    let mut all: Vec<String> = match value {
        Value::Map(fields) => fields.iter().map(|(k, v)| format!("{k:?} {v:?}")).collect(),
        value => {
            let items = value.items()?;
            let size = if pairs { 2 } else { 1 };
            items.chunks(size).map(|chunk| format!("{chunk:?}")).collect()
        }
    };
    all.sort();
    Some(all)
}

fn scan(ours: &Value, theirs: &Value, pairs: bool, from_start: bool) -> bool {
    let (Some([ours_at, ours]), Some([theirs_at, theirs])) = (ours.items(), theirs.items()) else {
        return false;
    };
    let done = |cursor: &Value| cursor.as_bytes() == Some(b"0");
    if from_start && done(ours_at) && done(theirs_at) {
        return elements(ours, pairs) == elements(theirs, pairs);
    }
    // On the way: what comes next depends on the order.
    ours.items().is_some() && theirs.items().is_some()
}

/// The kinds of value and the lengths of lists, without what they hold.
pub fn shape(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("*{:?}", items.iter().map(shape).collect::<Vec<_>>()),
        Value::Set(items) => format!("~{:?}", items.iter().map(shape).collect::<Vec<_>>()),
        Value::Map(pairs) => format!("%{}", pairs.len()),
        Value::Bulk(_) => "$".to_owned(),
        Value::Simple(_) => "+".to_owned(),
        Value::Error(_) => "-".to_owned(),
        Value::Integer(_) => ":".to_owned(),
        Value::Double(_) => ",".to_owned(),
        Value::Verbatim(..) => "=".to_owned(),
        other => format!("{other:?}"),
    }
}

fn is_from(picked: &Value, from: &Value) -> bool {
    let (mut few, mut all) = (Vec::new(), Vec::new());
    leaves(picked, &mut few);
    leaves(from, &mut all);
    few.iter().all(|leaf| all.contains(leaf))
}

fn leaves(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Map(pairs) => pairs.iter().for_each(|(field, value)| {
            leaves(field, out);
            leaves(value, out);
        }),
        value => match value.items() {
            Some(items) => items.iter().for_each(|item| leaves(item, out)),
            None => out.push(format!("{value:?}")),
        },
    }
}

/// Where we are in a reply.
#[derive(Clone, Copy)]
struct Spot<'a> {
    whole: bool,
    nth: usize,
    /// What stands before it in a list, or its name in a map.
    field: Option<&'a [u8]>,
}

fn near(ours: &Value, theirs: &Value, spot: Spot<'_>, by: i64, at: &[Place]) -> bool {
    let is_here = at.iter().any(|place| match place {
        Place::Whole => spot.whole,
        Place::Field(name) => spot.field == Some(name.as_bytes()),
        Place::Nth(n) => !spot.whole && spot.nth == *n,
    });
    match (ours, theirs) {
        // Below zero are answers of another kind: no key, no end.
        (Value::Integer(a), Value::Integer(b)) if is_here && *a >= 0 && *b >= 0 => {
            (a - b).abs() <= by
        }
        (Value::Map(ours), Value::Map(theirs)) if ours.len() == theirs.len() => {
            ours.iter().zip(theirs).all(|((name, a), (other, b))| {
                let spot = Spot { whole: false, nth: usize::MAX, field: name.as_bytes() };
                name == other && near(a, b, spot, by, at)
            })
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            ours.iter().zip(theirs).enumerate().all(|(nth, (a, b))| {
                let field = nth.checked_sub(1).and_then(|before| ours[before].as_bytes());
                near(a, b, Spot { whole: false, nth, field }, by, at)
            })
        }
        (ours, theirs) => ours == theirs,
    }
}

/// The milliseconds in an id.
fn clock(id: &Value) -> Option<u64> {
    let text = id.text()?;
    let (ms, sequence) = text.split_once('-')?;
    sequence.parse::<u64>().ok()?;
    ms.parse().ok()
}
