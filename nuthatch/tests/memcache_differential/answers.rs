//! What we answer otherwise on purpose: each request of `ANSWERS`, to both sides.

use crate::differences::ANSWERS;
use crate::pair::Pair;
use nuthatch_testbed::{Client, poll_until};
use std::time::Duration;

#[test]
fn what_differs_on_purpose_differs_as_told() {
    let pair = Pair::start(1);
    for mut client in [pair.proxy.client().unwrap(), pair.lone.client().unwrap()] {
        assert_eq!(client.ask("set there 0 0 1\r\nx\r\n").unwrap(), b"STORED\r\n");
    }
    for answer in ANSWERS {
        let request = answer.request.replace('~', "\r\n");
        let [ours, theirs] = [pair.proxy.client().unwrap(), pair.lone.client().unwrap()]
            .map(|mut client| first_of(&mut client, &request));
        let is_as_told = ours.starts_with(answer.ours) && theirs.starts_with(answer.theirs);
        assert!(is_as_told, "{request:?} ({})\n  {ours:?}\n  {theirs:?}", answer.why);
        assert_ne!(ours, theirs, "{request:?}: no difference any more");
    }
}

/// The binary protocol is recognised by its first byte, told of in the log, and closed.
#[test]
fn binary_is_closed() {
    let mut pair = Pair::start(1);
    for _ in 0..2 {
        let mut client = pair.proxy.client().unwrap();
        client.send_raw(b"\x80\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").unwrap();
        assert_eq!(client.recv_to_end().unwrap(), b"");
    }
    let process = pair.proxy.process();
    let told = poll_until(Duration::from_secs(5), || process.log().contains("binary protocol"));
    assert!(told, "{}", process.log());
    // Within a conversation the byte is a byte.
    let mut client = pair.proxy.client().unwrap();
    assert_eq!(client.ask(b"get \x80\r\n").unwrap(), b"END\r\n");
    assert_eq!(client.ask(b"\x80\r\n").unwrap(), b"ERROR\r\n");
}

fn first_of(client: &mut Client, request: &str) -> String {
    match client.ask(request) {
        Ok(reply) => String::from_utf8_lossy(&reply).into_owned(),
        Err(_) => String::new(),
    }
}
