//! The reference page of limits: how much we take, how much the servers and twemproxy take.
//!
//! docs/reference/limits.md is this text; a test compares the two, and prints the page again when
//! asked by `NUTHATCH_BLESS=1 cargo test -p nuthatch`. Our numbers are printed from the constants
//! themselves. What others take was found by asking them, with the versions that the page names;
//! `nuthatch/tests/edges.rs` asks again.

mod own;
mod row;
mod rows;

use rows::SECTIONS;
use std::fmt::Write;

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
}
