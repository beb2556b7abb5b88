//! What is refused, or answered otherwise on purpose: whoever asks is told so, the connection
//! goes on, and no data has changed.

use crate::contents::everything;
use crate::differences::{ANSWERS, BEFORE, NOT_SERVED};
use crate::grammar::{self, scene};
use crate::pair::{Pair, Protocol};
use crate::table::{is_bound, keys_of, routed, row_name};
use crate::words::Words;
use crate::{rows, shas};
use nuthatch_testbed::{Client, Value};
use std::collections::BTreeSet;
use std::fmt::Write;

const KEYS: usize = 100;

fn words_of(request: &str) -> Vec<&str> {
    request.split(' ').collect()
}

#[test]
fn differences_are_as_they_are_written() {
    let pair = Pair::start();
    let mut talk = pair.talk(Protocol::Resp2);
    for request in BEFORE {
        let replies = talk.ask(&words_of(request));
        assert_eq!(replies.ours, replies.theirs, "{request}");
    }
    let is_redis_7_0 = pair.lone.client().unwrap().command(&["INFO", "server"]).unwrap();
    let is_redis_7_0 = is_redis_7_0.text().unwrap().contains("redis_version:7.0.");
    let mut wrong = String::new();
    for answer in ANSWERS {
        let replies = talk.ask(&words_of(answer.request));
        let begins = |reply: &[u8], with: &str| reply.starts_with(with.as_bytes());
        // Another version may have learnt it since.
        let is_theirs = !is_redis_7_0 || begins(&replies.theirs, answer.theirs);
        if !begins(&replies.ours, answer.ours) || !is_theirs {
            let _ = writeln!(
                wrong,
                "{} ({})\n  through nuthatch: {}\n  one server:       {}",
                answer.request,
                answer.why,
                replies.ours.escape_ascii(),
                replies.theirs.escape_ascii()
            );
        }
    }
    assert!(wrong.is_empty(), "not as it is written:\n{wrong}");
    assert_eq!(talk.ask(&["ECHO", "still here"]).ours, b"$10\r\nstill here\r\n");
}

#[test]
fn what_is_not_served_is_unknown() {
    let pair = Pair::start();
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut talk = pair.talk(protocol);
        for name in NOT_SERVED {
            // The form of the answer is that to a name no server knows.
            let no_name = "?".repeat(name.len());
            for args in [&["a", "1"][..], &[], &["a b", "c\r\nd"]] {
                let ours = talk.ours.command_raw(&[&[*name], args].concat()).unwrap();
                let theirs = talk.theirs.command_raw(&[&[&*no_name], args].concat()).unwrap();
                let theirs = String::from_utf8(theirs).unwrap().replace(&no_name, name);
                assert_eq!(String::from_utf8(ours).unwrap(), theirs, "{name} {args:?}");
            }
            assert_eq!(talk.ours.command(&["PING"]).unwrap(), Value::Simple("PONG".into()));
        }
        // A web page that makes a browser speak to us must not be listened to.
        talk.ours.send_raw(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nDEL x\r\n").unwrap();
        assert_eq!(talk.ours.recv_to_end().unwrap(), b"");
    }
}

#[test]
fn what_is_never_served_has_a_reason() {
    let pair = Pair::start();
    let mut client = pair.proxy.client().unwrap();
    for (name, why) in nuthatch_engine::command::refused::REFUSED {
        let mut request: Vec<&str> = name.split('|').collect();
        request.push("x");
        let reply = String::from_utf8(client.command_raw(&request).unwrap()).unwrap();
        let want = format!("-ERR '{name}' is not served by the proxy: {}\r\n", why.text());
        assert_eq!(reply, want);
    }
    assert_eq!(client.command(&["PING"]).unwrap(), Value::Simple("PONG".into()));
}

/// Every row that may have several keys and is not split, with keys of several owners.
#[test]
fn keys_of_several_owners_are_refused() {
    let pair = Pair::start();
    let mut words = Words::new(11, shas(&pair));
    let mut proxy = pair.proxy.client().unwrap();
    let mut shards: Vec<Client> = pair.shards.iter().map(|s| s.client().unwrap()).collect();
    let name = |n: usize| format!("{n}-key-of-a-test").into_bytes();
    for n in 0..KEYS {
        assert!(proxy.command(&[&b"SET"[..], &name(n), b"x"]).unwrap().is_ok());
    }
    let before: Vec<_> = shards.iter_mut().map(everything).collect();
    assert_eq!(before.iter().map(Vec::len).sum::<usize>(), KEYS);
    let owner =
        |key: &Vec<u8>| before.iter().position(|shard| shard.iter().any(|(held, _)| held == key));
    let bound: Vec<&str> = routed().into_iter().filter(|r| is_bound(r)).map(|r| r.name).collect();
    let mut refused = BTreeSet::new();
    for (row, line) in rows::ROWS.iter().filter(|(row, _)| bound.contains(row)) {
        let line = grammar::parse(line);
        let requests: Vec<_> = (0..40).flat_map(|_| scene(&line, &mut words)).collect();
        for mut request in requests {
            if row_name(&request.args) != Some(row) {
                continue;
            }
            for at in 0..request.args.len() {
                if request.is_key[at] {
                    request.args[at] = name(words.below(KEYS));
                }
            }
            let keys = keys_of(&request.args);
            let owners: BTreeSet<_> = keys.iter().map(owner).collect();
            if owners.len() > 1 {
                let reply = proxy.command_raw(&request.args).unwrap();
                let reply = String::from_utf8_lossy(&reply);
                // Of a command that waits the text goes on.
                let want = "-CROSSSLOT Keys in request don't hash to the same server";
                assert!(reply.starts_with(want), "{row}: {owners:?}: {reply}");
                refused.insert(*row);
            }
        }
    }
    let after: Vec<_> = shards.iter_mut().map(everything).collect();
    assert!(before == after, "a refused request has changed data");
    assert_eq!(refused.into_iter().collect::<Vec<_>>(), bound);
}
