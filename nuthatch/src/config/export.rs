//! Writes a file that nutcracker 0.5.0 reads, for the way back.
//!
//! ```text
//!   a block of lines: our keys are dropped or changed in place; comments and order are kept
//!   a pool in flow form, or a key that does not begin its line: the pool is written again
//!   the whole file in flow form: all pools are written again
//! ```
//!
//! What decides where keys live is the same before and after, names above all: `[::1]:6379:1` has
//! the name `[::1]:6379`, which it keeps as an explicit one when the brackets go. [`export`] reads
//! its own output and compares it before it returns it. `colocate` is the exception: nutcracker
//! cannot place keys so, and the loss says it.
//!
//! A setting that nutcracker does not have becomes a [`Loss`]: one row for each in [`MATTERS`].

use super::checked::{Config, Pool};
use super::node::{Node, Scalar};
use super::place::Place;
use super::quote::quoted;
use super::schema::{self, KEYS, Key, Origin};
use super::written::{Form, Written, WrittenPool, unbracketed_listen, unbracketed_server};
use nuthatch_engine::topology::{Address, Eject, Manners, Protocol};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A file for nutcracker.
pub struct Export {
    pub text: String,
    pub losses: Vec<Loss>,
}

/// A setting that nutcracker does not have.
pub struct Loss {
    pub line: u32,
    pub pool: String,
    pub what: String,
}

/// A matter that the old proxy treats otherwise, whatever is written.
struct Matter {
    key: &'static str,
    applies: fn(&Pool) -> bool,
    what: &'static str,
}

/// Sorted by key.
static MATTERS: [Matter; 9] = [
    Matter {
        key: "client_connections",
        applies: |pool| pool.spec.client_connections > 0 && pool.spec.manners == Manners::Modern,
        what: "stays, but nutcracker ignores it: clients are not limited",
    },
    Matter {
        key: "client_stall_ms",
        applies: |_| true,
        what: "is left out: nutcracker never closes a client that does not read",
    },
    Matter {
        key: "colocate",
        applies: |_| true,
        what: "is left out: nutcracker cannot do this and looks for these keys on other servers",
    },
    Matter {
        key: "connect_timeout_ms",
        applies: |_| true,
        what: "is left out: only `timeout` ends an attempt to connect",
    },
    Matter {
        key: "eject",
        applies: |pool| pool.spec.eject == Eject::FailFast,
        what: "is left out: requests for a server that is down try it again, one by one",
    },
    Matter {
        key: "eject",
        applies: |pool| pool.spec.eject != Eject::FailFast,
        what: "is said with `auto_eject_hosts`: a server comes back by the clock, ready or not",
    },
    Matter {
        key: "manners",
        applies: |_| true,
        what: "is left out: what nutcracker refuses closes the connection without a word",
    },
    Matter {
        key: "redis_db",
        applies: |pool| {
            let unix = |address: &Address| matches!(address, Address::Unix { .. });
            pool.spec.redis_db > 0
                && pool.spec.protocol == Protocol::Redis
                && (pool.spec.redis_auth.is_some()
                    || pool.spec.shards.iter().any(|shard| unix(&shard.address)))
        },
        what: "stays, but nutcracker will use database 0 here and not find what we stored",
    },
    Matter {
        key: "reuseport",
        applies: |_| true,
        what: "is left out: nutcracker 0.5.0 does not know it",
    },
];

/// The file for nutcracker. An error is a defect of ours; it is returned instead of a wrong file.
pub fn export(config: &Config) -> Result<Export, String> {
    let written = Written::new(config);
    let lines = Lines::new(&written, config);
    let text = lines.text();
    let mut losses = losses(&written, config);
    losses.extend(lines.lost_comments);
    losses.sort_by_key(|loss| loss.line);
    check(config, &text)?;
    Ok(Export { text, losses })
}

fn losses(written: &Written<'_>, config: &Config) -> Vec<Loss> {
    let mut losses = Vec::new();
    for pool in &config.pools {
        let Some(lines) = written.pool(&pool.spec.name) else { continue };
        for key in &KEYS {
            let Some((at, _)) = lines.key(key.name) else { continue };
            let mut whats: Vec<&str> = MATTERS
                .iter()
                .filter(|matter| matter.key == key.name && (matter.applies)(pool))
                .map(|matter| matter.what)
                .collect();
            if whats.is_empty() && !is_known(key) {
                whats.push("is left out: nutcracker does not know it");
            }
            losses.extend(whats.iter().map(|what| Loss {
                line: at.place.line,
                pool: pool.spec.name.to_string(),
                what: format!("`{}` {what}", key.name),
            }));
        }
    }
    losses
}

/// Does nutcracker 0.5.0 know the key?
pub fn is_known(key: &Key) -> bool {
    key.origin == Origin::Twemproxy
}

/// Reads the exported text again: nothing left that nutcracker refuses, every key where it was.
fn check(before: &Config, text: &str) -> Result<(), String> {
    let defect = |what: &str| Err(format!("a defect of ours, nothing is exported: {what}"));
    let Ok((after, _)) = super::parse(text, &before.source.file, Manners::Twemproxy) else {
        return defect("the text cannot be read");
    };
    let written = Written::new(&after);
    let has_ours = written
        .pools()
        .any(|pool| KEYS.iter().any(|key| !is_known(key) && pool.key(key.name).is_some()));
    if has_ours || !written.refused().is_empty() {
        return defect("nutcracker would refuse it");
    }
    let same = |a: &Pool, b: &Pool| {
        let (a, b) = (&a.spec, &b.spec);
        (&a.name, a.protocol, a.hash, a.hash_tag, a.distribution, &a.shards)
            == (&b.name, b.protocol, b.hash, b.hash_tag, b.distribution, &b.shards)
            && (a.eject == Eject::Remap) == (b.eject == Eject::Remap)
    };
    let is_same = before.pools.len() == after.pools.len()
        && before.pools.iter().zip(&after.pools).all(|(a, b)| same(a, b) && a.listen == b.listen);
    if is_same { Ok(()) } else { defect("it would place keys otherwise") }
}

/// The lines of a file, each as it is to be: kept, changed, or (`None`) dropped.
struct Lines<'a> {
    written: &'a Written<'a>,
    lines: BTreeMap<u32, Option<String>>,
    count: u32,
    /// For pools that are written again.
    lost_comments: Vec<Loss>,
}

impl<'a> Lines<'a> {
    fn new(written: &'a Written<'a>, config: &Config) -> Lines<'a> {
        let lines: BTreeMap<u32, Option<String>> = (1..)
            .zip(written.source.lines())
            .map(|(at, line)| (at, Some(line.to_owned())))
            .collect();
        let mut this =
            Lines { written, count: lines.len() as u32, lines, lost_comments: Vec::new() };
        let in_flow = written.root.as_ref().is_some_and(|root| written.is_flow(root));
        let content_after_marker = written.source.lines().any(|line| {
            let rest = line.strip_prefix("---").map(str::trim_start);
            rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('#'))
        });
        if in_flow || content_after_marker {
            this.write_all_anew(config);
            return this;
        }
        this.markers_and_tabs();
        let pools: Vec<WrittenPool<'_>> = written.pools().collect();
        for (at, lines) in pools.iter().enumerate() {
            let end = pools.get(at + 1).map_or(this.count, |next| next.name.place.line - 1);
            let Some(pool) = config.pools.iter().find(|pool| *pool.spec.name == *lines.name.text)
            else {
                continue;
            };
            if this.change(pool, lines, end).is_none() {
                this.write_anew(pool, lines, end);
            }
        }
        this
    }

    fn text(&self) -> String {
        let mut text = self.lines.values().flatten().cloned().collect::<Vec<_>>().join("\n");
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }

    fn markers_and_tabs(&mut self) {
        let written = self.written;
        for refused in written.refused() {
            match refused.form {
                Form::Marker => self.drop(refused.place.line, refused.place.line),
                Form::Tab if refused.pool.is_none() => {
                    self.lines.insert(refused.place.line, Some(String::new()));
                }
                Form::Tab => {
                    let before = written.before(refused.place);
                    let line = written.source.line(refused.place.line).unwrap_or_default();
                    let rest = line.get(before.len()..).unwrap_or_default();
                    let line = before.replace('\t', " ") + rest;
                    self.lines.insert(refused.place.line, Some(line));
                }
                Form::Flow | Form::ListenBrackets | Form::ServerBrackets => {}
            }
        }
    }

    /// Changes a pool in place; `None` when its form does not allow that.
    fn change(&mut self, pool: &Pool, lines: &WrittenPool<'_>, end: u32) -> Option<()> {
        let written = self.written;
        let is_flow = lines.entries().iter().any(|(_, value)| written.is_flow(value));
        if is_flow || written.is_flow(lines.body) || !written.before(lines.name.place).is_empty() {
            return None;
        }
        // Right to left within a line is of no matter: no line is changed twice but `eject`'s.
        for (at, (key, value)) in lines.entries().iter().enumerate() {
            let Node::Scalar(key) = key else { return None };
            if !written.before(key.place).chars().all(|c| c == ' ') {
                return None;
            }
            let last = match lines.entries().get(at + 1) {
                Some((next, _)) => next.place().line - 1,
                None => end,
            };
            let row = schema::find(&key.text)?;
            match (row.name, value) {
                ("eject", Node::Scalar(value)) => {
                    let is_said = lines.key("auto_eject_hosts").is_some();
                    if pool.spec.eject == Eject::Remap && !is_said {
                        self.replace(value, "true")?;
                        self.replace(key, "auto_eject_hosts")?;
                    } else {
                        self.drop_entry(key.place.line, last);
                    }
                }
                ("auto_eject_hosts", Node::Scalar(value)) => {
                    let word = if pool.spec.eject == Eject::Remap { "true" } else { "false" };
                    if value.text != word {
                        self.replace(value, word)?;
                    }
                }
                ("listen", Node::Scalar(value)) => {
                    if let Some(text) = unbracketed_listen(&value.text) {
                        self.replace(value, &plain(&text))?;
                    }
                }
                _ if !is_known(row) => self.drop_entry(key.place.line, last),
                _ => {}
            }
        }
        for item in lines.servers() {
            if let Some(text) = unbracketed_server(&item.text) {
                self.replace(item, &plain(&text))?;
            }
        }
        Some(())
    }

    /// Puts a text where a scalar stands; `None` when it does not stand there as it reads.
    fn replace(&mut self, scalar: &Scalar, text: &str) -> Option<()> {
        let Place { line, column, length, .. } = scalar.place;
        let old = self.lines.get(&line)?.as_ref()?;
        let (start, end) = (column as usize - 1, (column + length) as usize - 1);
        let written: String = old.chars().skip(start).take(length as usize).collect();
        if written.trim_matches(['"', '\'']) != scalar.text {
            return None;
        }
        let before: String = old.chars().take(start).collect();
        let after: String = old.chars().skip(end).collect();
        self.lines.insert(line, Some(format!("{before}{text}{after}")));
        Some(())
    }

    fn drop(&mut self, first: u32, last: u32) {
        for line in first..=last {
            self.lines.insert(line, None);
        }
    }

    /// Drops a key's lines, but not the comments and empty lines that follow it.
    fn drop_entry(&mut self, first: u32, last: u32) {
        let last = self.last_of(first, last);
        self.drop(first, last);
    }

    /// The last line with something in it.
    fn last_of(&self, first: u32, last: u32) -> u32 {
        let is_content = |line: &u32| {
            let text = self.written.source.line(*line).unwrap_or_default().trim_start();
            !text.is_empty() && !text.starts_with('#')
        };
        (first..=last).rev().find(is_content).unwrap_or(first)
    }

    fn write_anew(&mut self, pool: &Pool, lines: &WrittenPool<'_>, end: u32) {
        let first = lines.name.place.line;
        let last = self.last_of(first, end);
        self.lose_comments(first, last, &pool.spec.name);
        self.drop(first, last);
        self.lines.insert(first, Some(pool_text(pool, lines)));
    }

    /// Tells of comments in these lines. A # within a value may be taken for one; it does no harm.
    fn lose_comments(&mut self, first: u32, last: u32, pool: &str) {
        let has = |line: &u32| {
            let text = self.written.source.line(*line).unwrap_or_default();
            text.trim_start().starts_with('#') || text.contains(" #")
        };
        if let Some(line) = (first..=last).find(has) {
            let what = "comments are left out: the pool had to be written anew".to_owned();
            self.lost_comments.push(Loss { line, pool: pool.to_owned(), what });
        }
    }

    fn write_all_anew(&mut self, config: &Config) {
        let written = self.written;
        let pools = written.pools().filter_map(|lines| {
            let pool = config.pools.iter().find(|pool| *pool.spec.name == *lines.name.text)?;
            Some(pool_text(pool, &lines))
        });
        let texts = (1..).zip(pools.map(Some)).collect();
        let first = config.pools.iter().min_by_key(|pool| pool.place.line);
        if let Some(pool) = first {
            self.lose_comments(1, self.count, &pool.spec.name);
        }
        self.lines = texts;
    }
}

/// A pool in nutcracker's form, without the last line's end.
fn pool_text(pool: &Pool, lines: &WrittenPool<'_>) -> String {
    let mut text = format!("{}:", plain(&lines.name.text));
    let remaps = pool.spec.eject == Eject::Remap;
    for (key, value) in lines.entries() {
        let Node::Scalar(key) = key else { continue };
        match (key.text.as_str(), value) {
            ("servers", _) => {
                text.push_str("\n  servers:");
                for item in lines.servers() {
                    let item = unbracketed_server(&item.text).unwrap_or_else(|| item.text.clone());
                    let _ = write!(text, "\n    - {}", plain(&item));
                }
            }
            ("eject", _) if remaps && lines.key("auto_eject_hosts").is_none() => {
                text.push_str("\n  auto_eject_hosts: true");
            }
            ("auto_eject_hosts", _) => {
                let _ = write!(text, "\n  auto_eject_hosts: {remaps}");
            }
            (name, Node::Scalar(value)) if schema::find(name).is_some_and(is_known) => {
                let value = match name {
                    "listen" => unbracketed_listen(&value.text),
                    _ => None,
                }
                .unwrap_or_else(|| value.text.clone());
                let _ = write!(text, "\n  {name}: {}", plain(&value));
            }
            _ => {}
        }
    }
    text
}

/// A scalar as YAML: without quotes if it can mean only this text, otherwise with quotes.
fn plain(text: &str) -> String {
    let is_tame = |c: char| c.is_ascii_alphanumeric() || "_-./: ".contains(c);
    let bare = text.chars().all(is_tame)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && !text.contains(": ")
        && !text.ends_with([':', ' ']);
    if bare {
        return text.to_owned();
    }
    if !text.chars().any(char::is_control) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: in pool {}, {}", self.line, quoted(&self.pool), self.what)
    }
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
