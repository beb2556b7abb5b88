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
use super::pool::PoolReader;
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

impl PoolReader<'_> {
    pub(super) fn colocate(&mut self, key: &Scalar, items: &[Node]) -> Option<Value> {
        if items.is_empty() {
            self.report(key.place, Fault::new("`colocate` has no entry").expected(expected()));
            return None;
        }
        let mut entries: Vec<&Scalar> = Vec::new();
        let mut clean = true;
        for item in items {
            match self.entry_text(item) {
                Some(scalar) => entries.push(scalar),
                None => clean = false,
            }
        }
        let prefixes =
            || entries.iter().flat_map(|entry| split(entry).map(move |prefix| (*entry, prefix)));
        let count = prefixes().count();
        if count > COLOCATE_PREFIXES_MAX {
            let fault =
                Fault::new("`colocate` has too many prefixes").found(format!("{count}")).expected(
                    format!("at most {COLOCATE_PREFIXES_MAX} in a pool, all entries together"),
                );
            self.report(key.place, fault);
            return None;
        }
        let mut seen: HashMap<&str, Place> = HashMap::new();
        for (entry, prefix) in prefixes() {
            clean &= self.is_short(entry, prefix);
            if let Some(first) = seen.insert(prefix, entry.place) {
                let fault = Fault::new("this prefix is given twice in `colocate`")
                    .found(quoted(prefix))
                    .expected("each prefix once: a key belongs to one entry")
                    .note(format!("first in line {}", first.line));
                self.report_in(entry, fault.span(span(entry, prefix)));
                clean = false;
            }
        }
        let entries: Vec<Vec<&[u8]>> =
            entries.iter().map(|entry| split(entry).map(str::as_bytes).collect()).collect();
        clean.then(|| Value::Colocate(Arc::new(Colocate::new(&entries))))
    }

    /// The text of an entry, with at least one prefix in it.
    fn entry_text<'n>(&mut self, item: &'n Node) -> Option<&'n Scalar> {
        let scalar = match item {
            Node::Unusable(_) => return None,
            Node::Scalar(scalar) => scalar,
            Node::Mapping(_, place) => {
                let fault = Fault::new("an entry of `colocate` is a text")
                    .found("a key and its value: YAML reads a colon at the end of a word so")
                    .expected("the entry in quotes, such as `- \"bull:\"`");
                self.report(*place, fault);
                return None;
            }
            Node::Sequence(_, place) => {
                let fault =
                    Fault::new("an entry of `colocate` is a text").found("a list").expected(
                        "prefixes with blanks between, such as `- \"celery _kombu unacked\"`",
                    );
                self.report(*place, fault);
                return None;
            }
        };
        if split(scalar).next().is_none() {
            let fault = Fault::new("this entry of `colocate` is empty")
                .found(quoted(&scalar.text))
                .expected("at least one prefix, such as `- \"bull:\"`")
                .note("an empty prefix would put every key on one server");
            self.report(scalar.place, fault);
            return None;
        }
        if let Some(at) = comment_in(scalar) {
            let fault = Fault {
                severity: Severity::Warning,
                message: "the // and what follows are read as prefixes".into(),
                ..comment_fault(scalar, at)
            };
            self.report_in(scalar, fault);
        }
        Some(scalar)
    }

    fn is_short(&mut self, entry: &Scalar, prefix: &str) -> bool {
        let is_short = prefix.len() <= COLOCATE_PREFIX_BYTES_MAX;
        if !is_short {
            let fault = Fault::new("this prefix is too long")
                .found(format!("{}, {} bytes", quoted(prefix), prefix.len()))
                .expected(format!("at most {COLOCATE_PREFIX_BYTES_MAX} bytes"));
            self.report_in(entry, fault.span(span(entry, prefix)));
        }
        is_short
    }
}

pub fn list_expected(scalar: &Scalar) -> Fault {
    Fault::new("`colocate` is a list").found(quoted(&scalar.text)).expected(expected())
}

fn expected() -> String {
    example(schema::row(Id::Colocate))
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
