//! Output as text: keys that a terminal can show, columns, percents, and lines of JSON.
//!
//! Output goes to stdout without colour, since people read it, copy it in tickets and compare it with
//! `diff`: a terminal and a pipe get the same bytes. JSON is written by hand: flat objects with five
//! kinds of values. The tests read it with a real parser.

pub use crate::io::json_text;
use std::fmt::{Display, Write};
use std::io;

/// Bytes of a key that [`cut`] shows.
const SHOWN_MAX: usize = 48;

/// Bytes for people: unchanged if that is not ambiguous, otherwise in quotes with escapes. They cannot
/// control a terminal.
pub fn shown(bytes: &[u8]) -> String {
    let mut inside = String::new();
    for chunk in bytes.utf8_chunks() {
        inside.push_str(&chunk.valid().escape_debug().to_string().replace("\\'", "'"));
        for byte in chunk.invalid() {
            let _ = write!(inside, "\\x{byte:02x}");
        }
    }
    let is_plain = inside.as_bytes() == bytes && !inside.is_empty() && inside.trim() == inside;
    if is_plain { inside } else { format!("\"{inside}\"") }
}

/// The same, shortened.
pub fn cut(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN_MAX) {
        Some(first) if bytes.len() > SHOWN_MAX => {
            format!("{}... ({} bytes)", shown(first), bytes.len())
        }
        _ => shown(bytes),
    }
}

/// The width of a text in a column. Characters of double width are rare in names of servers, and
/// count as one.
pub fn width(text: &str) -> usize {
    text.chars().count()
}

/// The width of a column of these texts under a heading.
pub fn column<'a>(heading: &str, texts: impl IntoIterator<Item = &'a str>) -> usize {
    texts.into_iter().map(width).fold(width(heading), usize::max)
}

/// A part of the whole. A very small part is not shown as 0, nor nearly all as 100 %.
pub fn percent(part: f64) -> String {
    match part {
        p if p > 0.0 && p < 0.0005 => "<0.1%".to_owned(),
        p if p < 1.0 && p > 0.9995 => ">99.9%".to_owned(),
        p => format!("{:.1}%", p * 100.0),
    }
}

/// Writes a text to stdout.
pub fn all(text: &str) -> io::Result<()> {
    io::Write::write_all(&mut io::stdout(), text.as_bytes())
}

/// Writes a message to stderr. We ignore errors: if stderr is full or closed, the program goes on.
pub fn told(text: std::fmt::Arguments<'_>) {
    let _ = io::Write::write_fmt(&mut io::stderr().lock(), text);
}

/// `eprintln!` without its panic.
macro_rules! tell {
    ($($text:tt)*) => {
        $crate::cli::print::told(format_args!("{}\n", format_args!($($text)*)))
    };
}
pub(crate) use tell;

/// Whether the reader of our output has closed the pipe.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// A JSON object that is being built. Fields are in the order in which they are added.
pub struct Object(String);

impl Object {
    pub fn new() -> Object {
        Object("{".to_owned())
    }

    /// Adds a value that is JSON already.
    #[must_use]
    pub fn raw(mut self, name: &str, value: impl Display) -> Object {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        let _ = write!(self.0, "{}:{value}", json_text(name));
        self
    }

    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Object {
        self.raw(name, json_text(value))
    }

    #[must_use]
    pub fn text_or_null(self, name: &str, value: Option<&str>) -> Object {
        match value {
            Some(value) => self.text(name, value),
            None => self.raw(name, "null"),
        }
    }

    #[must_use]
    pub fn number_or_null(self, name: &str, value: Option<impl Display>) -> Object {
        match value {
            Some(value) => self.raw(name, value),
            None => self.raw(name, "null"),
        }
    }

    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// An array of values that are JSON already.
pub fn json_array(values: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", values.into_iter().collect::<Vec<_>>().join(","))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_look_alike() {
        let cases: [(&[u8], &str); 10] = [
            (b"user:1", "user:1"),
            (b"hello world", "hello world"),
            (b"it's", "it's"),
            ("caf\u{e9}".as_bytes(), "caf\u{e9}"),
            (b"", "\"\""),
            (b" x", "\" x\""),
            (b"\"x\"", "\"\\\"x\\\"\""),
            (b"\xff\x80", "\"\\xff\\x80\""),
            (b"a\r\n\x1b[2J", "\"a\\r\\n\\u{1b}[2J\""),
            (b"\\xff", "\"\\\\xff\""),
        ];
        for (bytes, text) in cases {
            assert_eq!(shown(bytes), text);
        }
    }

    #[test]
    fn long_keys_are_cut_and_control_characters_escaped() {
        assert_eq!(cut(b"user:1"), "user:1");
        assert_eq!(cut(b"a\x1b[2J"), "\"a\\u{1b}[2J\"");
        let long = cut(&[b'x'; 5000]);
        assert!(long.ends_with("xx... (5000 bytes)") && long.len() < 80, "{long}");
    }

    #[test]
    fn a_small_part_is_not_shown_as_zero() {
        let texts = [0.0, 0.0004, 0.0006, 0.5, 0.9996, 1.0].map(percent);
        assert_eq!(texts, ["0.0%", "<0.1%", "0.1%", "50.0%", ">99.9%", "100.0%"]);
    }

    #[test]
    fn json_is_read_back_with_the_same_values() {
        let odd = "a\"b\\c\n\u{1}\u{7f}\u{9b}\u{e9}";
        let text = Object::new()
            .text("odd", odd)
            .text_or_null("none", None)
            .number_or_null("no", None::<u8>)
            .raw("list", json_array(["1".to_owned(), "2".to_owned()]))
            .end();
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, serde_json::json!({"odd": odd, "none": null, "no": null, "list": [1, 2]}));
        assert_eq!(Object::new().end(), "{}");
    }
}
