//! A toy memcached: a map, the text and meta commands, and what real ones do in spite of
//! `noreply` and the quiet mode: an error when memory runs out.
//!
//! Keys that answer for themselves are those of `redis.rs`, and
//!
//! | key               | |
//! |-------------------|-|
//! | `e:#tag#i:len`    | is there, and holds the key, a bar and `len` letters |
//! | `d:#tag#i`        | can be deleted, always |
//! | `flush_all 1000000 + tag` | stands for a flush with a tag, and flushes nothing |
//! | anything else     | lives in the map |

use crate::check::{Ledger, Scene, tag_of};
use crate::echo::echo_value;
use crate::memcache::{self, Request, from_base64};
use crate::mood::Trouble;
use std::collections::BTreeMap;

/// Flushes with a tag begin here.
pub const FLUSH: u64 = 1_000_000;

/// Whether memory runs out at the silent store with this tag.
pub fn runs_out(tag: u64) -> bool {
    tag % 8 == 5
}

/// What a store is told that finds no memory, silent or not.
pub fn out_of_memory(tag: u64) -> String {
    format!("SERVER_ERROR out of memory storing object #{tag}#")
}

#[derive(Default)]
pub struct Cache {
    items: BTreeMap<Vec<u8>, Vec<u8>>,
    numbers: BTreeMap<Vec<u8>, u64>,
}

/// A server and the moment in which it carries something out.
struct Moment<'a> {
    scene: Scene,
    trouble: Trouble,
    ledger: &'a mut Ledger,
}

impl Cache {
    pub fn clear(&mut self) {
        self.items.clear();
        self.numbers.clear();
    }

    /// Carries out the request that the bytes begin with; its reply and its length.
    pub fn serve(
        &mut self,
        bytes: &[u8],
        trouble: Trouble,
        scene: Scene,
        ledger: &mut Ledger,
    ) -> Result<Option<(Vec<u8>, usize)>, String> {
        let Some((request, len)) = memcache::request(bytes)? else { return Ok(None) };
        let mut moment = Moment { scene, trouble, ledger };
        moment.note(&request);
        let text = String::from_utf8_lossy(request.word(0)).into_owned();
        let reply = match (text.as_str(), request.words.len()) {
            ("get" | "gets", 2..) => self.retrieve(&request.words[1..], text == "gets"),
            ("gat" | "gats", 3..) => self.retrieve(&request.words[2..], text == "gats"),
            ("mg" | "ms" | "md" | "ma" | "me", 2..) => self.meta(&text, &request, &mut moment)?,
            ("mn", 1) => b"MN\r\n".to_vec(),
            ("version", 1) => b"VERSION 1.6.toy\r\n".to_vec(),
            ("stats", 1) => {
                format!("STAT pid {}\r\nSTAT curr_items 1\r\nEND\r\n", scene.server).into_bytes()
            }
            _ => {
                let is_silent = request.words.last().is_some_and(|word| word == b"noreply");
                let line = self.text(&text, &request, is_silent, &mut moment)?;
                let speaks = !is_silent || line.starts_with("SERVER_ERROR");
                if speaks { format!("{line}\r\n").into_bytes() } else { Vec::new() }
            }
        };
        Ok(Some((reply, len)))
    }

    fn holds(&self, key: &[u8]) -> Option<Vec<u8>> {
        if key.starts_with(b"e:") {
            return Some(echo_value(key));
        }
        self.items.get(key).cloned()
    }

    fn retrieve(&self, keys: &[Vec<u8>], unique: bool) -> Vec<u8> {
        let mut reply = Vec::new();
        for key in keys {
            if let Some(data) = self.holds(key) {
                reply.extend_from_slice(&memcache::item(key, &data, unique));
            }
        }
        reply.extend_from_slice(b"END\r\n");
        reply
    }

    /// A text command that answers in one line.
    fn text(
        &mut self,
        name: &str,
        request: &Request,
        is_silent: bool,
        moment: &mut Moment<'_>,
    ) -> Result<String, String> {
        let key = request.word(1);
        Ok(match name {
            "set" | "add" | "replace" | "append" | "prepend" | "cas" => {
                if let Some(error) = moment.finds_no_memory(key, &request.data, is_silent) {
                    return Ok(error);
                }
                moment.wrote(key, &request.data);
                match self.store(name, key, &request.data) {
                    true => "STORED",
                    false if name == "cas" => "NOT_FOUND",
                    false => "NOT_STORED",
                }
                .into()
            }
            "incr" => {
                moment.wrote(key, b"");
                let sum = self.numbers.entry(key.to_vec()).or_default();
                *sum += memcache::number(request.word(2)).ok_or("no number")?;
                sum.to_string()
            }
            "decr" => "NOT_FOUND".into(),
            "delete" => {
                moment.wrote(key, b"");
                let is_there = self.items.remove(key).is_some() || key.starts_with(b"d:");
                if is_there { "DELETED" } else { "NOT_FOUND" }.into()
            }
            "touch" if request.words.len() >= 3 => {
                if self.holds(key).is_some() { "TOUCHED" } else { "NOT_FOUND" }.into()
            }
            "flush_all" | "verbosity" if request.words.len() >= 2 => "OK".into(),
            other => return Err(format!("a toy does not know {other}")),
        })
    }

    /// Whether it was stored.
    fn store(&mut self, how: &str, key: &[u8], data: &[u8]) -> bool {
        let known = self.holds(key);
        let value = match (how, known) {
            ("set", _) | ("add", None) | ("replace" | "cas", Some(_)) => data.to_vec(),
            ("append", Some(known)) => [known, data.to_vec()].concat(),
            ("prepend", Some(known)) => [data.to_vec(), known].concat(),
            _ => return false,
        };
        self.items.insert(key.to_vec(), value);
        true
    }

    fn meta(
        &mut self,
        name: &str,
        request: &Request,
        moment: &mut Moment<'_>,
    ) -> Result<Vec<u8>, String> {
        let flags = request.words.get(if name == "ms" { 3 } else { 2 }..).unwrap_or_default();
        let flag = |letter: u8| flags.iter().find(|flag| flag[0] == letter);
        let written = request.word(1);
        let key = if flag(b'b').is_some() { from_base64(written) } else { written.to_vec() };
        let is_quiet = flag(b'q').is_some();
        let mut rest = String::new();
        for flag in flags {
            match flag[0] {
                b'k' => rest.extend([" k", &String::from_utf8_lossy(written)]),
                b'O' | b'b' => rest.extend([" ", &String::from_utf8_lossy(flag)]),
                _ => {}
            }
        }
        let silent_if_quiet = |line: &str| {
            if is_quiet { Vec::new() } else { format!("{line}{rest}\r\n").into_bytes() }
        };
        Ok(match name {
            "mg" => match self.holds(&key) {
                None if is_quiet => Vec::new(),
                None => b"EN\r\n".to_vec(),
                Some(data) if flag(b'v').is_some() => {
                    let line = format!("VA {}{rest}\r\n", data.len()).into_bytes();
                    [line, data, b"\r\n".to_vec()].concat()
                }
                Some(_) => format!("HD{rest}\r\n").into_bytes(),
            },
            "ms" => {
                if let Some(error) = moment.finds_no_memory(&key, &request.data, is_quiet) {
                    return Ok(format!("{error}\r\n").into_bytes());
                }
                moment.wrote(&key, &request.data);
                let how = if flag(b'M').is_some() { "replace" } else { "set" };
                if self.store(how, &key, &request.data) {
                    silent_if_quiet("HD")
                } else {
                    format!("NS{rest}\r\n").into_bytes()
                }
            }
            "md" => {
                moment.wrote(&key, b"");
                silent_if_quiet("HD")
            }
            "ma" => {
                moment.wrote(&key, b"");
                let by = flag(b'D').and_then(|flag| memcache::number(&flag[1..]));
                let sum = self.numbers.entry(key).or_default();
                *sum += by.ok_or("no delta")?;
                let sum = sum.to_string();
                if flag(b'v').is_some() {
                    format!("VA {}{rest}\r\n{sum}\r\n", sum.len()).into_bytes()
                } else {
                    silent_if_quiet("HD")
                }
            }
            _ => match self.holds(&key) {
                None => b"EN\r\n".to_vec(),
                Some(data) => {
                    let key = String::from_utf8_lossy(written);
                    format!("ME {key} size={}\r\n", data.len()).into_bytes()
                }
            },
        })
    }
}

impl Moment<'_> {
    /// Notes the tagged command, in whichever word its tag is.
    fn note(&mut self, request: &Request) {
        if request.word(0) == b"flush_all" {
            if let Some(tag) =
                memcache::number(request.word(1)).and_then(|delay| delay.checked_sub(FLUSH))
            {
                self.ledger.arrived(tag, &self.scene);
                let key = format!("server {}", self.scene.server);
                self.ledger.wrote(tag, key.as_bytes(), self.scene.server);
            }
            return;
        }
        let mut texts = request.words[1..].iter().chain([&request.data]);
        if let Some(tag) = texts.find_map(|text| tag_of(text)) {
            self.ledger.arrived(tag, &self.scene);
        }
    }

    fn wrote(&mut self, key: &[u8], data: &[u8]) {
        if let Some(tag) = tag_of(key).or_else(|| tag_of(data)) {
            self.ledger.wrote(tag, key, self.scene.server);
        }
    }

    fn finds_no_memory(&self, key: &[u8], data: &[u8], is_silent: bool) -> Option<String> {
        let tag = tag_of(key).or_else(|| tag_of(data))?;
        let finds_none = self.trouble.out_of_memory || is_silent && runs_out(tag);
        finds_none.then(|| out_of_memory(tag))
    }
}
