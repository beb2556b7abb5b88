//! No message about a file shows a password that stands in it, nor four characters of one.
//!
//! Each password is put into each of many lines, good and bad, between errors of other kinds; and
//! one file is spoilt at each of its characters. `-t`, the start and every command that reads a
//! file give the same messages, so a few files go through the binary and all through the library.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

mod stand;

use nuthatch::config;
use nuthatch_engine::topology::Manners;
use nuthatch_testbed::{Client, RedisServer, poll_until};
use stand::{PATIENCE, Stand};
use std::fs;

/// Letters that stand in no message of ours, with every character that means something to YAML.
const PASSWORDS: &[&str] = &[
    "Xq7Wv9Zk",
    "@Xq7Wv9Zk",
    "*Xq7Wv9Zk",
    "&Xq7Wv9Zk",
    "!Xq7Wv9Zk",
    "%Xq7Wv9Zk",
    "#Xq7Wv9Zk",
    "`Xq7Wv9Zk`",
    "|Xq7Wv9Zk",
    ">Xq7Wv9Zk",
    "-Xq7Wv9Zk",
    "- Xq7Wv9Zk",
    "? Xq7Wv9Zk",
    "Xq7Wv #9Zk4Jm",
    "Xq7Wv: 9Zk4Jm",
    "Xq7Wv9Zk:",
    ":Xq7Wv9Zk",
    "Xq7Wv //9Zk4Jm",
    "//Xq7Wv9Zk",
    "Xq7Wv=9Zk4Jm==",
    "Xq7Wv, 9Zk4Jm",
    "\"Xq7Wv9Zk",
    "Xq7Wv\"9Zk4Jm",
    "\"Xq7Wv\" 9Zk4Jm",
    "'Xq7Wv9Zk",
    "'Xq7Wv'9Zk4Jm",
    "[Xq7Wv9Zk",
    "[Xq7Wv]:9Zk4Jm",
    "{Xq7Wv9Zk}",
    "{Xq7Wv: 9Zk4Jm",
    "Xq7Wv\\9Zk4Jm",
    "Xq7Wv\t9Zk4Jm",
    "Xq7Wv：9Zk4Jm",
    "“Xq7Wv9Zk”",
    "Xq7Wv\u{200b}9Zk4Jm",
    "Xq7Wv\u{7}9Zk4Jm",
    "Xq7Wv\u{2028}9Zk4Jm",
    "Жщ7Эю9Ъы",
    "--- Xq7Wv9Zk",
    "Xq7Wv9Zk true listen: 9Zk4Jm",
];

/// Lines of a pool; `PW` is the password.
const LINES: &[&str] = &[
    "  redis_auth: PW",
    "  redis_auth:  PW   ",
    "  redis_auth:\tPW",
    "  redis_auth:PW",
    "  redis_auth=PW",
    "  redis_auth = PW",
    "  redis_auth：PW",
    "  redis_auth： PW",
    "  redis_auth PW",
    "  redis_auth; PW",
    "  redis_auth : PW",
    "  redis_auth:　PW",
    "\tredis_auth: PW",
    "　redis_auth: PW",
    "redis_auth: PW",
    "   redis_auth: PW",
    "  redis_auht: PW",
    "  redis-auth: PW",
    "  redisauth: PW",
    "  REDIS_AUTH: PW",
    "  Redis Auth: PW",
    "  ｒｅｄｉｓ_ａｕｔｈ: PW",
    "  redis\u{200b}_auth: PW",
    "  redis\u{7}_auth: PW",
    "  redis_au\u{fffd}th: PW",
    "  auth: PW",
    "  password: PW",
    "  Password = PW",
    "  requirepass: PW",
    "  requirepass PW",
    "  masterauth: PW",
    "  db_pwd: PW",
    "  密码：PW",
    "  kennwort: PW",
    "  Passsword: PW",
    "  redis_ath; PW",
    "  redis_auth, PW",
    "  redis_auth :: PW",
    "  redis_auth::\n  - PW",
    "  redis_au th: PW",
    "  redis: true  passord: PW",
    "  \"redis_auth: PW",
    "  #redis_auth: [\n    PW\n  ]",
    "  // redis_auth: |\n    PW",
    "kennwort: PW",
    "password: PW",
    "  \"redis_auth\": PW",
    "  'redis_auth' : PW",
    "  \"redis_auth\":PW",
    "  \"redis\\x5fauth\": PW",
    "  “redis_auth”: PW",
    "  ? redis_auth\n  : PW",
    "  ? \"redis_auth\"\n  : PW",
    "  ? |\n    redis_auth\n  : PW",
    "  - redis_auth: PW",
    "  -redis_auth: PW",
    "  # redis_auth: PW",
    "  # redis_auth: PW\u{7}",
    "  // redis_auth: PW",
    "  timeout: 400 # redis_auth: PW\u{7}",
    "  timeout: 400 redis_auth: PW",
    "  timeout: 400, redis_auth: PW",
    "  timeout: 400\n    redis_auth: PW",
    "  timeout: 400\n    redis_auth PW",
    "  hash_tag: \"{}\n  redis_auth: PW",
    "  redis_auth:\n    PW",
    "  redis_auth:\n\n    PW",
    "  redis_auth:\n  PW",
    "  redis_auth:\n  # a comment\n    PW",
    "  redis_auth: # a comment\n    PW",
    "  redis_auth: |\n    PW",
    "  redis_auth: |-\n    PW\n    PW",
    "  redis_auth: >+2\n      PW",
    "  redis_auth: |\n  PW",
    "  redis_auth: |\n\tPW",
    "  redis_auth: | # a comment\n    PW",
    "  redis_auth: \"PW\"",
    "  redis_auth: \"PW",
    "  redis_auth: \"PW\n    PW\"",
    "  redis_auth: \"PW\n  PW\"",
    "  redis_auth: \"PW\nPW\"",
    "  redis_auth: \"PW\\q\"",
    "  redis_auth: \"PW\" PW",
    "  redis_auth: \"PW\"#PW",
    "  redis_auth: 'PW",
    "  redis_auth: 'PW'",
    "  redis_auth: 'PW'PW",
    "  redis_auth: “PW”",
    "  redis_auth: PW\n    PW",
    "  redis_auth: PW\n  redis_auth: PW",
    "  redis_auth: PW\n  redis_auth: ",
    "  redis_auth: PW // PW",
    "  redis_auth: // PW",
    "  redis_auth: &name PW",
    "  redis_auth: !!str PW",
    "  redis_auth: !!str\n    PW",
    "  redis_auth: *name\n  other: &name PW",
    "  <<: *name\n  redis_auth: PW",
    "  redis_auth: [PW]",
    "  redis_auth: [PW",
    "  redis_auth: [\n    PW\n  ]",
    "  redis_auth: {PW: PW}",
    "  redis_auth: {user: PW}",
    "  redis_auth:\n    - PW",
    "  redis_auth:\n  - PW",
    "  redis_auth:\n    user: PW",
    "  redis_auth: PW\n  redis_db: 4",
    "  redis_auth: PW\n  redis: true",
    "  redis_auth: PW\n  redis_auth: PW\n  redis_auth: PW",
    "  security:\n    redis_auth: PW",
    "  security: {redis_auth: PW, tls: true}",
    "  security: {password:PW}",
    "  servers: [{redis_auth: PW}]",
    "q: {listen: h:1, redis_auth: PW, servers: [h:1:1]}",
    "q: {listen: h:1, redis_auth: 'PW', servers: [h:1:1], hash: nope}",
    "q: { redis_auth: PW }",
    "q: {\n  listen: h:1,\n  redis_auth: PW,\n  hash: nope,\n  servers: [h:1:1]}",
    "{\"q\": {\"redis_auth\": \"PW\", \"hash\": \"nope\"}}",
    "{\n \"q\": {\n  \"redis_auth\": \"PW\",\n  \"hash\": \"nope\"\n }\n}",
    "q:\n  listen: h:1\n  redis_auth: PW\n  servers: h",
    "q: PW\n  redis_auth: PW",
];

/// What may stand behind, to make of a good file a bad one.
const AFTER: &[&str] = &[
    "",
    "  hash: nope\n",
    "    backlog: 5\n",
    "  listen: h:5\n",
    "  nonsense\n",
    "\ttimeout: 5\n",
    "  \"\n",
    "---\n",
];

/// All that is said of a file.
fn said(bytes: &[u8]) -> String {
    // Reading from bytes is what a file goes through.
    let text = String::from_utf8_lossy(bytes);
    let problems = |problems: Vec<config::Problem>| lines(&problems);
    let (config, warnings) = match config::parse(&text, "t.yml", Manners::Modern) {
        Ok(read) => read,
        Err(found) => return problems(found),
    };
    let mut said = problems(warnings) + &lines(&config::differences(&config, 2));
    said += &match config::export(&config) {
        Ok(export) => lines(&export.losses),
        Err(defect) => defect,
    };
    said
}

fn lines<T: ToString>(texts: &[T]) -> String {
    texts.iter().map(|text| text.to_string() + "\n").collect()
}

/// The first four characters in a row of a password that a text holds.
fn piece<'a>(text: &str, password: &'a str) -> Option<&'a str> {
    let starts: Vec<usize> = password.char_indices().map(|(at, _)| at).collect();
    let piece = |window: &[usize]| {
        let last = *window.last()?;
        let end = last + password[last..].chars().next()?.len_utf8();
        Some(&password[window[0]..end])
    };
    // The word below is no secret's.
    let is_ours = |piece: &str| " true listen: ".contains(piece);
    starts.windows(4).filter_map(piece).find(|piece| !is_ours(piece) && text.contains(piece))
}

/// What is wrong with what is said of a file.
fn leak(file: &str, password: &str) -> Option<String> {
    let said = said(file.as_bytes());
    let piece = piece(&said, password)?;
    Some(format!("{piece:?} of {password:?} is shown. The file:\n{file}\nThe messages:\n{said}"))
}

/// Tells the first few: one cause has many cases.
#[track_caller]
fn assert_none(leaks: &[String]) {
    let shown = leaks.len().min(5);
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks[..shown].join("\n"));
}

fn file(line: &str, after: &str, password: &str) -> String {
    let line = line.replace("PW", password);
    format!(
        "p:\n  listen: 127.0.0.1:22121\n  redis: true\n{line}\n{after}  servers:\n  - 127.0.0.1:6379:1\n"
    )
}

#[test]
fn no_message_shows_a_password() {
    let (mut refused, mut leaks) = (0, Vec::new());
    for (at, line) in LINES.iter().enumerate() {
        for (round, password) in PASSWORDS.iter().enumerate() {
            // Each line meets each of them, and so does each password.
            let file = file(line, AFTER[(at + round) % AFTER.len()], password);
            leaks.extend(leak(&file, password));
            refused += usize::from(config::parse(&file, "t.yml", Manners::Modern).is_err());
        }
    }
    assert_none(&leaks);
    assert!(refused > LINES.len() * PASSWORDS.len() / 2, "the files are to be bad: {refused}");
}

/// Good files to be spoilt.
const FILES: &[&str] = &[
    "# A cache.\np:\n  listen: 127.0.0.1:22121\n  redis: true\n  redis_auth: PW\n  hash: md5\n  \
     servers:\n  - 127.0.0.1:6379:1 one\n",
    "p:\n  redis: \"true\"\n  listen: '127.0.0.1:22121'\n  redis_auth: \"PW\"\n  hash_tag: \"{}\"\n  \
     servers:\n  - 127.0.0.1:6379:1\nq:\n  listen: /tmp/q\n  servers:\n  - h:1:1\n",
    "p: {redis: true, listen: 'h:1', redis_auth: PW, servers: ['h:1:1']}\n",
];

/// What may come in between.
const SLIPS: &[&str] = &[
    "\n", "\t", " ", ":", ": ", "：", "\"", "'", "#", " #", "{", "[", "- ", "|", "x", "//",
    "\u{200b}", "=",
];

#[test]
fn no_slip_anywhere_in_a_file_shows_its_password() {
    let mut leaks = Vec::new();
    for (round, text) in FILES.iter().enumerate() {
        let password = ["Xq7Wv9Zk", "Xq7Wv 9Zk4Jm", "Xq7Wv#9Zk4Jm@"][round % 3];
        let text = text.replace("PW", password);
        let secret = text.find(password).unwrap();
        let within = secret + 1..secret + password.len();
        for (at, c) in text.char_indices() {
            let (before, after) = text.split_at(at);
            let rest = &after[c.len_utf8()..];
            let mut files = vec![before.to_owned(), format!("{before}{rest}")];
            let is_line = |slip: &&&str| within.contains(&at) && **slip == "\n";
            // Not all of them at every place: neighbours have the others.
            let slips = SLIPS.iter().skip(at % 3).step_by(3);
            files.extend(
                slips.filter(|slip| !is_line(slip)).map(|slip| format!("{before}{slip}{after}")),
            );
            leaks.extend(files.iter().filter_map(|file| leak(file, password)));
        }
    }
    assert_none(&leaks);
}

#[test]
fn a_host_that_does_not_resolve_shows_no_password() {
    let text = "p: {redis: true, redis_auth: Xq7Wv9Zk, listen: 'no.invalid:1', servers: ['h:1:1']}";
    let (config, _) = config::parse(text, "t.yml", Manners::Modern).unwrap();
    let said = lines(&config::resolve(&config).unwrap_err());
    assert!(said.contains("does not resolve") && said.contains("****"), "{said}");
    assert_eq!(piece(&said, "Xq7Wv9Zk"), None, "{said}");
}

#[test]
fn no_command_shows_a_password() {
    const PASSWORD: &str = "@Xq7Wv: 9Zk4Jm";
    let stand = Stand::idle();
    let stats_port = stand.stats_port.to_string();
    let mut told = 0;
    for (line, after) in [
        ("  redis_auth: PW", ""),
        ("  redis_auht: PW", "  hash: nope\n"),
        ("  redis_auth: 'PW'x", "  hash: nope\n"),
        ("  redis_auth: 'PW'\n  redis_auth: 'PW'", ""),
        ("  redis_auth: |\n  PW", ""),
        ("  password: PW", ""),
    ] {
        fs::write(stand.path("bad.yml"), file(line, after, PASSWORD)).unwrap();
        for (name, args) in [
            ("nuthatch", &["-t", "-c", "bad.yml"][..]),
            ("nutcracker", &["-t", "-c", "bad.yml"]),
            ("nuthatch", &["-c", "bad.yml", "-s", &stats_port]),
            ("nutcracker", &["-d", "-c", "bad.yml", "-o", "bad.log", "-s", &stats_port]),
            ("nuthatch", &["export", "--for", "nutcracker", "bad.yml"]),
            ("nuthatch", &["where", "-c", "bad.yml", "key"]),
            ("nuthatch", &["ring", "-c", "bad.yml"]),
            ("nuthatch", &["verify", "-c", "bad.yml"]),
        ] {
            let done = stand.run(name, args);
            let said = format!("{}{}{}", done.out, done.err, stand.read("bad.log"));
            assert_eq!(done.code, Some(1), "{args:?}: {said}");
            assert_eq!(piece(&said, PASSWORD), None, "{args:?}: {said}");
            told += usize::from(said.contains("****"));
        }
    }
    assert_eq!(told, 6 * 8, "each shows the line, with stars");
}

/// A server that does not know AUTH repeats the password: not into our log, nor to a client.
#[test]
fn no_server_makes_us_show_a_password() {
    const PASSWORD: &str = "Xq7Wv9Zk";
    let server = RedisServer::start_with(&["--rename-command", "AUTH", ""]).unwrap();
    let keys = [("redis_auth", PASSWORD), ("preconnect", "true")];
    let stand = Stand::with_keys(&server.entry(1, ""), &keys);
    let process = stand.serve("nuthatch", &["-v", "11"]);
    let mut client = Client::connect(stand.address()).unwrap();
    assert!(client.command(&["AUTH", PASSWORD]).unwrap().is_ok());
    let answer = client.command(&["GET", "k"]).unwrap().to_string();
    assert!(answer.contains("unknown command 'AUTH'"), "{answer}");
    let verified = stand.run("nuthatch", &["verify", "-c", "pools.yml"]);
    assert!(verified.out.contains("AUTH: ERR unknown"), "{}{}", verified.out, verified.err);
    let tested = stand.run("nuthatch", &["-t", "-c", "pools.yml"]);
    assert_eq!(tested.code, Some(0), "{}", tested.err);
    assert!(poll_until(PATIENCE, || process.log().contains("refused")), "{}", process.log());
    for said in [answer, verified.out, verified.err, tested.err, process.log()] {
        assert_eq!(piece(&said, PASSWORD), None, "{said}");
    }
}
