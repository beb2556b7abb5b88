//! The file as it was written, and places in it.
//!
//! Everything that complains keeps the place of the complaint as the reader's editor counts it:
//! lines and columns from 1, a column being one character, however many bytes it has or cells it
//! takes on a screen. [`Source`] keeps the lines, so that a problem can show the one it means.
//!
//! It also turns bytes into text. What is not text (UTF-16, stray bytes of GBK or Latin-1,
//! control characters) is reported and replaced, so that the rest of the file still gets read
//! and all its problems come in one go.

use super::problem::{Fault, Problem, quoted};
use super::secret::{STARS, Secrets};
use super::yaml::Node;

/// A stretch of characters, most often in one line. Line 0 means the file as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// In characters; 0 points between two.
    pub length: u32,
    /// Lines below this one that it goes on in.
    pub lines_below: u32,
}

impl Place {
    pub fn new(line: usize, column: usize, length: usize) -> Place {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (line, column, length) = (narrow(line), narrow(column), narrow(length));
        Place { line, column, length, lines_below: 0 }
    }

    /// From here to the end of another one, which comes later.
    #[must_use]
    pub fn through(self, other: Place) -> Place {
        let last = other.line.saturating_add(other.lines_below);
        let end = other.column.saturating_add(other.length);
        let length = if other.line == self.line { end.saturating_sub(self.column) } else { 0 };
        Place {
            length: length.max(self.length),
            lines_below: last.saturating_sub(self.line).max(self.lines_below),
            ..self
        }
    }
}

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

    /// A fault at its place, with the line it stands in.
    pub fn problem(&self, place: Place, fault: Fault) -> Problem {
        Problem::new(self, place, place, fault)
    }

    /// The same, where the fault quotes a text that stands elsewhere, or of which it means a part.
    pub fn problem_quoting(&self, place: Place, quotes: Place, fault: Fault) -> Problem {
        Problem::new(self, place, quotes, fault)
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

/// Text out of bytes. `Err` when nothing useful can be read on.
pub fn decode(file: &str, bytes: &[u8]) -> Result<(Source, String, Vec<Problem>), Vec<Problem>> {
    // Without a mark it shows by its zeros: our characters have one in two bytes, or three in four.
    let has_zero = bytes.iter().take(4).any(|&byte| byte == 0);
    if has_zero || bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let fault = Fault::new("this file is UTF-16, not UTF-8")
            .expected("UTF-8 text")
            .note("in the editor's \"Save as\", choose the encoding UTF-8");
        return Err(vec![Source::new(file, "").problem(Place::default(), fault)]);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lossy = String::from_utf8_lossy(bytes);
    let source = Source::new(file, &lossy);
    let mut problems = Vec::new();
    if let Err(error) = std::str::from_utf8(bytes) {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = lines(&good).count();
        let column = lines(&good).last().map_or(0, |last| last.chars().count()) + 1;
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        let fault = Fault::new("this is not UTF-8 text")
            .found(format!("the byte 0x{byte:02x}"))
            .expected("UTF-8 text")
            .note(
                "the file may have been saved in GBK, Latin-1 or the like: save it again as UTF-8",
            );
        problems.push(source.problem(Place::new(line, column, 1), fault));
    }
    for (index, line) in source.lines().enumerate() {
        if let Some((column, c)) = line.chars().enumerate().find(|&(_, c)| is_forbidden(c)) {
            let place = Place::new(index + 1, column + 1, 1);
            problems.push(source.problem(place, forbidden(c)));
        }
    }
    let text = lossy.chars().map(|c| if is_forbidden(c) { ' ' } else { c }).collect();
    Ok((source, text, problems))
}

/// Characters that YAML does not allow, and those that end a line in YAML 1.1 (which nutcracker
/// reads) but not in 1.2 (which our parser reads): one file must not mean two things.
fn is_forbidden(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    control || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn forbidden(c: char) -> Fault {
    Fault::new("an invisible character that cannot stand here")
        .found(format!("U+{:04X}", c as u32))
        .note("delete it: it often comes along when text is copied from a web page or a slide")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_three_ways() {
        assert_eq!(lines("a\nb\r\nc\rd").collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        assert_eq!(lines("a\n\n").collect::<Vec<_>>(), ["a", "", ""]);
    }

    #[test]
    fn bytes_that_are_no_text_are_placed() {
        let (_, text, problems) = decode("f", b"a: b\nc: \xc4\xe3 d\n").unwrap();
        assert_eq!((problems[0].line, problems[0].column), (2, 4));
        assert!(text.contains('\u{fffd}'));
        let (_, text, problems) = decode("f", b"a:\x07 b\n").unwrap();
        assert_eq!((problems[0].line, problems[0].column), (1, 3));
        assert_eq!(text, "a:  b\n");
        assert!(decode("f", b"\xff\xfea\0").is_err());
        assert!(decode("f", b"a\0:\0").is_err() && decode("f", b"\0a\0:").is_err());
        let (_, text, problems) = decode("f", b"\xef\xbb\xbfa: b").unwrap();
        assert_eq!((text.as_str(), problems.len()), ("a: b", 0));
    }
}
