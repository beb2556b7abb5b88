//! What is no request: told so, or closed; and what is only the beginning of one: waited for,
//! without anybody else waiting too.

use super::Scene;
use nuthatch_testbed::{Client, Value, encode, poll_until};
use std::io::ErrorKind;
use std::thread::sleep;
use std::time::Duration;

/// Bytes, and what the answer must begin with before the close.
const MALFORMED: [(&[u8], &str); 15] = [
    (b"*1\r\n!4\r\nPING\r\n", "-ERR Protocol error: expected '$', got '!'"),
    (b"*1\r\n\r\n", "-ERR Protocol error: expected '$', got '\\r'"),
    (b"*3000000000\r\n", "-ERR Protocol error: invalid multibulk length"),
    (b"*99999999999999999999\r\n", "-ERR Protocol error: invalid multibulk length"),
    (b"*x\r\n", "-ERR Protocol error: invalid multibulk length"),
    (b"*1x\r\n", "-ERR Protocol error: invalid multibulk length"),
    (b"*2\r\n$3\r\nGET\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length"),
    (b"*1\r\n$\r\n", "-ERR Protocol error: invalid bulk length"),
    (b"*1\r\n$x\r\n", "-ERR Protocol error: invalid bulk length"),
    (b"*1\r\n$4 \r\nPING\r\n", "-ERR Protocol error: invalid bulk length"),
    (b"*1\r\n$600000000\r\n", "-ERR Protocol error: invalid bulk length"),
    (b"*1\r\n$99999999999999999999999\r\n", "-ERR Protocol error: invalid bulk length"),
    (b"*1\r\n$4\r\nPINGxx", "-ERR Protocol error"),
    (b"GET 'unbalanced\r\n", "-ERR Protocol error: unbalanced quotes in request"),
    (b"SET \"a\"b c\r\n", "-ERR Protocol error: unbalanced quotes in request"),
];

#[test]
fn malformed_requests_are_told_and_closed() {
    let scene = Scene::new(2, &[]);
    let neighbour = scene.neighbour();
    for (bytes, want) in MALFORMED {
        let mut client = scene.client();
        // What came before is answered first, what comes behind is not.
        client.send_raw(b"*1\r\n$4\r\nPING\r\n").unwrap();
        client.send_raw(bytes).unwrap();
        let answer = String::from_utf8(client.recv_to_end().unwrap()).unwrap();
        let what = bytes.escape_ascii();
        let rest = answer.strip_prefix("+PONG\r\n");
        assert!(rest.is_some_and(|rest| rest.starts_with(want)), "{what}: {answer:?}");
        assert!(rest.is_some_and(|rest| rest.matches("\r\n").count() == 1), "{what}: {answer:?}");
    }
    neighbour.was_served_within(Duration::from_millis(200));
}

#[test]
fn under_twemproxys_manners_they_are_closed_without_a_word() {
    let scene = Scene::new(1, &[("manners", "twemproxy")]);
    let neighbour = scene.neighbour();
    for (bytes, _) in MALFORMED {
        let mut client = scene.client();
        client.send_raw(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n").unwrap();
        client.send_raw(bytes).unwrap();
        assert_eq!(client.recv_to_end().unwrap(), b"$-1\r\n", "{}", bytes.escape_ascii());
    }
    neighbour.was_served_within(Duration::from_millis(200));
}

#[test]
fn a_line_that_never_ends_has_an_end() {
    let scene = Scene::new(2, &[]);
    let neighbour = scene.neighbour();
    let mut client = scene.client();
    // The peer may close in the midst of our sending; what counts is what it says.
    let _ = client.send_raw(&vec![b'a'; 80 * 1024 + 1]);
    let answer = String::from_utf8(client.recv_to_end().unwrap()).unwrap();
    assert_eq!(answer, "-ERR Protocol error: too big inline request\r\n");
    // The longest that is still taken.
    let mut client = scene.client();
    let value = "v".repeat(80 * 1024 - "SET inline \r".len());
    client.send_raw(format!("SET inline {value}\r\nGET inline\r\n").as_bytes()).unwrap();
    assert!(client.recv().unwrap().is_ok());
    assert_eq!(client.recv().unwrap(), Value::bulk(&value));
    neighbour.was_served_within(Duration::from_millis(200));
}

#[test]
fn random_bytes_kill_nobody() {
    let mut scene = Scene::new(2, &[]);
    let neighbour = scene.neighbour();
    // The same bytes in every run: a linear congruence, its high bits.
    let mut state: u64 = 42;
    let mut next = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    let begins: [&[u8]; 5] = [b"", b"*", b"*2\r\n$3\r\nGET\r\n$", b"*1000\r\n", b"PING\r\n"];
    for n in 0..300 {
        let mut client = scene.client();
        let mut bytes = begins[n % begins.len()].to_vec();
        // Digits, marks and line ends now and then, or it would all be one long line.
        bytes.extend((0..n * 7).map(|_| match next() {
            b if b < 150 => b"*$0123456789\r\n\r\n+-:"[usize::from(b) % 19],
            b => b,
        }));
        let _ = client.send_raw(&bytes);
        if n % 3 == 0 {
            let _ = client.shutdown_write();
            // Whatever it gets, it is a close in the end and not a silence.
            assert!(client.recv_to_end().is_ok(), "round {n}");
        }
    }
    neighbour.was_served_within(Duration::from_millis(200));
    assert!(scene.proxy.process().ended().is_none());
}

#[test]
fn half_closed_clients_get_what_they_asked_for() {
    let scene = Scene::new(2, &[]);
    let mut client = scene.client();
    let mut bytes = Vec::new();
    for n in 0..1000 {
        encode(&["SET", &format!("k{n}"), "v"], &mut bytes);
    }
    bytes.extend_from_slice(b"*2\r\n$3\r\nGET\r\n$2\r\nk"); // cut short: not answered
    client.send_raw(&bytes).unwrap();
    client.shutdown_write().unwrap();
    assert_eq!(client.recv_to_end().unwrap(), b"+OK\r\n".repeat(1000));
}

/// With nobody else there to bring about the next turn of the loop.
#[test]
fn an_idle_client_that_leaves_is_let_go_at_once() {
    let scene = Scene::new(1, &[]);
    let mut client = scene.client();
    sleep(Duration::from_millis(100));
    client.shutdown_write().unwrap();
    assert_eq!(client.recv_to_end().unwrap(), b"");
}

/// More than one read can hold, the end included: the end must be seen behind the last short read.
#[test]
fn a_half_close_behind_many_bytes_is_seen() {
    let mut scene = Scene::new(1, &[]);
    let mut bytes = Vec::new();
    let value = "v".repeat(700);
    for n in 0..200 {
        encode(&["SET", &format!("k{n}"), &value], &mut bytes);
    }
    assert!(bytes.len() > 2 * 64 * 1024);
    for _ in 0..3 {
        let mut client = scene.client();
        assert!(!client.command(&["PING"]).unwrap().is_error());
        scene.proxy.process().pause().unwrap();
        client.send_raw(&bytes).unwrap();
        client.shutdown_write().unwrap();
        sleep(Duration::from_millis(30));
        scene.proxy.process().resume().unwrap();
        assert_eq!(client.recv_to_end().unwrap(), b"+OK\r\n".repeat(200));
    }
}

#[test]
fn clients_that_vanish_in_mid_request_take_nobody_along() {
    let scene = Scene::new(2, &[]);
    let neighbour = scene.neighbour();
    for n in 0..100 {
        let mut client = scene.client();
        // A whole request whose answer nobody will read, and the beginning of another.
        client.send(&["INCR", "vanished"]).unwrap();
        let cut = b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1000000\r\nand so on";
        client.send_raw(&cut[..=n % cut.len()]).unwrap();
        if n % 2 == 0 {
            sleep(Duration::from_millis(1));
        }
    }
    neighbour.was_served_within(Duration::from_millis(200));
    let mut client = scene.client();
    let done = || client.command(&["GET", "vanished"]).unwrap() == Value::bulk("100");
    assert!(poll_until(Duration::from_secs(5), done), "what was sent whole is carried out");
    assert!(scene.client().command(&["GET", "x"]).unwrap().is_nil(), "what was not, is not");
}

#[test]
fn a_request_that_comes_byte_by_byte_holds_up_nobody() {
    let scene = Scene::new(1, &[]);
    let neighbour = scene.neighbour();
    let mut slow = scene.client();
    let mut bytes = Vec::new();
    encode(&["MSET", "a", "1", "b", "2"], &mut bytes);
    encode(&["MGET", "a", "b", "c"], &mut bytes);
    bytes.extend_from_slice(b"PING inline\r\n");
    for byte in bytes {
        slow.send_raw(&[byte]).unwrap();
        sleep(Duration::from_millis(3));
    }
    assert!(slow.recv().unwrap().is_ok());
    let want = Value::Array(vec![Value::bulk("1"), Value::bulk("2"), Value::Nil]);
    assert_eq!(slow.recv().unwrap(), want);
    assert_eq!(slow.recv().unwrap(), Value::bulk("inline"));
    neighbour.was_served_within(Duration::from_millis(100));
}

#[test]
fn huge_promises_cost_no_memory() {
    let mut scene = Scene::new(2, &[]);
    let Some(base) = scene.proxy.process().rss_kib() else {
        println!("no /proc here: passed over");
        return;
    };
    let mut clients: Vec<Client> = (0..100).map(|_| scene.client()).collect();
    for client in &mut clients {
        client.send_raw(b"*1048576\r\n$3\r\nSET\r\n$536870912\r\nand then nothing").unwrap();
    }
    sleep(Duration::from_millis(300));
    let most = scene.proxy.process().rss_kib().unwrap();
    assert!(most < base + 8 * 1024, "{base} KiB before, {most} KiB with promises");
    for client in &mut clients {
        client.shutdown_write().unwrap();
        match client.recv_to_end() {
            Ok(bytes) => assert!(bytes.is_empty()),
            Err(e) => assert_eq!(e.kind(), ErrorKind::ConnectionReset),
        }
    }
}
