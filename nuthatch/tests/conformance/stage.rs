//! The two programs, three servers behind them, and the small language of the cases.
//!
//! Requests are parted by ` ; `. A request is words, sent as an array of bulks, in which `_` is a
//! blank; or, after a `=`, the bytes as they stand. In both `~` is a line end. What is seen is
//! written the same way.

use crate::peer::Peer;
use nuthatch_testbed::{
    Client, Folder, Nutcracker, Nuthatch, Process, Proxy, encode, find_program, free_port,
    is_timeout, pool_yaml,
};
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

/// The real nutcracker, or ours under its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Old,
    New,
}

/// A proxy that serves; the folder holds the link that gave ours its name.
pub struct Running {
    pub proxy: Proxy,
    _folder: Folder,
}

impl Program {
    /// Its path; ours is a link in this folder.
    pub fn path(self, folder: &Folder) -> PathBuf {
        if self == Program::Old {
            return find_program("nutcracker").unwrap();
        }
        let link = folder.path().join("nutcracker");
        if !link.exists() {
            symlink(Nuthatch::binary().unwrap(), &link).unwrap();
        }
        link
    }

    pub fn start(self, yaml: &str, args: &[&str]) -> Running {
        let folder = Folder::new().unwrap();
        let proxy = match self {
            Program::Old if args.is_empty() => Nutcracker::start(yaml),
            _ => Proxy::start(&self.path(&folder), yaml, args),
        };
        Running { proxy: proxy.unwrap(), _folder: folder }
    }

    /// One pool `p` of Redis with these keys and servers.
    pub fn pool(self, keys: &[(&str, &str)], servers: &[String]) -> Running {
        self.pool_with(keys, servers, &[])
    }

    /// With so many open files, soft and hard.
    pub fn pool_limited(self, files: &str, servers: &[String]) -> Running {
        let folder = Folder::new().unwrap();
        let own = self.path(&folder);
        let name = folder.path().join("limited");
        let text = format!("#!/bin/sh\nulimit -n {files}\nexec {} \"$@\"\n", own.display());
        fs::write(&name, text).unwrap();
        fs::set_permissions(&name, fs::Permissions::from_mode(0o755)).unwrap();
        let yaml = pool_yaml("p", free_port(), &[("redis", "true")], servers);
        let proxy = Proxy::start(&name, &yaml, &[]).unwrap();
        Running { proxy, _folder: folder }
    }

    pub fn pool_with(self, keys: &[(&str, &str)], servers: &[String], args: &[&str]) -> Running {
        let keys = [&[("redis", "true")], keys].concat();
        self.start(&pool_yaml("p", free_port(), &keys, servers), args)
    }
}

impl Running {
    pub fn client(&self) -> Client {
        self.proxy.client().unwrap()
    }

    /// The stats, brought up to date: the old one hands its numbers over at a wake-up, and only
    /// when the last ones were taken.
    pub fn stats(&self, client: &mut Client) -> serde_json::Value {
        for _ in 0..3 {
            let _ = self.proxy.stats();
            let _ = client.command(&["PING"]);
            sleep(Duration::from_millis(20));
        }
        serde_json::from_str(&self.proxy.stats().unwrap()).unwrap()
    }

    pub fn process(&mut self) -> &mut Process {
        self.proxy.process()
    }
}

/// Three servers, their weights as in the specification's example, whose owners are known: `foo`,
/// `bar` and `baz` live on `b`, `apple`, `banana` and `user:1` on `alpha`, `a`, `qux` and `zebra`
/// on `gamma-delta`. That is also their order.
pub struct Three {
    pub running: Running,
    pub peers: [Peer; 3],
}

pub const NAMES: [&str; 3] = ["b", "alpha", "gamma-delta"];
const WEIGHTS: [u32; 3] = [1, 3, 2];

impl Three {
    pub fn start(program: Program, keys: &[(&str, &str)]) -> Three {
        Three::with(program, keys, NAMES.map(Peer::named))
    }

    pub fn with(program: Program, keys: &[(&str, &str)], peers: [Peer; 3]) -> Three {
        let ports = peers.each_ref().map(Peer::port);
        Three { running: program.pool(keys, &three_entries(ports)), peers }
    }

    pub fn client(&self) -> Client {
        self.running.client()
    }

    /// What each heard, in their order.
    pub fn heard(&self) -> String {
        self.peers.each_ref().map(Peer::heard_text).join(" / ")
    }
}

/// The lines for a file, servers on these ports.
pub fn three_entries(ports: [u16; 3]) -> [String; 3] {
    [0, 1, 2].map(|at| format!("127.0.0.1:{}:{} {}", ports[at], WEIGHTS[at], NAMES[at]))
}

/// The bytes of some requests.
pub fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for request in text.split(" ; ") {
        if let Some(raw) = request.strip_prefix('=') {
            bytes.extend_from_slice(raw.replace('~', "\r\n").as_bytes());
        } else {
            let words: Vec<String> =
                request.split(' ').map(|word| word.replace('_', " ")).collect();
            encode(&words, &mut bytes);
        }
    }
    bytes
}

/// Bytes for readers.
pub fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\r\\n", "~")
}

/// Sends, waits for so many replies, and looks whether the connection is still there.
pub fn talk(client: &mut Client, words: &str, replies: usize) -> String {
    let sent = client.send_raw(&bytes_of(words));
    if sent.is_err() {
        return "(closed)".to_owned();
    }
    let mut text = listen(client, replies);
    if !text.ends_with(')') {
        text += &state(client);
    }
    text
}

/// So many replies, or how it ended before.
pub fn listen(client: &mut Client, replies: usize) -> String {
    let mut text = String::new();
    for _ in 0..replies {
        match client.recv_raw() {
            Ok(reply) => text += &shown(&reply),
            Err(error) => return text + end(&error),
        }
    }
    text
}

/// `(open)` if a PING finds an answer.
pub fn state(client: &mut Client) -> String {
    match client.command_raw(&["PING"]) {
        Ok(reply) if reply == b"+PONG\r\n" => "(open)".to_owned(),
        Ok(reply) => format!("(open: {})", shown(&reply)),
        Err(error) => end(&error).to_owned(),
    }
}

fn end(error: &io::Error) -> &'static str {
    if is_timeout(error) { "(silence)" } else { "(closed)" }
}
