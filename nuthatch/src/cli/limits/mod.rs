//! The reference page of limits: how much we take, how much the servers and twemproxy take.
//!
//! docs/reference/limits.md is this text; a test compares the two, and prints the page again when
//! asked by `NUTHATCH_BLESS=1 cargo test -p nuthatch`. Our numbers are printed from the constants
//! themselves. What others take was found by asking them, with the versions that the page names;
//! `nuthatch/tests/edges.rs` asks again.

mod own;
mod rows;

use crate::config;
use rows::SECTIONS;
use std::fmt::Write;

/// A table of the page.
struct Section {
    title: &'static str,
    introduction: &'static str,
    /// The heads of its columns.
    heads: &'static [&'static str],
    rows: &'static [Row],
}

struct Row {
    name: &'static str,
    here: Here,
    /// The constants of `base/limits.rs` that it tells.
    #[cfg_attr(not(test), allow(dead_code, reason = "a test asks whether all are told"))]
    constants: &'static [&'static str],
    /// A cell for each column behind ours.
    cells: &'static [&'static str],
}

/// What we take.
#[derive(Clone, Copy)]
enum Here {
    Count(u64),
    Bytes(usize),
    Ms(u64),
    Range(i64, i64),
    /// The bounds of a key's number.
    Key(&'static str),
    /// So many bytes for so many milliseconds.
    BytesFor(usize, u64),
    Words(&'static str),
}

/// Constants of `base/limits.rs` that bound nothing a peer or an operator could meet: buffers, paces
/// and thresholds of our own.
#[cfg(test)]
const INNER: &[&str] = &[
    "POOLED_BYTES_MAX",
    "POOLED_BUFFER_BYTES_MAX",
    "OUTPUT_TRIM_BYTES_MIN",
    "READ_BYTES",
    "READS_PER_TURN",
    "WRITE_BYTES",
    "UNSENT_BYTES",
    "CLIENT_WINDOW_START",
    "REFUSED_MULTI_MS",
    "GATHER_CLIENTS",
    "GATHER_BYTES",
    "GATHER_US",
    "STREAM_BYTES_MIN",
    "STREAM_PAUSE_BYTES",
    "STREAM_SHARED_PAUSE_BYTES",
    "STREAM_RESUME_BYTES",
    "SPARE_SOCKETS_MAX",
    "SPARE_IDLE_MS",
    "NO_META_MS",
    "RECONNECT_MS_MIN",
    "RECONNECT_MS_MAX",
];

/// The page, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(rows::INTRODUCTION);
    for section in SECTIONS {
        let _ = write!(page, "\n## {}\n\n{}\n\n", section.title, section.introduction);
        line(&mut page, section.heads.iter().copied());
        line(&mut page, section.heads.iter().map(|_| "---"));
        for row in section.rows {
            let here = row.here.text();
            let ours = [row.name, here.as_str()];
            line(&mut page, ours.into_iter().chain(row.cells.iter().copied()));
        }
    }
    page
}

fn line<'a>(page: &mut String, cells: impl Iterator<Item = &'a str>) {
    page.push('|');
    for cell in cells {
        let _ = write!(page, " {cell} |");
    }
    page.push('\n');
}

impl Here {
    fn text(self) -> String {
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

/// With a comma behind thousands.
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
    use std::collections::BTreeSet;

    /// A constant that comes to `base/limits.rs` comes to the page, or is said to be inner.
    #[test]
    fn every_limit_is_told() {
        let source = include_str!("../../../../engine/src/base/limits.rs");
        let consts = source.lines().filter_map(|line| line.strip_prefix("pub const "));
        let there: BTreeSet<&str> =
            consts.filter_map(|rest| rest.split_once(':')).map(|(name, _)| name).collect();
        let rows = || SECTIONS.iter().flat_map(|section| section.rows);
        let told = rows().flat_map(|row| row.constants);
        let known: BTreeSet<&str> = told.chain(INNER).copied().collect();
        let untold: Vec<_> = there.difference(&known).collect();
        let gone: Vec<_> = known.difference(&there).collect();
        assert!(untold.is_empty() && gone.is_empty(), "not told: {untold:?}; gone: {gone:?}");
    }

    #[test]
    fn rows_fill_their_columns() {
        for section in SECTIONS {
            for row in section.rows {
                assert_eq!(2 + row.cells.len(), section.heads.len(), "{}", row.name);
                let cells = row.cells.iter().chain([&row.name]);
                assert!(cells.clone().all(|cell| !cell.is_empty() && !cell.contains('|')));
                assert!(!row.here.text().is_empty(), "{}", row.name);
            }
        }
    }

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
