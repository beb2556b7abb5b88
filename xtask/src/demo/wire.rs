//! Commands to servers and proxy, in both protocols, and the meaning of their answers.
//!
//! The parts of the demo use commands and meanings. Only this file knows how they are written. It
//! parses only as much of memcached's protocol as the demo needs.

use anyhow::Result;
use nuthatch_testbed::{Client, Value};
use std::io;

/// What the servers speak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    Redis,
    Memcached,
}

/// One command of the demo.
#[derive(Clone, Debug)]
pub enum Command {
    Get(String),
    /// Several keys at once.
    Gets(Vec<String>),
    Set(String, String),
    Delete(String),
    Exists(String),
    /// Members of a set; only Redis has sets.
    AddMembers(String, Vec<String>),
    /// A server's own counts: keys, reads and writes.
    Stats,
}

/// What a reply means, the same for both protocols.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meaning {
    Done,
    Values(Vec<String>),
    Nothing,
    Number(i64),
    Text(String),
    Error,
}

/// A reply: its meaning and its text.
#[derive(Debug)]
pub struct Reply {
    pub meaning: Meaning,
    pub shown: String,
}

impl Command {
    pub fn get(key: &str) -> Command {
        Command::Get(key.into())
    }

    pub fn set(key: &str, value: &str) -> Command {
        Command::Set(key.into(), value.into())
    }

    /// The keys it names.
    pub fn keys(&self) -> Vec<&str> {
        match self {
            Command::Get(key) | Command::Set(key, _) | Command::Delete(key) => vec![key],
            Command::Exists(key) | Command::AddMembers(key, _) => vec![key],
            Command::Gets(keys) => keys.iter().map(String::as_str).collect(),
            Command::Stats => Vec::new(),
        }
    }

    /// As a user would type it; a line end in the middle is shown.
    pub fn typed(&self, speech: Speech) -> String {
        match (self, speech) {
            (Command::Set(key, value), Speech::Memcached) => {
                format!("set {key} 0 0 {} \u{21b5} {value}", value.len())
            }
            _ => self.words(speech).join(" "),
        }
    }

    fn words(&self, speech: Speech) -> Vec<String> {
        let words = |name: &str, more: &[String]| {
            let mut words = vec![name.to_owned()];
            words.extend_from_slice(more);
            words
        };
        let is_redis = speech == Speech::Redis;
        match self {
            Command::Get(key) => words("get", std::slice::from_ref(key)),
            Command::Gets(keys) => words(if is_redis { "mget" } else { "get" }, keys),
            Command::Set(key, value) => words("set", &[key.clone(), value.clone()]),
            Command::Delete(key) => {
                words(if is_redis { "del" } else { "delete" }, std::slice::from_ref(key))
            }
            Command::Exists(key) => {
                words(if is_redis { "exists" } else { "get" }, std::slice::from_ref(key))
            }
            Command::AddMembers(key, members) => {
                words("sadd", &[std::slice::from_ref(key), members].concat())
            }
            Command::Stats if is_redis => words("info", &["everything".into()]),
            Command::Stats => words("stats", &[]),
        }
    }

    fn encode(&self, speech: Speech, out: &mut Vec<u8>) {
        match (self, speech) {
            (_, Speech::Redis) => nuthatch_testbed::encode(&self.words(speech), out),
            (Command::Set(key, value), Speech::Memcached) => {
                let line = format!("set {key} 0 0 {}\r\n{value}\r\n", value.len());
                out.extend_from_slice(line.as_bytes());
            }
            (_, Speech::Memcached) => {
                out.extend_from_slice(self.words(speech).join(" ").as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        }
    }
}

/// A connection and what has arrived on it.
pub struct Wire {
    client: Client,
    speech: Speech,
    pending: Vec<u8>,
}

impl Wire {
    pub fn new(client: Client, speech: Speech) -> Wire {
        Wire { client, speech, pending: Vec::new() }
    }

    pub fn ask(&mut self, command: &Command) -> io::Result<Reply> {
        let mut replies = self.ask_all(std::slice::from_ref(command))?;
        replies.pop().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// All commands in one write, then all replies.
    pub fn ask_all(&mut self, commands: &[Command]) -> io::Result<Vec<Reply>> {
        let mut bytes = Vec::new();
        for command in commands {
            command.encode(self.speech, &mut bytes);
        }
        self.client.send_raw(&bytes)?;
        commands.iter().map(|_| self.reply()).collect()
    }

    fn reply(&mut self) -> io::Result<Reply> {
        if self.speech == Speech::Redis {
            return Ok(of_redis(&self.client.recv()?));
        }
        loop {
            if let Some((reply, len)) = of_memcached(&self.pending) {
                self.pending.drain(..len);
                return Ok(reply);
            }
            let more = self.client.recv_some()?;
            if more.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.pending.extend_from_slice(&more);
        }
    }
}

fn of_redis(value: &Value) -> Reply {
    let meaning = match value {
        _ if value.is_ok() => Meaning::Done,
        _ if value.is_nil() => Meaning::Nothing,
        Value::Integer(n) => Meaning::Number(*n),
        Value::Bulk(_) => Meaning::Values(value.text().into_iter().collect()),
        Value::Array(items) => Meaning::Values(items.iter().filter_map(Value::text).collect()),
        _ => Meaning::Error,
    };
    Reply { meaning, shown: value.to_string() }
}

/// A whole reply at the front of `bytes`, and its length.
fn of_memcached(bytes: &[u8]) -> Option<(Reply, usize)> {
    let mut at = 0;
    let (mut values, mut stats) = (Vec::new(), String::new());
    let last = loop {
        let end = bytes[at..].iter().position(|&byte| byte == b'\n')? + at;
        let line = String::from_utf8_lossy(&bytes[at..end]).trim_end().to_owned();
        at = end + 1;
        if line.starts_with("VALUE ") {
            let len: usize = line.split(' ').nth(3)?.parse().ok()?;
            let block = bytes.get(at..at + len + 2)?;
            values.push(String::from_utf8_lossy(&block[..len]).into_owned());
            at += len + 2;
        } else if line.starts_with("STAT ") {
            stats.push_str(&line);
            stats.push('\n');
        } else {
            break line;
        }
    };
    let (meaning, shown) = match last.as_str() {
        "STORED" | "DELETED" => (Meaning::Done, last),
        "END" if !values.is_empty() => {
            let shown: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
            (Meaning::Values(values), shown.join(" "))
        }
        "END" if !stats.is_empty() => (Meaning::Text(stats), last),
        "END" | "NOT_FOUND" => (Meaning::Nothing, format!("{last} (a miss)")),
        _ => (Meaning::Error, last),
    };
    Some((Reply { meaning, shown }, at))
}

/// What a server has stored and served.
#[derive(Default)]
pub struct Counts {
    pub keys: u64,
    /// Reads and writes of single keys.
    pub calls: u64,
}

impl Speech {
    /// Asks a server for its own counts.
    pub fn counts(self, wire: &mut Wire) -> Result<Counts> {
        let reply = wire.ask(&Command::Stats)?;
        let text = match reply.meaning {
            Meaning::Text(text) => text,
            Meaning::Values(values) => values.concat(),
            _ => String::new(),
        };
        Ok(self.read_counts(&text))
    }

    /// From a text like `cmdstat_get:calls=12,usec=...` or `STAT cmd_get 12`.
    fn read_counts(self, text: &str) -> Counts {
        let (keys, calls) = match self {
            Speech::Redis => ("db0:keys=", ["cmdstat_get:calls=", "cmdstat_set:calls="]),
            Speech::Memcached => ("STAT curr_items ", ["STAT cmd_get ", "STAT cmd_set "]),
        };
        let number = |start: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(start))?;
            rest.split(',').next()?.trim().parse::<u64>().ok()
        };
        Counts {
            keys: number(keys).unwrap_or(0),
            calls: calls.into_iter().filter_map(number).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_servers_count() {
        let info = "# Commandstats\r\ncmdstat_getex:calls=9,usec=1\r\n\
                    cmdstat_get:calls=12,usec=3\r\ncmdstat_set:calls=30,usec=1\r\n\
                    # Keyspace\r\ndb0:keys=7,expires=0,avg_ttl=0\r\n";
        let counts = Speech::Redis.read_counts(info);
        assert_eq!((counts.keys, counts.calls), (7, 42));
        let stats = "STAT cmd_get 12\nSTAT cmd_set 30\nSTAT get_hits 5\nSTAT curr_items 7\n";
        let counts = Speech::Memcached.read_counts(stats);
        assert_eq!((counts.keys, counts.calls), (7, 42));
    }

    #[test]
    fn memcacheds_replies_are_understood() {
        let two = b"VALUE a 0 5\r\nEND\r\n\r\nVALUE b 0 1\r\nx\r\nEND\r\nSTORED\r\n";
        let (reply, len) = of_memcached(two).unwrap();
        assert_eq!(reply.meaning, Meaning::Values(vec!["END\r\n".into(), "x".into()]));
        assert_eq!(&two[len..], b"STORED\r\n");
        for cut in 0..len {
            assert!(of_memcached(&two[..cut]).is_none(), "{cut}");
        }
        let meaning = |bytes: &[u8]| of_memcached(bytes).unwrap().0.meaning;
        assert_eq!(meaning(b"END\r\n"), Meaning::Nothing);
        assert_eq!(meaning(b"STORED\r\n"), Meaning::Done);
        assert_eq!(meaning(b"SERVER_ERROR x\r\n"), Meaning::Error);
        assert_eq!(meaning(b"STAT a 1\r\nEND\r\n"), Meaning::Text("STAT a 1\n".into()));
    }

    #[test]
    fn a_command_is_shown_as_it_is_typed() {
        let set = Command::set("msg", "hello");
        assert_eq!(set.typed(Speech::Redis), "set msg hello");
        assert_eq!(set.typed(Speech::Memcached), "set msg 0 0 5 \u{21b5} hello");
        let mut bytes = Vec::new();
        set.encode(Speech::Memcached, &mut bytes);
        assert_eq!(bytes, b"set msg 0 0 5\r\nhello\r\n");
    }
}
