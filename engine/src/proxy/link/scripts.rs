//! The scripts that came through a pool, so that EVALSHA finds them on every server.
//!
//! A server that is new, was restarted or has taken over does not have the scripts of the others.
//! Before a script is called on a connection for the first time, it is loaded there (`carry/script.rs`).
//! So the bodies are kept, the most recently used ones.

use crate::base::limits::{SCRIPTS_BYTES_MAX, SCRIPTS_MAX};
use sha1::{Digest, Sha1};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The SHA1 of a script.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Sha([u8; 20]);

impl Sha {
    pub fn of(body: &[u8]) -> Sha {
        Sha(Sha1::digest(body).into())
    }

    /// From 40 hexadecimal digits, in any case.
    pub fn read(text: &[u8]) -> Option<Sha> {
        let text: &[u8; 40] = text.try_into().ok()?;
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let mut sha = [0; 20];
        for (byte, pair) in sha.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Sha(sha))
    }
}

struct Script {
    body: Arc<[u8]>,
    /// When it was used last, in uses of all scripts.
    used: u64,
}

#[derive(Default)]
pub struct Scripts {
    of: BTreeMap<Sha, Script>,
    /// Bodies by a quick hash, so that an EVAL of a known script costs no SHA1.
    quick: BTreeMap<u64, Sha>,
    bytes: usize,
    uses: u64,
}

impl Scripts {
    /// The body of a script, which counts as used.
    pub fn get(&mut self, sha: Sha) -> Option<Arc<[u8]>> {
        self.uses += 1;
        let script = self.of.get_mut(&sha)?;
        script.used = self.uses;
        Some(Arc::clone(&script.body))
    }

    pub fn knows(&self, sha: Sha) -> bool {
        self.of.contains_key(&sha)
    }

    /// Whether this very body is known.
    pub fn knows_body(&self, body: &[u8]) -> bool {
        let sha = self.quick.get(&quick_hash(body));
        sha.and_then(|sha| self.of.get(sha)).is_some_and(|script| *script.body == *body)
    }

    pub fn add(&mut self, sha: Sha, body: Arc<[u8]>) {
        if body.len() > SCRIPTS_BYTES_MAX || self.knows(sha) {
            return;
        }
        self.uses += 1;
        self.bytes += body.len();
        self.quick.insert(quick_hash(&body), sha);
        self.of.insert(sha, Script { body, used: self.uses });
        while self.of.len() > SCRIPTS_MAX || self.bytes > SCRIPTS_BYTES_MAX {
            let Some((&oldest, _)) = self.of.iter().min_by_key(|(_, script)| script.used) else {
                break;
            };
            if let Some(script) = self.of.remove(&oldest) {
                self.bytes -= script.body.len();
                self.quick.remove(&quick_hash(&script.body));
            }
        }
    }

    pub fn clear(&mut self) {
        *self = Scripts::default();
    }
}

/// Eight bytes at a time. A collision costs a comparison, nothing else.
fn quick_hash(body: &[u8]) -> u64 {
    let mut hash = body.len() as u64;
    let mut chunks = body.chunks_exact(8);
    for chunk in chunks.by_ref() {
        let word = chunk.try_into().map_or(0, u64::from_le_bytes);
        hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    for &byte in chunks.remainder() {
        hash = (hash.rotate_left(5) ^ u64::from(byte)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    hash
}

/// The scripts that were loaded on one connection.
#[derive(Default)]
pub struct Loaded(BTreeSet<Sha>);

impl Loaded {
    pub fn has(&self, sha: Sha) -> bool {
        self.0.contains(&sha)
    }

    pub fn add(&mut self, sha: Sha) {
        // Those that were forgotten meanwhile are loaded once more than needed.
        if self.0.len() >= SCRIPTS_MAX {
            self.0.clear();
        }
        self.0.insert(sha);
    }

    pub fn remove(&mut self, sha: Sha) {
        self.0.remove(&sha);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_named_by_its_sha1() {
        let sha = Sha::of(b"return 1");
        assert_eq!(Sha::read(b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db"), Some(sha));
        assert_eq!(Sha::read(b"E0E1F9FABFC9D4800C877A703B823AC0578FF8DB"), Some(sha));
        assert_eq!(Sha::read(b"e0e1"), None);
        assert_eq!(Sha::read(&[b'x'; 40]), None);
    }

    #[test]
    fn the_least_used_is_forgotten() {
        let mut scripts = Scripts::default();
        let body = |at: usize| format!("return {at}").into_bytes();
        let add = |scripts: &mut Scripts, at| scripts.add(Sha::of(&body(at)), body(at).into());
        for at in 0..SCRIPTS_MAX {
            add(&mut scripts, at);
        }
        assert!(scripts.get(Sha::of(&body(0))).is_some());
        add(&mut scripts, SCRIPTS_MAX);
        assert!(scripts.knows_body(&body(0)) && !scripts.knows_body(&body(1)));
        assert!(scripts.knows_body(&body(SCRIPTS_MAX)));
        let large: Arc<[u8]> = vec![b'x'; SCRIPTS_BYTES_MAX].into();
        scripts.add(Sha::of(&large), Arc::clone(&large));
        assert!(scripts.knows_body(&large) && !scripts.knows_body(&body(0)));
        scripts.clear();
        assert!(!scripts.knows_body(&large));
    }
}
