//! The testbed itself: do servers start, stall, die and return as a test says? Is nothing left of
//! them when the process that started them is killed?

use nuthatch_testbed::{
    Folder, Guard, Nutcracker, Nuthatch, Process, RedisServer, Value, find_program, free_port,
    is_timeout, poll_until, pool_yaml,
};
use rustix::process::{Pid, test_kill_process};
use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

#[test]
fn a_server_starts_stalls_dies_and_returns() {
    let mut server = RedisServer::start().unwrap();
    let mut client = server.client().unwrap();
    assert_eq!(client.command(&["PING"]).unwrap(), Value::Simple("PONG".into()));
    assert!(client.command(&["SET", "k", "v"]).unwrap().is_ok());

    server.pause().unwrap();
    client.set_timeout(Duration::from_millis(100)).unwrap();
    assert!(is_timeout(&client.command(&["GET", "k"]).unwrap_err()));
    server.resume().unwrap();
    client.set_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(client.recv().unwrap(), Value::bulk("v"));

    server.kill().unwrap();
    assert!(server.client().is_err());
    server.restart().unwrap();
    assert!(server.client().unwrap().command(&["GET", "k"]).unwrap().is_nil(), "it starts empty");
}

#[test]
fn arguments_reach_the_server() {
    let server =
        RedisServer::start_with(&["--requirepass", "two words", "--unixsocket", "s"]).unwrap();
    assert_eq!(server.client().unwrap().command(&["DBSIZE"]).unwrap(), Value::Integer(0));
    let mut other = nuthatch_testbed::Client::connect_unix(server.unix_socket().unwrap()).unwrap();
    assert!(other.command(&["GET", "x"]).unwrap().is_error());
    assert!(other.command(&["AUTH", "two words"]).unwrap().is_ok());
}

#[test]
fn resp3_is_understood() {
    let mut client = RedisServer::start().unwrap().client().unwrap();
    // The server is gone by now, as its handle was dropped: the client sees the close.
    assert!(client.command(&["PING"]).is_err());

    let server = RedisServer::start().unwrap();
    let mut client = server.client().unwrap();
    assert!(matches!(client.command(&["HELLO", "3"]).unwrap(), Value::Map(_)));
    assert_eq!(client.command(&["GET", "none"]).unwrap(), Value::Null);
    client.command(&["SADD", "s", "a"]).unwrap();
    assert_eq!(client.command(&["SMEMBERS", "s"]).unwrap(), Value::Set(vec![Value::bulk("a")]));
}

/// Uses the proxies that are installed: this is a test of the testbed, not of the proxies.
#[test]
fn a_proxy_spreads_keys() {
    let servers = [RedisServer::start().unwrap(), RedisServer::start().unwrap()];
    let entries: Vec<String> = servers.iter().map(|s| s.entry(1, "")).collect();
    let yaml = || pool_yaml("alpha", free_port(), &[("redis", "true")], &entries);
    let mut proxies = Vec::new();
    if find_program("nutcracker").is_some() {
        let old = Nutcracker::start(&yaml()).unwrap();
        assert!(old.stats().unwrap().contains("alpha"));
        proxies.push(old);
    }
    if Nuthatch::binary().is_ok() {
        proxies.push(Nuthatch::start(&yaml(), &["-w", "1"]).unwrap());
    }
    for proxy in &mut proxies {
        let mut client = proxy.client().unwrap();
        let sets = (0..100).map(|n| vec!["SET".into(), format!("user:{n}:x"), "v".into()]);
        let replies = client.pipeline(&sets.collect::<Vec<_>>()).unwrap();
        assert!(replies.iter().all(Value::is_ok));
        let sizes = servers
            .each_ref()
            .map(|s| s.client().unwrap().command(&["DBSIZE"]).unwrap().as_int().unwrap());
        // The second proxy finds the first one's keys where it would put its own.
        assert_eq!(sizes[0] + sizes[1], 100);
        assert!(sizes[0] > 0 && sizes[1] > 0);
    }
}

#[test]
fn a_child_outlives_the_thread_that_asked_for_it() {
    let server = thread::spawn(|| RedisServer::start().unwrap()).join().unwrap();
    // The death signal of a thread comes at once; give it time to show.
    thread::sleep(Duration::from_millis(100));
    assert!(server.client().unwrap().command(&["PING"]).is_ok());
}

#[test]
fn a_missing_program_is_told_with_its_last_words() {
    let folder = Folder::new().unwrap();
    let mut process = Process::start("/nowhere/at-all".as_ref(), ["x"], folder).unwrap();
    let error = process.wait_ready(Duration::from_secs(5), || false).unwrap_err().to_string();
    assert!(error.contains("ended at its start") && error.contains("at-all"), "{error}");
}

#[test]
fn both_guards_pass_arguments_and_status() {
    for guard in [Guard::best(), Guard::Pipe] {
        let script = "printf '%s|' \"$@\"; exit 7";
        let args = ["-c", script, "sh", "a b", "$HOME", "", "'"];
        let folder = Folder::new().unwrap();
        let mut process = Process::start_under(guard, "/bin/sh".as_ref(), args, folder).unwrap();
        let status = process.wait(Duration::from_secs(5)).unwrap();
        assert_eq!((status.code(), process.log().as_str()), (Some(7), "a b|$HOME||'|"));
    }
}

#[test]
fn a_killed_parent_leaves_nothing_behind() {
    for guard in ["DeathSignal", "Pipe"] {
        if guard == "DeathSignal" && Guard::best() != Guard::DeathSignal {
            continue;
        }
        // This very executable again, running only the "test" that starts a child and waits.
        // It is killed and cannot remove its folders: they are inside ours.
        let folder = Folder::new().unwrap();
        let mut parent = Command::new(env::current_exe().unwrap())
            .args(["--exact", "start_a_child_and_wait", "--ignored", "--nocapture"])
            .env("GUARD", guard)
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
        let pids: Vec<Pid> = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("children ")?.1.to_owned()))
            .expect("the parent tells the pids")
            .split(' ')
            .map(|pid| Pid::from_raw(pid.parse().unwrap()).unwrap())
            .collect();
        assert!(pids.iter().all(|&pid| test_kill_process(pid).is_ok()), "they run");
        parent.kill().unwrap();
        parent.wait().unwrap();
        let all_gone = || pids.iter().all(|&pid| is_gone(pid));
        assert!(poll_until(Duration::from_secs(5), all_gone), "{guard}: left behind: {pids:?}");
    }
}

/// Gone, or a zombie: in a container without an init no process reaps orphans.
fn is_gone(pid: Pid) -> bool {
    let stat = format!("/proc/{}/stat", pid.as_raw_nonzero());
    let is_zombie = std::fs::read_to_string(stat).is_ok_and(|s| s.contains(") Z "));
    is_zombie || test_kill_process(pid).is_err()
}

#[test]
#[ignore = "a part of a_killed_parent_leaves_nothing_behind"]
fn start_a_child_and_wait() {
    let Ok(guard) = env::var("GUARD") else { return };
    let guard = if guard == "Pipe" { Guard::Pipe } else { Guard::DeathSignal };
    let start = || {
        let folder = Folder::new().unwrap();
        Process::start_under(guard, "/bin/sh".as_ref(), ["-c", "exec sleep 60"], folder).unwrap()
    };
    let first = start();
    let mut stopped = start();
    stopped.pause().unwrap();
    println!("children {} {}", first.pid(), stopped.pid());
    thread::sleep(Duration::from_secs(30));
}
