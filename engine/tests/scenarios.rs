//! Stories: events, line by line, and the trace that they must produce.
//!
//! A line without indent is an event. The indented lines below it are the actions of the worker and
//! the director. `NUTHATCH_BLESS=1 cargo test -p nuthatch-engine --test scenarios` records them again;
//! review the diff. `scenarios/README.md` describes the language.
#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "scenarios/stage.rs"]
mod stage;

use std::fmt::Write;
use std::path::Path;

/// The story with its current trace. `in_place`: flowing bytes are read into the buffer that is written.
/// The trace must be the same.
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
fn every_story_has_the_recorded_trace() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(files.len() >= 20);
    for file in files {
        // Shown if it fails.
        println!("{}", file.display());
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
