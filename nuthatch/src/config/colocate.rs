//! The list under `colocate`: which keys belong together, by their prefixes.
//!
//! ```text
//!   colocate:
//!     - "bull:"                    an entry of one prefix
//!     - "celery _kombu unacked"    an entry of three: all are hashed as `celery`
//! ```
//!
//! Quotes matter: `- bull:` is a mapping in YAML. Each prefix is given once in a pool, since a key
//! cannot belong to two entries. The rule itself is in the engine, `routing/colocate.rs`.

use super::build::Value;
use super::node::{Node, Scalar};
use super::place::Place;
use super::problem::{Fault, Severity};
use super::quote::quoted;
use super::schema::{self, Id};
use super::wording::{comment_fault, comment_in, example};
use nuthatch_engine::base::limits::{COLOCATE_PREFIX_BYTES_MAX, COLOCATE_PREFIXES_MAX};
use nuthatch_engine::routing::Colocate;
use nuthatch_engine::topology::kinds::fixed;
use nuthatch_engine::topology::{PoolSpec, ShardState};
use std::collections::HashMap;
use std::sync::Arc;

/// Entries whose server is named.
const NAMED_MAX: usize = 6;

/// Where a fault stands: at a place, or at some characters of a scalar.
pub enum Spot<'n> {
    At(Place),
    In(&'n Scalar),
}

/// What was read, and the faults met. `None`: one of them is an error.
pub struct Read<'n> {
    pub value: Option<Value>,
    pub faults: Vec<(Spot<'n>, Fault)>,
}

/// The items below `key`.
pub fn read<'n>(key: &Scalar, items: &'n [Node]) -> Read<'n> {
    let mut faults = Vec::new();
    let value = entries(key, items, &mut faults).map(|entries| {
        let entries: Vec<Vec<&[u8]>> =
            entries.iter().map(|entry| split(entry).map(str::as_bytes).collect()).collect();
        Value::Colocate(Arc::new(Colocate::new(&entries)))
    });
    Read { value, faults }
}

type Faults<'n> = Vec<(Spot<'n>, Fault)>;

/// `None` when a fault is an error.
fn entries<'n>(
    key: &Scalar,
    items: &'n [Node],
    faults: &mut Faults<'n>,
) -> Option<Vec<&'n Scalar>> {
    if items.is_empty() {
        let fault = Fault::new("`colocate` has no entry");
        faults.push((Spot::At(key.place), fault.expected(example(schema::row(Id::Colocate)))));
        return None;
    }
    let entries: Vec<&Scalar> = items.iter().filter_map(|item| entry(item, faults)).collect();
    let prefixes =
        || entries.iter().flat_map(|&entry| split(entry).map(move |prefix| (entry, prefix)));
    let count = prefixes().count();
    if count > COLOCATE_PREFIXES_MAX {
        let fault = Fault::new("`colocate` has too many prefixes")
            .found(format!("{count}"))
            .expected(format!("at most {COLOCATE_PREFIXES_MAX} in a pool, all entries together"));
        faults.push((Spot::At(key.place), fault));
        return None;
    }
    let mut clean = entries.len() == items.len();
    let mut seen: HashMap<&str, Place> = HashMap::new();
    for (entry, prefix) in prefixes() {
        if prefix.len() > COLOCATE_PREFIX_BYTES_MAX {
            let fault = Fault::new("this prefix is too long")
                .span(span(entry, prefix))
                .found(format!("{}, {} bytes", quoted(prefix), prefix.len()))
                .expected(format!("at most {COLOCATE_PREFIX_BYTES_MAX} bytes"));
            faults.push((Spot::In(entry), fault));
            clean = false;
        }
        if let Some(first) = seen.insert(prefix, entry.place) {
            let fault = Fault::new("this prefix is given twice in `colocate`")
                .span(span(entry, prefix))
                .found(quoted(prefix))
                .expected("each prefix once: a key belongs to one entry")
                .note(format!("first in line {}", first.line));
            faults.push((Spot::In(entry), fault));
            clean = false;
        }
    }
    clean.then_some(entries)
}

/// An entry with at least one prefix in it.
fn entry<'n>(item: &'n Node, faults: &mut Faults<'n>) -> Option<&'n Scalar> {
    let not_text = Fault::new("an entry of `colocate` is a text");
    let scalar = match item {
        Node::Unusable(_) => return None,
        Node::Scalar(scalar) => scalar,
        Node::Mapping(_, place) => {
            let fault = not_text
                .found("a key and its value: YAML reads a colon at the end of a word so")
                .expected("the entry in quotes, such as `- \"bull:\"`");
            faults.push((Spot::At(*place), fault));
            return None;
        }
        Node::Sequence(_, place) => {
            let fault = not_text
                .found("a list")
                .expected("prefixes with blanks between, such as `- \"celery _kombu unacked\"`");
            faults.push((Spot::At(*place), fault));
            return None;
        }
    };
    if split(scalar).next().is_none() {
        let fault = Fault::new("this entry of `colocate` is empty")
            .found(quoted(&scalar.text))
            .expected("at least one prefix, such as `- \"bull:\"`")
            .note("an empty prefix would put every key on one server");
        faults.push((Spot::At(scalar.place), fault));
        return None;
    }
    if let Some(at) = comment_in(scalar) {
        let fault = Fault {
            severity: Severity::Warning,
            message: "the // and what follows are read as prefixes".into(),
            ..comment_fault(scalar, at)
        };
        faults.push((Spot::In(scalar), fault));
    }
    Some(scalar)
}

fn split(entry: &Scalar) -> impl Iterator<Item = &str> {
    entry.text.split_ascii_whitespace()
}

/// The characters of a prefix in its entry. `prefix` is a part of the entry's text.
fn span(entry: &Scalar, prefix: &str) -> std::ops::Range<usize> {
    let at = prefix.as_ptr() as usize - entry.text.as_ptr() as usize;
    let start = entry.text.get(..at).unwrap_or_default().chars().count();
    start..start + prefix.chars().count()
}

/// Which server gets each entry, in words. Empty when the pool does not place by hash.
pub fn owners(spec: &PoolSpec) -> String {
    let Some(colocate) = &spec.colocate else { return String::new() };
    let router = fixed::router(spec, &vec![ShardState::Live; spec.shards.len()]);
    if !router.ring.is_hashed() {
        return String::new();
    }
    let mut chance = nuthatch_engine::base::Chance::new(0);
    let mut words: Vec<String> = colocate
        .firsts()
        .take(NAMED_MAX)
        .filter_map(|first| {
            let owner = router.route(first, &mut chance)?;
            let name = &spec.shards[owner.index()].name;
            Some(format!("{} on {}", quoted(&String::from_utf8_lossy(first)), quoted(name)))
        })
        .collect();
    let more = colocate.firsts().len().saturating_sub(NAMED_MAX);
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    words.join(", ")
}
