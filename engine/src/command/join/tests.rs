//! Joining, by examples.

use super::*;

fn parts(count: u16, order: &[u16], hides_errors: bool) -> Parts<'_> {
    let (names, detail) = (Box::default(), Detail::None);
    Parts { count, order, keys: b"", names, detail, hides_errors, is_mute: false, is_write: true }
}

/// RESP.
fn of(join: Join, count: u16, order: &[u16], hides_errors: bool) -> Joining {
    Joining::new(join, parts(count, order, hides_errors))
}

/// A memcached retrieval.
fn items(count: u16, order: &[u16], keys: &[u8], hides_errors: bool) -> Joining {
    Joining::new(Join::Items, Parts { keys, ..parts(count, order, hides_errors) })
}

/// A memcached request to both of two servers.
fn first(is_mute: bool) -> Joining {
    let names = Box::new(["one".into(), "two".into()]);
    Joining::new(Join::First, Parts { names, is_mute, ..parts(2, &[], false) })
}

fn joined(joining: &Joining) -> String {
    let mut out = Vec::new();
    joining.finish(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn mget_weaves_in_the_order_of_the_request() {
    let mut joining = of(Join::InOrder, 2, &[1, 0, 1], false);
    joining.handle_reply(1, b"*2\r\n$1\r\na\r\n$-1\r\n");
    assert!(!joining.is_complete());
    joining.handle_reply(0, b"*1\r\n$1\r\nb\r\n");
    assert!(joining.is_complete());
    assert_eq!(joined(&joining), "*3\r\n$1\r\na\r\n$1\r\nb\r\n$-1\r\n");
}

#[test]
fn a_part_that_is_too_short_or_too_long_fails_the_whole() {
    for reply in [&b"*1\r\n$1\r\na\r\n"[..], b"*3\r\n_\r\n_\r\n_\r\n", b"*-1\r\n", b"+OK\r\n"] {
        let mut joining = of(Join::InOrder, 1, &[0, 0], false);
        joining.handle_reply(0, reply);
        assert_eq!(joined(&joining), "-ERR Invalid argument\r\n");
    }
}

#[test]
fn numbers_are_added_and_the_first_failed_part_is_the_answer() {
    let mut joining = of(Join::Sum, 3, &[], false);
    joining.handle_failure(2, "ERR Connection refused");
    joining.handle_reply(1, b"-READONLY no\r\n");
    joining.handle_reply(0, b":2\r\n");
    assert_eq!(joined(&joining), "-READONLY no\r\n");

    let mut joining = of(Join::Sum, 2, &[], true);
    joining.handle_reply(1, b"-READONLY no\r\n");
    joining.handle_reply(0, b":2\r\n");
    assert_eq!(joined(&joining), "-ERR Invalid argument\r\n");

    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let texts = ["ERR unknown", "ERR Connection refused", "ERR Broken pipe"];
        let mut joining = of(Join::Sum, 3, &[], true);
        for part in order {
            joining.handle_failure(part, texts[usize::from(part)]);
        }
        assert_eq!(joined(&joining), "-ERR Connection refused\r\n", "{order:?}");
    }

    let mut joining = of(Join::Sum, 2, &[], true);
    joining.handle_reply(1, b":40\r\n");
    joining.handle_reply(0, b":2\r\n");
    assert_eq!(joined(&joining), ":42\r\n");

    let mut joining = of(Join::Sum, 2, &[], false);
    joining.handle_reply(0, b":9223372036854775807\r\n");
    joining.handle_reply(1, b":1\r\n");
    assert_eq!(joined(&joining), "-ERR Invalid argument\r\n");
}

#[test]
fn mset_is_ok_when_all_parts_are() {
    let mut joining = of(Join::AllOk, 2, &[], false);
    joining.handle_reply(0, b"+OK\r\n");
    joining.handle_reply(1, b"!8\r\nERR oops\r\n");
    assert_eq!(joined(&joining), "-ERR oops\r\n");
}

#[test]
fn items_are_returned_in_the_order_of_the_request() {
    let mut joining = items(2, &[0, 1, 0, 1, 0], b" a  b c d a ", false);
    joining.handle_reply(1, b"VALUE d 0 1\r\nD\r\nEND\r\n");
    assert!(!joining.is_complete());
    joining.handle_reply(0, b"VALUE a 0 1\r\nA\r\nVALUE a 0 1\r\nA\r\nEND\r\n");
    assert_eq!(
        joined(&joining),
        "VALUE a 0 1\r\nA\r\nVALUE d 0 1\r\nD\r\nVALUE a 0 1\r\nA\r\nEND\r\n"
    );
    assert!(!joining.is_partial());
}

#[test]
fn a_failed_part_is_missed_or_fails_the_whole() {
    for (strict, text) in
        [(false, "VALUE a 0 1\r\nA\r\nEND\r\n"), (true, "SERVER_ERROR Connection refused\r\n")]
    {
        let mut joining = items(2, &[0, 1], b"a b", strict);
        joining.handle_reply(0, b"VALUE a 0 1\r\nA\r\nEND\r\n");
        joining.handle_failure(1, "SERVER_ERROR Connection refused");
        assert_eq!(joined(&joining), text);
        assert_eq!(joining.is_partial(), !strict);
        assert!(joining.failed_here());
    }
    let mut joining = items(2, &[0, 1], b"a b", false);
    joining.handle_failure(1, "SERVER_ERROR second");
    joining.handle_reply(0, b"CLIENT_ERROR invalid exptime argument\r\n");
    assert_eq!(joined(&joining), "CLIENT_ERROR invalid exptime argument\r\n");
    assert!(!joining.is_partial());
}

#[test]
fn a_request_to_all_is_done_when_all_have_done_it() {
    let mut joining = first(false);
    joining.handle_reply(1, b"OK\r\n");
    joining.handle_reply(0, b"OK\r\n");
    assert_eq!(joined(&joining), "OK\r\n");
    let mut joining = first(false);
    joining.handle_reply(0, b"OK\r\n");
    joining.handle_failure(1, "SERVER_ERROR gone");
    assert_eq!(joined(&joining), "SERVER_ERROR gone\r\n");
    let mut joining = first(true);
    joining.handle_reply(0, b"");
    joining.handle_failure(1, "SERVER_ERROR gone");
    assert_eq!(joined(&joining), "");
}

/// A request to both of two shards.
fn whole(join: Join) -> Joining {
    let names = Box::new(["one".into(), "two".into()]);
    Joining::new(join, Parts { names, ..parts(2, &[], false) })
}

#[test]
fn an_error_of_one_shard_names_it() {
    let mut flush = whole(Join::AllSucceeded);
    flush.handle_reply(0, b"+OK\r\n");
    flush.handle_reply(1, b"-MISCONF no\r\n");
    assert_eq!(joined(&flush), "-MISCONF no (shard two); done on shard one\r\n");
    let mut flush = whole(Join::AllSucceeded);
    flush.handle_failure(0, "ERR gone (shard one), outcome unknown");
    flush.handle_reply(1, b"+OK\r\n");
    assert_eq!(joined(&flush), "-ERR gone (shard one), outcome unknown; done on shard two\r\n");
    let mut size = whole(Join::Sum);
    size.handle_reply(0, b":1\r\n");
    size.handle_reply(1, b"-NOPERM no\r\n");
    assert_eq!(joined(&size), "-NOPERM no (shard two)\r\n");
}

#[test]
fn an_error_of_all_shards_is_that_of_one_server() {
    for join in [Join::AllSucceeded, Join::Sum, Join::Concat, Join::OneSucceeded] {
        let mut joining = whole(join);
        joining.handle_reply(0, b"-ERR syntax error\r\n");
        joining.handle_reply(1, b"-ERR syntax error\r\n");
        assert_eq!(joined(&joining), "-ERR syntax error\r\n", "{join:?}");
    }
}

#[test]
fn one_success_is_enough_for_kill() {
    let mut kill = whole(Join::OneSucceeded);
    kill.handle_reply(0, b"-NOTBUSY no\r\n");
    kill.handle_reply(1, b"+OK\r\n");
    assert_eq!(joined(&kill), "+OK\r\n");
}

#[test]
fn all_succeed_with_the_first_reply() {
    let mut load = whole(Join::AllSucceeded);
    load.handle_reply(1, b"$1\r\nx\r\n");
    load.handle_reply(0, b"$1\r\nx\r\n");
    assert_eq!(joined(&load), "$1\r\nx\r\n");
    let mut keys = whole(Join::Concat);
    keys.handle_reply(1, b"+OK\r\n");
    keys.handle_reply(0, b"*0\r\n");
    assert_eq!(joined(&keys), "-ERR Invalid argument\r\n");
}

#[test]
fn large_parts_of_a_list_follow_the_complete_ones() {
    let mut keys = whole(Join::Stream);
    keys.handle_begun(1_000);
    keys.handle_reply(1, b"*1\r\n$1\r\nx\r\n");
    assert_eq!((joined(&keys), keys.flowing()), ("*1001\r\n$1\r\nx\r\n".into(), 1));
    let mut lost = whole(Join::Stream);
    lost.handle_begun(1_000);
    lost.handle_reply(1, b"*0\r\n");
    lost.handle_lost(0, "ERR gone (shard one)");
    assert_eq!((joined(&lost), lost.flowing()), ("-ERR gone (shard one)\r\n".into(), 0));
}
