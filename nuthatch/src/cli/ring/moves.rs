//! The keys that would move between two rings, and changes that the names on the ring do not show.
//!
//! The engine matches shards by name, as the ring does. But data lies on servers, so we add two things
//! for the operator: a name that has another address now (its keys do not move on the ring, but their
//! data must be copied), and one address with two names (keys that move between them stay on their
//! server).

use super::super::load::View;
use super::super::print::{Object, column, json_array, percent, shown};
use anyhow::Context;
use nuthatch_engine::routing::explain::{Comparison, Method, Move, Side, compare, compare_keys};
use nuthatch_engine::topology::ShardSpec;
use std::fmt::Write;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Rows of the table. The other moves are summed.
const ROWS_MAX: usize = 40;

/// One pool, before and after.
pub struct Between<'a> {
    pub before: &'a View,
    pub after: &'a View,
    pub files: [&'a Path; 2],
}

impl Between<'_> {
    /// The moves as text or as a line of JSON. With a file of keys, those keys are counted.
    pub fn show(&self, keys: Option<&Path>, json: bool) -> anyhow::Result<String> {
        let (ours, theirs) = (names(self.before), names(self.after));
        let before = Side { router: &self.before.router, names: &ours };
        let after = Side { router: &self.after.router, names: &theirs };
        let comparison = match keys {
            None => compare(before, after),
            Some(file) => {
                let mut keys = Keys::open(file)?;
                let comparison = compare_keys(before, after, &mut keys);
                keys.end(file)?;
                comparison
            }
        };
        Ok(if json { self.json(comparison.as_ref()) } else { self.text(comparison.as_ref(), keys) })
    }

    fn text(&self, comparison: Option<&Comparison<'_>>, keys: Option<&Path>) -> String {
        let [from, to] = self.files;
        let mut text = format!("from {} to {}: ", from.display(), to.display());
        let Some(comparison) = comparison else {
            text.push_str("nothing to count, in a `random` pool no key belongs to a server\n");
            return text;
        };
        if comparison.method == (Method::Keys { keys: 0 }) {
            text.push_str("the file of keys is empty\n");
            return text;
        }
        let sum = percent(comparison.moved);
        if comparison.moves.is_empty() {
            let made_up = matches!(comparison.method, Method::Sample { .. });
            text.push_str(match (comparison.tags_differ, comparison.colocate_differs) {
                (true, false) if made_up => "no untagged key moves\n",
                (false, true) if made_up => "no key outside of `colocate` moves\n",
                (true, true) if made_up => "no untagged key outside of `colocate` moves\n",
                _ => "nothing moves\n",
            });
        } else {
            let _ = writeln!(text, "{sum} of {} move\n", self.whole(comparison.method));
            text.push_str(&table(comparison));
            let _ = writeln!(text, "\n  {sum} move, {} stay", percent(1.0 - comparison.moved));
        }
        let _ = writeln!(text, "  {}", self.how(comparison.method, keys));
        for note in self.notes(comparison) {
            let _ = writeln!(text, "  {note}");
        }
        text
    }

    fn whole(&self, method: Method) -> &'static str {
        match method {
            Method::Exact if self.hash_names().is_empty() => "all keys",
            Method::Exact => "all hashes",
            Method::Sample { .. } | Method::Keys { .. } => "the keys",
        }
    }

    /// The functions that the rings use.
    fn hash_names(&self) -> Vec<&'static str> {
        let hashed = |view: &View| view.router.ring.is_hashed().then_some(view.spec.hash.name);
        let mut names: Vec<_> = hashed(self.before).into_iter().chain(hashed(self.after)).collect();
        names.dedup();
        names
    }

    fn how(&self, method: Method, file: Option<&Path>) -> String {
        match (method, self.hash_names().first()) {
            (Method::Exact, Some(name)) => {
                format!("Exact: every hash that {name} can return is counted.")
            }
            (Method::Exact, None) => "Exact: no key is hashed on either side.".to_owned(),
            (Method::Sample { keys }, _) => {
                format!("Sampled: {keys} made-up keys, with an error below 0.35 percentage points.")
            }
            (Method::Keys { keys }, _) => {
                let file = file.map_or_else(String::new, |file| format!(" of {}", file.display()));
                format!("Counted: the {keys} keys{file}, repeats included.")
            }
        }
    }

    fn notes(&self, comparison: &Comparison<'_>) -> Vec<String> {
        let mut notes = Vec::new();
        if comparison.tags_differ {
            notes.push(match comparison.method {
                Method::Keys { .. } => "The hash tags differ; this is counted.".to_owned(),
                _ => "The hash tags differ: tagged keys may move too; see --keys.".to_owned(),
            });
        }
        if comparison.colocate_differs {
            notes.push(match comparison.method {
                Method::Keys { .. } => "`colocate` differs; this is counted.".to_owned(),
                _ => "`colocate` differs: keys of its entries may move too; see --keys.".to_owned(),
            });
        }
        for shard in &self.before.spec.shards {
            let same_name = |other: &&ShardSpec| other.name == shard.name;
            if let Some(now) = self.after.spec.shards.iter().find(same_name)
                && now.address != shard.address
            {
                notes.push(format!(
                    "`{}` has the same keys at another address, so its data must be copied:\n    \
                     {} becomes {}",
                    shown(shard.name.as_bytes()),
                    shard.address,
                    now.address
                ));
            }
        }
        let idle: f64 = comparison.moves.iter().filter(|m| self.is_idle(m)).map(|m| m.part).sum();
        if idle > 0.0 {
            notes.push(format!(
                "{} move to the same address under another name: their data stays there.",
                percent(idle)
            ));
        }
        notes
    }

    /// Whether both shards of the move have the same address.
    fn is_idle(&self, moved: &Move<'_>) -> bool {
        let address = |view: &'_ View, name: Option<&str>| {
            let shard = view.spec.shards.iter().find(|shard| Some(&*shard.name) == name);
            shard.map(|shard| shard.address.clone())
        };
        let from = address(self.before, moved.from);
        from.is_some() && from == address(self.after, moved.to)
    }

    fn json(&self, comparison: Option<&Comparison<'_>>) -> String {
        let [from, to] = self.files.map(Path::to_string_lossy);
        let object = Object::new()
            .text("about", "moves")
            .text("from_file", &from)
            .text("to_file", &to)
            .text("from_pool", &self.before.spec.name)
            .text("to_pool", &self.after.spec.name);
        let Some(comparison) = comparison else {
            return object.text("method", "none").raw("moved", "null").end();
        };
        let (method, keys) = match comparison.method {
            Method::Exact => ("exact", None),
            Method::Sample { keys } => ("sample", Some(u64::from(keys))),
            Method::Keys { keys } => ("keys", Some(keys)),
        };
        let moves = json_array(comparison.moves.iter().map(|one| {
            Object::new()
                .text_or_null("from", one.from)
                .text_or_null("to", one.to)
                .raw("part", one.part)
                .raw("same_server", self.is_idle(one))
                .end()
        }));
        object
            .text("method", method)
            .number_or_null("keys", keys)
            .raw("moved", comparison.moved)
            .raw("stays", 1.0 - comparison.moved)
            .raw("tags_differ", comparison.tags_differ)
            .raw("colocate_differs", comparison.colocate_differs)
            .raw("moves", moves)
            .end()
    }
}

fn table(comparison: &Comparison<'_>) -> String {
    let name = |name: Option<&str>| name.map_or("-".to_owned(), |name| shown(name.as_bytes()));
    let rows: Vec<(String, String, f64)> =
        comparison.moves.iter().map(|m| (name(m.from), name(m.to), m.part)).collect();
    let seen = &rows[..rows.len().min(ROWS_MAX)];
    let from = column("from", seen.iter().map(|row| row.0.as_str()));
    let to = column("to", seen.iter().map(|row| row.1.as_str()));
    let mut text = format!("  {:from$}    {:to$}  {:>6}\n", "from", "to", "part");
    for (a, b, part) in seen {
        let _ = writeln!(text, "  {a:from$} -> {b:to$}  {:>6}", percent(*part));
    }
    let rest = &rows[seen.len()..];
    if !rest.is_empty() {
        let sum = rest.iter().map(|row| row.2).sum();
        let _ = writeln!(text, "  ... and {} smaller moves, together {}", rest.len(), percent(sum));
    }
    text
}

fn names(view: &View) -> Vec<&str> {
    view.spec.shards.iter().map(|shard| &*shard.name).collect()
}

/// The lines of a file as keys. After an error there are no more; `end` returns the error.
struct Keys {
    lines: std::io::Split<BufReader<File>>,
    error: Option<std::io::Error>,
}

impl Keys {
    fn open(file: &Path) -> anyhow::Result<Keys> {
        let opened = File::open(file)
            .with_context(|| format!("the keys in {} cannot be read", file.display()))?;
        Ok(Keys { lines: BufReader::new(opened).split(b'\n'), error: None })
    }

    fn end(self, file: &Path) -> anyhow::Result<()> {
        self.error
            .map_or(Ok(()), Err)
            .with_context(|| format!("the keys in {} cannot be read", file.display()))
    }
}

impl Iterator for &mut Keys {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        match self.lines.next()? {
            Ok(line) => Some(line),
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }
}
