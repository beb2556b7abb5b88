//! Where a file holds secrets, so that no message shows them.
//!
//! Messages go to terminals, journals and the logs of CI. A password in one of them must be
//! changed everywhere. So [`Secrets`] knows, for each line, the column from which on the line is
//! not shown. [`Source`](super::Source) asks it for every problem.
//!
//! A file with an error has no reliable tree, so the lines themselves are looked at:
//!
//! ```text
//!   redis_auth: @S3cret          the key is secret: the rest of the line is
//!   redis_auht = S3cret          so is a key that resembles one, whatever follows it
//!   some_pwd: S3cret             or that speaks of a password
//!   kennwort: S3cret             or that we neither know nor can guess
//!   redisauth S3cret             a line without a colon, unless it begins with another key of ours
//!   - redis://:S3cret@h:1:1      what stands behind the `//` of an address with an `@`
//!   redis_auth: |                and the lines that may belong to the value, up to a line that
//!     S3cret                     begins with a key we know
//! ```
//!
//! `secret_lines.rs` looks at one line, `secret_words.rs` at one key.
//!
//! In doubt a line is hidden. That costs a message some help; the other mistake costs a password.
//! [`Secrets::add_values`] adds what a tree shows and the lines do not, such as a key with
//! escapes.

use super::node::Node;
use super::place::Place;
use super::secret_lines::{Head, Line, Value};
use super::secret_words::is_secret;
use std::collections::BTreeMap;

/// For each line that holds a secret, the column it begins at. Both from 1.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    from: BTreeMap<u32, u32>,
}

/// A secret key was read, and its value may go on below.
#[derive(Clone, Copy)]
struct Reading {
    indentation: usize,
    value: Value,
    /// A line that is indented deeper than the key has come.
    went_deeper: bool,
}

/// What becomes of a line below a secret key.
enum Below {
    /// The value goes on.
    Hidden,
    /// A comment or an empty line between.
    Shown,
    /// The value has ended in a line before.
    Ended,
}

impl Secrets {
    /// Looks through the lines.
    pub fn find<'a>(lines: impl Iterator<Item = &'a str> + Clone) -> Secrets {
        let mut secrets = Secrets::default();
        let aliases = aliases(lines.clone());
        let mut reading: Option<Reading> = None;
        for (number, text) in (1..).zip(lines) {
            let line = Line::new(text);
            if line.is_empty() {
                continue;
            }
            if let Some(above) = &mut reading {
                match above.below(&line) {
                    Below::Hidden => {
                        secrets.hide(number, line.indentation);
                        above.take(&line);
                        continue;
                    }
                    Below::Shown => {
                        if let Some((start, _)) = line.secret(&aliases) {
                            secrets.hide_in(&line, number, start);
                        }
                        continue;
                    }
                    Below::Ended => reading = None,
                }
            }
            let Some((start, value)) = line.secret(&aliases) else { continue };
            secrets.hide_in(&line, number, start);
            // Also of a comment: a key may be put out of use, and its lines forgotten.
            let indentation = line.indentation;
            reading = Some(Reading { indentation, value, went_deeper: false });
        }
        secrets
    }

    /// Adds the values of secret keys of a tree.
    pub fn add_values(&mut self, node: &Node) {
        match node {
            Node::Mapping(entries, _) => {
                for (key, value) in entries {
                    match key {
                        Node::Scalar(key) if is_secret(&key.text) => self.add_all(value),
                        _ => {
                            self.add_values(key);
                            self.add_values(value);
                        }
                    }
                }
            }
            Node::Sequence(items, _) => items.iter().for_each(|item| self.add_values(item)),
            Node::Scalar(_) | Node::Unusable(_) => {}
        }
    }

    fn add_all(&mut self, node: &Node) {
        let place = node.place();
        // An empty value has no place of its own: the parser points at what follows.
        if !matches!(node, Node::Scalar(scalar) if scalar.text.is_empty()) {
            self.hide(place.line, (place.column as usize).saturating_sub(1));
            (1..=place.lines_below).for_each(|below| self.hide(place.line + below, 0));
        }
        match node {
            Node::Mapping(entries, _) => entries.iter().for_each(|(key, value)| {
                self.add_all(key);
                self.add_all(value);
            }),
            Node::Sequence(items, _) => items.iter().for_each(|item| self.add_all(item)),
            Node::Scalar(_) | Node::Unusable(_) => {}
        }
    }

    fn hide_in(&mut self, line: &Line, number: u32, start: usize) {
        if start < line.length() {
            self.hide(number, start);
        }
    }

    /// `start` is an index, from 0.
    fn hide(&mut self, line: u32, start: usize) {
        let column = u32::try_from(start + 1).unwrap_or(u32::MAX);
        self.from.entry(line).and_modify(|from| *from = column.min(*from)).or_insert(column);
    }

    /// The column from which on a line is hidden.
    pub fn from(&self, line: u32) -> Option<u32> {
        self.from.get(&line).copied()
    }

    /// Does something in this place belong to a secret?
    pub fn touches(&self, place: Place) -> bool {
        if place.line == 0 {
            return false;
        }
        let last = place.line.saturating_add(place.lines_below);
        let end = place.column.saturating_add(place.length.max(1));
        self.from.range(place.line..=last).any(|(line, from)| {
            // Of its first line a place that goes on below covers all that follows.
            *line > place.line || place.lines_below > 0 || end > *from
        })
    }
}

impl Reading {
    fn below(&self, line: &Line) -> Below {
        let is_deeper = line.indentation > self.indentation;
        let head = line.head();
        let is_ours = head == Head::OurKey;
        let is_pool = line.indentation == 0 && head == Head::OtherKey { has_value: false };
        let begins = head != Head::Bare;
        let ended = match self.value {
            Value::Block if is_deeper => false,
            Value::Quote(_) => !is_deeper && is_ours,
            Value::Block | Value::Awaited => {
                is_ours || is_pool || (self.went_deeper && !is_deeper && begins)
            }
            Value::Whole => is_ours || (!is_deeper && begins),
        };
        let is_comment = match self.value {
            Value::Block | Value::Awaited => !is_deeper && line.is_comment(),
            Value::Quote(_) => false,
            Value::Whole => line.is_comment() || (!is_deeper && line.is_slashed()),
        };
        match (ended, is_comment) {
            (true, _) => Below::Ended,
            (false, true) => Below::Shown,
            (false, false) => Below::Hidden,
        }
    }

    /// Takes a hidden line as part of the value.
    fn take(&mut self, line: &Line) {
        self.went_deeper |= line.indentation > self.indentation;
        if let Value::Quote(quote) = self.value
            && line.closes(quote)
        {
            self.value = Value::Whole;
        }
    }
}

/// The names in values such as `redis_auth: *name`: the secret stands where `&name` does.
fn aliases<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    lines.filter(|text| text.contains('*')).filter_map(|text| Line::new(text).alias()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::place::Place;
    use super::super::source::Source;

    /// Lines as written, and as they are shown.
    fn assert_shown(lines: &[(&str, &str)]) {
        let text: Vec<&str> = lines.iter().map(|(written, _)| *written).collect();
        let source = Source::new("t.yml", &text.join("\n"));
        for (number, (written, shown)) in (1..).zip(lines) {
            assert_eq!(source.shown(number).as_deref(), Some(*shown), "{written}");
        }
    }

    #[test]
    fn the_value_of_a_secret_key_is_hidden_and_nothing_else() {
        assert_shown(&[
            ("# redis_auth is set below", "# redis_auth ****"),
            ("auth:", "auth:"),
            ("  listen: /run/redis_auth.sock", "  listen: /run/redis_auth.sock"),
            ("  redis_auth: pw # note", "  redis_auth: ****"),
            ("  # A comment", "  # A comment"),
            ("  // Another", "  // Another"),
            ("  hash: md5", "  hash: md5"),
            ("  hsah: md5", "  hsah: md5"),
            ("  kennwort: pw", "  kennwort: ****"),
            ("  servers:", "  servers:"),
            ("    - auth.example:6379:1 pass", "    - auth.example:6379:1 pass"),
            ("    - host: auth", "    - host: auth"),
            ("token-store:", "token-store:"),
            ("  redis_auth: 'pw'", "  redis_auth: ****"),
            ("  server:", "  server:"),
            ("  - h:1:1", "  - h:1:1"),
            ("other:", "other:"),
        ]);
    }

    #[test]
    fn a_value_is_hidden_as_far_as_it_may_go() {
        assert_shown(&[
            ("p:", "p:"),
            ("  redis_auth: pw", "  redis_auth: ****"),
            ("    more: of it", "    ****"),
            ("  and more", "  ****"),
            ("  foo: bar", "  foo: ****"),
            ("  redis_auth: |", "  redis_auth: ****"),
            ("    hash: pw", "    ****"),
            ("", ""),
            ("    pw", "    ****"),
            ("  hash: md5", "  hash: md5"),
            ("  redis_auth: \"pw", "  redis_auth: ****"),
            ("q:", "****"),
            ("pw\"", "****"),
            ("  timeout: 5", "  timeout: 5"),
            ("  redis_auth:", "  redis_auth:"),
            ("  - pw", "  ****"),
            ("  - pw", "  ****"),
            ("r:", "r:"),
            ("  - h:1:1", "  - h:1:1"),
            ("  redis_auth: *name", "  redis_auth: ****"),
            ("x: &name pw", "x: ****"),
        ]);
    }

    #[test]
    fn in_brackets_all_that_follows_is_hidden() {
        assert_shown(&[
            ("p: {listen: h:1, redis_auth: pw, hash: md5}", "p: {listen: h:1, redis_auth: ****"),
            ("q: {listen: h:1, foo: pw}", "q: {listen: h:1, foo: ****"),
            ("r: {servers: [h:1:1 pw, 'g:1:1']}", "r: {servers: [h:1:1 pw, 'g:1:1']}"),
            (
                "{\"s\": {\"redis\": true, \"redis_auth\":\"pw\"",
                "{\"s\": {\"redis\": true, \"redis_auth\":****",
            ),
        ]);
    }

    #[test]
    fn a_place_touches_a_secret_in_its_first_line_or_below() {
        let source = Source::new("t.yml", "a: 1\nb: 2\n  redis_auth: pw\n");
        assert!(!source.is_secret(Place::new(3, 3, 10)));
        assert!(source.is_secret(Place::new(3, 3, 20)));
        assert!(source.is_secret(Place::new(3, 15, 0)));
        let below = |lines_below| Place { lines_below, ..Place::new(2, 1, 1) };
        assert!(!source.is_secret(below(0)) && source.is_secret(below(1)));
        assert_eq!(source.quoted(Place::new(3, 15, 2), "pw"), "`****`");
        assert_eq!(source.quoted(Place::new(1, 1, 1), "a"), "`a`");
    }
}
