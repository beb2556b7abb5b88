//! Commands about the whole pool, and what is refused because of it.

use super::resp::{known, request, rows, whole};
use super::*;
use crate::command::cursor::Cursor;

#[test]
fn the_fence_keeps_what_changes_servers() {
    let fenced = |name: &str| {
        format!(
            "refuse -ERR '{name}' changes servers and is not allowed in pool 'pool'; `admin_commands: \
             allow` in its configuration allows it | counted"
        )
    };
    for row in rows().filter(|row| row.is_fenced()) {
        let closes = format!("refuse | counted | closes: {}", row.name.split('|').next().unwrap());
        check(&[(&request(row, 0), &fenced(row.name), &closes)], known, whole);
    }
    let set = "CONFIG SET notify-keyspace-events KEA";
    let closes = "refuse | counted | closes: config";
    check(
        &[
            (set, "fan out config|set to all, AllSucceeded Read", closes),
            (&format!("{set} maxmemory 1"), &fenced("config|set"), closes),
        ],
        known,
        whole,
    );
}

#[test]
fn what_is_never_served_has_a_reason() {
    let rows = [
        (
            "SHUTDOWN",
            "refuse -ERR 'shutdown' is not served by the proxy: it concerns one server; ask that server \
             directly | counted",
            "refuse | counted | closes: SHUTDOWN",
        ),
        (
            "acl SetUser x",
            "refuse -ERR 'acl|setuser' is not served by the proxy: the configuration file of the pool \
             decides it | counted",
            "refuse | counted | closes: acl",
        ),
    ];
    check(&rows, known, whole);
}

/// Valkey 8.1 to 9.1 answers `-ERR Unknown argument a\r\n+b\r\n`.
#[test]
fn an_argument_that_becomes_a_reply_is_refused() {
    let refused = "refuse -ERR an argument of this command must not have a line break: servers put it \
                   into their error as it is | counted";
    let closed = "refuse | counted | closes: function";
    let rows = [
        ("FUNCTION LIST a\r\n+b", refused, closed),
        ("FUNCTION LIST LIBRARYNAME a\n", refused, closed),
        ("FUNCTION LIST WITHCODE", "forward function|list shard0", closed),
    ];
    check(&rows, known, whole);
}

#[test]
fn a_condition_needs_one_owner() {
    let rows = [
        (
            "MSETEX 2 b x a x NX",
            "refuse -CROSSSLOT Keys in request don't hash to the same server | counted",
            "=",
        ),
        ("MSETEX 2 b x d x EX 5 XX", "forward msetex shard1", "="),
        ("MSETEX 1 b x NX", "forward msetex shard1", "="),
        // The server says what is wrong.
        ("MSETEX 3 b x a x", "forward msetex shard1", "="),
    ];
    check(&rows, known, whole);
}

#[test]
fn databases_and_patterns_are_checked() {
    let closes = "refuse | counted | closes: move";
    let rows = [
        ("MOVE b 15", "forward move shard1", closes),
        ("MOVE b 16", "refuse -ERR DB index is out of range | counted", closes),
        ("MOVE b -1", "refuse -ERR DB index is out of range | counted", closes),
        ("MOVE b x", "forward move shard1", closes),
        ("COPY b d DB 15", "forward copy shard1", "="),
        (
            "COPY b d REPLACE DB 16",
            "refuse -ERR DB index is out of range | counted",
            "forward copy shard1",
        ),
        ("SORT b BY nosort GET # GET x", "forward sort shard1", "="),
        (
            "SORT b BY w_*",
            "refuse -ERR BY and GET may name keys of other shards here: the pattern must carry the hash \
             tag of the sorted key | counted",
            "forward sort shard1",
        ),
    ];
    check(&rows, known, whole);
}

#[test]
fn scan_goes_to_the_shard_of_its_cursor() {
    let asked = known(Manners::Modern);
    let ids = asked.topology.scan_ids.clone();
    let (low, high) = if ids[0] < ids[1] { (0, 1) } else { (1, 0) };
    let plan = |cursor: &str| whole(&asked, &format!("SCAN {cursor}"));
    let to = |shard: usize| format!("fan out scan to shard{shard}, Cursor Read Cursor");
    let number =
        |shard: u16, server| Cursor { shard, tag: 1, server }.number().unwrap().0.to_string();
    assert_eq!(plan("0"), to(low));
    assert_eq!(plan(&number(ids[low], 5)), to(low));
    assert_eq!(plan(&number(ids[high], 0)), to(high));
    // A shard that is gone is passed over.
    assert_eq!(plan(&number(ids[low] + 1, 5)), to(high));
    assert_eq!(plan(&number(ids[high] + 1, 5)), "refuse *2\r\n$1\r\n0\r\n*0");
    assert_eq!(plan("-1"), "refuse -ERR invalid cursor | counted");
}
