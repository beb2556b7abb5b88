//! A server that is late: only what waited too long fails, and the shared connection is kept for
//! the replies still to come.
//!
//! ```text
//!    0 ms       300           700        1000     1000+
//!    GET a ────▶ timed out
//!    (server stopped)         GET b ────▶ resumed ─▶ b's answer; a's is swallowed
//! ```

use super::{Scene, error_of, timed};
use nuthatch_testbed::{Client, RedisServer, Value, poll_until};
use std::thread::sleep;
use std::time::Duration;

/// The ids of the server's connections, ours left out.
fn connections(server: &RedisServer) -> Vec<String> {
    let list = server.client().unwrap().command(&["CLIENT", "LIST"]).unwrap().text().unwrap();
    let mut ids: Vec<String> = list
        .lines()
        .filter(|line| !line.contains("cmd=client"))
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

/// A scene of one server, and two clients that have been answered already: one per worker at the
/// most, so all connections stand.
fn scene() -> (Scene, Client, Client) {
    let scene = Scene::new(1, &[("timeout", "300")]);
    let (mut a, mut b) = (scene.client(), scene.client());
    for client in [&mut a, &mut b] {
        assert!(client.command(&["SET", "a", "A"]).unwrap().is_ok());
        assert!(client.command(&["SET", "b", "B"]).unwrap().is_ok());
    }
    (scene, a, b)
}

#[test]
fn only_late_requests_fail_and_the_connection_is_kept() {
    let (mut scene, mut a, mut b) = scene();
    let before = connections(&scene.servers[0]);
    scene.servers[0].pause().unwrap();
    let (reply, took) = timed(&mut a, &["GET", "a"]);
    let text = error_of(&reply);
    assert!(text.starts_with("ERR Connection timed out (shard s0, server "), "{text}");
    assert!(text.ends_with(", outcome unknown"), "{text}");
    assert!(took >= Duration::from_millis(290), "too early: {took:?}");
    assert!(took < Duration::from_millis(900), "too late: {took:?}");
    // Below the patience of 4 timeouts, and these are not late yet when the server goes on.
    sleep(Duration::from_millis(400));
    b.send(&["GET", "b"]).unwrap();
    a.send(&["GET", "b"]).unwrap();
    sleep(Duration::from_millis(100));
    scene.servers[0].resume().unwrap();
    assert_eq!(b.recv().unwrap(), Value::bulk("B"), "the neighbour's request was in time");
    assert_eq!(a.recv().unwrap(), Value::bulk("B"), "a late reply went to a later request");
    assert_eq!(a.command(&["GET", "a"]).unwrap(), Value::bulk("A"));
    assert_eq!(connections(&scene.servers[0]), before, "the same connections");
}

#[test]
fn a_connection_that_owes_too_long_is_given_up() {
    let (mut scene, mut a, mut b) = scene();
    let before = connections(&scene.servers[0]);
    scene.servers[0].pause().unwrap();
    for _ in 0..6 {
        for client in [&mut a, &mut b] {
            let reply = client.command(&["GET", "a"]).unwrap();
            assert!(error_of(&reply).starts_with("ERR Connection timed out"), "{reply}");
        }
    }
    scene.servers[0].resume().unwrap();
    let well = || a.command(&["GET", "a"]).unwrap() == Value::bulk("A");
    assert!(poll_until(Duration::from_secs(5), well));
    let gone = || connections(&scene.servers[0]).iter().all(|id| !before.contains(id));
    assert!(poll_until(Duration::from_secs(5), gone), "of {before:?} one is still there");
    assert_eq!(b.command(&["GET", "b"]).unwrap(), Value::bulk("B"));
}

#[test]
fn a_late_part_fails_its_own_request_alone() {
    let mut scene = Scene::new(2, &[("timeout", "300")]);
    let keys = scene.keys("k", 1);
    let (slow, quick) = (keys[0][0].clone(), keys[1][0].clone());
    let mut client = scene.client();
    for key in [&slow, &quick] {
        assert!(client.command(&["SET", key, key]).unwrap().is_ok());
    }
    scene.servers[0].pause().unwrap();
    let replies = client
        .pipeline(&[
            vec!["GET", &quick],
            vec!["MGET", &slow, &quick],
            vec!["GET", &quick],
            vec!["MSET", &quick, "new", &slow, "new"],
            vec!["GET", &quick],
        ])
        .unwrap();
    scene.servers[0].resume().unwrap();
    assert_eq!(replies[0], Value::bulk(&quick));
    assert!(error_of(&replies[1]).starts_with("ERR Connection timed out (shard s0"));
    assert_eq!(replies[2], Value::bulk(&quick));
    assert!(error_of(&replies[3]).starts_with("ERR Connection timed out (shard s0"));
    assert_eq!(replies[4], Value::bulk("new"), "the other part was carried out, in its turn");
    // The outcome was unknown; a stopped server does carry it out when it goes on.
    let carried_out = || client.command(&["GET", &slow]).unwrap() == Value::bulk("new");
    assert!(poll_until(Duration::from_secs(5), carried_out));
}

#[test]
fn without_a_timeout_nobody_gives_up() {
    let mut scene = Scene::new(1, &[]);
    let mut client = scene.client();
    assert!(client.command(&["SET", "a", "A"]).unwrap().is_ok());
    scene.servers[0].pause().unwrap();
    client.send(&["GET", "a"]).unwrap();
    assert!(client.is_silent_for(Duration::from_millis(1500)).unwrap());
    scene.servers[0].resume().unwrap();
    assert_eq!(client.recv().unwrap(), Value::bulk("A"));
}
