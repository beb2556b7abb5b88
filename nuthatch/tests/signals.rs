//! What operators tell a running proxy by signal, and how it ends.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod stand;

use nuthatch_testbed::{Client, Process, RedisServer, Value, poll_until};
use rustix::process::Signal;
use stand::{PATIENCE, Stand};
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::{Duration, Instant};

fn wait_for(process: &Process, text: &str) {
    assert!(poll_until(PATIENCE, || process.log().contains(text)), "{text}: {}", process.log());
}

#[test]
fn each_leaves_a_line_with_its_number_and_name() {
    let stand = Stand::idle();
    let mut process = stand.serve("nutcracker", &["-v", "10"]);
    for (signal, line) in [
        (Signal::TTIN, "signal 21 (SIGTTIN) received, log level is 11 now"),
        (Signal::TTOU, "signal 22 (SIGTTOU) received, log level is 10 now"),
        (Signal::HUP, "signal 1 (SIGHUP) received, reopening the log"),
        (Signal::USR1, "signal 10 (SIGUSR1) received"),
        (Signal::USR2, "signal 12 (SIGUSR2) received"),
    ] {
        process.signal(signal).unwrap();
        wait_for(&process, line);
    }
    process.signal(Signal::PIPE).unwrap();
    process.signal(Signal::TTIN).unwrap();
    process.signal(Signal::TTIN).unwrap();
    assert!(Client::connect(stand.address()).unwrap().command(&["PING"]).is_ok());
    assert!(process.terminate(PATIENCE).unwrap().success());
    wait_for(&process, "signal 15 (SIGTERM) received, ending");
    assert!(!process.log().contains("level is 12"));
}

/// Whoever starts it looks whether its port is open, and may end it at once.
#[test]
fn as_soon_as_its_port_is_open_it_hears_signals() {
    let stand = Stand::idle();
    for _ in 0..20 {
        let mut process = stand.start("nuthatch", &[]);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(stand.address()).is_err() {
            assert!(Instant::now() < deadline, "{}", process.log());
        }
        let status = process.terminate(PATIENCE).unwrap();
        assert!(status.success(), "{status}");
    }
}

/// They wait in the backlog when the end begins, their requests sent.
#[test]
fn those_at_the_door_are_served_before_it_closes() {
    let stand = Stand::idle();
    for workers in ["1", "2"] {
        let mut process = stand.serve("nuthatch", &["-w", workers]);
        process.pause().unwrap();
        let mut crowd: Vec<Client> = (0..200)
            .map(|_| {
                let mut client = Client::connect(stand.address()).unwrap();
                client.send_raw(b"PING\r\n").unwrap();
                client
            })
            .collect();
        process.signal(Signal::TERM).unwrap();
        process.resume().unwrap();
        for (at, client) in crowd.iter_mut().enumerate() {
            let told = client.recv_to_end().unwrap();
            assert_eq!(String::from_utf8_lossy(&told), "+PONG\r\n", "client {at}");
        }
        assert!(process.wait(PATIENCE).unwrap().success());
    }
}

#[test]
fn a_crash_leaves_a_line_and_its_signal() {
    let stand = Stand::idle();
    let mut process = stand.serve("nutcracker", &[]);
    process.signal(Signal::SEGV).unwrap();
    let status = process.wait(PATIENCE).unwrap();
    assert_eq!(status.signal(), Some(11), "{status}");
    wait_for(&process, "NOTE  signal 11 (SIGSEGV) received");

    let mut process = stand.serve("nuthatch", &["--log-format", "json"]);
    process.signal(Signal::SEGV).unwrap();
    assert_eq!(process.wait(PATIENCE).unwrap().signal(), Some(11));
    let log = process.log();
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.last().unwrap();
    assert_eq!(last["message"], "signal 11 (SIGSEGV) received, ending at once");
    assert_eq!(last["level"], lines[0]["level"], "{log}");
}

#[test]
fn the_level_decides_what_is_written() {
    let stand = Stand::idle();
    let mut process = stand.serve("nutcracker", &["-v", "0"]);
    // At level 0 only start, end and signals. The dead server is no line yet.
    let ask = || Client::connect(stand.address()).unwrap().command(&["GET", "a"]).unwrap();
    assert!(ask().is_error());
    for _ in 0..4 {
        process.signal(Signal::TTIN).unwrap();
        // Signals of one kind that meet are one; each must be heard before the next.
        thread::sleep(Duration::from_millis(100));
    }
    wait_for(&process, "log level is 4 now");
    assert!(!process.log().contains("server failed"), "{}", process.log());
    assert!(!process.log().contains("listening"), "{}", process.log());
    assert!(poll_until(PATIENCE, || {
        ask();
        process.log().contains("server failed")
    }));
    assert!(process.terminate(PATIENCE).unwrap().success());
}

#[test]
fn the_end_finishes_what_is_in_flight() {
    let mut server = RedisServer::start().unwrap();
    let stand = Stand::new(&server.entry(1, ""));
    let mut process = stand.serve("nuthatch", &["-w", "2"]);
    let mut busy = Client::connect(stand.address()).unwrap();
    let mut idle = Client::connect(stand.address()).unwrap();
    assert!(busy.command(&["SET", "k", "v"]).unwrap().is_ok());
    assert!(idle.command(&["PING"]).is_ok());
    server.pause().unwrap();
    let many = vec![vec!["GET", "k"]; 100];
    let mut bytes = Vec::new();
    for command in &many {
        nuthatch_testbed::encode(command, &mut bytes);
    }
    busy.send_raw(&bytes).unwrap();
    thread::sleep(Duration::from_millis(200));
    process.signal(Signal::TERM).unwrap();
    // The idle one goes, and the port is free for a successor, while the busy one waits.
    assert_eq!(idle.recv().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert!(poll_until(PATIENCE, || TcpListener::bind(stand.address()).is_ok()));
    assert!(process.ended().is_none());
    server.resume().unwrap();
    for _ in &many {
        assert_eq!(busy.recv().unwrap(), Value::bulk("v"));
    }
    assert_eq!(busy.recv().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    drop(busy);
    assert_eq!(process.wait(PATIENCE).unwrap().code(), Some(0));
    assert!(!process.log().contains("the grace is over"), "{}", process.log());
}

#[test]
fn the_grace_has_an_end_and_a_second_signal_does_not_wait_for_it() {
    for (grace, signals) in [("300", 1), ("60000", 2)] {
        let mut server = RedisServer::start().unwrap();
        let stand = Stand::new(&server.entry(1, ""));
        let mut process = stand.serve("nutcracker", &["--shutdown-grace-ms", grace]);
        let mut client = Client::connect(stand.address()).unwrap();
        assert!(client.command(&["SET", "k", "v"]).unwrap().is_ok());
        server.pause().unwrap();
        client.send(&["GET", "k"]).unwrap();
        thread::sleep(Duration::from_millis(200));
        let began = Instant::now();
        process.signal(Signal::INT).unwrap();
        wait_for(&process, "signal 2 (SIGINT) received, ending");
        if signals == 2 {
            process.signal(Signal::TERM).unwrap();
        }
        assert_eq!(process.wait(PATIENCE).unwrap().code(), Some(0));
        assert!(began.elapsed() < PATIENCE);
        let text = if signals == 1 { "the grace is over" } else { "ending at once" };
        wait_for(&process, text);
        server.resume().unwrap();
    }
}

#[test]
fn a_server_that_closes_does_not_hold_the_end() {
    // Many idle clients, none of which notices by itself.
    let stand = Stand::idle();
    let mut process = stand.serve("nuthatch", &[]);
    let clients: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(stand.address()).unwrap()).collect();
    thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    assert!(process.terminate(PATIENCE).unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    drop(clients);
}

#[test]
fn systemd_is_told() {
    let stand = Stand::idle();
    let path = stand.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = || {
        let mut bytes = [0; 256];
        let len = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..len]).trim().to_owned()
    };
    // The environment belongs to the program alone, so a shell sets it.
    let script = stand.path("start.sh");
    let program = stand.path("nutcracker");
    let text = format!(
        "NOTIFY_SOCKET={} WATCHDOG_USEC=400000 exec {} \"$@\"\n",
        path.display(),
        program.display()
    );
    std::fs::write(&script, text).unwrap();
    let shell = nuthatch_testbed::find_program("sh").unwrap();
    let flags = stand.flags(&[]);
    let place = nuthatch_testbed::Folder::new().unwrap();
    std::fs::copy(stand.path("pools.yml"), place.path().join("pools.yml")).unwrap();
    let args = std::iter::once(script.to_string_lossy().into_owned()).chain(flags);
    let mut process = Process::start(&shell, args, place).unwrap();

    let mut heard: Vec<String> = Vec::new();
    while heard.iter().filter(|word| *word == "WATCHDOG=1").count() < 3 {
        heard.push(next());
        assert!(heard.len() < 20, "{heard:?}");
    }
    assert!(heard.contains(&"READY=1".to_owned()), "{heard:?}");
    process.signal(Signal::TERM).unwrap();
    let mut last = next();
    for _ in 0..20 {
        if last != "WATCHDOG=1" {
            break;
        }
        last = next();
    }
    assert_eq!(last, "STOPPING=1");
    assert!(process.wait(PATIENCE).unwrap().success());
}
