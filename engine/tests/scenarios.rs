//! Stories: what happens, line by line, and the trace it must produce.
//!
//! A line at the margin happens; the indented lines below it are what the worker (and the one who
//! decides) then wants. `NUTHATCH_BLESS=1 cargo test -p nuthatch-engine --test scenarios` records
//! them anew, and the diff is what we review. The words of the language are in
//! `scenarios/README.md`.
#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "scenarios/stage.rs"]
mod stage;

use std::fmt::Write;
use std::path::Path;

/// The story with its trace as it is now. `in_place`: what flows is read to where it will be written
/// from, which makes no difference.
fn tell(story: &str, in_place: bool) -> String {
    let mut told = String::new();
    let mut stage = stage::Stage::new(in_place);
    for line in story.lines() {
        if line.starts_with(' ') {
            continue;
        }
        told.push_str(line);
        told.push('\n');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        for happened in stage.play(line) {
            let _ = writeln!(told, "    {happened}");
        }
    }
    told
}

#[test]
fn every_story_goes_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(files.len() >= 20);
    for file in files {
        let story = std::fs::read_to_string(&file).unwrap();
        let told = tell(&story, false);
        assert_eq!(told, tell(&story, true), "{}, read in place", file.display());
        if std::env::var_os("NUTHATCH_BLESS").is_some() {
            std::fs::write(&file, told).unwrap();
        } else {
            assert_eq!(story, told, "{}", file.display());
        }
    }
}
