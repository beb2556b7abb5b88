//! A simulated memcached: a map, the text and meta commands. Like a real memcached it sends an error
//! when memory runs out, even to a request with `noreply` or in quiet mode.
//!
//! Some keys are not in the map, as in `redis.rs`:
//!
//! | key               | |
//! |-------------------|-|
//! | `e:#tag#i:len`    | always exists; its value is the key, a bar and `len` letters |
//! | `d:#tag#i`        | can always be deleted |
//! | `flush_all 1000000 + tag` | a flush with a tag; it flushes nothing |
//! | any other key     | is in the map |

use crate::check::{Context, Ledger, tag_of};
use crate::echo::echo_value;
use crate::memcache::{self, Request, from_base64};
use crate::server_state::Trouble;
use std::collections::BTreeMap;

/// The delay of a `flush_all` is this number plus the tag.
pub const FLUSH: u64 = 1_000_000;

/// Whether memory runs out when a silent store has this tag.
pub fn runs_out(tag: u64) -> bool {
    tag % 8 == 5
}

/// The error of a store without memory, silent or not.
pub fn out_of_memory(tag: u64) -> String {
    format!("SERVER_ERROR out of memory storing object #{tag}#")
}

#[derive(Default)]
pub struct Cache {
    items: BTreeMap<Vec<u8>, Vec<u8>>,
    numbers: BTreeMap<Vec<u8>, u64>,
}

/// One command while a server executes it.
struct Execution<'a> {
    context: Context,
    trouble: Trouble,
    ledger: &'a mut Ledger,
}

impl Cache {
    pub fn clear(&mut self) {
        self.items.clear();
        self.numbers.clear();
    }

    /// Executes the first request in the bytes. Returns its reply and its length.
    pub fn serve(
        &mut self,
        bytes: &[u8],
        trouble: Trouble,
        context: Context,
        ledger: &mut Ledger,
    ) -> Result<Option<(Vec<u8>, usize)>, String> {
        let Some((request, len)) = memcache::request(bytes)? else { return Ok(None) };
        let mut execution = Execution { context, trouble, ledger };
        execution.note(&request);
        let text = String::from_utf8_lossy(request.word(0)).into_owned();
        let reply = match (text.as_str(), request.words.len()) {
            ("get" | "gets", 2..) => self.retrieve(&request.words[1..], text == "gets"),
            ("gat" | "gats", 3..) => self.retrieve(&request.words[2..], text == "gats"),
            ("mg" | "ms" | "md" | "ma" | "me", 2..) => {
                self.meta(&text, &request, &mut execution)?
            }
            ("mn", 1) => b"MN\r\n".to_vec(),
            ("version", 1) => b"VERSION 1.6.toy\r\n".to_vec(),
            ("stats", 1) => {
                format!("STAT pid {}\r\nSTAT curr_items 1\r\nEND\r\n", context.server).into_bytes()
            }
            _ => {
                let is_silent = request.words.last().is_some_and(|word| word == b"noreply");
                let line = self.text(&text, &request, is_silent, &mut execution)?;
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

    /// Executes a text command with a reply of one line.
    fn text(
        &mut self,
        name: &str,
        request: &Request,
        is_silent: bool,
        execution: &mut Execution<'_>,
    ) -> Result<String, String> {
        let key = request.word(1);
        Ok(match name {
            "set" | "add" | "replace" | "append" | "prepend" | "cas" => {
                if let Some(error) = execution.memory_error(key, &request.data, is_silent) {
                    return Ok(error);
                }
                execution.wrote(key, &request.data);
                match self.store(name, key, &request.data) {
                    true => "STORED",
                    false if name == "cas" => "NOT_FOUND",
                    false => "NOT_STORED",
                }
                .into()
            }
            "incr" => {
                execution.wrote(key, b"");
                let sum = self.numbers.entry(key.to_vec()).or_default();
                *sum += memcache::number(request.word(2)).ok_or("no number")?;
                sum.to_string()
            }
            "decr" => "NOT_FOUND".into(),
            "delete" => {
                execution.wrote(key, b"");
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

    /// Stores the data. Returns whether it did.
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
        execution: &mut Execution<'_>,
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
                if let Some(error) = execution.memory_error(&key, &request.data, is_quiet) {
                    return Ok(format!("{error}\r\n").into_bytes());
                }
                execution.wrote(&key, &request.data);
                let how = if flag(b'M').is_some() { "replace" } else { "set" };
                if self.store(how, &key, &request.data) {
                    silent_if_quiet("HD")
                } else {
                    format!("NS{rest}\r\n").into_bytes()
                }
            }
            "md" => {
                execution.wrote(&key, b"");
                silent_if_quiet("HD")
            }
            "ma" => {
                execution.wrote(&key, b"");
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

impl Execution<'_> {
    /// Reports the command if one of its words or its data has a tag.
    fn note(&mut self, request: &Request) {
        if request.word(0) == b"flush_all" {
            if let Some(tag) =
                memcache::number(request.word(1)).and_then(|delay| delay.checked_sub(FLUSH))
            {
                self.ledger.arrived(tag, &self.context);
                let key = format!("server {}", self.context.server);
                self.ledger.wrote(tag, key.as_bytes(), self.context.server);
            }
            return;
        }
        let mut texts = request.words[1..].iter().chain([&request.data]);
        if let Some(tag) = texts.find_map(|text| tag_of(text)) {
            self.ledger.arrived(tag, &self.context);
        }
    }

    fn wrote(&mut self, key: &[u8], data: &[u8]) {
        if let Some(tag) = tag_of(key).or_else(|| tag_of(data)) {
            self.ledger.wrote(tag, key, self.context.server);
        }
    }

    fn memory_error(&self, key: &[u8], data: &[u8], is_silent: bool) -> Option<String> {
        let tag = tag_of(key).or_else(|| tag_of(data))?;
        let fails = self.trouble.out_of_memory || is_silent && runs_out(tag);
        fails.then(|| out_of_memory(tag))
    }
}
