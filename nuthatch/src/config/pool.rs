//! From a pool's nodes to a checked [`Pool`].
//!
//! Every key is looked up in the table and its value typed by the table's kind; what cannot be
//! read is reported and the rest read on. Only a pool without any fault is built, but all faults
//! of all pools are told.

use super::build::{Slot, Slots, Value};
use super::checked::Pool;
use super::colocate::{self, Spot};
use super::node::{Node, Scalar};
use super::place::Place;
use super::problem::{Fault, Problem, Severity};
use super::quote::{STARS, quoted};
use super::schema::{self, Id, KEYS, Key, Kind, WhenAbsent};
use super::source::Source;
use super::wording::{
    comment_fault, comment_in, example, key_meant, key_outside, list_is_scalar, mapping_for_value,
    pool_is_scalar, servers_is_scalar, unknown_key, whole_unless_part,
};
use super::{advice, failover, listen, scalars, servers};
use nuthatch_engine::routing::name_order;
use nuthatch_engine::topology::{Manners, Protocol, ShardSpec};
use std::sync::Arc;

/// What a shard's id can number.
pub const SERVERS_MAX: usize = u16::MAX as usize;

/// Reads pools and gathers their problems.
pub struct PoolReader<'a> {
    pub source: &'a Source,
    pub manners_default: Manners,
    /// Whether a key that is not there is missing, or may stand in what could not be read.
    pub complete: bool,
    pub problems: Vec<Problem>,
}

impl PoolReader<'_> {
    /// One pool; `None` when something in it is wrong.
    pub fn pool(&mut self, name: &Scalar, body: &Node) -> Option<Pool> {
        let known = self.problems.len();
        let pool = self.body(name, body);
        let mut clean = true;
        let is_hidden = self.source.is_secret(name.place);
        let shown = if is_hidden { STARS } else { &name.text }.to_owned();
        // A key at the margin is no pool.
        let is_name = matches!(body, Node::Mapping(..)) || schema::find(&name.text).is_none();
        for problem in &mut self.problems[known..] {
            problem.pool = is_name.then(|| shown.clone());
            clean &= !problem.is_error();
        }
        pool.filter(|_| clean)
    }

    fn body(&mut self, name: &Scalar, body: &Node) -> Option<Pool> {
        let entries = match body {
            Node::Mapping(entries, _) => entries,
            Node::Unusable(_) => return None,
            Node::Scalar(scalar) => {
                let fault = pool_is_scalar(name, scalar);
                let quotes = name.place.through(scalar.place);
                self.problems.push(self.source.problem_quoting(name.place, quotes, fault));
                return None;
            }
            Node::Sequence(..) if schema::find(&name.text).is_some() => {
                self.report(name.place, key_outside(name));
                return None;
            }
            Node::Sequence(..) => {
                let fault = Fault::new("a pool is a list of `key: value` lines, not of items")
                    .note("the servers stand under the key `servers:`");
                self.report(name.place, fault);
                return None;
            }
        };
        let mut slots = Slots::new();
        for (key, value) in entries {
            self.entry(key, value, &mut slots);
        }
        for (key, value) in entries {
            self.misspelt(key, value, &mut slots);
        }
        if self.complete {
            for row in KEYS.iter().filter(|row| row.when_absent == WhenAbsent::Refused) {
                if matches!(slots.get(row.id), Slot::Absent) {
                    let fault = Fault::new(format!("`{}` is missing in this pool", row.name))
                        .expected(example(row));
                    self.report_at_key(name.place, row.name, fault);
                }
            }
        }
        self.check_together(&slots);
        let mut pool = slots.build(name, self.manners_default)?;
        let failover = failover::build(&slots, &mut pool.spec.shards);
        pool.spec.failover = failover.map(Arc::new);
        for (id, place, fault) in advice::of_pool(self.source, &pool, &slots) {
            self.report_at_key(place, schema::row(id).name, fault);
        }
        Some(pool)
    }

    fn entry(&mut self, key: &Node, value: &Node, slots: &mut Slots) {
        let Node::Scalar(key) = key else {
            self.report(key.place(), Fault::new("a key is a plain word"));
            return;
        };
        let Some(row) = schema::find(&key.text) else {
            self.report_at_key(key.place, &key.text, unknown_key(&key.text));
            return;
        };
        if let Some(first) = slots.meet(row.id, key.place) {
            let fault = Fault::new(format!("`{}` is given twice in this pool", row.name))
                .note(format!("first in line {}", first.line));
            self.report_at_key(key.place, row.name, fault);
            return;
        }
        let known = self.problems.len();
        let read = self.value(row, key, value);
        for problem in &mut self.problems[known..] {
            problem.key = Some(row.name.to_owned());
        }
        slots.set(
            row.id,
            match read {
                Some(read) => Slot::Read(read, value.place()),
                None => Slot::Broken,
            },
        );
    }

    /// A misspelt key, if it probably means a key that is not in the file: its value is checked too, and
    /// the intended key is not reported as missing.
    fn misspelt(&mut self, key: &Node, value: &Node, slots: &mut Slots) {
        let Node::Scalar(key) = key else { return };
        let Some(row) = key_meant(&key.text) else { return };
        if slots.meet(row.id, key.place).is_some() {
            return;
        }
        let known = self.problems.len();
        self.value(row, key, value);
        for problem in &mut self.problems[known..] {
            problem.key = Some(row.name.to_owned());
        }
        slots.set(row.id, Slot::Broken);
    }

    fn value(&mut self, row: &Key, key: &Scalar, value: &Node) -> Option<Value> {
        let scalar = match value {
            Node::Unusable(_) => return None,
            Node::Sequence(items, _) if row.kind == Kind::Servers => {
                return self.servers(key, items);
            }
            Node::Sequence(items, _) if row.kind == Kind::Colocate => {
                let read = colocate::read(key, items);
                for (spot, fault) in read.faults {
                    match spot {
                        Spot::At(place) => self.report(place, fault),
                        Spot::In(scalar) => self.report_in(scalar, fault),
                    }
                }
                return read.value;
            }
            Node::Sequence(items, _) if matches!(row.kind, Kind::Addresses | Kind::Replicas) => {
                return self.addresses(row, key, items);
            }
            Node::Sequence(_, place) => {
                let fault = Fault::new(format!("`{}` takes one value, not a list", row.name));
                self.report(*place, fault.expected(example(row)));
                return None;
            }
            Node::Mapping(_, place) => {
                self.report(*place, mapping_for_value(row));
                return None;
            }
            Node::Scalar(scalar) if scalar.text.is_empty() => {
                let fault = Fault::new(format!("`{}` has no value", row.name));
                self.report(key.place, fault.expected(example(row)));
                return None;
            }
            Node::Scalar(scalar) => scalar,
        };
        if row.kind == Kind::Servers {
            self.report(scalar.place, servers_is_scalar(scalar));
            return None;
        }
        if matches!(row.kind, Kind::Colocate | Kind::Addresses | Kind::Replicas) {
            self.report(scalar.place, list_is_scalar(row, scalar));
            return None;
        }
        match self.typed(row, &scalar.text, scalar) {
            Ok(value) => {
                self.warn_comment(row, scalar);
                Some(value)
            }
            Err(fault) => {
                self.wrong_value(row, scalar, fault);
                None
            }
        }
    }

    fn typed(&mut self, row: &Key, text: &str, scalar: &Scalar) -> Result<Value, Fault> {
        Ok(match row.kind {
            Kind::Number { min, max } => Value::Number(scalars::number(text, min, max, row.unit)?),
            Kind::NumberOr { word, .. } if text == word => Value::Choice(0),
            Kind::NumberOr { min, max, word } => {
                Value::Number(scalars::number_or(text, word, (min, max), row.unit)?)
            }
            Kind::Bool => Value::Bool(scalars::boolean(text)?),
            Kind::HashName => Value::Hash(scalars::hash_name(text)?),
            Kind::DistributionName => Value::Distribution(scalars::distribution_name(text)?),
            Kind::HashTag => Value::HashTag(scalars::hash_tag(text)?),
            Kind::Choice(words) => Value::Choice(scalars::choice(text, words)?),
            Kind::Listen => {
                let (listen, warnings) = listen::read(text)?;
                for warning in warnings {
                    self.report_in(scalar, warning);
                }
                Value::Listen(listen, text.into())
            }
            Kind::Text | Kind::Servers | Kind::Colocate | Kind::Addresses | Kind::Replicas => {
                Value::Text(text.into())
            }
        })
    }

    /// A value that cannot be read. Where a `//` comment is the reason, say so, and look at what
    /// stands before it.
    fn wrong_value(&mut self, row: &Key, scalar: &Scalar, fault: Fault) {
        let Some(at) = comment_in(scalar) else {
            self.report_in(scalar, fault);
            return;
        };
        let value = scalar.text[..at].trim_end();
        self.report_in(scalar, comment_fault(scalar, at));
        if value.is_empty() {
            return;
        }
        if let Err(fault) = self.typed(row, value, scalar) {
            self.report_in(scalar, whole_unless_part(fault, value));
        }
    }

    /// A text that takes anything also takes a comment begun with `//`, as nutcracker did.
    fn warn_comment(&mut self, row: &Key, scalar: &Scalar) {
        if row.kind == Kind::Text
            && let Some(at) = comment_in(scalar)
        {
            let fault = comment_fault(scalar, at);
            let fault = Fault {
                severity: Severity::Warning,
                message: "the // and what follows are part of this value".into(),
                ..fault
            };
            self.report_in(scalar, fault);
        }
    }

    fn servers(&mut self, key: &Scalar, items: &[Node]) -> Option<Value> {
        let mut list: Vec<(ShardSpec, Place)> = Vec::new();
        let mut clean = true;
        if items.is_empty() {
            let fault =
                Fault::new("`servers` has no server").expected(example(schema::row(Id::Servers)));
            self.report(key.place, fault);
            return None;
        }
        if items.len() > SERVERS_MAX {
            let fault = Fault::new("this pool has too many servers")
                .found(format!("{}", items.len()))
                .expected(format!("at most {SERVERS_MAX}"));
            self.report(key.place, fault);
            return None;
        }
        for item in items {
            match self.server(item) {
                Some((shard, place)) => list.push((shard, place)),
                None => clean = false,
            }
        }
        clean &= self.check_names(&list);
        list.sort_by(|a, b| name_order(&a.0.name, &b.0.name));
        clean.then_some(Value::Servers(list))
    }

    /// `sentinels` or `replicas`.
    fn addresses(&mut self, row: &Key, key: &Scalar, items: &[Node]) -> Option<Value> {
        if items.is_empty() {
            let fault = Fault::new(format!("`{}` has no entry", row.name));
            self.report(key.place, fault.expected(example(row)));
            return None;
        }
        let read =
            if row.kind == Kind::Addresses { failover::sentinels } else { failover::replicas };
        match read(items) {
            Ok(value) => Some(value),
            Err(None) => None,
            Err(Some(bad)) => {
                match *bad {
                    (Node::Scalar(scalar), fault) => self.report_in(scalar, fault),
                    (node, fault) => self.report(node.place(), fault),
                }
                None
            }
        }
    }

    fn server(&mut self, item: &Node) -> Option<(ShardSpec, Place)> {
        let scalar = match item {
            Node::Scalar(scalar) if !scalar.text.is_empty() => scalar,
            Node::Unusable(_) => return None,
            Node::Scalar(scalar) => {
                let fault = Fault::new("this item is empty");
                self.report(scalar.place, fault.expected(example(schema::row(Id::Servers))));
                return None;
            }
            Node::Mapping(_, place) | Node::Sequence(_, place) => {
                let fault =
                    Fault::new("a server is written on one line, without blanks after colons");
                self.report(*place, fault.expected(example(schema::row(Id::Servers))));
                return None;
            }
        };
        match servers::read(&scalar.text) {
            Ok(shard) => {
                if shard.name.starts_with("//") || shard.name.starts_with('#') {
                    let fault = Fault::warning("this is taken as the server's name")
                        .found(quoted(&shard.name))
                        .note("a comment begins with a blank and #");
                    self.report_in(scalar, fault);
                }
                Some((shard, scalar.place))
            }
            Err(fault) => {
                if let Some(at) = comment_in(scalar) {
                    let entry = scalar.text[..at].trim_end();
                    self.report_in(scalar, comment_fault(scalar, at));
                    if let Err(fault) = servers::read(entry) {
                        self.report_in(scalar, whole_unless_part(fault, entry));
                    }
                } else if scalar.text.contains(" - ") && !scalar.quoted {
                    let fault = Fault::new("two items run together here")
                        .found(quoted(&scalar.text))
                        .note("the `- ` below is indented more than this one, so YAML joins the lines");
                    self.report_in(scalar, fault);
                } else {
                    self.report_in(scalar, fault);
                }
                None
            }
        }
    }

    /// No two servers of one name: the ring could not tell them apart.
    fn check_names(&mut self, list: &[(ShardSpec, Place)]) -> bool {
        let mut seen = std::collections::HashMap::new();
        let mut clean = true;
        for (shard, place) in list {
            let Some(first) = seen.insert(shard.name.clone(), place.line) else { continue };
            let shown = self.source.quoted(*place, &shard.name);
            let fault = Fault::new(format!("two servers have the name {shown}"))
                .note(format!("the other stands in line {first}"))
                .note("give each a name of its own after the weight: `host:port:weight name`");
            self.report(*place, fault);
            clean = false;
        }
        clean
    }

    /// What one value forbids another.
    fn check_together(&mut self, slots: &Slots) {
        let is_redis = match slots.get(Id::Redis) {
            Slot::Read(Value::Bool(value), _) => *value,
            Slot::Broken => return,
            _ => false,
        };
        if let Some(place) = slots.place(Id::RedisAuth)
            && !is_redis
            && (self.complete || slots.place(Id::Redis).is_some())
        {
            let fault = Fault::new("`redis_auth` needs `redis: true`")
                .note("memcached has no password; without `redis: true` this is a memcached pool");
            self.report_at_key(place, "redis_auth", fault);
        }
        let protocol = if is_redis { Protocol::Redis } else { Protocol::Memcache };
        for (id, place, fault) in failover::check(slots, protocol) {
            self.report_at_key(place, schema::row(id).name, fault);
        }
        if let (Slot::Read(Value::Number(count), _), Slot::Read(Value::Number(db), place)) =
            (slots.get(Id::Databases), slots.get(Id::RedisDb))
            && db >= count
        {
            let fault = Fault::new(format!("`redis_db: {db}` is not below `databases: {count}`"))
                .note(
                    "a client begins with `redis_db`, which must be one of those that are served",
                );
            self.report_at_key(*place, "redis_db", fault);
        }
    }

    fn report(&mut self, place: Place, fault: Fault) {
        self.problems.push(self.source.problem(place, fault));
    }

    fn report_at_key(&mut self, place: Place, key: &str, fault: Fault) {
        self.problems.push(self.source.problem(place, fault).at_key(key));
    }

    /// A fault in a scalar, at the characters it means where these can be found in the file.
    fn report_in(&mut self, scalar: &Scalar, fault: Fault) {
        let place = self.inside(scalar, fault.span.clone());
        self.problems.push(self.source.problem_quoting(place, scalar.place, fault));
    }

    /// The place of some characters of a scalar. A scalar with escapes or line breaks has another text in
    /// the file: then the place of the whole scalar.
    fn inside(&self, scalar: &Scalar, span: Option<std::ops::Range<usize>>) -> Place {
        let Some(span) = span else { return scalar.place };
        let start = scalar.place.column as usize + usize::from(scalar.quoted);
        let line = self.source.line(scalar.place.line).unwrap_or_default();
        let written = line.chars().skip(start.saturating_sub(1));
        let length = scalar.text.chars().count();
        if written.take(length).eq(scalar.text.chars()) {
            Place::new(scalar.place.line as usize, start + span.start, span.len().max(1))
        } else {
            scalar.place
        }
    }
}
