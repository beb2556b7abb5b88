//! Our table of commands against a live redis-server: arity, flags, categories and key positions
//! of every row, the keys and errors of every example in `engine/testdata/commands/`, and COMMAND
//! byte for byte where we claim it.
//!
//! Rows that Redis 7.0 has are compared with it byte for byte. All rows are compared with Redis 6.2, Valkey
//! 8.1 and 9.1 too, where they must agree in what routing depends on: arguments, keys, read or write.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

use nuthatch_engine::command::{COMMANDS, Command, keys, local, lookup};
use nuthatch_engine::protocol::resp::request::{Parsed, Progress, Trust, parse};
use nuthatch_engine::protocol::resp::{Args, Version, encode};
use nuthatch_testbed::{RedisServer, Release};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

mod programs;

/// Rows, fields and the reason why they differ from the server's.
const DIFFERENT: [(&str, Field, &str); 4] = [
    ("zrank", Field::Arity, "7.2 added WITHSCORE; the server judges it"),
    ("zrevrank", Field::Arity, "the same"),
    // The server counts what BY and GET find among the keys, and so calls them movable.
    ("sort_ro", Field::Flags, "one key is all that can be routed by"),
    ("sort_ro", Field::Specs, "the same"),
];

#[derive(Clone, Copy, PartialEq, Debug)]
enum Field {
    Arity,
    Flags,
    Triple,
    Categories,
    Tips,
    Specs,
}

const FIELDS: [(usize, Field); 8] = [
    (1, Field::Arity),
    (2, Field::Flags),
    (3, Field::Triple),
    (4, Field::Triple),
    (5, Field::Triple),
    (6, Field::Categories),
    (7, Field::Tips),
    (8, Field::Specs),
];

#[test]
fn rows_agree_with_the_server() {
    let server = Server::start();
    let mut server = server.connect(Version::Resp3);
    if !server.is_redis_7_0() {
        return;
    }
    let rows = COMMANDS.iter().flat_map(|row| std::iter::once(row).chain(row.subcommands));
    for row in rows.filter(|row| is_in_redis_7_0(row)) {
        let theirs = server.ask(&["COMMAND", "INFO", row.name]);
        let ours =
            read(&mut ours(Version::Resp3, &format!("COMMAND INFO {}", row.name)).as_slice());
        let (Value::List(theirs), Value::List(ours)) = (only(theirs), only(ours)) else {
            panic!("the server has no {}", row.name);
        };
        for (at, field) in FIELDS {
            let excused = DIFFERENT.iter().any(|(name, of, _)| *name == row.name && *of == field);
            let (theirs, ours) = (clean(theirs[at].clone()), clean(ours[at].clone()));
            assert_eq!(theirs == ours, !excused, "{} {field:?}:\n{theirs:?}\n{ours:?}", row.name);
        }
    }
}

fn is_in_redis_7_0(row: &Command) -> bool {
    let mut version = row.since.redis.split('.').map(|part| part.parse::<u32>().unwrap_or(99));
    (version.next(), version.next()) <= (Some(7), Some(0))
}

/// Rows that a release has in another form, and why.
const OTHERWISE: [(Release, &str, &str); 13] = [
    (Release::Redis62, "expire", "7.0 added conditions"),
    (Release::Redis62, "expireat", "the same"),
    (Release::Redis62, "pexpire", "the same"),
    (Release::Redis62, "pexpireat", "the same"),
    (Release::Redis62, "xsetid", "7.0 added options"),
    (Release::Redis62, "zrank", "7.2 added WITHSCORE"),
    (Release::Redis62, "zrevrank", "the same"),
    (Release::Redis70, "zrank", "the same"),
    (Release::Redis70, "zrevrank", "the same"),
    (Release::Valkey81, "command|getkeys", "8.0 takes a command without arguments"),
    (Release::Valkey81, "command|getkeysandflags", "the same"),
    (Release::Valkey91, "command|getkeys", "the same"),
    (Release::Valkey91, "command|getkeysandflags", "the same"),
];

/// Every row that a release has agrees with it in what routing depends on. Every row is known to one of
/// the releases, unless it is marked as one from the reference.
#[test]
fn rows_agree_with_other_releases() {
    let Some(target) = programs::target() else { return };
    let rows: Vec<&Command> =
        COMMANDS.iter().flat_map(|row| std::iter::once(row).chain(row.subcommands)).collect();
    let mut known = BTreeSet::new();
    let mut wrong = Vec::new();
    for release in Release::ALL {
        let server = RedisServer::start_release(release, &target, &[]).unwrap();
        let server = Server { port: server.port(), _server: server };
        let mut server = server.connect(Version::Resp2);
        // Redis 6.2 knows no subcommands.
        let is_single = |row: &Command| row.subcommands.is_empty() && !row.name.contains('|');
        let rows = rows.iter().filter(|row| release != Release::Redis62 || is_single(row));
        for row in rows {
            let Value::List(theirs) = server.ask(&["COMMAND", "INFO", row.name]) else {
                panic!("{release:?}: {}", row.name);
            };
            let Some(Value::List(theirs)) = theirs.into_iter().next() else {
                continue;
            };
            known.insert(row.name);
            let ours = facts(row);
            let theirs = facts_of(&theirs);
            let excused = OTHERWISE.iter().any(|(of, name, _)| *of == release && *name == row.name);
            if (ours == theirs) == excused {
                wrong.push(format!("{release:?} {}: ours {ours:?}, theirs {theirs:?}", row.name));
            }
        }
    }
    for row in rows {
        if known.contains(row.name) == row.since.by_reference {
            wrong.push(format!("{}: known to a server or marked by_reference, not both", row.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Arity, first key, last key, step, whether it reads and writes.
type Facts = (i64, [i64; 3], bool, bool);

fn facts(row: &Command) -> Facts {
    let flag = |name: &str| row.flags.names().any(|flag| flag == name);
    (row.arity.into(), nuthatch_engine::command::triple(row.keys), flag("readonly"), flag("write"))
}

fn facts_of(info: &[Value]) -> Facts {
    let number = |at: usize| match info[at] {
        Value::Number(number) => number,
        _ => panic!("{info:?}"),
    };
    let Value::List(flags) = &info[2] else { panic!("{info:?}") };
    let flag = |name: &str| flags.iter().any(|flag| flag.text() == name);
    (number(1), [number(3), number(4), number(5)], flag("readonly"), flag("write"))
}

#[test]
fn examples_agree_with_the_server() {
    let server = Server::start();
    let mut server = server.connect(Version::Resp2);
    let same_errors = server.is_redis_7_0();
    let mut compared = 0;
    for line in examples() {
        let (request, expected) = line.split_once(" ->").unwrap();
        let words: Vec<&str> = request.split_whitespace().collect();
        let expected = expected.trim();
        let is_known = lookup(words[0].as_bytes()).is_none_or(is_in_redis_7_0);
        if expected.ends_with("# ours") || !is_known {
            continue;
        }
        if let Some(error) = expected.strip_prefix('-') {
            if same_errors {
                assert_eq!(server.ask(&words), Value::Error(error.to_owned()), "{line}");
            }
            continue;
        }
        let mut question = vec!["COMMAND", "GETKEYS"];
        question.extend(words);
        let keys = match server.ask(&question) {
            Value::List(keys) => keys.iter().map(Value::text).collect::<Vec<_>>().join(" "),
            // No key; or a name alone, which GETKEYS refuses to look at.
            Value::Error(_) => String::new(),
            other => panic!("{line}: {other:?}"),
        };
        // What we found is tested beside the table; here the files are held to the server.
        assert_eq!(keys, expected, "{line}");
        compared += 1;
    }
    assert!(compared > 200, "only {compared} examples");
}

#[test]
fn command_answers_as_the_server_does() {
    let server = Server::start();
    for version in [Version::Resp2, Version::Resp3] {
        let mut server = server.connect(version);
        if !server.is_redis_7_0() {
            return;
        }
        for line in [
            "COMMAND INFO get zunionstore object|encoding xread nope a|b|c xgroup|create lolwut",
            "COMMAND INFO GEORADIUS bitop get|x pfmerge SDIFF hello command|docs",
            "COMMAND DOCS nope",
            "COMMAND LIST FILTERBY PATTERN xautocl*",
            "COMMAND LIST FILTERBY PATTERN [^a-y]inters*",
            "COMMAND LIST FILTERBY MODULE nope",
            "COMMAND LIST FILTERBY ACLCAT nope",
            "COMMAND LIST FILTERBY",
            "COMMAND LIST FILTERBY ACLCAT geo x",
            "COMMAND GETKEYS get a",
            "COMMAND GETKEYS get a b",
            "COMMAND GETKEYS get",
            "COMMAND GETKEYS nope a",
            "COMMAND GETKEYS object colour a",
            "COMMAND GETKEYS object|encoding a",
            "COMMAND GETKEYS ping a",
            "COMMAND GETKEYS zunion 0 a",
            "COMMAND GETKEYS eval script 0",
            "COMMAND GETKEYS copy a b DB 3",
            "COMMAND GETKEYSANDFLAGS zunionstore dest 2 a b",
            "COMMAND GETKEYSANDFLAGS eval script 2 a b c",
            "COMMAND GETKEYSANDFLAGS bitop and dest a b",
            "COMMAND GETKEYSANDFLAGS get a b",
            "COMMAND COUNT x",
            "COMMAND Colour",
        ] {
            let words: Vec<&str> = line.split_whitespace().collect();
            let theirs = server.ask_for_bytes(&words);
            let ours = ours(version, line);
            assert_eq!(text(&ours), text(&theirs), "{line}");
        }
    }
}

/// Our answer to a COMMAND request.
fn ours(version: Version, line: &str) -> Vec<u8> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let bytes = request(&words);
    let mut out = Vec::new();
    match parse(&bytes, &mut Progress::default(), Trust::Authenticated) {
        Ok(Parsed::Request(args)) => match resolved(&args) {
            Ok(row) => local::command(&mut out, version, row, &args),
            Err(error) => error.encode(&mut out),
        },
        other => panic!("{line}: {other:?}"),
    }
    out
}

fn resolved<'a>(args: &Args<'a>) -> Result<&'static Command, keys::KeyError<'a>> {
    keys::resolve(lookup(args.name()).unwrap(), args)
}

fn examples() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/testdata/commands");
    let mut lines = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "txt") {
            let text = std::fs::read_to_string(path).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    lines.retain(|line| !line.is_empty() && !line.starts_with('#'));
    lines
}

fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode::array(&mut bytes, words.len());
    for word in words {
        encode::bulk(&mut bytes, word.as_bytes());
    }
    bytes
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The one element of a list.
fn only(value: Value) -> Value {
    match value {
        Value::List(mut list) if list.len() == 1 => list.remove(0),
        other => panic!("{other:?}"),
    }
}

/// Without what we leave out on purpose (see `engine/src/command/describe.rs`): notes. Tips are sorted.
fn clean(value: Value) -> Value {
    match value {
        Value::List(list) => {
            let mut list: Vec<Value> = list.into_iter().map(clean).collect();
            if list.iter().any(|value| value.text().contains("_policy:")) {
                list.sort_by_key(Value::text);
            }
            Value::List(list)
        }
        Value::Map(pairs) => {
            let kept = pairs.into_iter().filter(|(key, _)| key.text() != "notes");
            Value::Map(kept.map(|(key, value)| (key, clean(value))).collect())
        }
        other => other,
    }
}

/// A redis-server of our own, ended when dropped.
struct Server {
    _server: RedisServer,
    port: u16,
}

impl Server {
    fn start() -> Server {
        let server = RedisServer::start().expect("these tests need redis-server");
        Server { port: server.port(), _server: server }
    }

    fn connect(&self, version: Version) -> Connection {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut connection = Connection { reader: BufReader::new(stream) };
        if version == Version::Resp3 {
            connection.ask(&["HELLO", "3"]);
        }
        connection
    }
}

struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    fn ask(&mut self, words: &[&str]) -> Value {
        read(&mut self.ask_for_bytes(words).as_slice())
    }

    fn ask_for_bytes(&mut self, words: &[&str]) -> Vec<u8> {
        self.reader.get_mut().write_all(&request(words)).unwrap();
        let mut heard = Heard { from: &mut self.reader, bytes: Vec::new() };
        read(&mut heard);
        heard.bytes
    }

    fn is_redis_7_0(&mut self) -> bool {
        let info = self.ask(&["INFO", "server"]).text();
        info.contains("redis_version:7.0.") && !info.contains("valkey_version")
    }
}

/// Where a reply is read from, a line or so many bytes at a time.
trait Source {
    fn line(&mut self) -> String;
    fn body(&mut self, len: usize) -> Vec<u8>;
}

impl<T: BufRead> Source for T {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.read_line(&mut line).unwrap();
        line.strip_suffix("\r\n").expect("a whole line").to_owned()
    }

    fn body(&mut self, len: usize) -> Vec<u8> {
        let mut body = vec![0; len + 2];
        self.read_exact(&mut body).unwrap();
        body.truncate(len);
        body
    }
}

/// Keeps what it reads.
struct Heard<'a> {
    from: &'a mut BufReader<TcpStream>,
    bytes: Vec<u8>,
}

impl Heard<'_> {
    fn keep(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.bytes.extend_from_slice(b"\r\n");
    }
}

impl Source for Heard<'_> {
    fn line(&mut self) -> String {
        let line = self.from.line();
        self.keep(line.as_bytes());
        line
    }

    fn body(&mut self, len: usize) -> Vec<u8> {
        let body = self.from.body(len);
        self.keep(&body);
        body
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Value {
    Text(String),
    Error(String),
    Number(i64),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Nothing,
}

impl Value {
    fn text(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            _ => String::new(),
        }
    }
}

fn read(source: &mut impl Source) -> Value {
    let line = source.line();
    let rest = line[1..].to_owned();
    let count = || rest.parse::<i64>().unwrap();
    match line.as_bytes()[0] {
        b'+' => Value::Text(rest),
        b'-' => Value::Error(rest),
        b':' => Value::Number(count()),
        b'$' | b'*' if count() < 0 => Value::Nothing,
        b'_' => Value::Nothing,
        b'$' => Value::Text(text(&source.body(count() as usize))),
        b'=' => Value::Text(text(&source.body(count() as usize)[4..])),
        b'*' | b'~' => Value::List((0..count()).map(|_| read(source)).collect()),
        b'%' => Value::Map((0..count()).map(|_| (read(source), read(source))).collect()),
        other => panic!("{other}"),
    }
}
