//! `nuthatch verify` against real servers: right files pass, wrong ones are seen through.
//!
//! ```text
//!   a file ──▶ router ──▶ keys written straight to their servers ◀── verify, with another file
//! ```
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod memcached;

use nuthatch::config;
use nuthatch_engine::base::Chance;
use nuthatch_engine::topology::kinds::fixed;
use nuthatch_engine::topology::{Address, Manners, ShardState};
use nuthatch_testbed::{Client, Folder, Nutcracker, RedisServer, Value, find_program, free_port};
use std::process::Command;

/// Servers with keys placed by the file `right`.
struct Stage {
    servers: Vec<RedisServer>,
    right: String,
    folder: Folder,
}

/// `SERVERS` stands for the entries.
const POOL: &str = "pool:\n  listen: 127.0.0.1:22121\n  redis: true\n  hash: md5\n  servers:\n";

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("user:{}:{{tag{}}}:{n}", n * 7919, n % 211)).collect()
}

impl Stage {
    fn new(head: &str, args: &[&str], count: usize) -> Stage {
        let servers: Vec<RedisServer> =
            (0..3).map(|_| RedisServer::start_with(args).unwrap()).collect();
        let entries: Vec<String> = ["alpha", "b", "gamma-delta"]
            .iter()
            .zip(&servers)
            .map(|(name, server)| format!("    - {}\n", server.entry(1, name)))
            .collect();
        let entries = entries.concat();
        let stage =
            Stage { servers, right: format!("{head}{entries}"), folder: Folder::new().unwrap() };
        stage.fill(count);
        stage
    }

    fn fill(&self, count: usize) {
        let (config, _) = config::parse(&self.right, "t.yml", Manners::Modern).unwrap();
        let spec = &config.pools[0].spec;
        let router = fixed::router(spec, &vec![ShardState::Live; spec.shards.len()]);
        let mut clients: Vec<(u16, Client)> =
            self.servers.iter().map(|s| (s.port(), s.client().unwrap())).collect();
        for (_, client) in &mut clients {
            if spec.redis_db > 0 {
                assert!(client.command(&["SELECT", &spec.redis_db.to_string()]).unwrap().is_ok());
            }
        }
        for key in keys(count) {
            let owner = router.route(key.as_bytes(), &mut Chance::new(0)).unwrap();
            let Address::Tcp { port, .. } = &spec.shards[owner.index()].address else { panic!() };
            let client = clients.iter_mut().find(|(other, _)| other == port).unwrap();
            assert!(client.1.command(&["SET", &key, "v"]).unwrap().is_ok());
        }
    }

    fn verify(&self, yaml: &str, args: &[&str]) -> Done {
        verify(&self.folder, yaml, args)
    }
}

fn verify(folder: &Folder, yaml: &str, args: &[&str]) -> Done {
    std::fs::write(folder.path().join("t.yml"), yaml).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_nuthatch"))
        .args(["verify", "-c", "t.yml"])
        .args(args)
        .current_dir(folder.path())
        .output()
        .unwrap();
    Done {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

struct Done {
    code: i32,
    out: String,
    err: String,
}

#[test]
fn a_right_file_is_right_and_a_wrong_one_is_told_what_is_wrong() {
    let stage = Stage::new(POOL, &[], 900);
    let done = stage.verify(&stage.right, &[]);
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{}", done.out);
    assert!(done.out.starts_with("pool pool: all 900 keys looked at are in place\n"));

    let wrong = stage.right.replace("hash: md5", "hash: murmur");
    let done = stage.verify(&wrong, &[]);
    assert_eq!((done.code, done.err.as_str()), (1, ""));
    let hint = "hint: with `hash: md5` 100.0% of the sample would be in place: did you mean that?";
    assert!(done.out.contains(hint), "{}", done.out);
    assert!(done.out.contains(": murmur "), "an example says why: {}", done.out);

    let done = stage.verify(&wrong, &["--json", "--sample", "100"]);
    assert_eq!(done.code, 1);
    let told: serde_json::Value = serde_json::from_str(done.out.trim_end()).unwrap();
    assert_eq!(told["pool"], "pool");
    assert!(told["sampled"].as_u64().unwrap() >= 300 && told["sampled"].as_u64().unwrap() < 900);
    assert!(told["misplaced"].as_u64().unwrap() > 100);
    assert_eq!(told["hints"].as_array().unwrap().len(), 1);
    let servers = told["servers"].as_array().unwrap();
    assert_eq!(servers.len(), 3);
    assert!(servers.iter().all(|server| server["examples"].as_array().unwrap().len() == 3));

    for (allowed, code) in [("899", 0), ("100%", 0), ("10%", 1), ("5", 1)] {
        assert_eq!(stage.verify(&wrong, &["--max-misplaced", allowed]).code, code, "{allowed}");
    }

    let names = stage.right.replace(" alpha", " x").replace(" b\n", " alpha\n");
    let names = names.replace(" x", " b");
    let done = stage.verify(&names, &[]);
    assert_eq!(done.code, 1);
    assert_eq!(done.out.matches("are their addresses exchanged?").count(), 2, "{}", done.out);
}

/// Keys that the old proxy placed one by one, and a file that keeps them together.
#[test]
fn keys_that_colocate_moves_are_said_to_differ_on_purpose() {
    let stage = Stage::new(POOL, &[], 600);
    let text = stage.right.replace("  servers", "  colocate:\n    - \"user:7 queue\"\n  servers");
    let done = stage.verify(&text, &[]);
    assert_eq!((done.code, done.err.as_str()), (1, ""), "{}", done.out);
    assert!(done.out.contains(" of user:7 by `colocate` belongs to "), "{}", done.out);
    let done = stage.verify(&text, &["--json"]);
    let told: serde_json::Value = serde_json::from_str(done.out.trim_end()).unwrap();
    assert_eq!(told["misplaced"], told["misplaced_by_colocate"]);
    assert!(told["misplaced"].as_u64().unwrap() > 10, "{}", done.out);
    let hint = told["hints"].as_array().unwrap().last().unwrap().as_str().unwrap();
    assert!(hint.contains("begin with a prefix of `colocate`"), "{hint}");
    assert!(hint.contains("differ on purpose"), "{hint}");
}

#[test]
fn who_cannot_be_asked_leaves_the_answer_open() {
    let stage = Stage::new(POOL, &[], 300);
    let more = format!("{}    - 127.0.0.1:{}:1 dead\n", stage.right, free_port());
    // The ring has a fourth server now, so some keys belong elsewhere: known, not open.
    let done = stage.verify(&more, &[]);
    assert_eq!(done.code, 1, "{}", done.out);
    assert!(done.out.contains("dead         cannot be asked: Connection refused"), "{}", done.out);
    assert_eq!(stage.verify(&more, &["--max-misplaced", "100%"]).code, 2);

    let random = "m:\n  listen: 127.0.0.1:1\n  distribution: random\n  servers:\n    - 127.0.0.1:1:1\n    - 127.0.0.1:2:1\n";
    let done = stage.verify(random, &[]);
    assert_eq!((done.code, done.out.as_str()), (2, ""));
    assert!(done.err.contains("pool m is not asked: it is `random`"), "{}", done.err);
    let done = stage.verify(&format!("{random}{}", stage.right), &[]);
    assert_eq!(done.code, 0, "the others suffice: {}", done.out);
    assert_eq!(stage.verify(&stage.right, &["--pool", "no"]).code, 2);
    assert_eq!(stage.verify("p: x\n", &[]).code, 1);
}

#[test]
fn a_password_a_database_and_a_unix_socket() {
    let head = POOL.replace("  servers", "  redis_auth: pass word\n  redis_db: 3\n  servers");
    let stage = Stage::new(&head, &["--requirepass", "pass word", "--unixsocket", "r.sock"], 300);
    let done = stage.verify(&stage.right, &[]);
    assert_eq!(done.code, 0, "{}", done.out);
    assert!(done.out.contains("all 300 keys"), "{}", done.out);

    let wrong = stage.verify(&stage.right.replace("pass word", "other"), &[]);
    assert_eq!(wrong.code, 2, "{}", wrong.out);
    assert!(wrong.out.contains("cannot be asked: AUTH: WRONGPASS"), "{}", wrong.out);
    assert!(!wrong.out.contains("other"), "no password is shown: {}", wrong.out);
    let none = stage.verify(&stage.right.replace("  redis_auth: pass word\n", ""), &[]);
    assert!(none.out.contains("NOAUTH"), "{}", none.out);

    let mut unix = stage.right.clone();
    for server in &stage.servers {
        let path = server.unix_socket().unwrap();
        unix = unix.replace(&server.addr().to_string(), path.to_str().unwrap());
    }
    let done = stage.verify(&unix, &[]);
    assert_eq!(done.code, 0, "{}", done.out);

    // What the real nutcracker does with this file, over either kind of socket.
    if find_program("nutcracker").is_some() {
        for file in [&stage.right, &unix.replace("  redis_auth: pass word\n", "")] {
            for server in &stage.servers {
                let mut client = server.client().unwrap();
                assert!(client.command(&["FLUSHALL"]).unwrap().is_ok());
                if !file.contains("redis_auth") {
                    let open = ["CONFIG", "SET", "requirepass", ""];
                    assert!(client.command(&open).unwrap().is_ok());
                }
            }
            let file = file.replace("22121", &free_port().to_string());
            let old = Nutcracker::start(&file).unwrap();
            let mut client = old.client().unwrap();
            if file.contains("redis_auth") {
                assert!(client.command(&["AUTH", "pass word"]).unwrap().is_ok());
            }
            for key in keys(50) {
                assert!(client.command(&["SET", &key, "v"]).unwrap().is_ok());
            }
            let done = stage.verify(&file, &[]);
            assert_eq!(done.code, 1, "{}", done.out);
            assert!(done.out.contains("database 0 has 50 keys"), "{}", done.out);
            let done = stage.verify(&file.replace("redis_db: 3", "redis_db: 0"), &[]);
            assert_eq!(done.code, 0, "{}", done.out);
            assert!(done.out.contains("all 50 keys"), "{}", done.out);
        }
    }
}

#[test]
fn data_left_in_database_0_is_found() {
    let head = POOL.replace("  servers", "  redis_auth: pass word\n  redis_db: 3\n  servers");
    let stage = Stage::new(&head, &["--requirepass", "pass word"], 300);
    // As nutcracker would have left it: the data in 0, while the file says 3.
    for server in &stage.servers {
        assert!(server.client().unwrap().command(&["SWAPDB", "0", "3"]).unwrap().is_ok());
    }
    let done = stage.verify(&stage.right, &[]);
    assert_eq!(done.code, 1, "{}", done.out);
    let hint = "hint: database 3 is empty and database 0 has 300 keys: nutcracker left them there";
    assert!(done.out.contains(hint), "{}", done.out);
}

/// Asked of the server itself: which commands came.
#[test]
fn nothing_but_reading_is_sent() {
    let stage = Stage::new(POOL, &[], 500);
    let mut client = stage.servers[0].client().unwrap();
    assert!(client.command(&["CONFIG", "RESETSTAT"]).unwrap().is_ok());
    assert_eq!(stage.verify(&stage.right, &[]).code, 0);
    let Value::Bulk(stats) = client.command(&["INFO", "commandstats"]).unwrap() else { panic!() };
    let stats = String::from_utf8(stats).unwrap();
    let mut names: Vec<&str> = stats
        .lines()
        .filter_map(|line| line.strip_prefix("cmdstat_"))
        .map(|line| line.split(':').next().unwrap())
        .filter(|name| !name.starts_with("config"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["dbsize", "scan"], "{stats}");
}
