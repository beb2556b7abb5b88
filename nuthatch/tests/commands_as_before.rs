//! Every command that nutcracker serves, with the same reply from nuthatch.
//!
//! ```text
//!   testdata/stories.txt ──▶ nutcracker                   ─▶ replies ─┐
//!     (a line a command)     nuthatch, twemproxy manners  ─▶ replies ─┼─ the same, but for
//!                            nuthatch, modern manners     ─▶ replies ─┘  what `DIFFERENT` lists
//! ```
//!
//! A story is a few requests that make sense one after the other, over servers flushed before it;
//! `redis-commands.json` is the list of what must occur. Replies are compared to the byte, a
//! close without a word counting as one. A difference must be in the list with its reason, and
//! what is in the list must differ: no excuse outlives its defect.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

use nuthatch_testbed::{
    Client, Nutcracker, Nuthatch, Proxy, RedisServer, Value, find_program, free_port, pool_yaml,
};
use std::collections::BTreeSet;
use std::fmt::Write;

const STORIES: &str = include_str!("commands_as_before/stories.txt");
const KNOWN: &str = include_str!("../../engine/testdata/twemproxy/redis-commands.json");

/// Under which manners a reply differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Under {
    Both,
    Modern,
}

/// A request as in the stories, where its reply differs, and why.
const DIFFERENT: [(&str, Under, &str); 18] = [
    ("command", Under::Both, "answered from our table"),
    ("ping hello", Under::Both, "answered, where the old one closed"),
    ("select 0", Under::Both, "answered, where the old one closed"),
    ("auth user secret", Under::Both, "two arguments are answered, where the old one closed"),
    ("expire {a}k 100 NX", Under::Both, "an option of Redis 7, where the old one closed"),
    ("expire {a}k", Under::Both, "an error, not a close: since Redis 7 its form is not fixed"),
    (
        "zrank {a}z x WITHSCORE",
        Under::Both,
        "an option of Redis 7.2: the server's error, not a close",
    ),
    ("exists {a}k {b}k {c}k {d}k {e}k {f}k", Under::Both, "split and added up"),
    ("zdiff 2 {a}z {a}y", Under::Both, "routed by its first key, not by the number of keys"),
    ("zinter 2 {a}z {a}y", Under::Both, "the same"),
    ("zunion 2 {a}z {a}y WITHSCORES", Under::Both, "the same"),
    ("quit", Under::Modern, "OK is said before the close"),
    ("move {a}k 1", Under::Modern, "an error, not a close"),
    ("get", Under::Modern, "an error, not a close"),
    ("mset {a}k", Under::Modern, "an error, not a close"),
    ("bogus {a}k", Under::Modern, "an error, not a close"),
    ("sunion {a}s {b}s {c}s {d}s {e}s {f}s", Under::Modern, "CROSSSLOT, not half an answer"),
    ("eval return(1) 0", Under::Modern, "sent to the owner of `placeholder`, not a close"),
];

/// md5, since the default hash puts all tags of one letter on one server.
const TAGGED: [(&str, &str); 3] = [("redis", "true"), ("hash_tag", "\"{}\""), ("hash", "md5")];

#[test]
fn every_command_answers_as_before() {
    let Some(stage) = Stage::new(&TAGGED, &[]) else {
        return;
    };
    let mut told = BTreeSet::new();
    let mut excused = BTreeSet::new();
    let mut wrong = String::new();
    for story in STORIES.split("\n\n") {
        let lines: Vec<&str> =
            story.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        let [old, twemproxy, modern] = stage.tell(&lines);
        for (at, line) in lines.iter().enumerate() {
            told.insert(line.split(' ').next().unwrap().to_uppercase());
            let row = DIFFERENT.iter().find(|row| row.0 == *line);
            excused.extend(row.map(|row| row.0));
            let expected = row.map_or((true, true), |row| (row.1 == Under::Modern, false));
            let same = (twemproxy[at] == old[at], modern[at] == old[at]);
            if same != expected {
                let _ = writeln!(
                    wrong,
                    "{line}\n  old:       {}\n  twemproxy: {}\n  modern:    {}",
                    old[at], twemproxy[at], modern[at]
                );
            }
        }
    }
    assert!(wrong.is_empty(), "other than expected:\n{wrong}");
    assert_eq!(excused.len(), DIFFERENT.len(), "every excuse is still needed: {excused:?}");
    let known: serde_json::Map<String, serde_json::Value> = serde_json::from_str(KNOWN).unwrap();
    let untold: Vec<&String> = known.keys().filter(|name| !told.contains(*name)).collect();
    assert!(untold.is_empty(), "no story tells of {untold:?}");
    assert_eq!(known.len(), 137);
}

/// A server of three refuses writes: what is split and succeeds elsewhere has failed.
#[test]
fn a_failed_part_fails_the_whole() {
    let Some(stage) = Stage::new(&TAGGED, &[]) else {
        return;
    };
    let refusing = &stage.servers[1];
    let set = ["CONFIG", "SET", "min-replicas-to-write", "1"];
    assert!(refusing.client().unwrap().command(&set).unwrap().is_ok());
    let letters: Vec<String> = ('a'..='l').map(|letter| format!("{{{letter}}}k")).collect();
    for name in ["mset", "del", "unlink"] {
        let mut line = name.to_owned();
        for key in &letters {
            let _ = write!(line, " {key}{}", if name == "mset" { " v" } else { "" });
        }
        // Not `tell`: a server that refuses writes refuses to be flushed.
        let [old, twemproxy, modern] =
            stage.proxies.each_ref().map(|proxy| ask(&mut proxy.client().unwrap(), &line).0);
        assert_eq!(old, "-ERR Invalid argument\\r\\n", "{line}");
        assert_eq!(twemproxy, old, "{line}");
        assert!(modern.starts_with("-NOREPLICAS"), "{line}: {modern}");
    }
}

#[test]
fn passwords_are_asked_for_as_before() {
    let keys = [("redis", "true"), ("redis_auth", "secret")];
    let Some(stage) = Stage::new(&keys, &["--requirepass", "secret"]) else { return };
    let lines = [
        "get k",
        "ping",
        "mget k l m n",
        "auth wrong",
        "set k v",
        "auth secret",
        "set k v",
        "get k",
        "mset k 1 l 2 m 3 n 4",
        "mget k l m n",
        "auth wrong",
        "get k",
        "auth secret",
        "get k",
    ];
    let [old, twemproxy, modern] = stage.tell(&lines);
    assert_eq!(twemproxy, old);
    assert_eq!(old[11], "-NOAUTH Authentication required\\r\\n", "a wrong one revokes the right");
    for (at, line) in lines.iter().enumerate() {
        let expected = match old[at].as_str() {
            // Redis' own words, which today's clients look for; and what was right stays right.
            _ if at == 11 => "$1\\r\\n1\\r\\n",
            "-NOAUTH Authentication required\\r\\n" => "-NOAUTH Authentication required.\\r\\n",
            "-ERR invalid password\\r\\n" => {
                "-WRONGPASS invalid username-password pair or user is disabled.\\r\\n"
            }
            same => same,
        };
        assert_eq!(modern[at], expected, "{line}");
    }
}

/// nutcracker selects before it authenticates, is refused, and goes on in database 0.
#[test]
fn a_database_is_selected_also_behind_a_password() {
    for password in [None, Some("secret")] {
        let mut keys = vec![("redis", "true"), ("redis_db", "3")];
        let mut args = Vec::new();
        if let Some(password) = password {
            keys.push(("redis_auth", password));
            args.extend(["--requirepass", password]);
        }
        let Some(stage) = Stage::new(&keys, &args) else { return };
        let old_database = if password.is_some() { 0 } else { 3 };
        for (proxy, database) in [(0, old_database), (1, 3), (2, 3)] {
            stage.flush();
            let mut client = stage.proxies[proxy].client().unwrap();
            if let Some(password) = password {
                assert!(client.command(&["AUTH", password]).unwrap().is_ok());
            }
            for n in 0..60 {
                assert!(client.command(&["SET", &format!("{n}key"), "v"]).unwrap().is_ok());
            }
            let mut found = 0;
            for server in &stage.servers {
                let mut direct = server.client().unwrap();
                assert!(direct.command(&["SELECT", &database.to_string()]).unwrap().is_ok());
                let here = direct.command(&["DBSIZE"]).unwrap().as_int().unwrap();
                assert!(here > 0, "proxy {proxy}");
                found += here;
            }
            assert_eq!(found, 60, "proxy {proxy}, password {password:?}");
            if proxy > 0 {
                assert!(client.command(&["SELECT", "3"]).unwrap().is_ok());
                assert!(client.command(&["SELECT", "0"]).unwrap().is_error());
                assert_eq!(client.command(&["GET", "7key"]).unwrap(), Value::bulk("v"));
            }
        }
    }
}

/// Three servers, and before them nutcracker and nuthatch in either manners.
struct Stage {
    servers: [RedisServer; 3],
    proxies: [Proxy; 3],
    password: bool,
}

impl Stage {
    /// `None` without the old proxy.
    fn new(keys: &[(&str, &str)], server_args: &[&str]) -> Option<Stage> {
        if find_program("nutcracker").is_none() {
            eprintln!("nutcracker is not installed: nothing to compare with");
            return None;
        }
        let servers = [(); 3].map(|()| RedisServer::start_with(server_args).unwrap());
        let entries: Vec<String> =
            servers.iter().zip(["one", "two", "three"]).map(|(s, name)| s.entry(1, name)).collect();
        let yaml = |more: &[(&str, &str)]| {
            pool_yaml("pool", free_port(), &[keys, more].concat(), &entries)
        };
        let nuthatch = |manners| Nuthatch::start(&yaml(&[("manners", manners)]), &[]).unwrap();
        let proxies =
            [Nutcracker::start(&yaml(&[])).unwrap(), nuthatch("twemproxy"), nuthatch("modern")];
        Some(Stage { servers, proxies, password: server_args.contains(&"--requirepass") })
    }

    fn flush(&self) {
        for server in &self.servers {
            let mut client = server.client().unwrap();
            assert!(client.command(&["FLUSHALL"]).unwrap().is_ok());
            assert!(client.command(&["SCRIPT", "FLUSH"]).unwrap().is_ok());
        }
    }

    /// The replies to these lines from each proxy, every one beginning with empty servers.
    fn tell(&self, lines: &[&str]) -> [Vec<String>; 3] {
        self.proxies.each_ref().map(|proxy| {
            self.flush();
            let mut client = proxy.client().unwrap();
            lines
                .iter()
                .map(|line| {
                    let (reply, closed) = ask(&mut client, line);
                    if closed {
                        assert!(!self.password, "a new connection would have to authenticate");
                        client = proxy.client().unwrap();
                    }
                    reply
                })
                .collect()
        })
    }
}

/// The reply to one line, escaped, and whether the connection is gone after it.
fn ask(client: &mut Client, line: &str) -> (String, bool) {
    let words: Vec<Vec<u8>> = line.split(' ').map(unescaped).collect();
    client.send(&words).unwrap();
    if line == "quit" {
        let all = client.recv_to_end().unwrap();
        return (all.escape_ascii().to_string(), true);
    }
    match client.recv_raw() {
        Ok(reply) => (reply.escape_ascii().to_string(), false),
        Err(error) => {
            assert!(!nuthatch_testbed::is_timeout(&error), "no answer to {line}");
            ("(closed)".to_owned(), true)
        }
    }
}

/// `\xff` is a byte, `\_` a blank.
fn unescaped(word: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        if let Some(hex) = after.strip_prefix('x') {
            bytes.push(u8::from_str_radix(&hex[..2], 16).unwrap());
            rest = &hex[2..];
        } else {
            bytes.push(b' ');
            rest = after.strip_prefix('_').unwrap();
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
