//! One line of a server's answer, in either protocol, and why there is none.

use std::io::{self, BufRead, Read};
use std::time::Duration;

/// How long a read or a write may take.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// A line of a reply: a length, a number, an error's text, a key with what is known of it.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// What was read up to a line feed.
pub enum Line {
    /// Without the line feed.
    Whole(Vec<u8>),
    /// The bytes ended within it, or it is too long for one.
    Torn,
}

/// The next line of the answer to `command`; none at all is an error.
pub fn line(input: &mut impl BufRead, command: &str) -> Result<Line, String> {
    let mut line = Vec::new();
    let mut input = input.take(LINE_BYTES_MAX);
    input.read_until(b'\n', &mut line).map_err(|error| lost(command, &error))?;
    match line.pop() {
        Some(b'\n') => Ok(Line::Whole(line)),
        Some(_) => Ok(Line::Torn),
        None => Err(format!("{command}: the connection was closed")),
    }
}

pub fn lost(command: &str, error: &io::Error) -> String {
    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
        return format!("{command}: no answer within {} s", PATIENCE.as_secs());
    }
    format!("{command}: {error}")
}
