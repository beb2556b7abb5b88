//! Replays the fuzzer's corpus of configuration files through the function its target calls:
//! every file whole, and every beginning of it.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::path::Path;

#[test]
fn configurations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/config");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for cut in 0..=bytes.len() {
            nuthatch::config::fuzz(&bytes[..cut]);
        }
        files += 1;
    }
    assert!(files > 0);
}
