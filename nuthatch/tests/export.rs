//! `nuthatch export --for nutcracker`: the real nutcracker takes it, and no key changes its place.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

use nuthatch::config::{self, Config};
use nuthatch_engine::topology::Manners;
use nuthatch_testbed::{Folder, find_program};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Pools with everything that nutcracker does not take; `KEYS` are lines of ours.
const FILES: &[(&str, &str)] = &[
    (
        "client_stall_ms",
        "p:\n  client_stall_ms: 5000\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
    ),
    (
        "connect_timeout_ms",
        "p:\n  listen: 127.0.0.1:1\n  connect_timeout_ms: 5\n  servers:\n  - h:1:1\n",
    ),
    ("eject off", "p:\n  listen: 127.0.0.1:1\n  eject: off\n  servers:\n  - h:1:1\n"),
    ("eject remap", "p:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n  eject: remap\n"),
    (
        "eject fail_fast",
        "p:\n  eject: fail_fast # a store\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
    ),
    (
        "eject wins",
        "p:\n  auto_eject_hosts: true\n  eject: \"off\"\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
    ),
    ("manners", "p:\n  listen: 127.0.0.1:1\n  manners: twemproxy\n  servers:\n  - h:1:1\n"),
    ("reuseport", "p:\n  listen: 127.0.0.1:1\n  reuseport: true\n  servers:\n  - h:1:1\n"),
    (
        "a value of several lines",
        "p:\n  manners: >-\n    modern\n\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n",
    ),
    (
        "a list in brackets",
        "p:\n  listen: 127.0.0.1:1\n  servers: [ 'h:1:1 a', # c\n    g:1:2 ] # d\n# e\n",
    ),
    (
        "everything in brackets",
        "{p: {listen: 127.0.0.1:1, redis: true, redis_auth: 'a: ''b', hash_tag: '{}', manners: modern, servers: [h:1:1]}, \
         q: {listen: 127.0.0.1:2, servers: [/tmp/s:1]}}\n",
    ),
    (
        "a pool in braces",
        "p: {listen: 127.0.0.1:1, servers: [h:1:1]}\nq:\n  listen: 127.0.0.1:2\n  servers:\n  - h:1:1 缓存\n",
    ),
    ("markers", "%YAML 1.1\n---\np:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n...\n"),
    ("a marker with content", "--- {p: {listen: 127.0.0.1:1, servers: [h:1:1]}}\n"),
    ("tabs", "p:\n  listen: 127.0.0.1:1\n\t\n  servers:\n  -\th:1:1\n  - \tg:1:1\n"),
    (
        "IPv6 in brackets",
        "p:\n  listen: '[::1]:1'\n  servers:\n  - '[::1]:6379:1'\n  - \"[::1]:11211:3\"\n  - '[::1]:1:2 x'\n  - ::1:2:2\n",
    ),
    ("a question mark", "? p\n: listen: 127.0.0.1:1\n  eject: off\n  servers:\n  - h:1:1\n"),
    ("line ends", "p:\r\n  listen: 127.0.0.1:1\r\n  eject: off\r\n  servers:\r\n  - h:1:1\r\n"),
    ("nothing to do", "p:\n  listen: 127.0.0.1:1\n  servers:\n  - h:1:1\n"),
];

fn export(desk: &Folder, file: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nuthatch"))
        .args(["export", "--for", "nutcracker", file])
        .current_dir(desk.path())
        .output()
        .unwrap()
}

/// Exports a text and holds the result against the real thing.
fn assert_taken(name: &str, text: &str) -> (String, String) {
    let desk = Folder::new().unwrap();
    fs::write(desk.path().join("ours.yml"), text).unwrap();
    let done = export(&desk, "ours.yml");
    let errors = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{name}: {errors}");
    let theirs = String::from_utf8(done.stdout).unwrap();
    fs::write(desk.path().join("theirs.yml"), &theirs).unwrap();
    if let Some(nutcracker) = find_program("nutcracker") {
        let tested = Command::new(nutcracker)
            .args(["-t", "-c", "theirs.yml"])
            .current_dir(desk.path())
            .output()
            .unwrap();
        assert!(tested.status.success(), "{name}: nutcracker refuses\n{theirs}");
    }
    let (before, after) = (parsed(text), parsed(&theirs));
    assert_eq!(before.pools.len(), after.pools.len(), "{name}");
    for (before, after) in before.pools.iter().zip(&after.pools) {
        let (a, b) = (&before.spec, &after.spec);
        assert_eq!((&a.name, &a.shards), (&b.name, &b.shards), "{name}");
        assert_eq!((a.hash, a.hash_tag, a.distribution), (b.hash, b.hash_tag, b.distribution));
        assert_eq!(
            (a.protocol, &a.redis_auth, a.redis_db),
            (b.protocol, &b.redis_auth, b.redis_db)
        );
        assert_eq!(before.listen, after.listen, "{name}");
    }
    (theirs, errors)
}

fn parsed(text: &str) -> Config {
    config::parse(text, "t.yml", Manners::Twemproxy)
        .unwrap_or_else(|p| panic!("{}\n{text}", p[0]))
        .0
}

#[test]
fn nutcracker_takes_every_form_and_every_key_of_ours() {
    for (name, text) in FILES {
        assert_taken(name, text);
    }
}

#[test]
fn nutcracker_takes_every_example_and_comments_stay() {
    let mut count = 0;
    for entry in fs::read_dir(examples()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yml") {
            let text = fs::read_to_string(&path).unwrap();
            let (theirs, _) = assert_taken(&path.to_string_lossy(), &text);
            let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
            assert_eq!(comments(&text), comments(&theirs), "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 4);
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

#[test]
fn what_is_lost_is_said() {
    let text = fs::read_to_string(examples().join("store.yml")).unwrap();
    let (theirs, errors) =
        assert_taken("store", &text.replace("  timeout", "  redis_db: 4\n  timeout"));
    assert!(!theirs.contains("eject") && !theirs.contains("connect_timeout_ms"), "{theirs}");
    assert_eq!(errors.lines().count(), 3, "{errors}");
    assert!(errors.contains("ours.yml:6: in pool `store`, `eject` is left out: "), "{errors}");
    assert!(errors.contains("`redis_db` stays, but nutcracker will use database 0"), "{errors}");
    assert_eq!(assert_taken("plain", FILES[FILES.len() - 1].1).1, "");
}

#[test]
fn a_bad_file_and_a_strange_reader_are_refused() {
    let desk = Folder::new().unwrap();
    fs::write(desk.path().join("bad.yml"), "p: x\n").unwrap();
    let done = export(&desk, "bad.yml");
    assert_eq!((done.status.code(), done.stdout.len()), (Some(1), 0));
    let strange = Command::new(env!("CARGO_BIN_EXE_nuthatch"))
        .args(["export", "--for", "envoy", "x.yml"])
        .output()
        .unwrap();
    assert_eq!(strange.status.code(), Some(2));
}
