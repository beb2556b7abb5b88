//! `-D`: the numbers of the statistics and their meaning, in twemproxy's order and layout, from the
//! table of the statistics.

use crate::admin::{POOL_ROWS, Row, SERVER_ROWS};
use std::fmt::Write;

pub fn text() -> String {
    let mut text = String::from("pool stats:\n");
    rows(&mut text, &POOL_ROWS);
    text.push_str("\nserver stats:\n");
    rows(&mut text, &SERVER_ROWS);
    text
}

fn rows<T>(text: &mut String, rows: &[Row<T>]) {
    for row in rows {
        let _ = writeln!(text, "  {:<20}\"{}\"", row.name, row.about);
    }
}
