//! Servers that are none: one never answers, one talks nonsense, one hangs up. The pool's other
//! server serves on as if nothing were.

use super::{error_of, info, proxy, timed};
use nuthatch_testbed::{
    Answer, Client, FakeServer, Outcome, Proxy, RedisServer, Rest, Trial, Witness, poll_until,
};
use std::io::ErrorKind;
use std::thread::sleep;
use std::time::{Duration, Instant};

struct Scene {
    /// Kept for its life only.
    _server: RedisServer,
    impostor: FakeServer,
    proxy: Proxy,
    /// A key of each.
    good: String,
    bad: String,
}

fn scene(answer: Answer, keys: &[(&str, &str)]) -> Scene {
    let server = RedisServer::start().unwrap();
    let impostor = FakeServer::start(answer).unwrap();
    let mut all = vec![("timeout", "200")];
    all.extend_from_slice(keys);
    let proxy = proxy(&[server.entry(1, "good"), impostor.entry(1, "bad")], &all, 1);
    let mut client = proxy.client().unwrap();
    let mut key_of = |wanted: bool| {
        (0..1000)
            .map(|n| format!("k{n}"))
            .find(|key| client.command(&["SET", key, key]).unwrap().is_ok() == wanted)
            .unwrap()
    };
    let (good, bad) = (key_of(true), key_of(false));
    Scene { _server: server, impostor, proxy, good, bad }
}

impl Scene {
    /// The bad one's error, with the good one unharmed before, behind and beside it.
    fn error(&self, client: &mut Client) -> String {
        let replies = client
            .pipeline(&[vec!["GET", &self.good], vec!["GET", &self.bad], vec!["GET", &self.good]])
            .unwrap();
        assert_eq!(replies[0].text().as_ref(), Some(&self.good));
        assert_eq!(replies[2].text().as_ref(), Some(&self.good));
        let text = error_of(&replies[1]).to_owned();
        assert!(text.contains(&format!("(shard bad, server {})", self.impostor.addr())), "{text}");
        text
    }
}

#[test]
fn one_that_never_answers_times_out_and_is_ejected() {
    let scene = scene(Answer::Silence, &[]);
    let mut client = scene.proxy.client().unwrap();
    for _ in 0..3 {
        let text = scene.error(&mut client);
        assert!(text.starts_with("ERR Connection timed out"), "{text}");
    }
    let (_, took) = timed(&mut client, &["GET", &scene.good]);
    assert!(took < Duration::from_millis(150), "{took:?}");
    // Several timeouts old and more: connections are given up one after the other, not at once.
    assert!(scene.impostor.accepted() < 20, "{} connections", scene.impostor.accepted());
}

#[test]
fn one_that_never_answers_slows_no_client_of_the_other() {
    let mut scene = scene(Answer::Silence, &[("eject", "off")]);
    let witness = Witness::start().unwrap();
    let groups = [vec![scene.good.clone()], vec![scene.bad.clone()]];
    let rest = Rest::of(scene.proxy.process());
    let mut trial = Trial::start(&witness, &scene.proxy, &groups[..1]).unwrap();
    sleep(Duration::from_millis(300));
    trial.strike();
    let others = Trial::start(&witness, &scene.proxy, &groups[1..]).unwrap();
    sleep(Duration::from_secs(2));
    let its_own = others.finish().samples;
    let seen = trial.finish();
    assert!(its_own.iter().all(|s| matches!(&s.outcome, Outcome::Failed(text)
        if text.contains(" Connection timed out"))));
    assert!(its_own.len() > 2, "{} requests to the impostor", its_own.len());
    let wrong = seen.samples.iter().find(|s| s.outcome != Outcome::Good);
    assert!(wrong.is_none(), "{wrong:?}");
    let pace = seen.pace(|_| true);
    println!("{} requests timed out; the other server's clients: {pace:?}", its_own.len());
    assert!(pace.is_some_and(|pace| pace.is_kept()), "{pace:?}");
    // Whether the impostor's connection stands in either look is chance.
    let process = scene.proxy.process();
    let Some(rest) = rest else { return };
    let is_back = || process.open_files().is_some_and(|now| now <= rest.files + 1);
    assert!(poll_until(Duration::from_secs(5), is_back), "{rest:?}, {:?}", process.open_files());
    assert!(process.rss_kib().unwrap() < rest.rss_kib + 4 * 1024);
}

#[test]
fn one_that_never_answers_stays_out() {
    let keys = [("auto_eject_hosts", "true"), ("server_retry_timeout", "300")];
    let scene = scene(Answer::Silence, &keys);
    let mut client = scene.proxy.client().unwrap();
    let moved = || !client.command(&["GET", &scene.bad]).unwrap().is_error();
    assert!(poll_until(Duration::from_secs(5), moved));
    let before = scene.impostor.accepted();
    let probed = || scene.impostor.accepted() > before;
    assert!(poll_until(Duration::from_secs(5), probed), "nobody looked after it");
    for _ in 0..50 {
        assert!(!client.command(&["GET", &scene.bad]).unwrap().is_error());
    }
    assert_eq!(info(&mut client, "shards_live"), "1");
}

#[test]
fn nonsense_fails_its_own_requests() {
    for nonsense in [
        &b"hello, who is there?\r\n"[..],
        b"\r\n",
        b"\0\0\0\0",
        b"$-2\r\n",
        b"$99999999999999999999\r\n",
        b"$3\r\nabcdefgh",
    ] {
        let scene = scene(Answer::Bytes(nonsense.to_vec()), &[]);
        let mut client = scene.proxy.client().unwrap();
        for _ in 0..3 {
            let text = scene.error(&mut client);
            // `not sent`, and its words, while the next attempt waits.
            let said = text.contains(" Invalid argument: the server sent what is no reply");
            assert!(said, "{:?}: {text}", nonsense.escape_ascii().to_string());
        }
    }
}

#[test]
fn answers_nobody_asked_for_reach_nobody() {
    // Two replies to each request: the second has no owner, whoever asks next.
    let scene = scene(Answer::Bytes(b"+MINE\r\n+STRANGERS\r\n".to_vec()), &[]);
    let mut client = scene.proxy.client().unwrap();
    for _ in 0..20 {
        let reply = client.command(&["GET", &scene.bad]).unwrap();
        assert!(reply.is_error() || reply.text().unwrap() == "MINE", "{reply}");
        assert_eq!(
            client.command(&["GET", &scene.good]).unwrap().text().as_ref(),
            Some(&scene.good)
        );
    }
}

#[test]
fn one_that_hangs_up_in_mid_reply() {
    let scene = scene(Answer::BytesAndClose(b"$100\r\nhalf".to_vec()), &[]);
    let mut client = scene.proxy.client().unwrap();
    for _ in 0..3 {
        let text = scene.error(&mut client);
        let known = [" unknown: the server closed the connection", " Connection reset"];
        assert!(known.iter().any(|k| text.contains(k)), "{text}");
    }
}

/// A reply of more than one read, cut off: the end must be noticed behind the last short read. One
/// that was gathered is an error then; of one that flowed a part is out, and its client is closed.
#[test]
fn one_that_hangs_up_in_mid_of_a_long_reply() {
    for (promised, sent) in [(120_000, 100_000), (1_000_000, 150_000)] {
        let mut cut = format!("${promised}\r\n").into_bytes();
        cut.resize(sent, b'x');
        let server = FakeServer::start(Answer::BytesAndClose(cut)).unwrap();
        let mut proxy = proxy(&[server.entry(1, "bad")], &[("timeout", "5000")], 1);
        for _ in 0..3 {
            let mut client = proxy.client().unwrap();
            client.command(&["PING"]).unwrap();
            client.send(&["GET", "x"]).unwrap();
            // While the proxy sleeps all of it arrives, the end included: one event, two reads.
            sleep(Duration::from_millis(2));
            proxy.process().pause().unwrap();
            sleep(Duration::from_millis(60));
            proxy.process().resume().unwrap();
            let start = Instant::now();
            let reply = client.recv();
            let took = start.elapsed();
            let limit = Duration::from_millis(2500);
            assert!(took < limit, "the end went unnoticed: {reply:?}, {took:?}");
            match reply {
                Ok(reply) => assert!(reply.is_error() && promised == 120_000, "{reply}"),
                Err(error) => {
                    assert_eq!((error.kind(), promised), (ErrorKind::UnexpectedEof, 1_000_000));
                }
            }
        }
    }
}
