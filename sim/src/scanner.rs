//! A client's SCAN, step by step, and what it has seen.

use crate::redis::SCAN_KEYS;
use crate::resp::Value;
use std::collections::{BTreeMap, BTreeSet};

pub struct Scanner {
    cursor: Vec<u8>,
    /// A step is on its way.
    pub is_asked: bool,
    seen: BTreeSet<Vec<u8>>,
}

pub enum Page {
    /// It is no page of SCAN.
    Wrong,
    More,
    /// So many servers have been seen whole.
    Last {
        whole: usize,
    },
}

impl Scanner {
    pub fn new() -> Scanner {
        Scanner { cursor: b"0".to_vec(), is_asked: false, seen: BTreeSet::new() }
    }

    pub fn step(&mut self) -> Vec<Vec<u8>> {
        self.is_asked = true;
        vec![b"SCAN".to_vec(), self.cursor.clone()]
    }

    pub fn take(&mut self, cursor: &Value, keys: &Value) -> Page {
        self.is_asked = false;
        let (Value::Bulk(cursor), Value::Array(keys)) = (cursor, keys) else {
            return Page::Wrong;
        };
        for key in keys {
            let Value::Bulk(key) = key else {
                return Page::Wrong;
            };
            self.seen.insert(key.clone());
        }
        self.cursor.clone_from(cursor);
        if cursor != b"0" {
            return Page::More;
        }
        // The second part of a key is the server that has it.
        let mut of_toy: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for key in std::mem::take(&mut self.seen) {
            let toy = key.split(|&byte| byte == b':').nth(1).unwrap_or_default();
            *of_toy.entry(toy.to_vec()).or_default() += 1;
        }
        Page::Last { whole: of_toy.values().filter(|&&keys| keys == SCAN_KEYS).count() }
    }
}
