//! The configuration seen from outside: the examples, the course notes, the reference page, and
//! bytes that nobody would write. `config_oracle/` compares with the real nutcracker.
//!
//! `NUTHATCH_BLESS=1 cargo test -p nuthatch` writes the recorded texts anew.

#![allow(clippy::unwrap_used)] // A test that cannot go on shall say so.

mod replicas;

use nuthatch::config::{self, Config, Listen, Problem};
use nuthatch_engine::topology::{Address, Eject, Manners, Protocol};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn good(text: &str) -> (Config, Vec<Problem>) {
    config::parse(text, "t.yml", Manners::Modern)
        .unwrap_or_else(|problems| panic!("{text}\n{}", rendered(&problems)))
}

fn bad(text: &str) -> Vec<Problem> {
    match config::parse(text, "t.yml", Manners::Modern) {
        Ok(_) => panic!("taken, but should not be:\n{text}"),
        Err(problems) => problems,
    }
}

fn rendered(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |all, problem| all + &problem.to_string() + "\n\n")
}

/// Compares with a recorded file, or records it.
fn recorded(path: &str, text: &str) {
    let path = root().join(path);
    if std::env::var_os("NUTHATCH_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == text,
        "{} is out of date; NUTHATCH_BLESS=1 writes it anew. It would be:\n{text}",
        path.display()
    );
}

/// A pool with what it needs and these lines.
fn pool(lines: &str) -> String {
    format!(
        "p:\n  listen: 127.0.0.1:22121\n  redis: true\n{lines}  servers:\n  - 127.0.0.1:6379:1\n"
    )
}

#[test]
fn the_reference_page_is_up_to_date() {
    recorded("docs/reference/config.md", &config::reference());
}

#[test]
fn what_is_said_of_wrong_files_is_recorded() {
    let folder = root().join("nuthatch/testdata/config");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yml") {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let problems = match config::parse(&text, name, Manners::Modern) {
            Ok((_, warnings)) => warnings,
            Err(problems) => problems,
        };
        let stem = path.file_stem().unwrap().to_str().unwrap();
        recorded(&format!("nuthatch/testdata/config/{stem}.txt"), &rendered(&problems));
        count += 1;
    }
    assert!(count >= 4);
}

#[test]
fn the_course_notes_get_all_their_problems_in_one_go() {
    let path = root().join("nuthatch/testdata/config/course-notes.yml");
    let problems = config::load(&path, Manners::Modern).unwrap_err();
    let text = rendered(&problems);
    for needed in ["a tab", "291 is above 255", "begin with #", "`fnv1a_64`?", "full-width colon"] {
        assert!(text.contains(needed), "{needed}:\n{text}");
    }
    assert_eq!(problems.len(), 5, "{text}");
}

#[test]
fn every_example_loads_without_a_warning() {
    let mut count = 0;
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yml") {
            let loaded = config::load(&path, Manners::Modern);
            let (config, warnings) =
                loaded.unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
            assert!(warnings.is_empty(), "{}", rendered(&warnings));
            config::resolve(&config).unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
            count += 1;
        }
    }
    assert!(count >= 4);
}

#[test]
fn values_arrive() {
    let (config, warnings) = good(
        "b:\n  listen: /tmp/s 0640\n  servers: [h:6379:3 two, '/tmp/r:1']\n  hash: md5\n  \
         distribution: modula\n  hash_tag: '{}'\n  timeout: 400\n  connect_timeout_ms: 7\n  client_stall_ms: 100\n  \
         server_connections: 4\n  preconnect: true\n  redis: \"true\"\n  redis_auth: se cret\n  \
         redis_db: \"0\"\n  eject: fail_fast\n  server_retry_timeout: 9\n  \
         server_failure_limit: 8\n  manners: twemproxy\n  backlog: 6\n  tcpkeepalive: true\n  \
         reuseport: true\naa:\n  listen: '[::1]:1'\n  servers:\n  - h:11211:1\n",
    );
    assert!(warnings.is_empty(), "{}", rendered(&warnings));
    let [b, aa] = &config.pools[..] else { panic!() };
    assert_eq!((b.spec.name.as_ref(), aa.spec.name.as_ref()), ("b", "aa"));
    assert_eq!(b.listen, Listen::Unix { path: "/tmp/s".into(), mode: Some(0o640) });
    assert_eq!(b.listen_text.as_ref(), "/tmp/s 0640");
    assert_eq!((b.backlog, b.tcpkeepalive, b.reuseport), (6, true, true));
    let spec = &b.spec;
    assert_eq!((spec.hash.name, spec.distribution.name), ("md5", "modula"));
    let tag = spec.hash_tag.unwrap();
    assert_eq!((tag.open, tag.close), (b'{', b'}'));
    assert_eq!((spec.timeout_ms, spec.connect_timeout_ms), (Some(400), 7));
    assert_eq!(spec.serves.client_stall_ms, 100);
    assert_eq!((spec.server_connections, spec.preconnect), (4, true));
    assert_eq!((spec.redis_auth.as_deref(), spec.redis_db), (Some("se cret"), 0));
    assert_eq!((spec.eject, spec.manners), (Eject::FailFast, Manners::Twemproxy));
    assert_eq!((spec.server_retry_timeout_ms, spec.server_failure_limit), (9, 8));
    assert_eq!(spec.protocol, Protocol::Redis);
    // Sorted: the shorter name first.
    assert_eq!(spec.shards[0].name.as_ref(), "two");
    assert_eq!(spec.shards[0].weight, 3);
    assert_eq!(spec.shards[1].name.as_ref(), "/tmp/r:");
    assert_eq!(spec.shards[1].address, Address::Unix { path: "/tmp/r".into() });

    let spec = &aa.spec;
    assert_eq!(aa.listen, Listen::Tcp { host: "::1".into(), port: 1 });
    assert_eq!((aa.backlog, aa.tcpkeepalive, aa.reuseport), (512, false, false));
    assert_eq!((spec.hash.name, spec.distribution.name), ("fnv1a_64", "ketama"));
    assert_eq!((spec.timeout_ms, spec.connect_timeout_ms), (None, 1000));
    assert_eq!(spec.serves.client_stall_ms, 60_000);
    assert_eq!((spec.server_connections, spec.preconnect), (1, false));
    assert_eq!((spec.redis_auth.as_deref(), spec.redis_db), (None, 0));
    assert_eq!((spec.eject, spec.manners), (Eject::Off, Manners::Modern));
    assert_eq!((spec.server_retry_timeout_ms, spec.server_failure_limit), (30_000, 2));
    assert_eq!((spec.protocol, spec.client_connections), (Protocol::Memcache, 0));
    assert_eq!(spec.shards[0].name.as_ref(), "h");
}

#[test]
fn ejection_follows_the_new_key_or_the_old_one() {
    let eject = |lines: &str| good(&pool(lines)).0.pools[0].spec.eject;
    assert_eq!(eject(""), Eject::Off);
    assert_eq!(eject("  auto_eject_hosts: false\n"), Eject::Off);
    assert_eq!(eject("  auto_eject_hosts: true\n"), Eject::Remap);
    assert_eq!(eject("  auto_eject_hosts: true\n  eject: fail_fast\n"), Eject::FailFast);
    assert_eq!(eject("  auto_eject_hosts: true\n  eject: off\n"), Eject::Off);
    assert_eq!(eject("  eject: remap\n"), Eject::Remap);
}

#[test]
fn a_timeout_of_zero_waits_for_ever() {
    assert_eq!(good(&pool("  timeout: 0\n")).0.pools[0].spec.timeout_ms, None);
}

#[test]
fn manners_default_is_the_callers() {
    let manners =
        |default| config::parse(&pool(""), "t.yml", default).unwrap().0.pools[0].spec.manners;
    assert_eq!(manners(Manners::Modern), Manners::Modern);
    assert_eq!(manners(Manners::Twemproxy), Manners::Twemproxy);
}

/// Line, column, and a word of the message or the help.
#[test]
fn problems_have_their_place() {
    let cases: &[(&str, u32, u32, &str)] = &[
        ("  hash: fnvla_64\n", 4, 9, "fnv1a_64"),
        ("  hash: \"fnvla_64\"\n", 4, 9, "fnv1a_64"),
        ("  timeout: 400ms\n", 4, 12, "`400`"),
        ("  auto_eject_host: true\n", 4, 3, "auto_eject_hosts"),
        ("  preconnect: yes\n", 4, 15, "`true`"),
        ("  hash_tag: {}\n", 4, 13, "quotes"),
        ("  timeout: 1\n  timeout: 2\n", 5, 3, "twice"),
        ("  timeout:\n", 4, 3, "no value"),
        ("  timeout: \"\"\n", 4, 3, "no value"),
        ("  timeout: &a 400\n", 4, 12, "anchor"),
        ("  timeout: !!int 400\n", 4, 12, "tag"),
        ("  timeout: *a\n", 4, 12, "alias"),
        ("  hash: [md5]\n", 4, 9, "not a list"),
        ("  hash = md5\n", 4, 8, "hash: md5"),
        ("  hash:md5\n", 4, 7, "hash: md5"),
        ("  hash：md5\n", 4, 7, "hash: md5"),
        ("  // a comment\n", 4, 3, "begin with #"),
        ("  eject: failfast\n", 4, 10, "fail_fast"),
        ("  manners: old\n", 4, 12, "twemproxy"),
        ("  connect_timeout_ms: 0\n", 4, 23, "too small"),
        ("  client_stall_ms: 0\n", 4, 20, "100 to 86400000"),
        ("  client_stall_ms: 99\n", 4, 20, "too small"),
        ("  client_stall_ms: 86400001\n", 4, 20, "too large"),
        ("  client_stall_ms: 5s\n", 4, 20, "`5000`"),
        ("  client_stal_ms: 5000\n", 4, 3, "client_stall_ms"),
        ("  client_stall: 5000\n", 4, 3, "client_stall_ms"),
        ("  server_connections: 0\n", 4, 23, "too small"),
        ("  timeout: 4294967297\n", 4, 12, "wrap"),
        ("  sentinels: x\n", 4, 14, "`sentinels` is a list"),
        ("  sentinels: []\n", 4, 3, "no entry"),
        ("  sentinels:\n  - h\n", 5, 5, "no address"),
        ("  sentinels:\n  - h:1\n  - g:1\n  - h:1\n", 7, 5, "twice"),
        ("  sentinels:\n  - h:70000\n", 5, 5, "h:70000"),
        ("  sentinels:\n  - redis://h:1\n", 5, 5, "no `scheme://`"),
        ("  replicas:\n  - h:1\n", 5, 5, "host:port shard"),
        ("  replicas:\n  - h:1 s zon=b\n", 5, 5, "zone=NAME"),
        ("  replicas:\n  - h:1 other\n", 5, 5, "no server of this pool has this name"),
        ("  replicas:\n  - 127.0.0.1:6379 127.0.0.1:6379\n", 5, 5, "the primary itself"),
        ("  replicas:\n  - h:1 127.0.0.1:6379\n  - h:1 127.0.0.1:6379\n", 6, 5, "twice"),
        ("  read: replica\n", 4, 9, "this one has none"),
        ("  failover_hold_ms: 100\n", 4, 21, "this one has none"),
        ("  sentinel_auth: x\n", 4, 18, "this one has none"),
        ("  replicas:\n  - h:1 127.0.0.1:6379\n  eject: remap\n", 6, 10, "fail_fast"),
        ("  replicas:\n  - h:1 127.0.0.1:6379\n  auto_eject_hosts: true\n", 6, 21, "fail_fast"),
        ("  replicas:\n  - h:1 127.0.0.1:6379\n  sentinel_user: u\n", 6, 18, "sentinel_auth"),
        ("  requirepass: x\n", 4, 3, "redis_auth"),
        ("  colocate: 'bull:'\n", 4, 13, "`colocate` is a list"),
        ("  colocate: {a: b}\n", 4, 13, "`colocate` is a list"),
        ("  colocate: []\n", 4, 3, "no entry"),
        ("  colocate:\n", 4, 3, "no value"),
        ("  colocate:\n  - bull:\n", 5, 5, "in quotes"),
        ("  colocate:\n  - [a, b]\n", 5, 5, "blanks between"),
        ("  colocate:\n  - a\n  - ' '\n", 6, 5, "is empty"),
        ("  colocate:\n  - a b\n  - 'c a'\n", 6, 8, "first in line 5"),
        ("  colocate:\n  - a b a\n", 5, 9, "first in line 5"),
        ("  colocat: [a]\n", 4, 3, "colocate"),
    ];
    for &(lines, line, column, word) in cases {
        let problems = bad(&pool(lines));
        let text = rendered(&problems);
        assert_eq!((problems[0].line, problems[0].column), (line, column), "{text}");
        assert!(text.contains(word), "{word} is not in:\n{text}");
        assert_eq!(problems.len(), 1, "{text}");
        assert!(problems[0].source_line.is_some());
    }
}

#[test]
fn colocate_has_bounds() {
    let entries = |count: usize, length: usize| {
        let prefix = |n: usize| format!("  - p{n:0width$}\n", width = length - 1);
        pool(&format!("  colocate:\n{}", (0..count).map(prefix).collect::<String>()))
    };
    let (config, warnings) = good(&entries(64, 128));
    assert!(warnings.is_empty() && config.pools[0].spec.colocate.is_some());
    for (text, line, found, expected) in [
        (entries(65, 9), 4, "65", "at most 64 in a pool, all entries together"),
        (entries(1, 129), 5, "129 bytes", "at most 128 bytes"),
    ] {
        let problems = bad(&text);
        let text = rendered(&problems);
        assert_eq!((problems.len(), problems[0].line), (1, line), "{text}");
        assert!(text.contains(found) && text.contains(expected), "{text}");
    }
}

#[test]
fn colocate_arrives_for_both_protocols_and_random_is_warned_of() {
    let text = pool("  colocate: ['bull:', \"celery  _kombu\"]\n");
    for text in [text.clone(), text.replace("  redis: true\n", "")] {
        let config = config::parse(&text, "t.yml", Manners::Modern).unwrap().0;
        let colocate = config.pools[0].spec.colocate.as_ref().unwrap();
        assert_eq!(colocate.firsts().collect::<Vec<_>>(), [&b"bull:"[..], b"celery"]);
        assert_eq!(colocate.find(b"_kombu.x").unwrap().first, b"celery");
    }
    assert!(good(&text).1.is_empty());
    let (_, warnings) = good(&text.replace("  colocate", "  distribution: random\n  colocate"));
    assert_eq!((warnings.len(), warnings[0].key.as_deref()), (1, Some("colocate")));
    assert!(warnings[0].message.contains("no effect"), "{}", warnings[0].message);
}

#[test]
fn problems_know_pool_and_key() {
    let problem = &bad(&pool("  hash: sha1\n"))[0];
    assert_eq!((problem.pool.as_deref(), problem.key.as_deref()), (Some("p"), Some("hash")));
}

#[test]
fn all_pools_are_looked_through() {
    let problems =
        bad("a:\n  listen: x\n  hash: y\nb:\n  redis: yes\n  servers:\n  - h:1\n  - :\n");
    // a: listen, hash, no servers; b: no listen, redis, both servers.
    assert_eq!(problems.len(), 7, "{}", rendered(&problems));
}

#[test]
fn reading_goes_on_before_an_error_of_yaml() {
    let problems =
        bad("a:\n  hash: fnvla_64\n  redis_auth: \"never closed\n  servers:\n  - h:1:1\n");
    let text = rendered(&problems);
    assert!(text.contains("is opened here") && text.contains("fnv1a_64"), "{text}");
    assert!(!text.contains("missing") && !text.contains("never closed"), "{text}");
}

#[test]
fn a_good_file_is_not_searched_for_slips() {
    // Full-width characters, `//` and tabs are all right where YAML takes them.
    let (config, warnings) = good(&pool("  redis_auth: 密码：“x”\n\t\n\t# 注释：好\n"));
    assert_eq!(config.pools[0].spec.redis_auth.as_deref(), Some("密码：“x”"));
    assert!(warnings.is_empty());
}

#[test]
fn warnings_come_beside_the_config() {
    let warn = |text: &str| rendered(&good(text).1);
    let two = |lines: &str| format!("{}  - 127.0.0.1:6380:1\n  - 127.0.0.1:6381:1\n", pool(lines));
    assert_eq!(warn(&two("")), "");
    assert!(warn(&two("  hash: crc32\n")).contains("of the keys"));
    assert_eq!(warn(&two("  hash: crc32\n  distribution: modula\n")), "");
    assert_eq!(warn(&pool("  hash: crc32\n")), "");
    assert!(warn(&format!("{}  - h:1:100000\n", pool(""))).contains("gets none of the keys"));
    assert!(warn(&pool("  redis_auth: x\n  redis_db: 3\n")).contains("database 0"));
    assert!(warn(&pool("  manners: twemproxy\n  client_connections: 3\n")).contains("no effect"));
    assert_eq!(warn(&pool("  client_connections: 3\n")), "");
    assert!(warn(&pool("  auto_eject_hosts: true\n  eject: off\n")).contains("wins"));
    assert!(warn(&pool("  redis_auth: x // y\n")).contains("part of this value"));
    let listeners = |a: &str, b: &str| {
        warn(&format!(
            "a:\n  listen: {a}\n  servers:\n  - h:1:1\nb:\n  listen: {b}\n  servers:\n  - h:1:1\n"
        ))
    };
    assert!(listeners("127.0.0.1:1", "0.0.0.0:1").contains("probably"));
    assert!(listeners("localhost:1", "127.0.0.1:1").contains("probably"));
    assert!(listeners("/tmp/s 0600", "/tmp/s").contains("probably"));
    assert_eq!(listeners("127.0.0.1:1", "127.0.0.2:1"), "");
    assert_eq!(listeners("127.0.0.1:1", "127.0.0.1:2"), "");
}

#[test]
fn servers_of_the_other_protocol_are_told_by_their_addresses() {
    let warnings = |redis: &str, entries: &[&str]| {
        let entries = entries.join("\n  - ");
        good(&format!("p:\n  listen: 127.0.0.1:1\n{redis}  servers:\n  - {entries}\n")).1
    };
    for (redis, entry, column, length) in [
        ("", "127.0.0.1:6379:1", 15, 4),
        ("  redis: false\n", "127.0.0.1:6379:1 a", 15, 4),
        ("", "\"[::1]:6380:1\"", 12, 4),
        ("", "/run/redis/Redis-1.sock:1", 16, 12),
        ("", "/run/valkey.sock:1 b", 10, 11),
        ("  redis: true\n", "cache:11211:1 6379", 11, 5),
        ("  redis: true\n", "cache:011211:1", 5, 14),
        ("  redis: true\n", "/tmp/memcached.sock:1", 10, 14),
    ] {
        let found = warnings(redis, &["h:7000:1", entry]);
        let text = rendered(&found);
        let [found] = &found[..] else { panic!("{entry}: {text}") };
        let line = if redis.is_empty() { 5 } else { 6 };
        assert_eq!((found.line, found.column, found.length), (line, column, length), "{text}");
        assert!(text.contains("`redis: true`") && text.contains("note"), "{text}");
        assert_eq!(found.key.as_deref(), Some("servers"));
    }
    for (redis, entry) in [
        ("", "127.0.0.1:11211:1"),
        ("", "redis.example:7001:1"),
        ("", "127.0.0.1:6378:1"),
        ("", "127.0.0.1:16379:1"),
        ("", "/run/redis/a.sock:1"),
        ("  redis: true\n", "127.0.0.1:6379:1"),
        ("  redis: true\n", "/tmp/redis.sock:1"),
        ("  redis: true\n", "127.0.0.1:11210:1"),
    ] {
        assert_eq!(rendered(&warnings(redis, &[entry])), "", "{entry}");
    }
    // Once a pool, at the first in the file.
    let found = warnings("", &["b:6380:1", "a:6379:1"]);
    assert_eq!((found.len(), found[0].line), (1, 4), "{}", rendered(&found));
    // Where an error says it, no warning does.
    let found = bad("p:\n  listen: h:1\n  redis_auth: x\n  servers:\n  - h:6379:1\n");
    assert_eq!(found.len(), 1, "{}", rendered(&found));
    // A database is Redis' too, whichever it is.
    for number in ["0", "3"] {
        let text = rendered(&warnings(&format!("  redis_db: {number}\n"), &["h:7000:1"]));
        assert!(text.contains("no effect") && text.contains("`redis: true`"), "{text}");
    }
}

#[test]
fn hosts_are_resolved_apart_from_reading() {
    let (config, _) = good(&pool("").replace("127.0.0.1:22121", "no-such-host.invalid:1"));
    let problems = config::resolve(&config).unwrap_err();
    assert_eq!((problems[0].line, problems[0].column), (2, 11));
    assert!(problems[0].to_string().contains("no-such-host.invalid"));
    assert_eq!(config::resolve(&good(&pool("")).0).unwrap().len(), 1);
}

#[test]
fn a_file_that_is_not_there_is_a_problem_without_a_place() {
    let problems = config::load(Path::new("/nonexistent/x.yml"), Manners::Modern).unwrap_err();
    assert!(problems[0].to_string().starts_with("/nonexistent/x.yml: error: "));
    assert!(config::load(Path::new("/"), Manners::Modern).is_err());
}

/// Bytes mutated in every way that mattered to YAML parsers: none may bring us down.
#[test]
fn no_bytes_bring_us_down() {
    let mut seeds: Vec<Vec<u8>> = vec![Vec::new(), pool("  hash_tag: \"{}\"\n").into_bytes()];
    for folder in ["examples", "nuthatch/testdata/config"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            seeds.push(std::fs::read(entry.unwrap().path()).unwrap());
        }
    }
    let pieces: &[&str] = &[
        ":",
        "- ",
        "\t",
        "\n",
        "\r",
        "：",
        "\"",
        "'",
        "{",
        "}",
        "[",
        "]",
        "&a",
        "*a",
        "!t ",
        "#",
        "|",
        ">",
        "%",
        "---\n",
        "...\n",
        "\u{feff}",
        "? ",
        ": ",
        "//",
        "　",
        "\\",
        "🦜",
        "\u{85}",
        "\0",
        "99999999999",
        " ",
        "  ",
        "listen",
        "servers:",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut draw = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound.max(1) as u64) as usize
    };
    for round in 0..2000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..=draw(6) {
            let at = draw(bytes.len() + 1);
            match draw(4) {
                0 => bytes.truncate(at),
                1 if at < bytes.len() => bytes[at] = draw(256) as u8,
                2 => drop(bytes.drain(at..(at + draw(9)).min(bytes.len()))),
                _ => drop(bytes.splice(at..at, pieces[draw(pieces.len())].bytes())),
            }
        }
        config::fuzz(&bytes);
    }
    config::fuzz("[".repeat(100_000).as_bytes());
    config::fuzz("- ".repeat(50_000).as_bytes());
    config::fuzz("a: {".repeat(50_000).as_bytes());
}
