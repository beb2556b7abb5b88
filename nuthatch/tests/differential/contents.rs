//! What the servers hold in the end: three of them together as much as the lone one, and no key
//! twice.

use crate::compare::{elements, value};
use nuthatch_testbed::{Client, Value};
use std::collections::BTreeMap;

/// What is known of a key's value, in a form that two servers share.
#[derive(Clone, PartialEq, Debug)]
pub struct Held {
    kind: String,
    encoding: String,
    content: Vec<String>,
    /// In ms, or below zero.
    expires: i64,
}

/// Expiry is counted from the server's clock when it was asked.
const EXPIRY_MS: i64 = 10_000;

pub fn contents(server: &mut Client) -> BTreeMap<Vec<u8>, Held> {
    let keys = server.command(&["KEYS", "*"]).unwrap();
    let keys = keys.items().unwrap().iter().map(|key| key.as_bytes().unwrap().to_vec());
    keys.map(|key| (key.clone(), held(server, &key))).collect()
}

fn held(server: &mut Client, key: &[u8]) -> Held {
    let mut ask = |words: &[&[u8]]| value(&server.command_raw(words).unwrap());
    let kind = ask(&[b"TYPE", key]).text().unwrap();
    let content = match kind.as_str() {
        "set" => elements(&ask(&[b"SMEMBERS", key]), false).unwrap(),
        "hash" => elements(&ask(&[b"HGETALL", key]), true).unwrap(),
        // Its DUMP has the times of deliveries.
        "stream" => vec![
            format!("{:?}", ask(&[b"XRANGE", key, b"-", b"+"])),
            format!("{:?}", ask(&[b"XINFO", b"GROUPS", key])),
        ],
        _ => vec![format!("{:?}", ask(&[b"DUMP", key]))],
    };
    Held {
        encoding: ask(&[b"OBJECT", b"ENCODING", key]).text().unwrap(),
        expires: ask(&[b"PTTL", key]).as_int().unwrap(),
        kind,
        content,
    }
}

/// The first difference, in words.
pub fn compare(shards: &mut [Client], lone: &mut Client) -> Result<usize, String> {
    let mut ours: BTreeMap<Vec<u8>, (usize, Held)> = BTreeMap::new();
    for (at, shard) in shards.iter_mut().enumerate() {
        for (key, held) in contents(shard) {
            if let Some((other, _)) = ours.insert(key.clone(), (at, held)) {
                return Err(format!("{} is on shard {other} and on {at}", key.escape_ascii()));
            }
        }
    }
    // Or the test would compare one server with another.
    for at in 0..shards.len() {
        let held = ours.values().filter(|(owner, _)| *owner == at).count();
        if held * 10 < ours.len() {
            return Err(format!("shard {at} has {held} of {} keys", ours.len()));
        }
    }
    let theirs = contents(lone);
    for (key, held) in &theirs {
        let key_text = key.escape_ascii();
        let Some((shard, ours)) = ours.get(key) else {
            return Err(format!("{key_text} is on no shard; the lone server has {held:?}"));
        };
        let near = (ours.expires - held.expires).abs() <= EXPIRY_MS
            && (ours.expires < 0) == (held.expires < 0);
        if !near || (Held { expires: held.expires, ..ours.clone() }) != *held {
            return Err(format!("{key_text} on shard {shard}:\n  {ours:?}\n  {held:?}"));
        }
    }
    match ours.keys().find(|key| !theirs.contains_key(*key)) {
        Some(key) => Err(format!("{} is on a shard only", key.escape_ascii())),
        None => Ok(ours.len()),
    }
}

/// Everything a server holds, with DUMP's bytes: to see that nothing has changed.
pub fn everything(server: &mut Client) -> Vec<(Vec<u8>, Value)> {
    let keys = server.command(&["KEYS", "*"]).unwrap();
    let mut all: Vec<_> = keys
        .items()
        .unwrap()
        .iter()
        .map(|key| {
            let key = key.as_bytes().unwrap();
            (key.to_vec(), server.command(&[b"DUMP", key]).unwrap())
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}
