//! The log: appended to, opened anew by its name, in two forms, and never in the way.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod stand;

use nuthatch_testbed::{Client, Process, RedisServer, poll_until};
use rustix::process::Signal;
use serde_json::Value;
use stand::{PATIENCE, Stand};
use std::fs;
use std::path::Path;

const SECRET: &str = "a-password-nobody-logs";

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn wait_for(path: &Path, text: &str) {
    assert!(poll_until(PATIENCE, || read(path).contains(text)), "{text}: {}", read(path));
}

/// A pool whose server is not there fails requests, which is an event.
fn provoke(stand: &Stand) {
    let mut client = Client::connect(stand.address()).unwrap();
    assert!(
        client.command(&["SET", "a-key-nobody-logs", "a-value-nobody-logs"]).unwrap().is_error()
    );
}

#[test]
fn appended_and_followed_by_name() {
    let stand = Stand::idle();
    let log = stand.path("n.log");
    fs::write(&log, "before us\n").unwrap();
    let mut process = stand.serve("nutcracker", &["-o", log.to_str().unwrap()]);
    assert!(read(&log).starts_with("before us\n["), "{}", read(&log));
    assert_eq!(process.log(), "", "nothing on stderr");

    // As logrotate does it: move, then HUP.
    let moved = stand.path("n.log.1");
    fs::rename(&log, &moved).unwrap();
    process.signal(Signal::USR1).unwrap();
    wait_for(&moved, "SIGUSR1");
    process.signal(Signal::HUP).unwrap();
    wait_for(&moved, "signal 1 (SIGHUP) received, reopening the log");
    assert!(poll_until(PATIENCE, || log.exists()));
    process.signal(Signal::USR2).unwrap();
    wait_for(&log, "SIGUSR2");
    assert!(!read(&moved).contains("SIGUSR2"));

    // A name that cannot be opened leaves the old file in use.
    fs::remove_file(&log).unwrap();
    fs::create_dir(&log).unwrap();
    process.signal(Signal::HUP).unwrap();
    provoke(&stand);
    assert!(process.terminate(PATIENCE).unwrap().success());
}

#[test]
fn lines_have_a_form() {
    let stand = Stand::idle();
    let log = stand.path("n.log");
    let mut process = stand.serve("nuthatch", &["-o", log.to_str().unwrap()]);
    provoke(&stand);
    wait_for(&log, "server failed");
    assert!(process.terminate(PATIENCE).unwrap().success());
    for line in read(&log).lines() {
        let (time, rest) = line.split_at(26);
        let shape: String =
            time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "[0000-00-00 00:00:00.000] ", "{line}");
        let word = rest.split_whitespace().next().unwrap();
        assert!(["NOTE", "ERROR", "WARN", "INFO"].contains(&word), "{line}");
    }
}

#[test]
fn json_is_an_object_a_line() {
    let stand = Stand::idle();
    let log = stand.path("n.log");
    let mut process =
        stand.serve("nuthatch", &["-o", log.to_str().unwrap(), "--log-format", "json"]);
    provoke(&stand);
    wait_for(&log, "server failed");
    process.signal(Signal::HUP).unwrap();
    wait_for(&log, "(SIGHUP)");
    assert!(process.terminate(PATIENCE).unwrap().success());
    let lines: Vec<Value> =
        read(&log).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["time"].is_string() && line["level"].is_string()));
    let failed = lines.iter().find(|line| line["message"] == "server failed").unwrap();
    assert_eq!(failed["pool"], "alpha");
    assert_eq!(failed["requests_failed"], 1);
    assert!(failed["cause"].as_str().unwrap().contains("refused"), "{failed}");
}

#[test]
fn neither_keys_nor_values_nor_passwords() {
    let server = RedisServer::start_with(&["--requirepass", "another"]).unwrap();
    let stand = Stand::with_keys(&server.entry(1, ""), &[("redis_auth", SECRET)]);
    let mut process = stand.serve("nuthatch", &["-v", "11"]);
    let mut client = Client::connect(stand.address()).unwrap();
    let _ = client.command(&["AUTH", "a-wrong-guess"]).unwrap();
    assert!(client.command(&["AUTH", SECRET]).unwrap().is_ok());
    // The server refuses our password, which is an event; so is a malformed request.
    assert!(
        client.command(&["SET", "a-key-nobody-logs", "a-value-nobody-logs"]).unwrap().is_error()
    );
    let mut odd = Client::connect(stand.address()).unwrap();
    odd.send_raw(b"*1\r\n$a-value-nobody-logs\r\n").unwrap();
    let _ = odd.recv_to_end();
    assert!(poll_until(PATIENCE, || process.log().contains("server refused")), "{}", process.log());
    assert!(process.terminate(PATIENCE).unwrap().success());
    let log = process.log();
    for text in [SECRET, "nobody-logs", "a-wrong-guess"] {
        assert!(!log.contains(text), "{text}: {log}");
    }
}

#[test]
fn a_refused_command_is_named_and_an_ejection_has_its_cause() {
    let stand = Stand::with_keys(
        "127.0.0.1:1:1 gone",
        &[("auto_eject_hosts", "true"), ("server_failure_limit", "2")],
    );
    let process = stand.serve("nutcracker", &["-v", "6"]);
    let long = "X\u{1}".repeat(40);
    for command in [&["KEYS", "a-key-nobody-logs"][..], &[&long, "a-value-nobody-logs"]] {
        let mut client = Client::connect(stand.address()).unwrap();
        let bytes = {
            let mut bytes = Vec::new();
            nuthatch_testbed::encode(command, &mut bytes);
            bytes
        };
        client.send_raw(&bytes).unwrap();
        let _ = client.recv_to_end();
    }
    provoke(&stand);
    provoke(&stand);
    assert!(poll_until(PATIENCE, || process.log().contains("server ejected")));
    let log = process.log();
    let refused: Vec<&str> = log.lines().filter(|line| line.contains("client refused")).collect();
    assert!(refused[0].contains("KEYS") || refused[0].contains("keys"), "{log}");
    assert!(refused[1].contains(r#"command="X\u{1}X\u{1}"#), "{log}");
    assert!(refused[1].len() < 250 && !log.contains("nobody-logs"), "{log}");
    let ejected = log.lines().find(|line| line.contains("server ejected")).unwrap();
    assert!(ejected.contains("cause=\"Connection refused\""), "{log}");
}

#[test]
fn a_full_disk_does_not_stop_serving() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let stand = Stand::idle();
    let mut process = stand.serve("nutcracker", &["-o", "/dev/full"]);
    for _ in 0..3 {
        provoke(&stand);
        process.signal(Signal::HUP).unwrap();
    }
    assert!(Client::connect(stand.address()).unwrap().command(&["PING"]).is_ok());
    assert!(process.terminate(PATIENCE).unwrap().success());
}

#[test]
fn a_reader_that_left_does_not_stop_serving() {
    // stderr is a pipe without a reader from the first line on.
    let stand = Stand::idle();
    let script = stand.path("start.sh");
    let text = format!(
        "{{ exec {} \"$@\" 2>&1 1>&3 3>&-; }} 3>&1 | true\n",
        stand.path("nuthatch").display()
    );
    fs::write(&script, text).unwrap();
    let shell = nuthatch_testbed::find_program("sh").unwrap();
    let place = nuthatch_testbed::Folder::new().unwrap();
    fs::copy(stand.path("pools.yml"), place.path().join("pools.yml")).unwrap();
    let flags = stand.flags(&["-p", "n.pid"]);
    let args = std::iter::once(script.to_string_lossy().into_owned()).chain(flags);
    let process = Process::start(&shell, args, place).unwrap();
    let pid_file = process.dir().join("n.pid");
    assert!(poll_until(PATIENCE, || read(&pid_file).parse::<i32>().is_ok()));
    let pid = read(&pid_file).parse().ok().and_then(rustix::process::Pid::from_raw).unwrap();
    let daemon = stand::Daemon(pid);
    provoke(&stand);
    assert!(daemon.is_alive());
    daemon.signal(Signal::TERM);
    assert!(daemon.ends());
}
