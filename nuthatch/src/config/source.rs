//! The text of the file.
//!
//! Each checker keeps the [`Place`] of a problem. [`Source`] keeps the lines, so that a problem can show
//! its line, and knows which lines hold secrets.

use super::node::Node;
use super::place::Place;
use super::quote::{STARS, quoted};
use super::secret::Secrets;

/// A configuration file's name and lines.
#[derive(Clone, Debug, Default)]
pub struct Source {
    pub file: String,
    lines: Vec<String>,
    secrets: Secrets,
}

impl Source {
    pub fn new(file: &str, text: &str) -> Source {
        Source {
            file: file.to_owned(),
            lines: lines(text).map(str::to_owned).collect(),
            secrets: Secrets::find(lines(text)),
        }
    }

    /// The line of that number, counted from 1, without its end.
    pub fn line(&self, number: u32) -> Option<&str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.lines.get(index).map(String::as_str)
    }

    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// Hides what the tree of this file shows to be secret, besides what its lines show.
    pub fn hide_values(&mut self, root: &Node) {
        self.secrets.add_values(root);
    }

    /// The column from which on a line is not to be shown.
    pub fn hidden_from(&self, line: u32) -> Option<u32> {
        self.secrets.from(line)
    }

    /// Is something in this place secret?
    pub fn is_secret(&self, place: Place) -> bool {
        self.secrets.touches(place)
    }

    /// A line as it may be shown.
    pub fn shown(&self, number: u32) -> Option<String> {
        let line = self.line(number)?;
        Some(match self.hidden_from(number) {
            Some(from) => line.chars().take(from as usize - 1).chain(STARS.chars()).collect(),
            None => line.to_owned(),
        })
    }

    /// A text that stands in this place, as it may be quoted.
    pub fn quoted(&self, place: Place, text: &str) -> String {
        quoted(if self.is_secret(place) { STARS } else { text })
    }
}

/// The lines of a text as YAML counts them: LF, CRLF and a lone CR all end one.
pub fn lines(text: &str) -> impl Iterator<Item = &str> + Clone {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let after = if text[end..].starts_with("\r\n") { end + 2 } else { end + 1 };
        rest = Some(&text[after..]);
        Some(&text[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_three_ways() {
        assert_eq!(lines("a\nb\r\nc\rd").collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        assert_eq!(lines("a\n\n").collect::<Vec<_>>(), ["a", "", ""]);
    }
}
