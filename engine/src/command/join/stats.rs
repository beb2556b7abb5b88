//! Joins the `stats` of several servers.
//!
//! ```text
//!   curr_items 3, 4        STAT curr_items 7          numbers are added
//!   version 1.6, 1.6       STAT version 1.6           equal values are listed once
//!   pid 12, 13             STAT pid:one 12            other values are listed by server
//!                          STAT pid:two 13
//!   (two has failed)       STAT error:two no answer
//! ```
//!
//! Some numbers must not be added: an age, a time, a limit of each server, a size of a class. Their
//! names are in a list. A number that a later memcached has and that is not in the list is added, which
//! is right for most.

use crate::protocol::memcache::encode;
use crate::protocol::memcache::words::Words;
use crate::texts;
use std::collections::BTreeMap;

/// Numbers that must not be added. Of `items:1:age` and `1:chunk_size` the last part counts.
const APART: [&str; 25] = [
    "age",
    "age_hot",
    "age_warm",
    "chunk_size",
    "chunks_per_page",
    "hash_power_level",
    "item_size_max",
    "log_watchers",
    "max_connections",
    "maxconns",
    "num_threads",
    "pid",
    "pointer_size",
    "secs_since_last_cmd",
    "slab_chunk_max",
    "slab_reassign_running",
    "tcpport",
    "tcp_backlog",
    "threads",
    "time",
    "udpport",
    "umask",
    "uptime",
    "verbosity",
    "version",
];

/// Joins the whole replies of these servers to `stats`; `None` for a server that failed. Without `add`,
/// numbers are settings, which are not added.
pub fn join(out: &mut Vec<u8>, servers: &[(&str, Option<&[u8]>)], add: bool) {
    // Names in the order of the first server that has them.
    let mut names: Vec<&[u8]> = Vec::new();
    let mut values_of: BTreeMap<&[u8], Vec<(&str, &[u8])>> = BTreeMap::new();
    let mut last: &[u8] = b"END\r\n";
    for (server, reply) in servers {
        let Some(reply) = reply else { continue };
        for line in reply.split_inclusive(|&byte| byte == b'\n') {
            let text = line.strip_suffix(b"\r\n").unwrap_or(line);
            let Some(rest) = text.strip_prefix(b"STAT ") else {
                // ITEM and PREFIX lines are kept. END, OK and RESET are the last line.
                match text {
                    [b'I' | b'P', ..] => out.extend_from_slice(line),
                    _ => last = line,
                }
                continue;
            };
            let mut words = Words::new(rest);
            let name = words.next().unwrap_or_default();
            let value = words.rest().trim_ascii_start();
            let values = values_of.entry(name).or_insert_with(|| {
                names.push(name);
                Vec::new()
            });
            values.push((server, value));
        }
    }
    for name in names {
        let values = &values_of[name];
        let first = values[0].1;
        if add
            && !is_apart(name)
            && let Some(sum) = sum(values)
        {
            encode::stat(out, name, sum.as_bytes());
        } else if values.iter().all(|(_, value)| *value == first) {
            encode::stat(out, name, first);
        } else {
            for (server, value) in values {
                encode::stat(out, &[name, b":", server.as_bytes()].concat(), value);
            }
        }
    }
    for (server, reply) in servers {
        if reply.is_none() && last == b"END\r\n" {
            encode::stat(
                out,
                &[b"error:", server.as_bytes()].concat(),
                texts::MEMCACHE_NO_ANSWER.as_bytes(),
            );
        }
    }
    out.extend_from_slice(last);
}

fn is_apart(name: &[u8]) -> bool {
    let part = name.rsplit(|&byte| byte == b':').next().unwrap_or_default();
    APART.iter().any(|apart| apart.as_bytes() == part)
}

/// Whole numbers, or all with the same number of decimals (`rusage_user 0.012345`).
fn sum(values: &[(&str, &[u8])]) -> Option<String> {
    let mut sum = 0u128;
    let mut decimals = None;
    for (_, value) in values {
        let text = std::str::from_utf8(value).ok()?;
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        if *decimals.get_or_insert(part.len()) != part.len() || part.len() > 9 || whole.len() > 20 {
            return None;
        }
        if !whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        sum += format!("{whole}{part}").parse::<u128>().ok()?;
    }
    let decimals = decimals?;
    if decimals == 0 {
        return Some(sum.to_string());
    }
    let digits = format!("{sum:0>width$}", width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    Some(format!("{whole}.{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(servers: &[(&str, Option<&[u8]>)]) -> String {
        let mut out = Vec::new();
        join(&mut out, servers, true);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_added_and_the_rest_is_listed_by_server() {
        let one = b"STAT pid 12\r\nSTAT version 1.6\r\nSTAT curr_items 3\r\nSTAT rusage_user 0.900000\r\nSTAT threads 4\r\nEND\r\n";
        let two = b"STAT pid 13\r\nSTAT version 1.6\r\nSTAT curr_items 4\r\nSTAT rusage_user 0.200001\r\nSTAT threads 4\r\nSTAT new 1\r\nEND\r\n";
        assert_eq!(
            joined(&[("one", Some(one)), ("two", Some(two))]),
            "STAT pid:one 12\r\nSTAT pid:two 13\r\nSTAT version 1.6\r\nSTAT curr_items 7\r\n\
             STAT rusage_user 1.100001\r\nSTAT threads 4\r\nSTAT new 1\r\nEND\r\n"
        );
    }

    #[test]
    fn classes_are_added_and_their_sizes_are_not() {
        let one = b"STAT items:1:number 2\r\nSTAT items:1:age 5\r\nSTAT 1:chunk_size 96\r\nEND\r\n";
        let two = b"STAT items:1:number 3\r\nSTAT items:1:age 7\r\nSTAT 1:chunk_size 96\r\nEND\r\n";
        assert_eq!(
            joined(&[("a", Some(one)), ("b", Some(two)), ("c", None)]),
            "STAT items:1:number 5\r\nSTAT items:1:age:a 5\r\nSTAT items:1:age:b 7\r\n\
             STAT 1:chunk_size 96\r\nSTAT error:c no answer\r\nEND\r\n"
        );
    }

    #[test]
    fn a_reply_that_is_no_list_is_returned_once() {
        let ok: (&str, Option<&[u8]>) = ("a", Some(b"RESET\r\n"));
        assert_eq!(joined(&[ok, ok]), "RESET\r\n");
        assert_eq!(
            joined(&[("a", Some(b"STAT sizes_status disabled\r\nEND\r\n"))]),
            "STAT sizes_status disabled\r\nEND\r\n"
        );
    }
}
