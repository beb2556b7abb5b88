//! `-d`: ready means ready, failure is told, and what a script relies on is there.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod stand;

use nuthatch_testbed::{Client, Value};
use rustix::process::Signal;
use stand::Stand;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

#[test]
fn ready_means_that_it_serves() {
    let stand = Stand::idle();
    let (done, daemon) = stand.daemon("nutcracker", &["-o", "d.log"]);
    assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (Some(0), "", ""));
    let daemon = daemon.unwrap();
    // At once, without waiting.
    let mut client = Client::connect(stand.address()).unwrap();
    assert_eq!(client.command(&["PING"]).unwrap(), Value::Simple("PONG".into()));

    let pid = daemon.0.as_raw_nonzero().get();
    assert_eq!(stand.read("d.pid"), pid.to_string(), "the number alone");
    let mode = |name: &str| fs::metadata(stand.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("d.pid"), mode("d.log")), (0o644, 0o644));
    if cfg!(target_os = "linux") {
        let proc = |what: &str| format!("/proc/{pid}/{what}");
        assert_eq!(fs::read_to_string(proc("comm")).unwrap().trim(), "nutcracker");
        assert_eq!(fs::read_link(proc("cwd")).unwrap(), fs::canonicalize(stand.path("")).unwrap());
        for fd in 0..3 {
            assert_eq!(
                fs::read_link(proc(&format!("fd/{fd}"))).unwrap().to_str(),
                Some("/dev/null")
            );
        }
        let stat = fs::read_to_string(proc("stat")).unwrap();
        let session = stat.rsplit(')').next().unwrap().split_whitespace().nth(3);
        assert_eq!(session, Some(pid.to_string().as_str()), "a session of its own");
        let status = fs::read_to_string(proc("status")).unwrap();
        assert!(status.contains("Umask:\t0000"), "{status}");
    }
    daemon.signal(Signal::TERM);
    assert!(daemon.ends());
    assert!(!stand.path("d.pid").exists(), "removed at an orderly end");
    let log = stand.read("d.log");
    assert!(log.contains("nuthatch starts") && log.trim_end().ends_with("done"), "{log}");
}

#[test]
fn a_taken_port_is_told_with_its_cure() {
    let stand = Stand::idle();
    let _taken = TcpListener::bind(stand.address()).unwrap();
    for flags in [&["-d", "-p", "d.pid", "-o", ""][..], &["-p", "d.pid"]] {
        let flags = stand.flags(flags);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let done = stand.run("nutcracker", &flags);
        assert_eq!(done.code, Some(1), "{}", done.err);
        for word in ["pool 'alpha'", &stand.port.to_string(), "in use", "change `listen`"] {
            assert!(done.err.contains(word), "{word}: {}", done.err);
        }
        assert!(!stand.path("d.pid").exists());
    }
}

#[test]
fn the_stats_port_and_a_pools_are_told_together() {
    let stand = Stand::idle();
    let _taken = TcpListener::bind(stand.address()).unwrap();
    let _stats = TcpListener::bind(("127.0.0.1", stand.stats_port)).unwrap();
    let (done, daemon) = stand.daemon("nutcracker", &[]);
    assert!(daemon.is_none());
    assert_eq!(done.code, Some(1));
    for word in
        ["pool 'alpha'", "stats port", &stand.port.to_string(), &stand.stats_port.to_string()]
    {
        assert!(done.err.contains(word), "{word}: {}", done.err);
    }
}

#[test]
fn every_pool_that_cannot_listen_is_told() {
    let stand = Stand::idle();
    let (one, other) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let yaml = ["a", "b"].iter().zip([&one, &other]).map(|(name, taken)| {
        let servers = ["127.0.0.1:1:1".to_owned()];
        let port = taken.local_addr().unwrap().port();
        nuthatch_testbed::pool_yaml(name, port, &[("redis", "true")], &servers)
    });
    fs::write(stand.path("pools.yml"), yaml.collect::<String>()).unwrap();
    let (done, daemon) = stand.daemon("nutcracker", &[]);
    assert!(daemon.is_none());
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("pool 'a'") && done.err.contains("pool 'b'"), "{}", done.err);
}

#[test]
fn a_bad_file_is_told_before_anything_else() {
    let stand = Stand::idle();
    fs::write(stand.path("pools.yml"), "alpha:\n  listen: 127.0.0.1:1\n  hash: nope\n").unwrap();
    let (done, daemon) = stand.daemon("nutcracker", &[]);
    assert!(daemon.is_none());
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("no hash has this name"), "{}", done.err);
    let last = "nutcracker: configuration file 'pools.yml' syntax is invalid";
    assert_eq!(done.err.lines().last(), Some(last));
}

#[test]
fn files_that_cannot_be_written_are_told() {
    let stand = Stand::idle();
    let (done, _) = stand.daemon("nutcracker", &["-o", "none/d.log"]);
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("cannot open the log file none/d.log"), "{}", done.err);
    let (done, _) = stand.daemon("nuthatch", &["-p", "none/d.pid"]);
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("cannot write the pid file none/d.pid"), "{}", done.err);
    // Nobody was left behind.
    assert!(TcpListener::bind(stand.address()).is_ok());
}

#[test]
fn a_second_one_leaves_the_firsts_pid_file_alone() {
    let stand = Stand::idle();
    let (first, daemon) = stand.daemon("nuthatch", &[]);
    assert_eq!(first.code, Some(0), "{}", first.err);
    let daemon = daemon.unwrap();
    let before = stand.read("d.pid");
    let flags = stand.flags(&["-d", "-p", "d.pid"]);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let second = stand.run("nuthatch", &flags);
    assert_eq!(second.code, Some(1));
    assert_eq!(stand.read("d.pid"), before);
    assert!(daemon.is_alive());
    daemon.signal(Signal::INT);
    assert!(daemon.ends());
    assert!(!stand.path("d.pid").exists());
}
