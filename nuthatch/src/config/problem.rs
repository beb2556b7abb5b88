//! Problems of a file, with what the reader needs to mend them.
//!
//! A [`Fault`] is what a small checker knows: what it found in a piece of text, and what it expects. A
//! [`Problem`] is a fault with its place: file, line, column, pool and key. It is shown like this:
//!
//! ```text
//! cache.yml:3:9: error in pool `cache`: no hash has this name
//!    3 |   hash: fnvla_64
//!      |         ^^^^^^^^
//!   found:     `fnvla_64`
//!   expected:  one of crc16, crc32, ...
//!   did you mean `fnv1a_64`?
//! ```
//!
//! A secret in the line, in the quoted text or below it is shown as stars: see `secret.rs`. The stars
//! are the same for every secret and the caret stands at the first one, so they show neither its length
//! nor the place of a character in it.
//!
//! The caret line counts screen cells, not characters: `键` and `：` take two. Tabs are drawn as
//! `→   `, since an invisible tab is often the problem.

use super::place::Place;
use super::quote::{STARS, quoted, visible};
use super::schema;
use super::source::Source;
use std::fmt;
use std::ops::Range;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is taken, but may not do what its writer hopes.
    Warning,
}

/// A problem in its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    pub severity: Severity,
    pub file: String,
    /// From 1. 0: the whole file.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// Characters the caret underlines.
    pub length: u32,
    pub pool: Option<String>,
    pub key: Option<String>,
    pub message: String,
    pub found: Option<String>,
    pub expected: Option<String>,
    pub suggestion: Option<String>,
    pub notes: Vec<String>,
    /// The line as written, but for what is secret in it.
    pub source_line: Option<String>,
    quotes: Place,
}

/// What is wrong with a piece of text, wherever it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    pub message: Box<str>,
    /// The characters of the text that are wrong, if not all are.
    pub span: Option<Range<usize>>,
    pub found: Option<Box<str>>,
    pub expected: Option<Box<str>>,
    pub suggestion: Option<Box<str>>,
    pub notes: Vec<String>,
    pub severity: Severity,
}

impl Fault {
    pub fn new(message: impl Into<Box<str>>) -> Fault {
        Fault {
            message: message.into(),
            span: None,
            found: None,
            expected: None,
            suggestion: None,
            notes: Vec::new(),
            severity: Severity::Error,
        }
    }

    pub fn warning(message: impl Into<Box<str>>) -> Fault {
        Fault { severity: Severity::Warning, ..Fault::new(message) }
    }

    pub fn span(self, span: Range<usize>) -> Fault {
        Fault { span: Some(span), ..self }
    }

    /// In the reader's own words; quote a text with [`quoted`].
    pub fn found(self, found: impl Into<Box<str>>) -> Fault {
        Fault { found: Some(found.into()), ..self }
    }

    pub fn expected(self, expected: impl Into<Box<str>>) -> Fault {
        Fault { expected: Some(expected.into()), ..self }
    }

    /// The text to write instead, if there is a likely one.
    pub fn suggest(self, suggestion: Option<String>) -> Fault {
        Fault { suggestion: suggestion.map(String::into_boxed_str), ..self }
    }

    pub fn note(mut self, note: impl Into<String>) -> Fault {
        self.notes.push(note.into());
        self
    }
}

impl Problem {
    /// `quotes` is where the texts stand that it quotes.
    pub fn new(source: &Source, place: Place, quotes: Place, fault: Fault) -> Problem {
        let problem = Problem {
            severity: fault.severity,
            file: source.file.clone(),
            line: place.line,
            column: place.column,
            length: place.length,
            pool: None,
            key: None,
            message: fault.message.into(),
            found: fault.found.map(Into::into),
            expected: fault.expected.map(Into::into),
            suggestion: fault.suggestion.map(Into::into),
            notes: fault.notes,
            source_line: None,
            quotes,
        };
        problem.without_secrets(source)
    }

    /// The same with stars for all that the source calls secret.
    #[must_use]
    pub fn without_secrets(mut self, source: &Source) -> Problem {
        self.source_line = source.shown(self.line);
        if let Some(from) = source.hidden_from(self.line) {
            let stars = STARS.len() as u32;
            let end = self.column.saturating_add(self.length).min(from + stars);
            self.column = self.column.min(from);
            self.length = end.max(self.column + 1) - self.column;
        }
        if source.is_secret(self.quotes) {
            (self.found, self.suggestion) = (None, None);
            self.key = self.key.filter(|key| schema::find(key).is_some());
        }
        self
    }

    #[must_use]
    pub fn in_pool(self, pool: &str) -> Problem {
        Problem { pool: Some(pool.to_owned()), ..self }
    }

    #[must_use]
    pub fn at_key(self, key: &str) -> Problem {
        Problem { key: Some(key.to_owned()), ..self }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl Source {
    /// A fault at its place, with the line it stands in.
    pub fn problem(&self, place: Place, fault: Fault) -> Problem {
        Problem::new(self, place, place, fault)
    }

    /// The same, where the fault quotes a text that stands elsewhere, or of which it means a part.
    pub fn problem_quoting(&self, place: Place, quotes: Place, fault: Fault) -> Problem {
        Problem::new(self, place, quotes, fault)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file: String = self.file.chars().map(visible).collect();
        write!(f, "{file}:")?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        f.write_str(match self.severity {
            Severity::Error => " error",
            Severity::Warning => " warning",
        })?;
        if let Some(pool) = &self.pool {
            write!(f, " in pool {}", quoted(pool))?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(line) = &self.source_line {
            let (shown, before, under) = picture(line, self.column, self.length);
            write!(f, "\n{:4} | {shown}", self.line)?;
            write!(f, "\n     | {:before$}{}", "", "^".repeat(under))?;
        }
        if let Some(found) = &self.found {
            write!(f, "\n  found:     {found}")?;
        }
        if let Some(expected) = &self.expected {
            write!(f, "\n  expected:  {expected}")?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "\n  did you mean {}?", quoted(suggestion))?;
        }
        for note in &self.notes {
            write!(f, "\n  note: {note}")?;
        }
        Ok(())
    }
}

/// A line made fit for the screen, the cells before the caret and the cells under it. Of a very
/// long line we show the part around the caret.
fn picture(line: &str, column: u32, length: u32) -> (String, usize, usize) {
    const BEFORE_MAX: usize = 72;
    const AFTER_MAX: usize = 72;
    let column = (column as usize).saturating_sub(1);
    let start = column.saturating_sub(BEFORE_MAX);
    let end = column.saturating_add((length as usize).min(AFTER_MAX)).saturating_add(AFTER_MAX);
    let (mut shown, mut before, mut under) = (String::new(), 0, 0);
    for (index, c) in line.chars().enumerate().take(end).skip(start) {
        let cells = if c == '\t' {
            shown.push_str("→   ");
            4
        } else {
            shown.push(visible(c));
            cells(c)
        };
        if index < column {
            before += cells;
        } else if index - column < length as usize {
            under += cells;
        }
    }
    (shown.trim_end().to_owned(), before, under.max(1))
}

/// Screen cells of a character: two for East Asian wide and full-width ones and emoji, none for
/// combining marks. A rough table is enough to put a caret in its place.
fn cells(c: char) -> usize {
    match c as u32 {
        0x0300..=0x036f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        // The ideographic space lies in the range above 0x2e80; all else is narrow.
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_like_help() {
        let source = Source::new("a.yml", "cache:\n  hash: fnvla_64\n");
        let fault = Fault::new("no hash has this name")
            .found(quoted("fnvla_64"))
            .expected("one of a, b")
            .suggest(Some("fnv1a_64".into()));
        let problem = source.problem(Place::new(2, 9, 8), fault).in_pool("cache").at_key("hash");
        let expected = "\
a.yml:2:9: error in pool `cache`: no hash has this name
   2 |   hash: fnvla_64
     |         ^^^^^^^^
  found:     `fnvla_64`
  expected:  one of a, b
  did you mean `fnv1a_64`?";
        assert_eq!(problem.to_string(), expected);
    }

    #[test]
    fn the_caret_minds_wide_characters_and_tabs() {
        assert_eq!(picture("缓存：x", 3, 1), ("缓存：x".into(), 4, 2));
        assert_eq!(picture("\thash", 2, 4), ("→   hash".into(), 4, 4));
        assert_eq!(picture("a", 9, 0), ("a".into(), 1, 1));
    }

    #[test]
    fn long_lines_are_cut() {
        let line = "x".repeat(10_000);
        let (shown, before, under) = picture(&line, 5000, 9000);
        assert!(shown.len() < 300 && before < 100 && under < 300);
    }
}
