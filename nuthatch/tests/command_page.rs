//! docs/reference/commands.md beside the tables it is printed from.

use std::path::Path;

/// Compares, or writes the page.
#[test]
fn the_page_of_commands_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/commands.md");
    let text = nuthatch::cli::commands::reference();
    if std::env::var_os("NUTHATCH_BLESS").is_some() {
        std::fs::write(&path, &text).expect("the page is written");
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(recorded == text, "out of date; NUTHATCH_BLESS=1 cargo test -p nuthatch writes it");
}
