//! Bytes of another protocol than the port's: nothing of them is done, and the log names the cause.
#![allow(clippy::unwrap_used, reason = "a test, its helpers included")]

use nuthatch_testbed::{
    Client, MemcachedServer, Nuthatch, Proxy, RedisServer, find_program_or_skip, free_port,
    poll_until, pool_yaml,
};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

/// The beginning of a TLS 1.2 hello: a record, a handshake, random bytes with a line end among them.
const TLS_HELLO: &[u8] =
    b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03flush_all\r\nFLUSHALL\r\n\x00\x02\x13\x01";

struct Scene {
    proxy: Proxy,
    memcached: MemcachedServer,
    redis: RedisServer,
}

/// Two pools: memcached first, then Redis.
fn scene(manners: &str) -> Option<Scene> {
    find_program_or_skip("redis-server")?;
    find_program_or_skip("memcached")?;
    let (memcached, redis) = (MemcachedServer::start().unwrap(), RedisServer::start().unwrap());
    let keys = [("manners", manners)];
    let mut yaml = pool_yaml("cache", free_port(), &keys, &[memcached.entry(1, "")]);
    let keys = [("manners", manners), ("redis", "true")];
    yaml += &pool_yaml("store", free_port(), &keys, &[redis.entry(1, "")]);
    Some(Scene { proxy: Nuthatch::start(&yaml, &[]).unwrap(), memcached, redis })
}

impl Scene {
    /// What a client of a pool gets for these bytes until it is closed.
    fn ask(&self, pool: usize, bytes: &[u8]) -> String {
        let mut client = self.proxy.client_of(pool).unwrap();
        client.send_raw(bytes).unwrap();
        String::from_utf8_lossy(&client.recv_to_end().unwrap()).into_owned()
    }

    fn tells(&mut self, why: &str) -> bool {
        poll_until(SOON, || self.proxy.process().log().contains(why))
    }

    fn cached(&self, key: &str) -> String {
        let mut direct = self.memcached.client().unwrap();
        String::from_utf8_lossy(&direct.ask(format!("get {key}\r\n")).unwrap()).into_owned()
    }

    /// Something in either pool that must survive.
    fn plant(&self) {
        let mut direct = self.memcached.client().unwrap();
        assert_eq!(direct.ask("set stays 0 0 1\r\n1\r\n").unwrap(), b"STORED\r\n");
        assert!(self.redis.client().unwrap().command(&["SET", "stays", "1"]).unwrap().is_ok());
    }

    fn is_unharmed(&self) {
        assert_eq!(self.cached("stays"), "VALUE stays 0 1\r\n1\r\nEND\r\n");
        assert_eq!(self.cached("planted"), "END\r\n");
        let mut direct = self.redis.client().unwrap();
        let kept = direct.command(&["GET", "stays"]).unwrap();
        assert_eq!(kept.text().as_deref(), Some("1"));
        assert!(direct.command(&["GET", "planted"]).unwrap().is_nil());
    }
}

/// What a page makes a browser send, or an attacker a server: the body holds commands.
fn http(request_line: &str) -> Vec<u8> {
    let body = "set planted 0 0 3\r\nyes\r\nflush_all\r\nSET planted yes\r\nFLUSHALL\r\nquit\r\n";
    format!("{request_line}\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

#[test]
fn a_body_of_http_is_never_executed() {
    for manners in ["modern", "twemproxy"] {
        let Some(mut scene) = scene(manners) else { return };
        scene.plant();
        for line in [
            "POST / HTTP/1.1",
            "POST / HTTP/1.0",
            "GET / HTTP/1.1",
            "PUT /x HTTP/1.1",
            "OPTIONS * HTTP/1.1",
            "PRI * HTTP/2.0",
            // Methods that are commands.
            "set /x HTTP/1.1",
            "get /x HTTP/1.1",
            "flush_all /x HTTP/1.1",
            "touch /x HTTP/1.1",
            // No request line, but headers.
            "Host: x",
            "post /",
        ] {
            for pool in [0, 1] {
                let answer = scene.ask(pool, &http(line));
                // To Redis it is a request like any, and the header behind it closes.
                let is_request =
                    pool == 1 && (line.starts_with("set ") || line.starts_with("touch "));
                assert!(
                    is_request || answer.is_empty(),
                    "{manners}, pool {pool}: {line}: {answer}"
                );
                scene.is_unharmed();
            }
        }
        assert!(manners == "twemproxy" || scene.tells("an HTTP client"));
    }
}

#[test]
fn a_tls_hello_is_closed_and_told() {
    for manners in ["modern", "twemproxy"] {
        let Some(mut scene) = scene(manners) else { return };
        scene.plant();
        for pool in [0, 1] {
            assert_eq!(scene.ask(pool, TLS_HELLO), "");
            // A byte at a time as well.
            let mut client = scene.proxy.client_of(pool).unwrap();
            client.send_raw(&TLS_HELLO[..1]).unwrap();
            assert_eq!(client.recv_to_end().unwrap(), b"");
        }
        scene.is_unharmed();
        assert!(scene.tells("a TLS client; this port does not speak TLS"));
    }
}

/// `redis: true` was forgotten: redis-cli shows the error, and the log names the cause.
#[test]
fn a_redis_client_on_a_pool_of_memcached() {
    let Some(mut scene) = scene("modern") else { return };
    scene.plant();
    let mut request = Vec::new();
    nuthatch_testbed::encode(&["SET", "flush_all\r\nset planted 0 0 3\r\nyes\r\n"], &mut request);
    let answer = scene.ask(0, &request);
    assert!(answer.starts_with("-ERR pool 'cache' speaks memcached's protocol"), "{answer}");
    assert!(answer.contains("`redis: true` is missing") && answer.ends_with("\r\n"), "{answer}");
    scene.is_unharmed();
    assert!(scene.tells("a Redis client on a pool of memcached servers"));
    let mut client = scene.proxy.client_of(0).unwrap();
    assert!(client.command(&["GET", "x"]).unwrap().is_error(), "a client library can read it");
}

#[test]
fn a_memcached_client_on_a_pool_of_redis() {
    let Some(mut scene) = scene("modern") else { return };
    scene.plant();
    // A block that holds commands of Redis.
    let answer = scene.ask(1, b"set k 0 0 8\r\nFLUSHALL\r\n");
    assert!(answer.starts_with("CLIENT_ERROR pool 'store' speaks Redis' protocol"), "{answer}");
    assert!(scene.tells("a memcached client on a pool of Redis servers"));
    assert_eq!(scene.ask(1, b"\x80\x08\x00\x00\x00\x00\x00\x00"), "");
    assert!(scene.tells("the binary protocol of memcached"));
    scene.is_unharmed();
    // A name that only memcached knows may be a person's: answered as any unknown one.
    let mut client = scene.proxy.client_of(1).unwrap();
    assert!(text(&mut client, "version\r\n").starts_with("-ERR unknown command 'version'"));
    assert_eq!(text(&mut client, "PING\r\n"), "+PONG\r\n");
}

/// What is none of it is served as before.
#[test]
fn lines_that_look_alike_are_served() {
    let Some(scene) = scene("modern") else { return };
    let mut cache = scene.proxy.client_of(0).unwrap();
    assert_eq!(text(&mut cache, "set HTTP/1.1 0 0 1\r\n1\r\n"), "STORED\r\n");
    // Behind the first line a key may be called so.
    let found = text(&mut cache, "get /x HTTP/1.1\r\n");
    assert_eq!(found, "VALUE HTTP/1.1 0 1\r\n1\r\nEND\r\n");
    let mut store = scene.proxy.client_of(1).unwrap();
    assert_eq!(text(&mut store, "SET ua HTTP/1.1\r\n"), "+OK\r\n");
    assert_eq!(text(&mut store, "SET n 1 EX 100\r\n"), "+OK\r\n");
    let mut bulk = scene.proxy.client_of(1).unwrap();
    assert!(bulk.command(&["GET", "/", "HTTP/1.1"]).unwrap().is_error());
    assert!(bulk.command(&["MSET", "a", "HTTP/1.1", "Host:", "x"]).unwrap().is_ok());
}

/// A reply of one or more lines, whatever its protocol.
fn text(client: &mut Client, request: &str) -> String {
    client.send_raw(request.as_bytes()).unwrap();
    let mut answer = client.recv_some().unwrap();
    // A value comes in one piece; a reply that is cut would fail the comparison.
    while !answer.ends_with(b"\r\n") {
        let more = client.recv_some().unwrap();
        assert!(!more.is_empty(), "closed behind {}", answer.escape_ascii());
        answer.extend(more);
    }
    String::from_utf8_lossy(&answer).into_owned()
}
