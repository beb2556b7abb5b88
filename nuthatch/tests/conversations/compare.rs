//! Are two replies the same answer? The rules are in `differences.rs`; here is what they mean.
//!
//! An element of EXEC's reply is compared by the rule of the command that was queued. `Queued` follows what a
//! client has queued, by the answers of the lone server.

use crate::conversation::Request;
use crate::differences::{RULES, Rule};
use nuthatch_testbed::{Value, parse};

/// What one client has queued.
#[derive(Default)]
pub struct Queued {
    names: Vec<Vec<u8>>,
    /// How many EXECs were answered with an array.
    pub execs: usize,
}

impl Queued {
    /// Compares the answers to a request, and notes what it changes.
    pub fn same(&mut self, request: &Request, theirs: &[u8], ours: &[&[u8]]) -> bool {
        let name = name(request);
        let theirs_value = value(theirs);
        let elements = if name == b"EXEC" { theirs_value.items() } else { None };
        let is_same = ours.iter().all(|ours| {
            if *ours == theirs {
                return true;
            }
            let ours = value(ours);
            match (elements, ours.items()) {
                (Some(theirs), Some(ours)) => self.same_elements(ours, theirs),
                _ => same(&name, &ours, &theirs_value),
            }
        });
        self.note(name, theirs);
        is_same
    }

    /// Compares all that is said up to the close. EXEC may be in it, so what is queued counts.
    pub fn same_to_end(&self, ours: &[u8], theirs: &[u8]) -> bool {
        let (mut ours, mut theirs) = (ours, theirs);
        while let (Ok((a, a_len)), Ok((b, b_len))) = (parse(ours), parse(theirs)) {
            let is_same = a == b
                || matches!((a.items(), b.items()), (Some(a), Some(b)) if self.same_elements(a, b));
            if !is_same {
                return false;
            }
            (ours, theirs) = (&ours[a_len..], &theirs[b_len..]);
        }
        ours == theirs
    }

    fn same_elements(&self, ours: &[Value], theirs: &[Value]) -> bool {
        ours.len() == theirs.len()
            && ours.len() == self.names.len()
            && self.names.iter().zip(ours.iter().zip(theirs)).all(|(name, (a, b))| same(name, a, b))
    }

    fn note(&mut self, name: Vec<u8>, theirs: &[u8]) {
        if theirs == b"+QUEUED\r\n" {
            self.names.push(name);
        } else if matches!(&name[..], b"EXEC" | b"DISCARD" | b"RESET" | b"MULTI") {
            self.execs += usize::from(name == b"EXEC" && theirs.starts_with(b"*"));
            if !(name == b"MULTI" && theirs.starts_with(b"-")) {
                self.names.clear();
            }
        }
    }
}

/// With that of the subcommand of CLIENT and PUBSUB.
fn name(request: &Request) -> Vec<u8> {
    let first = request.words[0].to_ascii_uppercase();
    match request.words.get(1) {
        Some(second) if first == b"CLIENT" || first == b"PUBSUB" => {
            [&first[..], b" ", &second.to_ascii_uppercase()].concat()
        }
        _ => first,
    }
}

fn value(bytes: &[u8]) -> Value {
    parse(bytes).map_or_else(|e| panic!("not one reply: {e:?}"), |(value, _)| value)
}

fn same(name: &[u8], ours: &Value, theirs: &Value) -> bool {
    if ours == theirs {
        return true;
    }
    let Some((_, rule, _)) = RULES.iter().find(|(row, ..)| row.as_bytes() == name) else {
        return false;
    };
    if ours.is_error() || theirs.is_error() {
        return false;
    }
    let is_map = |value: &Value| matches!(value, Value::Map(_));
    if is_map(ours) != is_map(theirs) {
        return false;
    }
    match *rule {
        Rule::Shape => shape(ours) == shape(theirs),
        Rule::AnyOrder => sorted(ours) == sorted(theirs),
        Rule::Page => match (ours.items(), theirs.items()) {
            (Some([a, ours]), Some([b, theirs])) => a == b && sorted(ours) == sorted(theirs),
            _ => false,
        },
        Rule::AnyOrderOfPairs => {
            let (mut ours, mut theirs) = (fields(ours), fields(theirs));
            ours.sort();
            theirs.sort();
            ours == theirs
        }
        Rule::Near(by) => match (ours.as_int(), theirs.as_int()) {
            // Below zero are answers of another kind: no key, no end.
            (Some(a), Some(b)) => a >= 0 && b >= 0 && (a - b).abs() <= by,
            _ => false,
        },
        Rule::Fields => {
            let but_these = ["version", "id"];
            let blank = |all: Vec<Pair>| {
                let blank = |(name, value): Pair| {
                    let is_ours =
                        but_these.iter().any(|it| name == format!("{:?}", Value::bulk(it)));
                    if is_ours { (name, String::new()) } else { (name, value) }
                };
                all.into_iter().map(blank).collect::<Vec<_>>()
            };
            blank(fields(ours)) == blank(fields(theirs))
        }
    }
}

/// The kinds of value and the lengths of lists, without what they hold.
fn shape(value: &Value) -> String {
    match (value, value.items()) {
        (_, Some(items)) => format!("{:?}", items.iter().map(shape).collect::<Vec<_>>()),
        (Value::Bulk(_), _) => "$".to_owned(),
        (Value::Simple(_), _) => "+".to_owned(),
        (Value::Integer(_), _) => ":".to_owned(),
        (other, _) => format!("{other:?}"),
    }
}

fn sorted(value: &Value) -> Option<(bool, Vec<String>)> {
    let mut all: Vec<String> = value.items()?.iter().map(|item| format!("{item:?}")).collect();
    all.sort();
    Some((matches!(value, Value::Set(_)), all))
}

type Pair = (String, String);

/// Names and values of a map, or of a list that has them in turn.
fn fields(value: &Value) -> Vec<Pair> {
    let pair = |name: &Value, value: &Value| (format!("{name:?}"), format!("{value:?}"));
    match value {
        Value::Map(pairs) => pairs.iter().map(|(name, value)| pair(name, value)).collect(),
        other => {
            let items = other.items().unwrap_or_default();
            items.chunks_exact(2).map(|it| pair(&it[0], &it[1])).collect()
        }
    }
}
