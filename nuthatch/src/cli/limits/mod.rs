//! The reference page of limits: ours, the servers' and twemproxy's.
//!
//! docs/reference/limits.md is this text. A test compares them, and
//! `NUTHATCH_BLESS=1 cargo test -p nuthatch` writes the page. Our numbers are printed from the
//! constants. The limits of others were measured with the versions that the page names;
//! `nuthatch/tests/edges.rs` measures them again.

mod own;
mod row;
mod rows;

use rows::SECTIONS;
use std::fmt::Write;

/// Constants of `base/limits.rs` that no peer and no operator can reach: internal buffers, intervals
/// and thresholds.
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

    /// Each constant of `base/limits.rs` is on the page or in `INNER`.
    #[test]
    fn every_limit_is_on_the_page() {
        let source = include_str!("../../../../engine/src/base/limits.rs");
        let consts = source.lines().filter_map(|line| line.strip_prefix("pub const "));
        let there: BTreeSet<&str> =
            consts.filter_map(|rest| rest.split_once(':')).map(|(name, _)| name).collect();
        let rows = || SECTIONS.iter().flat_map(|section| section.rows);
        let listed = rows().flat_map(|row| row.constants);
        let known: BTreeSet<&str> = listed.chain(INNER).copied().collect();
        let missing: Vec<_> = there.difference(&known).collect();
        let unknown: Vec<_> = known.difference(&there).collect();
        let is_complete = missing.is_empty() && unknown.is_empty();
        assert!(is_complete, "not on the page: {missing:?}; not a limit: {unknown:?}");
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
