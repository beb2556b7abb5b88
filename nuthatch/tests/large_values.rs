//! Large values flow: they pass through without being gathered, and hold up nobody.
//!
//! Values are 32 MiB where memory is looked at, so that a copy of one could not be overlooked.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test, its helpers included")]

use nuthatch_testbed::{
    Client, MemcachedServer, Nuthatch, Process, Proxy, RedisServer, Value, encode, free_port,
    poll_until, pool_yaml,
};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

const MIB: usize = 1024 * 1024;
const SOON: Duration = Duration::from_secs(10);

struct Scene {
    server: RedisServer,
    proxy: Proxy,
}

impl Scene {
    fn new(timeout: &str) -> Scene {
        Scene::with(&[("timeout", timeout)])
    }

    fn with(keys: &[(&str, &str)]) -> Scene {
        let server = RedisServer::start().unwrap();
        let keys = [&[("redis", "true")], keys].concat();
        let yaml = pool_yaml("p", free_port(), &keys, &[server.entry(1, "a")]);
        let proxy = Nuthatch::start(&yaml, &["-w", "1"]).unwrap();
        Scene { server, proxy }
    }

    fn client(&self) -> Client {
        self.proxy.client().unwrap()
    }

    fn counter(&self, name: &str) -> u64 {
        let stats = self.proxy.stats_extended().unwrap();
        let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
        stats["p"][name].as_u64().unwrap()
    }
}

fn value(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

/// What a task makes the process occupy over what it did before, in KiB.
fn peak(process: &Process, task: impl FnOnce() + Send) -> u64 {
    let base = process.rss_kib().unwrap();
    let mut most = base;
    scope(|scope| {
        let task = scope.spawn(task);
        while !task.is_finished() {
            most = most.max(process.rss_kib().unwrap());
            sleep(Duration::from_millis(2));
        }
        task.join().unwrap();
    });
    most.saturating_sub(base)
}

/// A script may answer with a status or an error of any length, and DUMP with one string for a list
/// that is larger than any value may be.
#[test]
fn lines_and_dumps_of_any_length_pass() {
    let mut scene = Scene::new("60000");
    let mut client = scene.client();
    client.set_timeout(Duration::from_secs(60)).unwrap();
    assert!(client.command(&["SET", "k", "small"]).unwrap().is_ok());
    for len in [MIB, 2 * MIB, 32 * MIB] {
        for (kind, before) in [("status", ""), ("error", "ERR ")] {
            let script = format!("return redis.{kind}_reply(string.rep('x', {len}))");
            client.send(&["EVAL", &script, "1", "k"]).unwrap();
            let down = peak(scene.proxy.process(), || {
                let line = recv_line(&mut client);
                assert!(line[1..].starts_with(before.as_bytes()), "{kind}");
                assert_eq!(line.len(), 1 + before.len() + len + 2, "{kind}");
            });
            assert!(down < 8 * 1024, "{down} KiB for a {kind} of {len} bytes");
        }
        assert_eq!(client.command(&["GET", "k"]).unwrap(), Value::bulk("small"));
    }
    let value = noise(60 * MIB);
    for _ in 0..10 {
        assert!(matches!(client.command(&[&b"RPUSH"[..], b"list", &value]), Ok(Value::Integer(_))));
    }
    client.send(&["DUMP", "list"]).unwrap();
    let mut piece = client.recv_some().unwrap();
    let head = piece.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let len: usize = std::str::from_utf8(&piece[1..head - 2]).unwrap().parse().unwrap();
    assert!(len > 512 * MIB, "{len} bytes");
    let mut left = head + len + 2 - piece.len();
    while left > 0 {
        piece = client.recv_some().unwrap();
        left -= piece.len();
    }
    assert!(piece.ends_with(b"\r\n"));
    assert_eq!(client.command(&["GET", "k"]).unwrap(), Value::bulk("small"));
}

/// A line, which the client's own reader would look through for each piece of it.
fn recv_line(client: &mut Client) -> Vec<u8> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.append(&mut client.recv_some().unwrap());
    }
    line
}

/// Bytes that no server packs into fewer.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*state >> 24) as u8
    };
    (0..len).map(|_| next(&mut state)).collect()
}

#[test]
fn a_large_value_is_not_gathered_on_either_way() {
    let mut scene = Scene::new("20000");
    let (mut client, large) = (scene.client(), value(32 * MIB));
    assert!(client.command(&["SET", "k", "small"]).unwrap().is_ok());
    // In order: the small one is overwritten, and the length is that of the large one.
    let mut requests = Vec::new();
    encode(&["SET", "k", "small"], &mut requests);
    encode(&[&b"SET"[..], b"k", &large, b"EX", b"1000"], &mut requests);
    encode(&["STRLEN", "k"], &mut requests);
    let up = peak(scene.proxy.process(), || {
        client.send_raw(&requests).unwrap();
        assert!(client.recv().unwrap().is_ok() && client.recv().unwrap().is_ok());
        assert_eq!(client.recv().unwrap(), Value::Integer(large.len() as i64));
    });
    let down = peak(scene.proxy.process(), || {
        assert_eq!(client.command(&["GET", "k"]).unwrap().as_bytes(), Some(&large[..]));
    });
    println!("{up} KiB for a SET of 32 MiB, {down} KiB for a GET");
    assert!(up < 16 * 1024 && down < 16 * 1024, "{up} KiB up, {down} KiB down");
    assert!(scene.counter("requests_streamed") == 1 && scene.counter("replies_streamed") == 1);
}

#[test]
fn replies_of_every_kind_flow() {
    let scene = Scene::new("20000");
    let mut client = scene.client();
    let some = value(50_000);
    for n in 0..20 {
        let field = format!("field{n}");
        let args: [&[u8]; 4] = [b"HSET", b"h", field.as_bytes(), &some];
        assert_eq!(client.command(&args).unwrap(), Value::Integer(1));
    }
    let direct = scene.server.client().unwrap().command_raw(&["HGETALL", "h"]).unwrap();
    for _ in 0..5 {
        assert!(client.command_raw(&["HGETALL", "h"]).unwrap() == direct);
    }
    let mget = ["MGET", "h", "none", "h"];
    assert_eq!(
        client.command(&mget).unwrap(),
        scene.server.client().unwrap().command(&mget).unwrap()
    );
    assert_eq!(scene.counter("replies_streamed"), 5);
}

#[test]
fn one_that_stops_in_the_middle_holds_up_nobody() {
    let mut scene = Scene::new("10000");
    let mut ordinary = scene.client();
    assert!(ordinary.command(&["SET", "big", &"x".repeat(8 * MIB)]).unwrap().is_ok());
    // A request cut short, and a reply that nobody reads.
    let mut half = scene.client();
    half.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n").unwrap();
    half.send_raw(&value(300_000)).unwrap();
    let mut deaf: Vec<Client> = (0..2).map(|_| scene.client()).collect();
    for client in &mut deaf {
        let mut gets = Vec::new();
        (0..50).for_each(|_| encode(&["GET", "big"], &mut gets));
        client.send_raw(&gets).unwrap();
    }
    let held = peak(scene.proxy.process(), || {
        let (start, mut took) = (Instant::now(), Vec::new());
        // Long enough for the deaf ones to be closed, and for many rounds beside the one that may
        // have to stand behind all that they asked for.
        while start.elapsed() < Duration::from_millis(2500) || took.len() < 100 {
            let sent = Instant::now();
            assert!(ordinary.command(&["SET", "k", "v"]).unwrap().is_ok());
            assert_eq!(ordinary.command(&["GET", "k"]).unwrap(), Value::bulk("v"));
            took.push(sent.elapsed());
            sleep(Duration::from_millis(5));
        }
        took.sort_unstable();
        let (p95, worst) = (took[took.len() * 95 / 100], took[took.len() - 1]);
        println!("a neighbour's rounds: p95 {p95:?}, worst {worst:?}");
        // The server sends what they asked for in any case, so one round may have waited for that.
        assert!(p95 < Duration::from_millis(200), "{p95:?}");
    });
    println!("{held} KiB for two that asked for 400 MiB each and read nothing");
    // While somebody waits behind them, as much as a client may hoard.
    assert!(held < 160 * 1024, "{held} KiB");
    // The rest comes after all: the request is whole.
    half.send_raw(&value(700_000)).unwrap();
    half.send_raw(b"\r\n").unwrap();
    assert!(half.recv().unwrap().is_ok());
    assert_eq!(ordinary.command(&["STRLEN", "k"]).unwrap(), Value::Integer(1_000_000));
}

#[test]
fn a_burst_of_large_ones_behind_small_ones_is_bounded() {
    let mut scene = Scene::new("20000");
    let mut client = scene.client();
    assert!(client.command(&["SET", "big", &"x".repeat(MIB)]).unwrap().is_ok());
    // A window opened wide by small replies.
    for _ in 0..20 {
        let commands = vec![vec!["GET", "none"]; 100];
        assert_eq!(client.pipeline(&commands).unwrap().len(), 100);
    }
    let mut gets = Vec::new();
    (0..400).for_each(|_| encode(&["GET", "big"], &mut gets));
    let held = peak(scene.proxy.process(), || {
        client.send_raw(&gets).unwrap();
        sleep(Duration::from_secs(2));
    });
    println!("{held} KiB for 400 MiB that were asked for and not read");
    assert!(held < 32 * 1024, "{held} KiB");
    // It gets them all when it reads.
    for n in 0..400 {
        let reply = client.recv().unwrap();
        assert_eq!(reply.as_bytes().map(<[u8]>::len), Some(MIB), "reply {n}");
    }
}

#[test]
fn a_server_lost_in_the_middle_costs_its_client_alone() {
    let mut scene = Scene::new("5000");
    let (mut reader, mut writer) = (scene.client(), scene.client());
    assert!(reader.command(&["SET", "big", &"x".repeat(16 * MIB)]).unwrap().is_ok());
    let mut get = Vec::new();
    encode(&["GET", "big"], &mut get);
    reader.send_raw(&get).unwrap();
    assert!(reader.recv_some().unwrap().starts_with(b"$16777216\r\n"));
    writer.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n").unwrap();
    writer.send_raw(&value(300_000)).unwrap();
    assert!(poll_until(SOON, || scene.counter("requests_streamed") == 2));
    scene.server.kill().unwrap();
    // What has begun cannot be taken back: there is no other way to tell it.
    let rest = reader.recv_to_end().unwrap();
    assert!(rest.len() < 16 * MIB, "the whole reply was in the sockets");
    // The other is told, and stays in step.
    let told = writer.recv().unwrap();
    assert!(told.is_error() && told.to_string().contains("outcome unknown"), "{told}");
    scene.server.restart().unwrap();
    writer.send_raw(&value(700_000)).unwrap();
    writer.send_raw(b"\r\n").unwrap();
    let back = poll_until(SOON, || writer.command(&["SET", "k", "v"]).unwrap().is_ok());
    assert!(back, "it is served again");
    assert_eq!(writer.command(&["GET", "k"]).unwrap(), Value::bulk("v"));
}

#[test]
fn one_that_leaves_in_the_middle_is_forgotten() {
    let mut scene = Scene::new("5000");
    let mut client = scene.client();
    assert!(client.command(&["SET", "k", "v"]).unwrap().is_ok());
    let files = scene.proxy.process().open_files().unwrap();
    for _ in 0..30 {
        let mut half = scene.client();
        half.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n").unwrap();
        half.send_raw(&value(200_000)).unwrap();
    }
    assert!(poll_until(SOON, || scene.counter("requests_streamed") == 30));
    let process = scene.proxy.process();
    let gone = poll_until(SOON, || process.open_files().unwrap() <= files + 8);
    assert!(gone, "{files} files before, {} now", process.open_files().unwrap());
    assert_eq!(client.command(&["GET", "k"]).unwrap(), Value::bulk("v"));
}

#[test]
fn too_large_is_refused_as_redis_does() {
    let scene = Scene::new("5000");
    let mut client = scene.client();
    client.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870913\r\n").unwrap();
    let text = client.recv().unwrap().to_string();
    assert!(text.contains("Protocol error: invalid bulk length"), "{text}");
    // And what is none in the middle of one that flows.
    let mut client = scene.client();
    client.send_raw(b"*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$200000\r\n").unwrap();
    client.send_raw(&value(200_000)).unwrap();
    client.send_raw(b"\r\n!2\r\n").unwrap();
    let text = client.recv().unwrap().to_string();
    assert!(text.contains("Protocol error: expected '$', got '!'"), "{text}");
    assert_eq!(client.recv_to_end().unwrap(), b"");
}

#[test]
fn memcacheds_values_flow_as_well() {
    let server = MemcachedServer::start_with(&["-I", "8m"]).unwrap();
    let yaml = pool_yaml("p", free_port(), &[("timeout", "5000")], &[server.entry(1, "a")]);
    let proxy = Nuthatch::start(&yaml, &["-w", "1"]).unwrap();
    let mut client = proxy.client().unwrap();
    let large = value(6 * MIB);
    let set = |head: String| [head.as_bytes(), &large, b"\r\n"].concat();
    assert_eq!(client.ask(set(format!("set k 7 0 {}\r\n", large.len()))).unwrap(), b"STORED\r\n");
    let item =
        [format!("VALUE k 7 {}\r\n", large.len()).as_bytes(), &large, b"\r\nEND\r\n"].concat();
    assert!(client.ask("get k\r\n").unwrap() == item);
    // In silence, and what is asked behind it in its place.
    client.send_raw(&set(format!("set q 0 0 {} noreply\r\n", large.len()))).unwrap();
    client.send_raw(&set(format!("ms m {} q O1\r\n", large.len()))).unwrap();
    assert_eq!(client.ask("mn\r\n").unwrap(), b"MN\r\n");
    assert_eq!(client.ask("mg m s\r\n").unwrap(), format!("HD s{}\r\n", large.len()).as_bytes());
    assert_eq!(client.ask("mg q s\r\n").unwrap(), format!("HD s{}\r\n", large.len()).as_bytes());
    // Too large for the server, which says so before it has all of it.
    let huge = value(9 * MIB);
    client.send_raw(format!("set h 0 0 {}\r\n", huge.len()).as_bytes()).unwrap();
    client.send_raw(&huge).unwrap();
    let told = client.ask("\r\n").unwrap();
    assert_eq!(told, b"SERVER_ERROR object too large for cache\r\n");
    assert_eq!(client.ask("mg m s\r\n").unwrap(), format!("HD s{}\r\n", large.len()).as_bytes());
}

#[test]
fn one_that_reads_nothing_is_closed_after_its_pools_time() {
    // So many that what they leave behind would be seen.
    const DEAF: u64 = 4;
    let mut scene = Scene::with(&[("timeout", "20000"), ("client_stall_ms", "1000")]);
    let mut ordinary = scene.client();
    // Not through the proxy, which would keep a buffer of it.
    let mut direct = scene.server.client().unwrap();
    assert!(direct.command(&["SET", "big", &"x".repeat(MIB)]).unwrap().is_ok());
    let round = |ordinary: &mut Client| {
        let sent = Instant::now();
        assert!(ordinary.command(&["SET", "k", "v"]).unwrap().is_ok());
        assert_eq!(ordinary.command(&["GET", "k"]).unwrap(), Value::bulk("v"));
        sent.elapsed()
    };
    round(&mut ordinary);
    let rest = scene.proxy.process().rss_kib().unwrap();
    let mut deaf: Vec<Client> = (0..DEAF).map(|_| scene.client()).collect();
    let mut gets = Vec::new();
    (0..300).for_each(|_| encode(&["GET", "big"], &mut gets));
    for deaf in &mut deaf {
        deaf.send_raw(&gets).unwrap();
    }
    let (start, mut worst, mut most) = (Instant::now(), Duration::ZERO, rest);
    while scene.counter("clients_stalled") < DEAF {
        let (took, stalled) = (start.elapsed(), scene.counter("clients_stalled"));
        assert!(took < Duration::from_secs(5), "{stalled} of {DEAF} closed");
        assert!(took >= Duration::from_millis(900) || stalled == 0, "{took:?}: they had no time");
        worst = worst.max(round(&mut ordinary));
        most = most.max(scene.proxy.process().rss_kib().unwrap());
        sleep(Duration::from_millis(5));
    }
    let cut = start.elapsed();
    assert!(worst < Duration::from_secs(1), "a neighbour waited {worst:?}");
    let told = || scene.proxy.process().log().contains("client closed: it does not read");
    let told = poll_until(SOON, told);
    assert!(told, "{}", scene.proxy.process().log());
    // What the kernel had taken it may still read, and then it is closed.
    for deaf in &mut deaf {
        let got = deaf.recv_to_end().unwrap().len();
        assert!(got < 300 * MIB, "{got}");
    }
    // A tenth of what a release build has at rest; one for debugging, which has more, is allowed
    // no more than that by much.
    let back = rest + (rest / 10).min(500);
    let freed = poll_until(SOON, || scene.proxy.process().rss_kib().unwrap() <= back);
    let now = scene.proxy.process().rss_kib().unwrap();
    println!("closed after {cut:?}; a neighbour's worst round {worst:?}");
    println!("{rest} KiB at rest, {most} at most, {now} afterwards");
    assert!(freed, "{rest} KiB before, {now} KiB 10 s after");
    assert_eq!(scene.counter("clients_stalled"), DEAF);
    round(&mut ordinary);
}

#[test]
fn one_that_reads_slowly_is_not_closed() {
    let scene = Scene::with(&[("timeout", "20000"), ("client_stall_ms", "1000")]);
    let mut client = scene.client();
    assert!(client.command(&["SET", "big", &"x".repeat(MIB)]).unwrap().is_ok());
    let mut gets = Vec::new();
    (0..100).for_each(|_| encode(&["GET", "big"], &mut gets));
    client.send_raw(&gets).unwrap();
    // Half a megabyte a second: of a socket's megabytes a third is free only after a second or two.
    let (start, mut got) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(5) {
        while got < start.elapsed().as_millis() as usize * 500 {
            let some = client.recv_some().unwrap().len();
            assert!(some > 0, "closed after {:?} and {got} bytes", start.elapsed());
            got += some;
        }
        sleep(Duration::from_millis(20));
    }
    assert_eq!(scene.counter("clients_stalled"), 0);
}

/// What lies in the sockets when the proxy comes to itself again is not late, however many there are.
#[test]
fn a_pause_longer_than_the_timeout_cuts_no_value_off() {
    const CROWD: usize = 12;
    const LEN: usize = 32 * MIB;
    let mut scene = Scene::new("400");
    let set = ["SET", "big", &"x".repeat(LEN)];
    assert!(scene.server.client().unwrap().command(&set).unwrap().is_ok());
    let begun: Vec<(Client, usize)> = (0..CROWD)
        .map(|_| {
            let mut client = scene.client();
            client.send(&["GET", "big"]).unwrap();
            let got = client.recv_some().unwrap();
            assert_eq!(got[0], b'$', "{:?}", String::from_utf8_lossy(&got));
            (client, got.len())
        })
        .collect();
    scope(|scope| {
        for (mut client, mut got) in begun {
            scope.spawn(move || {
                while got < format!("${LEN}\r\n").len() + LEN + 2 {
                    let some = client.recv_some().unwrap().len();
                    assert!(some > 0, "cut off after {got} bytes");
                    got += some;
                }
            });
        }
        for _ in 0..3 {
            sleep(Duration::from_millis(20));
            scene.proxy.process().pause().unwrap();
            sleep(Duration::from_millis(700));
            scene.proxy.process().resume().unwrap();
        }
    });
    let stats: serde_json::Value = serde_json::from_str(&scene.proxy.stats().unwrap()).unwrap();
    assert_eq!(stats["p"]["a"]["server_timedout"], 0, "{stats}");
}

/// A turn of the loop brings one of those with much on by a piece, and then everybody else: what
/// little others want takes no longer however many there are.
#[test]
fn a_crowd_with_large_values_holds_up_nobody() {
    const CROWD: usize = 32;
    let scene = Scene::new("20000");
    let mut ordinary = scene.client();
    assert!(ordinary.command(&["SET", "big", &"x".repeat(MIB)]).unwrap().is_ok());
    let is_over = AtomicBool::new(false);
    let mut times: Vec<Duration> = scope(|scope| {
        for _ in 0..CROWD {
            let mut client = scene.client();
            let is_over = &is_over;
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    assert!(!client.command(&["GET", "big"]).unwrap().is_error());
                }
            });
        }
        sleep(Duration::from_millis(500));
        let times = (0..200).map(|_| {
            sleep(Duration::from_millis(5));
            let start = Instant::now();
            ordinary.command(&["PING"]).map(|_| start.elapsed())
        });
        let times: io::Result<Vec<Duration>> = times.collect();
        is_over.store(true, Ordering::Relaxed);
        times.unwrap()
    });
    times.sort();
    let median = times[times.len() / 2];
    println!("a PING takes {median:?}");
    assert!(median < Duration::from_millis(2), "{median:?}");
}

/// More than is written in a turn, to clients that take it as fast as it comes: the rest goes on by
/// itself, as no event tells of room in a socket that was never full.
#[test]
fn a_merged_reply_of_many_megabytes_comes_whole() {
    const KEYS: usize = 16;
    let servers = [RedisServer::start().unwrap(), RedisServer::start().unwrap()];
    let entries = [servers[0].entry(1, "a"), servers[1].entry(1, "b")];
    let keys = [("redis", "true"), ("timeout", "20000")];
    let proxy = Nuthatch::start(&pool_yaml("p", free_port(), &keys, &entries), &["-w", "1"]);
    let proxy = proxy.unwrap();
    let names: Vec<String> = (0..KEYS).map(|n| format!("{n}:key")).collect();
    let mut client = proxy.client().unwrap();
    for name in &names {
        assert!(client.command(&["SET", name, &"x".repeat(MIB)]).unwrap().is_ok());
    }
    let mut mget = vec!["MGET"];
    mget.extend(names.iter().map(String::as_str));
    for _ in 0..20 {
        let Value::Array(values) = client.command(&mget).unwrap() else {
            panic!("not merged");
        };
        assert_eq!(values.len(), KEYS);
        assert!(values.iter().all(|value| value.as_bytes().is_some_and(|it| it.len() == MIB)));
    }
}
