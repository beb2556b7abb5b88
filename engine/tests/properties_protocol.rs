//! What holds for all inputs of the protocol: any cut of the bytes parses alike, through the
//! parsers and through a whole worker; what is written is read; join after cut is one server's
//! answer; and no bytes make a parser panic.
#![allow(clippy::unwrap_used, reason = "a test may")]

use nuthatch_engine::base::{PoolId, Time, WorkerId};
use nuthatch_engine::fuzz;
use nuthatch_engine::protocol::resp::{encode, reply, request};
use nuthatch_engine::proxy::{Action, ConnId, Gathering, Reading, Step, Worker};
use nuthatch_engine::topology::{Address, Director, PoolSpec, Protocol};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn pool(shards: u16) -> PoolSpec {
    let address = |port| Address::Tcp { host: "server".into(), port };
    PoolSpec::plain(Protocol::Redis, (0..shards).map(address))
}

/// A server that is a map and nothing else; reads and writes the plain form only.
#[derive(Default)]
struct Model {
    data: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Model {
    fn answer(&mut self, args: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        let name = args[0].to_ascii_uppercase();
        match (name.as_slice(), &args[1..]) {
            (b"GET", [key]) => self.get(key, &mut out),
            (b"MGET", keys) => {
                encode::array(&mut out, keys.len());
                for key in keys {
                    self.get(key, &mut out);
                }
            }
            (b"SET" | b"MSET", pairs) => {
                for pair in pairs.chunks_exact(2) {
                    self.data.insert(pair[0].clone(), pair[1].clone());
                }
                encode::status(&mut out, "OK");
            }
            (b"EXISTS", keys) => {
                let known = keys.iter().filter(|key| self.data.contains_key(*key)).count();
                encode::integer(&mut out, known as i64);
            }
            (b"DEL", keys) => {
                let gone = keys.iter().filter(|key| self.data.remove(*key).is_some()).count();
                encode::integer(&mut out, gone as i64);
            }
            _ => encode::error(&mut out, "ERR unknown"),
        }
        out
    }

    fn get(&self, key: &[u8], out: &mut Vec<u8>) {
        match self.data.get(key) {
            Some(value) => encode::bulk(out, value),
            None => out.extend_from_slice(b"$-1\r\n"),
        }
    }
}

fn take_requests(bytes: &mut Vec<u8>) -> Vec<Vec<Vec<u8>>> {
    let (mut at, mut requests) = (0, Vec::new());
    while at < bytes.len() {
        let mut progress = request::Progress::default();
        match request::parse(&bytes[at..], &mut progress, request::Trust::Authenticated) {
            Ok(request::Parsed::Request(args)) => {
                requests.push(args.iter().map(<[u8]>::to_vec).collect());
                at += args.bytes().len();
            }
            Ok(request::Parsed::Incomplete { .. }) => break,
            other => panic!("a server is sent requests, not {other:?}"),
        }
    }
    bytes.drain(..at);
    requests
}

/// What a client of a pool reads in the end, if its bytes arrive in pieces of these sizes, and
/// the servers' bytes too.
fn through_a_worker(shards: u16, sent: &[u8], cuts: &[usize], models: &mut [Model]) -> Vec<u8> {
    let snapshot = Director::new(&[Arc::new(pool(shards))], 1).snapshot();
    let mut worker = Worker::new(WorkerId(0), 1, &snapshot);
    let mut cuts = cuts.iter().copied().cycle();
    let mut piece = move |left: usize| cuts.next().unwrap_or(left).clamp(1, left.max(1)).min(left);
    worker.begin_turn(Time::from_ms(1));
    let client = worker.handle_accept(PoolId(0), 1, None);
    worker.finish_turn(Gathering::None);
    while worker.poll().is_some() {}
    let (mut rest, mut got, mut paused) = (sent, Vec::new(), false);
    let mut wires: BTreeMap<ConnId, (usize, Vec<u8>, Vec<u8>)> = BTreeMap::new();
    for turn in 2.. {
        worker.begin_turn(Time::from_ms(turn));
        let mut quiet = true;
        if !paused && !rest.is_empty() {
            let (now, later) = rest.split_at(piece(rest.len()));
            paused = worker.handle_bytes(client, now) == Reading::Stop;
            rest = later;
            quiet = false;
        }
        for (&conn, (server, to, from)) in &mut wires {
            for args in take_requests(to) {
                from.extend(models[*server].answer(&args));
            }
            if !from.is_empty() {
                let now: Vec<u8> = from.drain(..piece(from.len())).collect();
                worker.handle_bytes(conn, &now);
                quiet = false;
            }
        }
        worker.finish_turn(Gathering::None);
        while let Some(step) = worker.poll() {
            quiet = false;
            match step {
                Step::Act(Action::Connect { conn, server, .. }) => {
                    wires.insert(conn, (server.index(), Vec::new(), Vec::new()));
                    worker.handle_connected(conn);
                }
                Step::Act(Action::ResumeReading { .. }) => paused = false,
                Step::Act(_) => {}
                Step::Write(conn) if conn == client => {
                    // A client's socket may be full; the loop comes back to it.
                    while !worker.output(conn).is_empty() {
                        let output = worker.output(conn);
                        let written = piece(output.len());
                        got.extend_from_slice(&output[..written]);
                        worker.handle_written(conn, written);
                    }
                }
                Step::Write(conn) => {
                    let output = worker.output(conn);
                    if let Some((_, to, _)) = wires.get_mut(&conn) {
                        to.extend_from_slice(output);
                    }
                    let written = output.len();
                    worker.handle_written(conn, written);
                }
            }
        }
        worker.check_invariants();
        if quiet {
            break;
        }
    }
    got
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    "[a-h]{0,2}".prop_map(String::into_bytes)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        (0usize..5_000).prop_map(|len| vec![b'v'; len]),
    ]
}

fn asked() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let keys = || proptest::collection::vec(key(), 1..7);
    let with = |name: &'static str, rest: Vec<Vec<u8>>| {
        let mut args = vec![name.as_bytes().to_vec()];
        args.extend(rest);
        args
    };
    prop_oneof![
        key().prop_map(move |key| with("GET", vec![key])),
        (key(), value()).prop_map(move |(key, value)| with("SET", vec![key, value])),
        keys().prop_map(move |keys| with("MGET", keys)),
        keys().prop_map(move |keys| with("del", keys)),
        keys().prop_map(move |keys| with("Exists", keys)),
        proptest::collection::vec((key(), value()), 1..5).prop_map(move |pairs| {
            with("MSET", pairs.into_iter().flat_map(|(key, value)| [key, value]).collect())
        }),
    ]
}

fn encoded(args: &[Vec<u8>]) -> Vec<u8> {
    fuzz::encoded(&args.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn any_reply() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(b"$-1\r\n".to_vec()),
        Just(b"_\r\n".to_vec()),
        Just(b"#t\r\n".to_vec()),
        "[ -~]{0,20}".prop_map(|text| format!("+{text}\r\n").into_bytes()),
        any::<i64>().prop_map(|n| format!(":{n}\r\n").into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..30).prop_map(|body| {
            let mut out = Vec::new();
            encode::bulk(&mut out, &body);
            out
        }),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        (proptest::collection::vec(inner, 0..6), 0usize..4).prop_map(|(values, kind)| {
            let (sign, per) = [('*', 1), ('~', 1), ('>', 1), ('%', 2)][kind];
            let whole = values.len() / per * per;
            let mut out = format!("{sign}{}\r\n", whole / per).into_bytes();
            out.extend(values[..whole].concat());
            out
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn merge_after_split_is_one_servers_answer_at_any_cut(
        requests in proptest::collection::vec(asked(), 1..50),
        cuts in proptest::collection::vec(prop_oneof![1usize..200, 200usize..8_000], 1..20),
        shards in 1u16..5,
    ) {
        let sent: Vec<u8> = requests.iter().flat_map(|args| encoded(args)).collect();
        let mut alone = Model::default();
        let right: Vec<u8> = requests.iter().flat_map(|args| alone.answer(args)).collect();
        let mut models: Vec<Model> = (0..shards).map(|_| Model::default()).collect();
        let got = through_a_worker(shards, &sent, &cuts, &mut models);
        prop_assert_eq!(got.escape_ascii().to_string(), right.escape_ascii().to_string());
    }

    #[test]
    fn any_cut_of_a_request_parses_alike(args in asked(), cuts in proptest::collection::vec(1usize..9, 1..9)) {
        let bytes = encoded(&args);
        let (mut at, mut progress) = (0, request::Progress::default());
        for cut in cuts.iter().cycle() {
            at = (at + cut).min(bytes.len());
            match request::parse(&bytes[..at], &mut progress, request::Trust::Authenticated) {
                Ok(request::Parsed::Incomplete { missing }) => prop_assert!(missing <= bytes.len() - at),
                Ok(request::Parsed::Request(parsed)) => {
                    prop_assert_eq!(at, bytes.len());
                    prop_assert!(parsed.iter().eq(args.iter().map(Vec::as_slice)));
                    break;
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

    #[test]
    fn any_cut_of_a_reply_parses_alike(bytes in any_reply(), cuts in proptest::collection::vec(1usize..9, 1..9)) {
        let (mut at, mut progress) = (0, reply::Progress::default());
        for cut in cuts.iter().cycle() {
            at = (at + cut).min(bytes.len());
            match reply::parse(&bytes[..at], &mut progress) {
                Ok(reply::Parsed::Incomplete { missing }) => {
                    prop_assert!(at < bytes.len() && missing > 0);
                }
                Ok(reply::Parsed::Complete { len, kind }) => {
                    prop_assert_eq!((at, len, kind), (bytes.len(), bytes.len(), bytes[0]));
                    break;
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

    #[test]
    fn no_bytes_hurt(data in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz::request(&data);
        fuzz::reply(&data);
        fuzz::worker(&data);
    }

    #[test]
    fn nearly_right_bytes_hurt_no_more(data in "[*$:+0-9a-c\\r\\n%|>_-]{0,80}") {
        fuzz::request(data.as_bytes());
        fuzz::reply(data.as_bytes());
    }
}
