//! At the bounds of Redis and memcached: what a server takes, it is sent (docs/reference/limits.md).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test, its helpers included")]

use nuthatch_engine::base::limits::SHARED_ARGS_MAX;
use nuthatch_testbed::{
    Client, MemcachedServer, Nuthatch, Proxy, RedisServer, Value, free_port, pool_yaml,
};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// Compares the page with the tables it is printed from, or writes it.
#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/limits.md");
    let text = nuthatch::cli::limits::reference();
    if std::env::var_os("NUTHATCH_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(recorded == text, "out of date; NUTHATCH_BLESS=1 writes it anew. It would be:\n{text}");
}

const PATIENCE: Duration = Duration::from_secs(60);

fn two_redis() -> ([RedisServer; 2], Proxy) {
    let servers = [RedisServer::start().unwrap(), RedisServer::start().unwrap()];
    let entries: Vec<String> = servers.iter().map(|server| server.entry(1, "")).collect();
    let keys = [("redis", "true"), ("timeout", "60000")];
    let yaml = pool_yaml("p", free_port(), &keys, &entries);
    let proxy = Nuthatch::start(&yaml, &["-w", "1"]).unwrap();
    (servers, proxy)
}

fn patient(proxy: &Proxy) -> Client {
    let client = proxy.client().unwrap();
    client.set_timeout(PATIENCE).unwrap();
    client
}

/// A request of `count` arguments behind its name, which `arg` writes by number.
fn request(name: &str, count: usize, arg: impl Fn(usize) -> String) -> Vec<u8> {
    let mut text = format!("*{}\r\n${}\r\n{name}\r\n", 1 + count, name.len());
    for at in 0..count {
        let arg = arg(at);
        let _ = write!(text, "${}\r\n{arg}\r\n", arg.len());
    }
    text.into_bytes()
}

/// So many bytes of replies, which the client's own reader would look through for each piece.
fn recv_len(client: &mut Client, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        bytes.append(&mut client.recv_some().unwrap());
    }
    assert_eq!(bytes.len(), len, "{}", bytes[len..].escape_ascii());
    bytes
}

#[test]
fn a_request_may_have_more_arguments_than_redis_6_takes() {
    let (_servers, proxy) = two_redis();
    let (mut client, mut neighbour) = (patient(&proxy), patient(&proxy));
    let many = SHARED_ARGS_MAX + 10;
    assert!(neighbour.command(&["SET", "beside", "1"]).unwrap().is_ok());

    // What comes before and behind it keeps its place.
    let key = |at: usize| format!("k{at}");
    let mset = request("MSET", 2 * many, |at| if at % 2 == 0 { key(at / 2) } else { "v".into() });
    let head = b"*3\r\n$3\r\nSET\r\n$2\r\nk7\r\n$1\r\nx\r\n";
    let tail = b"*2\r\n$3\r\nGET\r\n$2\r\nk7\r\n";
    client.send_raw(&[head, &mset[..], tail].concat()).unwrap();
    assert!(client.recv().unwrap().is_ok() && client.recv().unwrap().is_ok());
    assert_eq!(client.recv().unwrap(), Value::bulk("v"));

    client
        .send_raw(&request("MGET", many, |at| if at % 2 == 0 { key(at) } else { "none".into() }))
        .unwrap();
    let head = format!("*{many}\r\n");
    let pairs = b"$1\r\nv\r\n$-1\r\n".repeat(many / 2);
    let reply = recv_len(&mut client, head.len() + pairs.len());
    assert!(reply == [head.as_bytes(), &pairs].concat());

    let touch = request("TOUCH", many, |_| "k1".into());
    client.send_raw(&touch).unwrap();
    assert_eq!(client.recv().unwrap(), Value::Integer(many as i64));
    client.send_raw(&request("DEL", many, key)).unwrap();
    assert_eq!(client.recv().unwrap(), Value::Integer(many as i64));
    // One key, so it flows.
    client
        .send_raw(&request("SADD", many, |at| if at == 0 { "set".into() } else { key(at) }))
        .unwrap();
    assert_eq!(client.recv().unwrap(), Value::Integer(many as i64 - 1));
    assert_eq!(neighbour.command(&["GET", "beside"]).unwrap(), Value::bulk("1"));
    let stats: serde_json::Value = serde_json::from_str(&proxy.stats().unwrap()).unwrap();
    assert_eq!(stats["p"]["forward_error"], 0);
}

#[test]
fn names_and_lines_may_be_long() {
    let (servers, proxy) = two_redis();
    let mut direct = servers[0].client().unwrap();
    let mut client = proxy.client().unwrap();
    let name = "n".repeat(64 * 1024);
    for client in [&mut client, &mut direct] {
        assert!(client.command(&["CLIENT", "SETNAME", &name]).unwrap().is_ok());
        assert_eq!(client.command(&["CLIENT", "GETNAME"]).unwrap(), Value::bulk(&name));
        let value = "v".repeat(70 * 1000);
        client.send_raw(format!("SET k {value}\r\nGET k\r\n").as_bytes()).unwrap();
        assert!(client.recv().unwrap().is_ok());
        assert_eq!(client.recv().unwrap(), Value::bulk(&value));
    }
    let over = client.command(&["CLIENT", "SETNAME", &format!("{name}n")]).unwrap();
    assert_eq!(over, Value::Error("ERR Client names cannot be longer than 64 KiB".into()));
    assert_eq!(client.command(&["CLIENT", "GETNAME"]).unwrap(), Value::bulk(&name));
}

/// Each line as the server itself answers it.
#[test]
fn memcacheds_numbers_may_have_zeros_before_them() {
    let servers = [MemcachedServer::start().unwrap(), MemcachedServer::start().unwrap()];
    let yaml = pool_yaml("p", free_port(), &[], &[servers[0].entry(1, "a")]);
    let proxy = Nuthatch::start(&yaml, &["-w", "1"]).unwrap();
    let mut client = proxy.client().unwrap();
    let mut direct = servers[1].client().unwrap();
    let zeros = "0".repeat(300);
    for line in [
        format!("set k {zeros}7 0 1\r\na\r\n"),
        format!("set k 7 {zeros}9 1\r\nb\r\n"),
        format!("set k 7 -{zeros}9 {zeros}1\r\nc\r\n"),
        format!("add k {zeros} {zeros} {zeros}2\r\ncc\r\n"),
        "get k\r\n".into(),
        format!("cas k 0 0 1 {zeros}1\r\nd\r\n"),
        format!("cas k 0 0 1 {zeros}18446744073709551615\r\nd\r\n"),
        format!("ms k {zeros}3 T{zeros}5\r\neee\r\n"),
        format!("incr k {zeros}5\r\n"),
        format!("touch k {zeros}5\r\n"),
        "get k\r\n".into(),
    ] {
        let (ours, theirs) = (client.ask(&line).unwrap(), direct.ask(&line).unwrap());
        assert_eq!(ours, theirs, "{line}");
    }
}

/// Where we are stricter, each as the page has it: what is asked, what we answer, what a server does.
#[test]
fn what_is_stricter_here_is_told() {
    let (servers, proxy) = two_redis();
    let mut direct = servers[0].client().unwrap();
    let version = direct.command(&["INFO", "server"]).unwrap().text().unwrap();
    if !version.contains("redis_version:7.0.") {
        println!("not Redis 7.0: passed over");
        return;
    }
    let name = "n".repeat(64 * 1024 + 1);
    let pattern = "p".repeat(1025);
    let many = ["COMMAND", "INFO"].into_iter().chain(["get"; 513]).collect::<Vec<_>>();
    let rows: [(&[&str], &str, &str); 3] = [
        (&["CLIENT", "SETNAME", &name], "-ERR Client names cannot be longer", "+OK"),
        (&many, "-ERR too many command names", "*513\r\n"),
        (&["COMMAND", "LIST", "FILTERBY", "PATTERN", &pattern], "-ERR syntax error", "*0\r\n"),
    ];
    let mut client = proxy.client().unwrap();
    for (words, ours, theirs) in rows {
        let here = client.command_raw(words).unwrap();
        let there = direct.command_raw(words).unwrap();
        assert!(here.starts_with(ours.as_bytes()), "{ours}: {}", here.escape_ascii());
        assert!(there.starts_with(theirs.as_bytes()), "{theirs}: {}", there[..30].escape_ascii());
    }
}

#[test]
fn where_memcacheds_numbers_are_cut_they_are_refused_here() {
    let servers = [MemcachedServer::start().unwrap(), MemcachedServer::start().unwrap()];
    let mut direct = servers[1].client().unwrap();
    if direct.ask("version\r\n").unwrap() != b"VERSION 1.6.18\r\n" {
        println!("not memcached 1.6.18: passed over");
        return;
    }
    let yaml = pool_yaml("p", free_port(), &[], &[servers[0].entry(1, "a")]);
    let proxy = Nuthatch::start(&yaml, &["-w", "1"]).unwrap();
    for line in [
        "set k 4294967296 0 1",
        "set k 0 2147483648 1",
        "set k 0 -2147483649 1",
        "set k 0 0 4294967297",
        "set k -0 0 1",
        "set k 0 0 \t1",
        "set k 0 0 1\tx",
        "ms k 4294967297",
    ] {
        let stored = direct.ask(format!("{line}\r\nx\r\n")).unwrap();
        assert!(stored == b"STORED\r\n" || stored == b"HD\r\n", "{line}");
        // What stands for the block is taken for a command then.
        let mut client = proxy.client().unwrap();
        let told = client.ask(format!("{line}\r\nversion\r\n")).unwrap();
        assert_eq!(told, b"CLIENT_ERROR bad command line format\r\n", "{line}");
        assert!(client.recv_text().unwrap().starts_with(b"VERSION"), "{line}");
    }
}
