//! Joins memcached's replies.
//!
//! The items of a retrieval are returned in the order of the request's keys. A key that is named twice
//! is returned twice. A server answers its keys in the order of the request and leaves out those that
//! it does not have. So the next item of a key's server either has this key, or the key was not found.
//!
//! When a server fails, the items of the others are still returned: for the client of a cache a key
//! without an answer is a miss, which it can handle (docs/adr/0008). The whole is an error only if no
//! server answered. Under twemproxy manners any failed part fails the whole.

use super::dialect::Dialect;
use crate::protocol::memcache::words::Words;
use crate::protocol::memcache::{encode, reply};
use crate::texts;

pub static DIALECT: Dialect = Dialect {
    error_text,
    write_error: |out, text| encode::line(out, text),
    invalid: texts::MEMCACHE_INVALID_PART,
    last_choice: None,
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
