//! What stands at the path of a pool's Unix socket before we do, and what becomes of it.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod stand;

use nuthatch_testbed::{Client, Value, poll_until};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use stand::{PATIENCE, Stand};
use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

/// A stand whose pool listens at a path of that name in its folder.
fn stand(name: &str, keys: &str) -> Stand {
    let stand = Stand::idle();
    let yaml = format!(
        "alpha:\n  listen: {} 0600\n  redis: true\n{keys}  servers:\n  - 127.0.0.1:1:1\n",
        stand.path(name).display()
    );
    fs::write(stand.path("pools.yml"), yaml).unwrap();
    stand
}

/// What it says when it is to listen there and does not.
fn refused(stand: &Stand, name: &str) -> String {
    let flags = stand.flags(&["-o", ""]);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let done = stand.run(name, &flags);
    assert_eq!(done.code, Some(1), "{}", done.err);
    done.err
}

#[test]
fn nothing_but_a_socket_is_removed() {
    type Make = fn(&Path);
    let kinds: &[(&str, Make)] = &[
        ("an ordinary file", |path| fs::write(path, "precious").unwrap()),
        ("a folder", |path| fs::create_dir(path).unwrap()),
        ("a named pipe", |path| {
            mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0).unwrap();
        }),
        ("a symbolic link", |path| symlink("pools.yml", path).unwrap()),
        ("a symbolic link", |path| symlink("nowhere", path).unwrap()),
        ("a symbolic link", |path| {
            let there = path.with_file_name("left.sock");
            drop(UnixListener::bind(&there).unwrap());
            symlink(there, path).unwrap();
        }),
    ];
    for (kind, make) in kinds {
        for name in ["nuthatch", "nutcracker"] {
            let stand = stand("at", "");
            let path = stand.path("at");
            make(&path);
            let before = fs::symlink_metadata(&path).unwrap();
            let said = refused(&stand, name);
            for word in ["pool 'alpha'", &path.display().to_string(), kind, "move it away"] {
                assert!(said.contains(word), "{kind}, {word}: {said}");
            }
            let after = fs::symlink_metadata(&path).unwrap();
            assert_eq!((before.file_type(), before.len()), (after.file_type(), after.len()));
        }
    }
}

#[test]
fn a_socket_that_is_served_is_left_to_its_process() {
    let stand = stand("at", "");
    let path = stand.path("at");
    let listener = UnixListener::bind(&path).unwrap();
    assert!(refused(&stand, "nutcracker").contains("another process serves this socket"));
    drop(listener);
    fs::remove_file(&path).unwrap();
    let _datagrams = UnixDatagram::bind(&path).unwrap();
    assert!(refused(&stand, "nuthatch").contains("another process serves this socket"));
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
}

/// As under nutcracker the file stays at the end. Nobody waits at it in vain, and the next start
/// takes its place; with `reuseport` too, though a path has but one socket.
#[test]
fn a_socket_left_behind_is_taken_over() {
    for keys in ["", "  reuseport: true\n"] {
        let stand = stand("at", keys);
        let path = stand.path("at");
        for _ in 0..2 {
            let mut process = stand.start("nuthatch", &["-w", "2"]);
            process.wait_ready(PATIENCE, || Client::connect_unix(&path).is_ok()).unwrap();
            let mut client = Client::connect_unix(&path).unwrap();
            assert_eq!(client.command(&["PING"]).unwrap(), Value::Simple("PONG".into()));
            process.signal(Signal::TERM).unwrap();
            assert!(poll_until(PATIENCE, || process.ended().is_some()));
            let refused = Client::connect_unix(&path).err().unwrap();
            assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
            assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
        }
    }
}
