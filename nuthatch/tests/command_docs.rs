//! `COMMAND DOCS` through the proxy beside a server's own, and what redis-cli makes of it.
//!
//! A row has its arguments as a line (`engine/src/command/syntax.rs`). Here the tree that clients
//! get is held against that of a live redis-server 7.0: names, types, tokens, flags, members and
//! their order, in RESP2 and RESP3.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

use nuthatch_engine::command::{COMMANDS, Command};
use nuthatch_testbed::{
    Client, Nuthatch, Proxy, RedisServer, Value, find_program, free_port, pool_yaml,
};
use std::collections::{BTreeMap, BTreeSet};
use std::process;

/// Fields of a server's arguments that ours do not have: see `engine/src/command/describe.rs`.
const LEFT_OUT: [&str; 2] = ["since", "key_spec_index"];

/// Rows that are described otherwise: options of Redis 7.2, and names that our lines cannot hold (`ip:port`)
/// or that a later release has changed.
const OTHERWISE: [&str; 5] = ["client|kill", "client|unblock", "psubscribe", "zrank", "zrevrank"];

#[test]
fn arguments_are_the_servers() {
    let Some(stage) = Stage::start() else { return };
    let mut described = 0;
    for version in ["2", "3"] {
        let [mut server, mut proxy] = stage.clients();
        for client in [&mut server, &mut proxy] {
            assert!(!client.command(&["HELLO", version]).unwrap().is_error());
        }
        for row in rows() {
            let theirs = arguments_of(&mut server, row);
            let ours = arguments_of(&mut proxy, row);
            let wanted = theirs.map(|all| list(&all));
            assert_eq!(ours, wanted, "RESP{version}: {}", row.name);
            described += usize::from(ours.is_some());
        }
    }
    assert!(described > 2 * 180, "only {described} rows with arguments");
}

/// redis-cli prints what its hints say: `help @group` for every group of the table.
#[test]
fn redis_cli_shows_the_servers_hints() {
    let Some(stage) = Stage::start() else { return };
    let Some(redis_cli) = find_program("redis-cli") else {
        eprintln!("redis-cli is not installed: nothing to ask");
        return;
    };
    let groups: BTreeSet<&str> = rows().map(|row| row.group.name()).collect();
    let mut compared = 0;
    for group in groups {
        let [theirs, ours] = [stage.server.port(), stage.port].map(|port| {
            let port = port.to_string();
            let args = ["-p", &port, "help", &format!("@{group}")];
            let done = process::Command::new(&redis_cli).args(args).output().unwrap();
            assert!(done.status.success());
            hints(&String::from_utf8(done.stdout).unwrap())
        });
        assert!(!ours.is_empty(), "{group}");
        let is_same = |name: &str| {
            let row = name.to_lowercase().replace(' ', "|");
            !OTHERWISE.contains(&&*row) && theirs.contains_key(name)
        };
        for (name, hint) in ours.into_iter().filter(|(name, _)| is_same(name)) {
            assert_eq!(hint, theirs[&name], "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, rows().count());
}

/// `  <bold>SET</> <grey>key value ...</>`: names and what stands behind them.
fn hints(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("  \x1b[1m"));
    let pair = |line: &str| {
        let (name, hint) = line.split_once("\x1b[0m \x1b[90m").unwrap();
        (name.to_owned(), hint.trim_end().trim_end_matches("\x1b[0m").to_owned())
    };
    lines.map(pair).collect()
}

/// Those that the server has: it is Redis 7.0.
fn rows() -> impl Iterator<Item = &'static Command> {
    let all = COMMANDS.iter().flat_map(|row| std::iter::once(row).chain(row.subcommands));
    all.filter(|row| {
        let mut version = row.since.redis.split('.').map(|part| part.parse::<u32>().unwrap_or(99));
        !OTHERWISE.contains(&row.name) && (version.next(), version.next()) <= (Some(7), Some(0))
    })
}

/// A server that is Redis 7.0, and the proxy before it.
struct Stage {
    server: RedisServer,
    proxy: Proxy,
    port: u16,
}

impl Stage {
    /// `None` on another version, whose commands may honestly differ.
    fn start() -> Option<Stage> {
        let server = RedisServer::start().expect("these tests need redis-server");
        let info = server.client().unwrap().command(&["INFO", "server"]).unwrap().text().unwrap();
        if !info.contains("redis_version:7.0.") || info.contains("valkey_version") {
            eprintln!("the server is not Redis 7.0: nothing to compare with");
            return None;
        }
        let port = free_port();
        let yaml = pool_yaml("docs", port, &[("redis", "true")], &[server.entry(1, "")]);
        let proxy = Nuthatch::start(&yaml, &[]).unwrap();
        Some(Stage { server, proxy, port })
    }

    fn clients(&self) -> [Client; 2] {
        [self.server.client().unwrap(), self.proxy.client().unwrap()]
    }
}

/// The fields of a map, or of what stands for one in RESP2.
fn fields(map: &Value) -> Vec<(String, Value)> {
    match map {
        Value::Map(pairs) => pairs.iter().map(|(k, v)| (k.text().unwrap(), v.clone())).collect(),
        Value::Array(items) => {
            items.chunks(2).map(|pair| (pair[0].text().unwrap(), pair[1].clone())).collect()
        }
        other => panic!("not a map: {other}"),
    }
}

fn field(map: &Value, name: &str) -> Option<Value> {
    fields(map).into_iter().find(|(field, _)| field == name).map(|(_, value)| value)
}

fn arguments_of(client: &mut Client, row: &Command) -> Option<Value> {
    let docs = client.command(&["COMMAND", "DOCS", row.name]).unwrap();
    let docs = field(&docs, row.name).unwrap_or_else(|| panic!("no docs of {}", row.name));
    field(&docs, "arguments")
}

/// A server's arguments without what ours do not have.
fn list(arguments: &Value) -> Value {
    let mut kept = Vec::new();
    for argument in arguments.items().unwrap() {
        let mut pairs = Vec::new();
        for (field, value) in fields(argument) {
            if LEFT_OUT.contains(&field.as_str()) {
                continue;
            }
            let is_list = field == "arguments";
            pairs.push((Value::bulk(&field), if is_list { list(&value) } else { value }));
        }
        kept.push(match argument {
            Value::Map(_) => Value::Map(pairs),
            _ => Value::Array(pairs.into_iter().flat_map(|(k, v)| [k, v]).collect()),
        });
    }
    Value::Array(kept)
}
