//! What comes to the stats port and is neither a reader of plain TCP nor of HTTP/1: it gets the
//! document, an error or a close, soon, and harms nothing. And the port shows no secret.

use crate::Stage;
use nuthatch_testbed::{
    Nuthatch, RedisServer, Value, find_program, free_port, poll_until, pool_yaml,
};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

/// What a foreign gets.
#[derive(Clone, Copy, Debug)]
enum Gets {
    /// twemproxy's document without any HTTP.
    Document,
    /// An answer that begins so.
    Begins(&'static str),
}

use Gets::{Begins, Document};

/// As OpenSSL sends it, cut short: nothing here reads on after its first bytes.
const TLS_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\0\0\0\0\0\0\0\0\0\0\0\0";

fn cases() -> Vec<(&'static str, Vec<u8>, Gets)> {
    let mut post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".to_vec();
    post.extend(vec![b'x'; 100_000]);
    let expects =
        b"PUT /stats HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n".to_vec();
    let smuggled = b"GET /live HTTP/1.1\r\nContent-Length: 40\r\n\r\nGET /stats HTTP/1.1\r\n\r\n";
    vec![
        ("a TLS hello", TLS_HELLO.to_vec(), Begins("HTTP/1.1 400 ")),
        (
            "HTTP/2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0".to_vec(),
            Begins("HTTP/1.1 505 "),
        ),
        ("HTTP/3 in words", b"GET / HTTP/3\r\n\r\n".to_vec(), Begins("HTTP/1.1 505 ")),
        ("RESP", b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n".to_vec(), Begins("-ERR this is the port")),
        ("Redis inline", b"PING\r\n".to_vec(), Document),
        ("memcached", b"get k\r\nversion\r\n".to_vec(), Document),
        ("memcached, meta", b"mg k v\r\nmn\r\n".to_vec(), Document),
        ("memcached, binary", [&[0x80, 0x0b][..], &[0; 22]].concat(), Document),
        ("a body", post, Begins("HTTP/1.1 405 ")),
        ("a body to come", expects, Begins("HTTP/1.1 405 ")),
        ("a request in a body", smuggled.to_vec(), Begins("HTTP/1.1 200 ")),
        ("a proxy's request", b"CONNECT h:1 HTTP/1.1\r\n\r\n".to_vec(), Begins("HTTP/1.1 405 ")),
        ("a path out", b"GET /../etc/passwd HTTP/1.1\r\n\r\n".to_vec(), Begins("HTTP/1.1 404 ")),
        ("bytes in the path", b"GET /\xff\0 HTTP/1.1\r\n\r\n".to_vec(), Document),
        ("half a line", b"GET / HT".to_vec(), Begins("HTTP/1.1 408 ")),
        ("half a head", b"GET / HTTP/1.1\r\nHos".to_vec(), Begins("HTTP/1.1 408 ")),
        (
            "an endless head",
            [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; 1 << 20]].concat(),
            Begins("HTTP/1.1 431 "),
        ),
        ("1 MiB of zeros", vec![0; 1 << 20], Document),
        // More than the sockets hold: it is read and dropped, or could not be sent.
        ("6 MiB of zeros", vec![0; 6 << 20], Document),
        ("1 MiB of one letter", vec![b'A'; 1 << 20], Document),
        (
            "1 MiB of everything",
            (0..1 << 20).map(|n: u32| (n.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect(),
            Document,
        ),
    ]
}

#[test]
fn each_gets_the_document_or_an_error_and_soon() {
    let mut stage = Stage::new(1, &[], "1");
    for (what, bytes, gets) in cases() {
        let since = Instant::now();
        let text = exchange(&stage, &bytes);
        assert!(since.elapsed() < Duration::from_secs(4), "{what}: {:?}", since.elapsed());
        match gets {
            Document => {
                assert!(
                    text.starts_with("{\"service\":") && text.ends_with("}\n"),
                    "{what}: {text}"
                );
            }
            Begins(words) => assert!(text.starts_with(words), "{what}: {text}"),
        }
    }
    // Of the reader that asks for one page and sends another in its body, one is answered.
    let (_, bytes, _) = cases().into_iter().find(|case| case.0 == "a request in a body").unwrap();
    assert!(exchange(&stage, &bytes).ends_with("{\"live\":true}\n"));
    let mut client = stage.proxy.client().unwrap();
    assert_eq!(client.command(&["PING"]).unwrap(), Value::Simple("PONG".into()));
    let log = stage.proxy.process().log();
    assert!(!log.contains("ERROR") && !log.contains("panic"), "{log}");
}

/// What comes back until the close, which is one in order: a reset could cost the answer.
fn exchange(stage: &Stage, bytes: &[u8]) -> String {
    let mut stream = stage.reader();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn mistakes_are_logged_once_in_a_while() {
    let mut stage = Stage::new(1, &[], "1");
    for (_, bytes, _) in cases().iter().filter(|case| case.1.len() < 100) {
        if !bytes.starts_with(b"GET / H") {
            let _ = exchange(&stage, bytes);
        }
    }
    for _ in 0..30 {
        let _ = exchange(&stage, TLS_HELLO);
    }
    let told = ["a TLS client connected", "an HTTP/2 client connected", "a Redis client connected"];
    let is_told = |log: &str| told.iter().all(|words| log.contains(words));
    assert!(poll_until(Duration::from_secs(5), || is_told(&stage.proxy.process().log())));
    let log = stage.proxy.process().log();
    for words in told {
        assert_eq!(log.matches(words).count(), 1, "{words}: {log}");
    }
    assert_eq!(log.matches("reader=127.0.0.1:").count(), 3, "{log}");
    assert_eq!(log.matches("WARN").count(), 3, "{log}");
}

/// A flood without an end, and readers that never read: the others are served meanwhile.
#[test]
fn floods_hold_up_nobody() {
    let stage = Stage::new(1, &[], "1");
    let port = stage.proxy.stats_port();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
                stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
                let since = Instant::now();
                // Ends by a close, long before this does.
                let piece = vec![0; 64 * 1024];
                while stream.write_all(&piece).is_ok() {
                    assert!(since.elapsed() < Duration::from_secs(10), "it is never closed");
                }
            });
        }
        for _ in 0..10 {
            let since = Instant::now();
            assert_eq!(stage.http("GET /live HTTP/1.1\r\n\r\n").0, 200);
            assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
        }
    });
    let ready = || stage.http("GET /ready HTTP/1.1\r\n\r\n").0 == 200;
    assert!(poll_until(Duration::from_secs(5), ready));
}

/// A browser comes under any name that leads here. It gets what all get, nothing that allows
/// another site to read it, and none of its own words back.
#[test]
fn no_word_of_a_request_comes_back() {
    let stage = Stage::new(1, &[], "1");
    let odd = "rebound.example";
    for (line, status) in [
        ("GET /stats", "200"),
        ("GET /?<rebound.example>", "200"),
        ("GET /<rebound.example>", "404"),
        ("REBOUND /", "405"),
    ] {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: {odd}\r\nOrigin: http://{odd}\r\nReferer: http://{odd}/\r\n\r\n"
        );
        let (head, body) = stage.proxy.http(&request).unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {head}");
        let text = format!("{head}{body}").to_lowercase();
        assert!(!text.contains("rebound") && !text.contains('<'), "{line}: {text}");
        assert!(!text.contains("access-control"), "{line}: {text}");
        assert!(head.contains("X-Content-Type-Options: nosniff"), "{head}");
        assert!(head.contains("Content-Type: application/json"), "{head}");
    }
}

#[test]
fn real_clients_say_what_is_wrong() {
    let stage = Stage::new(1, &[], "1");
    let port = stage.proxy.stats_port().to_string();
    if let Some(cli) = find_program("redis-cli") {
        let output = Command::new(cli).args(["-p", &port, "PING"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("port of nuthatch's statistics"), "{output:?}");
    }
    if let Some(curl) = find_program("curl") {
        for (flag, url) in [
            ("-k", format!("https://127.0.0.1:{port}/")),
            ("--http2-prior-knowledge", format!("http://127.0.0.1:{port}/")),
        ] {
            let output =
                Command::new(&curl).args(["-sS", "--max-time", "5", flag, &url]).output().unwrap();
            assert!(!output.status.success(), "{flag}: {output:?}");
            assert!(!output.stderr.is_empty(), "{flag}: {output:?}");
        }
    }
}

/// Neither the documents nor the log, though the password is wrong and everything fails.
#[test]
fn no_page_shows_a_password() {
    const SECRET: &str = "xyzzy-plugh";
    let server = RedisServer::start_with(&["--requirepass", "another"]).unwrap();
    let keys = [("redis", "true"), ("redis_auth", SECRET)];
    let yaml = pool_yaml("p", free_port(), &keys, &[server.entry(1, "one")]);
    let mut proxy = Nuthatch::start(&yaml, &["-v", "11", "--stats-extended"]).unwrap();
    let mut client = proxy.client().unwrap();
    assert!(client.command(&["AUTH", SECRET]).unwrap().is_ok());
    for _ in 0..5 {
        assert!(client.command(&["GET", "k"]).unwrap().is_error());
    }
    let mut shown = proxy.stats().unwrap();
    for path in ["/", "/stats", "/live", "/ready", "/none"] {
        let (head, body) = proxy.http(&format!("GET {path} HTTP/1.1\r\n\r\n")).unwrap();
        shown.push_str(&head);
        shown.push_str(&body);
    }
    shown.push_str(&proxy.process().log());
    assert!(shown.contains("\"one\""), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
}
