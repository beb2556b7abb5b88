//! The first words of a connection, and those between: HELLO, AUTH, CLIENT, SELECT, RESET, QUIT,
//! SUBSCRIBE and its like, and what is no request at all. Where a client library would look, our answers are a server's;
//! `FORMS` in `differences.rs` says where it would not.

use crate::compare::{shape, value};
use crate::differences::{FORMS, Form};
use crate::pair::{Pair, Protocol, Talk};
use nuthatch_testbed::{Value, encode};
use std::fmt::Write;

const PASSWORD: &str = "correct horse";

fn agree(request: &str, ours: &[u8], theirs: &[u8]) -> bool {
    let Some((_, form, _)) = FORMS.iter().find(|(begin, ..)| request.starts_with(begin)) else {
        return ours == theirs;
    };
    let (ours, theirs) = (value(ours), value(theirs));
    if ours.is_error() && !matches!(form, Form::Code | Form::Error) {
        return ours == theirs;
    }
    match form {
        Form::Fields => fields(&ours) == fields(&theirs),
        Form::Kind => shape(&ours) == shape(&theirs),
        Form::Text => ours.text().is_some() && theirs.text().is_some(),
        Form::Error => ours.is_error() && theirs.is_error(),
        Form::Code => match (&ours, &theirs) {
            (Value::Error(ours), Value::Error(theirs)) => first_word(ours) == first_word(theirs),
            _ => false,
        },
    }
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

/// A map's names and values, but for those values that are a server's own.
fn fields(map: &Value) -> (String, Vec<(String, String)>) {
    let pairs: Vec<(Value, Value)> = match map {
        Value::Map(pairs) => pairs.clone(),
        list => {
            let items = list.items().unwrap_or_default();
            items.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
        }
    };
    let known = pairs.iter().map(|(name, value)| {
        let name = name.text().unwrap_or_default();
        let own = ["version", "id"].contains(&name.as_str());
        (name, if own { shape(value) } else { format!("{value:?}") })
    });
    (shape(map), known.collect())
}

/// Says the lines to both, on one connection each, and writes down where they disagree. `_` in a
/// line is a blank in an argument.
fn converse(talk: &mut Talk, lines: &[&str], wrong: &mut String) {
    for line in lines {
        let words: Vec<_> = line.split(' ').map(|word| word.replace('_', " ")).collect();
        let replies = talk.ask(&words);
        if !agree(line, &replies.ours, &replies.theirs) {
            let _ = writeln!(
                wrong,
                "{line}, one of {lines:?}\n  through nuthatch: {}\n  one server:       {}",
                replies.ours.escape_ascii(),
                replies.theirs.escape_ascii()
            );
        }
    }
}

const WITHOUT_PASSWORD: &[&[&str]] = &[
    &["PING", "PING hello", "PING a b", "ECHO hello", "ECHO", "ECHO a b", "ping", "PiNg x"],
    &["SELECT 0", "SELECT x", "SELECT", "SELECT 0 0"],
    &["HELLO", "HELLO 2", "HELLO", "HELLO 3", "HELLO", "PING", "HELLO 2", "PING"],
    &["HELLO 1", "HELLO 4", "HELLO x", "HELLO 3 FOO", "HELLO 3 SETNAME", "HELLO 3 AUTH default"],
    &["HELLO 3 SETNAME me", "CLIENT GETNAME", "HELLO 2 SETNAME you", "CLIENT GETNAME"],
    &["HELLO 3 SETNAME a_b", "CLIENT GETNAME", "HELLO 3 AUTH default any SETNAME me"],
    &["HELLO 3 AUTH somebody any", "CLIENT GETNAME", "PING", "HELLO 3 AUTH default any FOO"],
    &["AUTH no-password-is-set", "AUTH default any", "AUTH somebody any", "AUTH", "AUTH a b c"],
    &["CLIENT GETNAME", "CLIENT SETNAME me", "CLIENT GETNAME", "CLIENT SETNAME a_b"],
    &["CLIENT SETNAME", "CLIENT SETNAME a b", "CLIENT GETNAME x", "CLIENT", "CLIENT NOPE x"],
    &["CLIENT ID", "CLIENT ID x", "CLIENT INFO", "CLIENT NO-EVICT on", "CLIENT NO-EVICT OFF"],
    &["CLIENT NO-EVICT maybe", "CLIENT NO-EVICT", "client setname x", "cLiEnT gEtNaMe"],
    &["HELLO 3 SETNAME me", "RESET", "CLIENT GETNAME", "HELLO", "RESET x"],
    &["HELLO 3", "CLIENT GETNAME", "GET nothing", "MGET one two three", "CLIENT INFO"],
    &["COMMAND INFO get xread", "COMMAND NOPE", "COMMAND COUNT x", "COMMAND GETKEYS get a"],
    &[
        "PUBSUB CHANNELS",
        "PUBSUB CHANNELS a*",
        "PUBSUB NUMPAT",
        "PUBSUB NUMSUB",
        "PUBSUB NUMSUB a b",
    ],
    &["PUBSUB SHARDCHANNELS", "PUBSUB SHARDNUMSUB", "PUBSUB SHARDNUMSUB a b", "PUBSUB NUMPAT x"],
    &["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"],
    &[
        "SUBSCRIBE a",
        "SUBSCRIBE b",
        "SUBSCRIBE a",
        "PSUBSCRIBE a*",
        "SSUBSCRIBE {a}",
        "GET a",
        "PING",
    ],
    &["SUBSCRIBE a", "PING x", "PUBLISH a x", "UNSUBSCRIBE b", "UNSUBSCRIBE", "PING x", "GET a"],
    &["PSUBSCRIBE a*", "PUBSUB NUMPAT", "PUNSUBSCRIBE b*", "PUNSUBSCRIBE a*", "PUBSUB NUMPAT"],
    &["SSUBSCRIBE {a}", "SSUBSCRIBE {a}b", "SUNSUBSCRIBE {a}", "SUNSUBSCRIBE", "GET a"],
    &[
        "HELLO 3",
        "SUBSCRIBE a",
        "PSUBSCRIBE b*",
        "SSUBSCRIBE {a}",
        "GET a",
        "PING",
        "PUBSUB NUMPAT",
    ],
    &[
        "HELLO 3",
        "SUBSCRIBE a",
        "PUBSUB NUMSUB a b",
        "PUBSUB CHANNELS",
        "UNSUBSCRIBE",
        "UNSUBSCRIBE",
    ],
    &["SUBSCRIBE a", "RESET", "GET a", "PUBSUB NUMSUB a"],
    &["SUBSCRIBE a", "QUIT"],
    &["QUIT"],
    &["HELLO 3", "QUIT now"],
];

const WITH_PASSWORD: &[&[&str]] = &[
    &["PING", "GET x", "HELLO", "SELECT 0", "CLIENT ID", "NOSUCH", "COMMAND", "ECHO x"],
    &["AUTH wrong", "GET x", "AUTH correct_horse", "GET x", "AUTH wrong", "GET x"],
    &["AUTH default wrong", "AUTH somebody correct_horse", "AUTH default correct_horse", "GET x"],
    &["AUTH default", "AUTH correct_horse", "RESET", "GET x", "AUTH correct_horse", "PING"],
    &["HELLO 3 AUTH default wrong", "PING", "HELLO 3 AUTH default correct_horse", "HELLO 2"],
    &["HELLO 3 AUTH default correct_horse SETNAME me", "CLIENT GETNAME", "GET x", "HELLO"],
    &["HELLO 2 AUTH default correct_horse", "HELLO 3", "MGET a b c", "RESET", "MGET a b c"],
    &["HELLO 4 AUTH default correct_horse", "GET x", "QUIT"],
    &["RESET", "PING", "QUIT"],
];

#[test]
fn as_a_server_without_a_password() {
    let pair = Pair::start();
    let mut wrong = String::new();
    for lines in WITHOUT_PASSWORD {
        converse(&mut pair.talk(Protocol::Resp2), lines, &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn as_a_server_with_a_password() {
    let keys = [("redis_auth", "correct horse")];
    let pair = Pair::start_with(&keys, &["--requirepass", PASSWORD]);
    let mut wrong = String::new();
    for lines in WITH_PASSWORD {
        converse(&mut pair.talk(Protocol::Resp2), lines, &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong}");
    let mut talk = pair.talk(Protocol::Resp2);
    let replies = talk.ask(&["HELLO", "3"]);
    assert_eq!(replies.ours, replies.theirs);
}

/// The protocol changes between two requests of one write: the replies before it are of the old
/// kind, those behind it of the new.
#[test]
fn the_protocol_changes_inside_a_pipeline() {
    let pair = Pair::start();
    let mut talk = pair.talk(Protocol::Resp2);
    let mut bytes = Vec::new();
    let mut requests = 0;
    for round in 0..20 {
        let key = format!("{round}-hash-of-this-test");
        for line in [
            &["HSET", &key, "field", "value"][..],
            &["HGETALL", &key],
            &["HELLO", "3"],
            &["HGETALL", &key],
            &["MGET", "1-of-these", "2-of-these", &key],
            &["HELLO", "2"],
            &["MGET", "1-of-these", "2-of-these", &key],
            &["HELLO", "3"],
            &["ZRANGE", "nothing", "0", "-1"],
            &["GET", "nothing"],
            &["RESET"],
            &["GET", "nothing"],
        ] {
            encode(line, &mut bytes);
            requests += 1;
        }
    }
    talk.ours.send_raw(&bytes).unwrap();
    talk.theirs.send_raw(&bytes).unwrap();
    for at in 0..requests {
        let (ours, theirs) = (talk.ours.recv_raw().unwrap(), talk.theirs.recv_raw().unwrap());
        let is_hello = matches!(at % 12, 2 | 5 | 7);
        let line = if is_hello { "HELLO" } else { "" };
        let told = format!("{at}: {} {}", ours.escape_ascii(), theirs.escape_ascii());
        assert!(agree(line, &ours, &theirs), "{told}");
    }
}

/// Bytes, and all that is heard before the close.
#[test]
fn what_is_no_request_ends_the_connection() {
    let pair = Pair::start();
    for bytes in [
        "*1\r\n$x\r\n",
        "*1\r\n$-1\r\n",
        "*x\r\n",
        "*2147483648\r\n",
        "*20000000000\r\n",
        "*1\r\n+PING\r\n",
        "*1\r\n:1\r\n",
        "*2\r\n$3\r\nGET\r\n$600000000\r\n",
        "PING\r\n*1\r\n$4\r\nPING\r\n*x\r\nPING\r\n",
        "SET \"a b\r\n",
        "SET 'a'b c\r\n",
        "*0\r\n*-1\r\n\r\nPING\r\nPING 'a b'\r\nPING \"\\x41\\n\"\r\n  PING  \r\nQUIT\r\nPING\r\n",
        "PING\nQUIT\n",
        "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n",
        "*2\r\n$4\r\nQUIT\r\n$3\r\nnow\r\n",
    ] {
        let mut talk = pair.talk(Protocol::Resp2);
        talk.ours.send_raw(bytes.as_bytes()).unwrap();
        talk.theirs.send_raw(bytes.as_bytes()).unwrap();
        let hear = |who: &str, heard: std::io::Result<Vec<u8>>| match heard {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) => format!("{who}: {e}"),
        };
        let ours = hear("nuthatch", talk.ours.recv_to_end());
        let theirs = hear("the server", talk.theirs.recv_to_end());
        assert_eq!(ours, theirs, "{bytes:?}");
    }
}
