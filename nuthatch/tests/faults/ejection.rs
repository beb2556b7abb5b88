//! Out after `server_failure_limit` failures in a row, back by a good probe, and by nothing else.

use super::{Scene, error_of, info, timed};
use nuthatch_testbed::{Client, Folder, Load, Outcome, RedisServer, Value, poll_until};
use std::thread::sleep;
use std::time::{Duration, Instant};

const REMAP: [(&str, &str); 4] = [
    ("timeout", "300"),
    ("auto_eject_hosts", "true"),
    ("server_failure_limit", "3"),
    ("server_retry_timeout", "1000"),
];

const FAIL_FAST: [(&str, &str); 4] = [
    ("timeout", "300"),
    ("eject", "fail_fast"),
    ("server_failure_limit", "3"),
    ("server_retry_timeout", "500"),
];

/// Asks until the shard is out; returns how many requests failed and the moment it was seen.
fn until_out(client: &mut Client, key: &str) -> (usize, Instant) {
    let mut failed = 0;
    let out = poll_until(Duration::from_secs(5), || {
        if info(client, "shards_live") != "3" {
            return true;
        }
        failed += usize::from(client.command(&["GET", key]).unwrap().is_error());
        false
    });
    assert!(out, "still in after {failed} failures");
    (failed, Instant::now())
}

#[test]
fn remapped_after_the_limit_and_back_no_earlier_than_allowed() {
    let mut scene = Scene::new(3, &REMAP);
    let keys = scene.keys("k", 2);
    let (mine, others) = (&keys[0], [&keys[1][0], &keys[2][0]]);
    let mut client = scene.client();
    for key in others {
        assert!(client.command(&["SET", key, "stays"]).unwrap().is_ok());
    }
    scene.servers[0].kill().unwrap();
    let (failed, out_at) = until_out(&mut client, &mine[0]);
    // One or two more may fail before the news is round.
    assert!((3..=6).contains(&failed), "{failed} failures before it was out");

    // It is well again at once, but the time is not over.
    scene.servers[0].restart().unwrap();
    assert!(client.command(&["SET", &mine[0], "stand-in"]).unwrap().is_ok());
    let back = poll_until(Duration::from_secs(10), || scene.shards_live() == 3);
    let after = out_at.elapsed();
    assert!(back, "it never came back");
    assert!(after > Duration::from_millis(900), "back too early: {after:?}");
    assert!(after < Duration::from_secs(4), "back too late: {after:?}");
    assert!(client.command(&["GET", &mine[0]]).unwrap().is_nil(), "its own server has it no more");
    for key in others {
        assert_eq!(client.command(&["GET", key]).unwrap(), Value::bulk("stays"));
    }
}

#[test]
fn a_server_that_stays_dead_costs_nobody_an_error_later() {
    let mut scene = Scene::new(3, &REMAP);
    let keys = scene.keys("k", 1);
    let mut client = scene.client();
    scene.servers[0].kill().unwrap();
    until_out(&mut client, &keys[0][0]);
    // Twemproxy let the first requests after the time find out. Three of ours pass here.
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(3500) {
        let reply = client.command(&["SET", &keys[0][0], "x"]).unwrap();
        assert!(reply.is_ok(), "{reply} after {:?}", start.elapsed());
        sleep(Duration::from_millis(5));
    }
    scene.servers[0].restart().unwrap();
    assert!(poll_until(Duration::from_secs(5), || scene.shards_live() == 3));
}

#[test]
fn fail_fast_keeps_the_owner_and_fails_at_once() {
    let mut scene = Scene::new(3, &FAIL_FAST);
    let keys = scene.keys("k", 1);
    let mut client = scene.client();
    assert!(client.command(&["SET", &keys[0][0], "kept"]).unwrap().is_ok());
    scene.servers[0].pause().unwrap();
    until_out(&mut client, &keys[0][0]);
    let mut took = Vec::new();
    for _ in 0..20 {
        let (reply, time) = timed(&mut client, &["GET", &keys[0][0]]);
        let text = error_of(&reply).to_owned();
        assert!(
            text.starts_with("MASTERDOWN Connection refused: the server is out until"),
            "{text}"
        );
        assert!(text.ends_with(", not sent"), "{text}");
        assert!(client.command(&["SET", &keys[1][0], "x"]).unwrap().is_ok());
        took.push(time);
    }
    took.sort_unstable();
    assert!(took[10] < Duration::from_millis(50), "that is not at once: {took:?}");
    scene.servers[0].resume().unwrap();
    assert!(poll_until(Duration::from_secs(5), || scene.shards_live() == 3));
    assert_eq!(client.command(&["GET", &keys[0][0]]).unwrap(), Value::bulk("kept"));
}

#[test]
fn all_out_fails_at_once_and_comes_back() {
    let mut scene = Scene::new(1, &REMAP);
    let mut client = scene.client();
    scene.servers[0].kill().unwrap();
    let none_left = || {
        let reply = client.command(&["GET", "x"]).unwrap();
        error_of(&reply)
            .starts_with("MASTERDOWN Connection refused: every server of the pool is ejected")
    };
    assert!(poll_until(Duration::from_secs(5), none_left));
    scene.servers[0].restart().unwrap();
    let well = || client.command(&["SET", "x", "1"]).unwrap().is_ok();
    assert!(poll_until(Duration::from_secs(10), well));
}

#[test]
fn idle_connections_that_close_in_order_eject_nobody() {
    let keys = [("auto_eject_hosts", "true"), ("server_failure_limit", "1"), ("timeout", "300")];
    let scene = Scene::new(1, &keys);
    let mut client = scene.client();
    let mut direct = scene.servers[0].client().unwrap();
    let before = info(&mut client, "epoch");
    for _ in 0..5 {
        assert!(client.command(&["SET", "x", "1"]).unwrap().is_ok());
        assert!(direct.command(&["CLIENT", "KILL", "TYPE", "normal"]).is_ok());
        sleep(Duration::from_millis(50));
        direct = scene.servers[0].client().unwrap();
        assert_eq!(scene.shards_live(), 1);
    }
    assert_eq!(info(&mut client, "epoch"), before, "nothing was ever decided");
}

#[test]
fn a_server_that_loads_its_data_is_not_back_yet() {
    let folder = Folder::new().unwrap();
    // 2 ms for each key it loads.
    let slow = [
        "--dir",
        folder.path().to_str().unwrap(),
        "--key-load-delay",
        "2000",
        "--loading-process-events-interval-bytes",
        "1024",
    ];
    let mut scene = Scene::new(2, &FAIL_FAST);
    scene.servers.push(RedisServer::start_with(&slow).unwrap());
    let entries: Vec<String> =
        scene.servers.iter().enumerate().map(|(at, s)| s.entry(1, &format!("s{at}"))).collect();
    scene.proxy = super::proxy(&entries, &FAIL_FAST, super::WORKERS);
    let key = scene.keys("k", 1)[2][0].clone();

    let mut direct = scene.servers[2].client().unwrap();
    let fill = "for i = 1, 1500 do redis.call('SET', 'fill' .. i, string.rep('x', 100)) end";
    assert!(!direct.command(&["EVAL", fill, "0"]).unwrap().is_error());
    let mut client = scene.client();
    assert!(client.command(&["SET", &key, "kept"]).unwrap().is_ok());
    assert!(direct.command(&["SAVE"]).unwrap().is_ok());
    scene.servers[2].kill().unwrap();
    until_out(&mut client, &key);
    scene.servers[2].restart().unwrap();

    let is_loading = |server: &RedisServer| {
        let info = server.client().unwrap().command(&["INFO", "persistence"]).unwrap();
        info.text().unwrap().contains("loading:1")
    };
    let mut looks = 0;
    while is_loading(&scene.servers[2]) {
        // Asked before the server is: by the time it says yes, it was loading then too.
        let live = scene.shards_live();
        let reply = client.command(&["GET", &key]).unwrap();
        if is_loading(&scene.servers[2]) {
            looks += 1;
            assert_eq!(live, 2, "readmitted while it was loading");
            assert!(error_of(&reply).contains("is out until"), "{reply}");
        }
        sleep(Duration::from_millis(20));
    }
    assert!(looks > 5, "it loaded too quickly to tell ({looks} looks)");
    assert!(poll_until(Duration::from_secs(5), || scene.shards_live() == 3));
    assert_eq!(client.command(&["GET", &key]).unwrap(), Value::bulk("kept"));
}

#[test]
fn a_flapping_server_hurts_only_its_own() {
    let mut scene = Scene::new(3, &FAIL_FAST);
    let groups = scene.keys("k", 3);
    let load = Load::start(scene.proxy.listens()[0].parse().unwrap(), &groups);
    for _ in 0..5 {
        sleep(Duration::from_millis(120));
        scene.servers[0].kill().unwrap();
        sleep(Duration::from_millis(60));
        scene.servers[0].restart().unwrap();
    }
    assert!(poll_until(Duration::from_secs(10), || scene.shards_live() == 3));
    let mut client = scene.client();
    let well = || !client.command(&["GET", &groups[0][0]]).unwrap().is_error();
    assert!(poll_until(Duration::from_secs(5), well));
    let samples = load.finish();
    for sample in &samples {
        match sample.outcome {
            Outcome::Good => {}
            Outcome::Failed(_) | Outcome::Lost(_) if sample.group == 0 => {}
            ref other => panic!("{other:?} from s{}", sample.group),
        }
    }
    let healthy = samples.iter().filter(|s| s.group != 0).count();
    assert!(healthy > 200, "{healthy} requests to the others");
}
