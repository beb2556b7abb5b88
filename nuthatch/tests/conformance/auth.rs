//! 5.6 and 5.7: passwords of clients and servers, and the database.

use crate::peer::{Peer, Said, answer};
use crate::rows::Row;
use crate::stage::{Program, talk};
use crate::{Alone, Case, Differs, Same, Talk, case};
use nuthatch_testbed::{RedisServer, Value, poll_until};
use std::time::Duration;

const NOAUTH: &str = "-NOAUTH Authentication required~(open: -NOAUTH Authentication required~)";

pub const CASES: &[Case] = &[
    case(
        "5.6",
        "until a right AUTH, everything: GET",
        Alone(|p| behind(p, "GET k", 1)),
        Same(NOAUTH),
    ),
    case("5.6", "PING", Alone(|p| behind(p, "PING", 1)), Same(NOAUTH)),
    case("5.6", "COMMAND", Alone(|p| behind(p, "COMMAND", 1)), Same(NOAUTH)),
    case("5.6", "MGET", Alone(|p| behind(p, "MGET a b", 1)), Same(NOAUTH)),
    case("5.6", "QUIT closes", Alone(|p| behind(p, "QUIT", 1)), Same("(closed)")),
    case("5.6", "what is refused still closes", Alone(|p| behind(p, "BOGUS", 1)), Same("(closed)")),
    case("5.6", "so does a wrong count", Alone(|p| behind(p, "GET", 1)), Same("(closed)")),
    case("5.6", "a count left to the server", Alone(|p| behind(p, "HDEL h", 1)), Same(NOAUTH)),
    case("5.6", "the right one", Alone(|p| behind(p, "AUTH secret", 1)), Same("+OK~(open)")),
    case(
        "5.6",
        "a wrong one",
        Alone(|p| behind(p, "AUTH wrong", 1)),
        Same("-ERR invalid password~(open: -NOAUTH Authentication required~)"),
    ),
    case(
        "5.6",
        "an empty one",
        Alone(|p| behind(p, "=*2~$4~AUTH~$0~~", 1)),
        Same("-ERR invalid password~(open: -NOAUTH Authentication required~)"),
    ),
    case(
        "5.6",
        "a wrong one revokes the right one",
        Alone(|p| behind(p, "AUTH secret ; GET k ; AUTH wrong ; GET k ; AUTH secret ; GET k", 6)),
        Same(
            "+OK~$5~one:k~-ERR invalid password~-NOAUTH Authentication required~+OK~$5~one:k~\
             (open)",
        ),
    ),
    case(
        "5.6",
        "AUTH with two arguments closes",
        Alone(|p| behind(p, "AUTH default secret", 1)),
        Differs(Row::TodaysClients, "(closed)", "+OK~(open)"),
    ),
    case(
        "5.6",
        "a pool without a password",
        Talk("AUTH secret", 1),
        Same("-ERR Client sent AUTH, but no password is set~(open)"),
    ),
    case(
        "5.6",
        "the server gets AUTH before the first request, once a connection",
        Alone(|p| greeted(p, &[("redis_auth", "secret")])),
        Same("*2~$4~AUTH~$6~secret~ *2~$3~GET~$1~k~ *2~$3~GET~$1~l~"),
    ),
    case(
        "5.6",
        "a connection made by preconnect authenticates at its first request",
        Alone(preconnected),
        Differs(
            Row::Connections,
            "nothing, then *2~$4~AUTH~$6~secret~ *2~$3~GET~$1~k~",
            "*2~$4~AUTH~$6~secret~, then *2~$4~AUTH~$6~secret~ *2~$3~GET~$1~k~",
        ),
    ),
    case(
        "5.6",
        "a server that refuses it: its NOAUTH passes",
        Alone(refused_auth),
        Differs(
            Row::Database,
            "-NOAUTH from the server~(open)",
            "-NOAUTH Authentication required.~(open)",
        ),
    ),
    case(
        "5.7",
        "SELECT goes first, once a connection",
        Alone(|p| greeted(p, &[("redis_db", "3")])),
        Same("*2~$6~SELECT~$1~3~ *2~$3~GET~$1~k~ *2~$3~GET~$1~l~"),
    ),
    case(
        "5.7",
        "no SELECT for database 0",
        Alone(|p| greeted(p, &[("redis_db", "0")])),
        Same("*2~$3~GET~$1~k~ *2~$3~GET~$1~l~"),
    ),
    case(
        "5.7",
        "with a password, SELECT before AUTH",
        Alone(|p| greeted(p, &[("redis_auth", "secret"), ("redis_db", "3")])),
        Differs(
            Row::Database,
            "*2~$6~SELECT~$1~3~ *2~$4~AUTH~$6~secret~ *2~$3~GET~$1~k~ *2~$3~GET~$1~l~",
            "*2~$4~AUTH~$6~secret~ *2~$6~SELECT~$1~3~ *2~$3~GET~$1~k~ *2~$3~GET~$1~l~",
        ),
    ),
    case(
        "5.7",
        "over a Unix socket no SELECT",
        Alone(over_unix),
        Differs(Row::Database, "+OK~(open) in 0", "+OK~(open) in 3"),
    ),
    case(
        "5.7",
        "a refused SELECT is only logged, and database 0 used",
        Alone(refused_select),
        Differs(Row::Database, "+OK~(open) in 0", "-ERR Invalid argument~(open) nowhere"),
    ),
];

fn behind(program: Program, words: &str, replies: usize) -> String {
    let peer = Peer::named("one");
    let running = program.pool(&[("redis_auth", "secret")], &[peer.entry("one")]);
    talk(&mut running.client(), words, replies)
}

/// What a server hears of two requests.
fn greeted(program: Program, keys: &[(&str, &str)]) -> String {
    let peer = Peer::named("one");
    let running = program.pool(keys, &[peer.entry("one")]);
    let mut client = running.client();
    if keys[0].0 == "redis_auth" {
        assert_eq!(talk(&mut client, "AUTH secret", 1), "+OK~(open)");
    }
    assert_eq!(talk(&mut client, "GET k", 1), "$5~one:k~(open)");
    assert_eq!(talk(&mut client, "GET l", 1), "$5~one:l~(open)");
    peer.heard_text()
}

fn preconnected(program: Program) -> String {
    let peer = Peer::named("one");
    let keys = [("redis_auth", "secret"), ("preconnect", "true")];
    let running = program.pool(&keys, &[peer.entry("one")]);
    assert!(poll_until(Duration::from_secs(5), || peer.accepted() > 0));
    let at_once = poll_until(Duration::from_secs(1), || !peer.heard().is_empty());
    let before = if at_once { peer.heard_text() } else { "nothing".to_owned() };
    assert_eq!(talk(&mut running.client(), "AUTH secret ; GET k", 2), "+OK~$5~one:k~(open)");
    format!("{before}, then {}", peer.heard_text())
}

fn refused_auth(program: Program) -> String {
    let peer = Peer::with(|args| match args[0].as_str() {
        "AUTH" => Said::Reply("-WRONGPASS no\r\n".to_owned()),
        "GET" => Said::Reply("-NOAUTH from the server\r\n".to_owned()),
        _ => answer("one", args),
    });
    let running = program.pool(&[("redis_auth", "secret")], &[peer.entry("one")]);
    let mut client = running.client();
    assert_eq!(talk(&mut client, "AUTH secret", 1), "+OK~(open)");
    talk(&mut client, "GET k", 1)
}

fn over_unix(program: Program) -> String {
    let server = RedisServer::start_with(&["--unixsocket", "redis.sock"]).unwrap();
    let entry = format!("{}:1 one", server.unix_socket().unwrap().display());
    let running = program.pool(&[("redis_db", "3")], &[entry]);
    let seen = talk(&mut running.client(), "SET k v", 1);
    format!("{seen} {}", place(&server))
}

fn refused_select(program: Program) -> String {
    let server = RedisServer::start_with(&["--databases", "4"]).unwrap();
    let running = program.pool(&[("redis_db", "9")], &[server.entry(1, "one")]);
    let seen = talk(&mut running.client(), "SET k v", 1);
    format!("{seen} {}", place(&server))
}

/// In which database the key is.
fn place(server: &RedisServer) -> String {
    let mut client = server.client().unwrap();
    for number in ["0", "3"] {
        assert!(client.command(&["SELECT", number]).unwrap().is_ok());
        if client.command(&["EXISTS", "k"]).unwrap() == Value::Integer(1) {
            return format!("in {number}");
        }
    }
    "nowhere".to_owned()
}
