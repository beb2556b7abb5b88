//! Joining memcached's replies.
//!
//! A retrieval's items return in the order of the request's keys, each as often as the request names
//! it and it was found. A server answers the keys it was asked for in their order and leaves out those
//! it does not have, so the next item of a key's server is that key's, or the key has none.
//!
//! When a server fails, the others' items are returned all the same: to a cache's client a key that
//! cannot be had is a miss, and it knows what to do then (docs/adr/0008). Only when no server answered
//! is the whole an error. Under twemproxy manners any failed part fails the whole.

use super::dialect::Dialect;
use crate::protocol::memcache::words::Words;
use crate::protocol::memcache::{encode, reply};
use crate::texts;

pub static DIALECT: Dialect = Dialect {
    error_text,
    write_error: |out, text| encode::line(out, text),
    invalid: texts::MEMCACHE_INVALID_PART,
    wordless: None,
    one_fails_all: false,
};

fn error_text(bytes: &[u8]) -> Option<Box<[u8]>> {
    let errors = [&b"ERROR"[..], b"CLIENT_ERROR", b"SERVER_ERROR"];
    let is_error = errors.iter().any(|error| bytes.starts_with(error));
    is_error.then(|| bytes.strip_suffix(b"\r\n").unwrap_or(bytes).into())
}

pub fn weave(out: &mut Vec<u8>, replies: &[Option<&[u8]>], keys: Words<'_>, order: &[u16]) {
    out.reserve(16 + replies.iter().flatten().map(|reply| reply.len()).sum::<usize>());
    let mut rests: Vec<&[u8]> = replies.iter().map(|reply| reply.unwrap_or_default()).collect();
    let mut items: Vec<Option<(&[u8], usize)>> =
        rests.iter().map(|rest| reply::item(rest)).collect();
    for (key, &part) in keys.zip(order) {
        let part = usize::from(part);
        if let Some((found, len)) = items[part]
            && found == key
        {
            let (item, rest) = rests[part].split_at(len);
            out.extend_from_slice(item);
            rests[part] = rest;
            items[part] = reply::item(rest);
        }
    }
    out.extend_from_slice(b"END\r\n");
}
