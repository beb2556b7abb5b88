//! Runs the functions of the fuzz targets over the corpora of `fuzz/`: every file, and prefixes of it up
//! to 199 bytes. It also runs seeded mutations of the files, for those who have no fuzzer.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may")]

use nuthatch_engine::base::Chance;
use nuthatch_engine::fuzz;
use std::path::Path;

/// Mutants for each file. All of them take a few seconds.
const MUTANTS: u32 = 300;

/// Bytes with a meaning for a parser.
const EDGES: &[u8] = b"*$:+-_\r\n0129,%|> q\0";

fn files(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn replay(target: &str, run: fn(&[u8])) {
    for file in files(target) {
        run(&file);
        for cut in 0..file.len().min(200) {
            run(&file[..cut]);
        }
    }
}

/// Changes, drops, repeats and joins pieces of corpus files.
fn mutate(target: &str, run: fn(&[u8])) {
    let files = files(target);
    let mut chance = Chance::new(2024);
    for file in &files {
        for _ in 0..MUTANTS {
            let mut mutant = file.clone();
            for _ in 0..=chance.below(3) {
                let at = chance.below(mutant.len() as u32 + 1) as usize;
                let end = (at + chance.below(12) as usize).min(mutant.len());
                match chance.below(5) {
                    0 if at < mutant.len() => mutant[at] = chance.below(256) as u8,
                    1 => drop(mutant.drain(at..end)),
                    2 => {
                        let piece = mutant[at..end].to_vec();
                        mutant.splice(at..at, piece);
                    }
                    3 => {
                        let other = &files[chance.below(files.len() as u32) as usize];
                        let from = chance.below(other.len() as u32) as usize;
                        mutant.splice(at..end, other[from..].iter().copied());
                    }
                    _ => mutant.insert(at, EDGES[chance.below(EDGES.len() as u32) as usize]),
                }
            }
            run(&mutant);
        }
    }
}

#[test]
fn requests() {
    replay("request", fuzz::request);
    mutate("request", fuzz::request);
}

#[test]
fn replies() {
    replay("reply", fuzz::reply);
    mutate("reply", fuzz::reply);
}

#[test]
fn memcache_requests() {
    replay("memcache_request", fuzz::memcache_request);
    mutate("memcache_request", fuzz::memcache_request);
}

#[test]
fn memcache_replies() {
    replay("memcache_reply", fuzz::memcache_reply);
    mutate("memcache_reply", fuzz::memcache_reply);
}

#[test]
fn workers() {
    replay("worker", fuzz::worker);
    mutate("worker", fuzz::worker);
}
