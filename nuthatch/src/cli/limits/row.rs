//! Sections and rows of the page of limits, and how its numbers are written.

use crate::config;

/// A table of the page.
pub struct Section {
    pub title: &'static str,
    pub introduction: &'static str,
    /// The heads of its columns.
    pub heads: &'static [&'static str],
    pub rows: &'static [Row],
}

pub struct Row {
    pub name: &'static str,
    pub here: Here,
    /// The constants of `base/limits.rs` in this row.
    #[cfg_attr(not(test), allow(dead_code, reason = "a test checks that all have a row"))]
    pub constants: &'static [&'static str],
    /// A cell for each column after ours.
    pub cells: &'static [&'static str],
}

/// Our limit.
#[derive(Clone, Copy)]
pub enum Here {
    Count(u64),
    Bytes(usize),
    Ms(u64),
    Range(i64, i64),
    /// The bounds of a key's number.
    Key(&'static str),
    /// A number of bytes, for a number of milliseconds.
    BytesFor(usize, u64),
    Words(&'static str),
}

impl Here {
    pub fn text(self) -> String {
        match self {
            Here::Count(n) => count(n),
            Here::Bytes(n) => bytes(n),
            Here::Ms(n) => time(n),
            Here::Range(from, to) => format!("{} to {}", signed(from), signed(to)),
            Here::Key(name) => config::number_bounds(name)
                .map(|(from, to)| format!("{} to {}", count(from.into()), count(to.into())))
                .unwrap_or_default(),
            Here::BytesFor(n, ms) => format!("{} for {}", bytes(n), time(ms)),
            Here::Words(text) => text.into(),
        }
    }
}

/// With a comma after thousands.
fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn signed(n: i64) -> String {
    format!("{}{}", if n < 0 { "-" } else { "" }, count(n.unsigned_abs()))
}

fn bytes(n: usize) -> String {
    let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.iter().find(|(size, _)| n as u64 >= *size && (n as u64).is_multiple_of(*size));
    match unit {
        Some((size, name)) => format!("{} {name}", count(n as u64 / size)),
        None => format!("{} bytes", count(n as u64)),
    }
}

fn time(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{} s", count(ms / 1000)) } else { format!("{ms} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_048_576), "1,048,576");
        assert_eq!(signed(-2_147_483_648), "-2,147,483,648");
        assert_eq!(bytes(250), "250 bytes");
        assert_eq!(bytes(80 * 1024), "80 KiB");
        assert_eq!(bytes(1 << 30), "1 GiB");
        assert_eq!(time(60_000), "60 s");
        assert_eq!(time(250), "250 ms");
    }
}
