//! Hot paths of the engine, for counting their instructions.
//!
//! Times need a quiet machine. Instructions do not, so two commits can be compared on any machine. A
//! row of the table is one path: a client's request through a whole worker whose servers have
//! recorded replies (`stage.rs`), a message to many clients (`delivery.rs`), or one function alone.
//!
//! `counted.rs` runs a path N times and 2N times under callgrind. The difference is N requests
//! without start and end. Seeds are fixed, no hash map is used, and the path itself sets the time:
//! the same binary gives the same number.

pub mod counted;
mod delivery;
mod stage;

use anyhow::{Context, Result};
use delivery::{Delivery, SUBSCRIBERS};
use nuthatch_engine::base::Chance;
use nuthatch_engine::protocol::resp::request;
use nuthatch_engine::topology::Protocol;
use stage::Stage;
use std::hint::black_box;

use crate::load::{decimal, key};

/// One row.
pub struct Path {
    /// The name in the baseline.
    pub name: &'static str,
    /// Requests in one step.
    pub requests: u32,
    /// Steps of the shorter run.
    pub steps: u32,
    what: What,
}

enum What {
    /// A client sends these bytes, and gets all replies.
    Whole(Protocol, fn(u64, &mut Vec<u8>)),
    /// The same in a pool with replicas, whose primaries answer.
    Kept(fn(u64, &mut Vec<u8>)),
    /// A message to [`SUBSCRIBERS`] clients, in RESP3 or RESP2; a "request" is one delivery.
    Message { is_resp3: bool },
    /// The shard of a key, ketama over three.
    Route,
    /// Where a GET ends.
    Parse,
}

/// How many different requests a path uses in turn.
const VARIANTS: u64 = 64;

pub static PATHS: [Path; 20] = [
    whole("redis get", 1, 1000, Protocol::Redis, redis_get),
    whole("redis set", 1, 1000, Protocol::Redis, redis_set),
    whole("redis pipeline of 16", 16, 200, Protocol::Redis, |seed, out| {
        for n in 0..16 {
            let request = if n % 2 == 0 { redis_get } else { redis_set };
            request(seed * 16 + n, out);
        }
    }),
    kept("redis get, with replicas", 1, 1000, redis_get),
    kept("redis pipeline of 16, with replicas", 16, 200, |seed, out| {
        for n in 0..16 {
            let request = if n % 2 == 0 { redis_get } else { redis_set };
            request(seed * 16 + n, out);
        }
    }),
    kept("redis mget of 10 over 3, with replicas", 1, 400, |seed, out| mget(seed, 10, out)),
    whole("redis transaction of 16", 16, 200, Protocol::Redis, |seed, out| {
        out.extend_from_slice(b"*1\r\n$5\r\nMULTI\r\n");
        for n in 0..16 {
            let request = if n % 2 == 0 { redis_get } else { redis_set };
            request(seed, out);
        }
        out.extend_from_slice(b"*1\r\n$4\r\nEXEC\r\n");
    }),
    whole("redis mget of 10 over 3", 1, 400, Protocol::Redis, |seed, out| mget(seed, 10, out)),
    whole("redis mget of 100 over 3", 1, 100, Protocol::Redis, |seed, out| mget(seed, 100, out)),
    whole("redis evalsha", 1, 1000, Protocol::Redis, evalsha),
    whole("redis scan of 10", 1, 400, Protocol::Redis, |_, out| {
        out.extend_from_slice(b"*4\r\n$4\r\nSCAN\r\n$1\r\n0\r\n$5\r\nCOUNT\r\n$2\r\n10\r\n");
    }),
    message("redis message to 64", false),
    message("redis message to 64, RESP3", true),
    whole("memcached get", 1, 1000, Protocol::Memcache, |seed, out| memcache_get(seed, 1, out)),
    whole("memcached set", 1, 1000, Protocol::Memcache, memcache_set),
    whole("memcached pipeline of 16", 16, 200, Protocol::Memcache, |seed, out| {
        for n in 0..16 {
            if n % 2 == 0 {
                memcache_get(seed * 16 + n, 1, out);
            } else {
                memcache_set(seed * 16 + n, out);
            }
        }
    }),
    whole("memcached get of 100 over 3", 1, 100, Protocol::Memcache, |seed, out| {
        memcache_get(seed, 100, out);
    }),
    whole("memcached meta get, quiet", 1, 1000, Protocol::Memcache, |seed, out| {
        out.extend_from_slice(b"mg ");
        key(seed, out);
        // `mn` is not quiet: its answer comes after those of the quiet ones.
        out.extend_from_slice(b" v q\r\nmn\r\n");
    }),
    Path { name: "ketama route", requests: 1, steps: 20_000, what: What::Route },
    Path { name: "resp request parse", requests: 1, steps: 20_000, what: What::Parse },
];

const fn whole(
    name: &'static str,
    requests: u32,
    steps: u32,
    protocol: Protocol,
    write: fn(u64, &mut Vec<u8>),
) -> Path {
    Path { name, requests, steps, what: What::Whole(protocol, write) }
}

const fn message(name: &'static str, is_resp3: bool) -> Path {
    Path { name, requests: SUBSCRIBERS, steps: 200, what: What::Message { is_resp3 } }
}

const fn kept(name: &'static str, requests: u32, steps: u32, write: fn(u64, &mut Vec<u8>)) -> Path {
    Path { name, requests, steps, what: What::Kept(write) }
}

fn redis_get(seed: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"*2\r\n$3\r\nGET\r\n$16\r\n");
    key(seed, out);
    out.extend_from_slice(b"\r\n");
}

fn redis_set(seed: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$16\r\n");
    key(seed, out);
    out.extend_from_slice(b"\r\n$8\r\nabcdefgh\r\n");
}

/// The first one is an EVAL: from then on the script is known.
fn evalsha(seed: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(if seed == 0 {
        &b"*4\r\n$4\r\nEVAL\r\n$8\r\nreturn 1"[..]
    } else {
        b"*4\r\n$7\r\nEVALSHA\r\n$40\r\ne0e1f9fabfc9d4800c877a703b823ac0578ff8db"
    });
    out.extend_from_slice(b"\r\n$1\r\n1\r\n$16\r\n");
    key(seed, out);
    out.extend_from_slice(b"\r\n");
}

fn mget(seed: u64, count: u64, out: &mut Vec<u8>) {
    out.push(b'*');
    decimal(count + 1, 1, out);
    out.extend_from_slice(b"\r\n$4\r\nMGET\r\n");
    for n in 0..count {
        out.extend_from_slice(b"$16\r\n");
        key(seed * count + n, out);
        out.extend_from_slice(b"\r\n");
    }
}

fn memcache_set(seed: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"set ");
    key(seed, out);
    out.extend_from_slice(b" 0 0 8\r\nabcdefgh\r\n");
}

fn memcache_get(seed: u64, count: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"get");
    for n in 0..count {
        out.push(b' ');
        key(seed * count + n, out);
    }
    out.extend_from_slice(b"\r\n");
}

fn variants(write: fn(u64, &mut Vec<u8>)) -> Vec<Vec<u8>> {
    let variant = |seed| {
        let mut bytes = Vec::new();
        write(seed, &mut bytes);
        bytes
    };
    (0..VARIANTS).map(variant).collect()
}

/// Runs this many steps of a path. Callgrind counts them.
pub fn spin(name: &str, steps: u32) -> Result<()> {
    let path = PATHS.iter().find(|path| path.name == name).context("no such path")?;
    match path.what {
        What::Whole(protocol, write) => Stage::new(protocol, false, variants(write))?.run(steps),
        What::Kept(write) => Stage::new(Protocol::Redis, true, variants(write))?.run(steps),
        What::Message { is_resp3 } => Delivery::new(is_resp3)?.run(steps),
        What::Route => {
            let router = stage::router(Protocol::Redis);
            let mut chance = Chance::new(7);
            let keys: Vec<Vec<u8>> = (0..VARIANTS).map(key_bytes).collect();
            for step in 0..steps {
                let key = black_box(&keys[step as usize % keys.len()]);
                black_box(router.route(key, &mut chance));
            }
            Ok(())
        }
        What::Parse => {
            let mut bytes = Vec::new();
            redis_get(7, &mut bytes);
            for _ in 0..steps {
                let mut progress = request::Progress::default();
                let trust = request::Trust::Authenticated;
                let parsed = request::parse(black_box(&bytes), &mut progress, trust);
                black_box(&parsed).as_ref().ok().context("a GET is a request")?;
            }
            Ok(())
        }
    }
}

fn key_bytes(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    key(number, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_runs() {
        for path in &PATHS {
            spin(path.name, 200).unwrap_or_else(|error| panic!("{}: {error:#}", path.name));
        }
    }
}
