//! The two sides: nuthatch before three servers, and one server alone.

use crate::compare::Replies;
use crate::grammar::Request;
use crate::words::Words;
use nuthatch_testbed::{
    Client, Nuthatch, Proxy, RedisServer, Release, Value, encode, free_port, pool_yaml,
};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// Small bounds, so that few elements take every form a value has inside a server.
const SMALL: [&str; 10] = [
    "--hash-max-listpack-entries",
    "12",
    "--zset-max-listpack-entries",
    "12",
    "--set-max-intset-entries",
    "12",
    "--list-max-listpack-size",
    "8",
    "--stream-node-max-entries",
    "10",
];

pub struct Pair {
    pub proxy: Proxy,
    pub shards: Vec<RedisServer>,
    pub lone: RedisServer,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Protocol {
    Resp2,
    Resp3,
}

impl Pair {
    pub fn start() -> Pair {
        Pair::start_with(&[("hash_tag", "\"{}\"")], &SMALL)
    }

    pub fn start_one() -> Pair {
        Pair::before(|| RedisServer::start_with(&SMALL).unwrap(), 1, &[("hash_tag", "\"{}\"")])
    }

    /// Servers of another release.
    pub fn start_release(release: Release, target: &Path) -> Pair {
        let start = || RedisServer::start_release(release, target, &SMALL).unwrap();
        Pair::before(start, 3, &[("hash_tag", "\"{}\"")])
    }

    pub fn start_with(keys: &[(&str, &str)], server_args: &[&str]) -> Pair {
        Pair::before(|| RedisServer::start_with(server_args).unwrap(), 3, keys)
    }

    fn before(start: impl Fn() -> RedisServer, count: usize, keys: &[(&str, &str)]) -> Pair {
        let shards: Vec<RedisServer> = (0..count).map(|_| start()).collect();
        let entries: Vec<String> = shards
            .iter()
            .zip(["north", "east", "south"])
            .map(|(s, name)| s.entry(1, name))
            .collect();
        let mut all = vec![("redis", "true")];
        all.extend_from_slice(keys);
        let yaml = pool_yaml("diff", free_port(), &all, &entries);
        Pair { proxy: Nuthatch::start(&yaml, &[]).unwrap(), shards, lone: start() }
    }

    pub fn talk(&self, protocol: Protocol) -> Talk {
        let mut talk = Talk {
            ours: self.proxy.client().unwrap(),
            theirs: Client::connect(self.lone.addr()).unwrap(),
        };
        if protocol == Protocol::Resp3 {
            for client in [&mut talk.ours, &mut talk.theirs] {
                assert!(matches!(client.command(&["HELLO", "3"]).unwrap(), Value::Map(_)));
            }
        }
        talk
    }
}

/// A connection to each side.
pub struct Talk {
    pub ours: Client,
    pub theirs: Client,
}

impl Talk {
    /// One request, whole.
    pub fn ask<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Replies {
        Replies {
            ours: self.ours.command_raw(args).unwrap(),
            theirs: self.theirs.command_raw(args).unwrap(),
        }
    }

    /// Sends all requests, ours in pieces, then takes the replies. The index of the request is
    /// with an error.
    pub fn ask_all(
        &mut self,
        requests: &[Request],
        words: &mut Words,
    ) -> Result<Vec<Replies>, String> {
        let mut bytes = Vec::new();
        for request in requests {
            write(request, &mut bytes, words);
        }
        self.theirs.send_raw(&bytes).map_err(|e| format!("the lone server: {e}"))?;
        send_in_pieces(&mut self.ours, &bytes, words).map_err(|e| format!("nuthatch: {e}"))?;
        let mut all = Vec::with_capacity(requests.len());
        for _ in requests {
            let at = all.len();
            let theirs = self.theirs.recv_raw();
            let theirs = theirs.map_err(|e| format!("the lone server's reply {at}: {e}"))?;
            let ours = self.ours.recv_raw();
            let ours = ours.map_err(|e| format!("nuthatch's reply {at}: {e}"))?;
            all.push(Replies { ours, theirs });
        }
        Ok(all)
    }
}

/// As an array of bulk strings; now and then as a line, if it can be one.
fn write(request: &Request, out: &mut Vec<u8>, words: &mut Words) {
    let plain = |arg: &Vec<u8>| {
        !arg.is_empty() && arg.iter().all(|b| b.is_ascii_graphic() && !b"\"'".contains(b))
    };
    let short = request.args.iter().map(Vec::len).sum::<usize>() < 1000;
    if short && words.one_in(40) && request.args.iter().all(plain) {
        out.extend_from_slice(&request.args.join(&b' '));
        out.extend_from_slice(b"\r\n");
    } else {
        encode(&request.args, out);
    }
}

fn send_in_pieces(client: &mut Client, bytes: &[u8], words: &mut Words) -> std::io::Result<()> {
    let mut cuts: Vec<usize> = (0..words.below(6)).map(|_| words.below(bytes.len() + 1)).collect();
    if bytes.len() < 200 && words.one_in(10) {
        cuts = (0..bytes.len()).collect();
    }
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let mut start = 0;
    for end in cuts {
        if end > start {
            client.send_raw(&bytes[start..end])?;
            start = end;
            if words.one_in(4) {
                sleep(Duration::from_micros(200));
            }
        }
    }
    Ok(())
}
