//! What the fuzz targets call: bytes a peer may send, against what must hold of any bytes.
//!
//! Here and not in `fuzz/`, so that `cargo test` replays the corpus through the very same
//! functions (`tests/corpus.rs`). Not part of the engine's interface.

use crate::base::{Epoch, PoolId, ServerId, Time, WorkerId};
use crate::protocol::memcache;
use crate::protocol::resp::{encode, inline, reply, request};
use crate::proxy::{Action, Cause, ConnId, Gathering, Order, Step, Worker};
use crate::routing::{distribution, hash};
use crate::topology::kinds::fixed;
use crate::topology::{
    Address, Director, Eject, Manners, PoolSpec, Protocol, Serves, ShardState, Snapshot,
};
use std::sync::Arc;

/// A request in any two pieces is the request in one, and encodes to one that parses alike.
pub fn request(data: &[u8]) {
    let mut progress = request::Progress::default();
    let whole = request::parse(data, &mut progress, request::Trust::Authenticated);
    let whole = format!("{whole:?}");
    for cut in 0..data.len().min(64) {
        let mut progress = request::Progress::default();
        let trust = request::Trust::Authenticated;
        match request::parse(&data[..cut], &mut progress, trust) {
            Ok(request::Parsed::Incomplete { missing }) => assert!(missing > 0),
            _ => continue,
        }
        let pieces = format!("{:?}", request::parse(data, &mut progress, trust));
        assert_eq!(whole, pieces, "cut at {cut}");
    }
    let mut progress = request::Progress::default();
    match request::parse(data, &mut progress, request::Trust::Authenticated) {
        Ok(request::Parsed::Request(args)) => {
            assert!(args.bytes().len() <= data.len());
            let mut bytes = Vec::new();
            args.encode(&mut bytes);
            let mut again = request::Progress::default();
            let parsed = request::parse(&bytes, &mut again, request::Trust::Authenticated);
            let Ok(request::Parsed::Request(again)) = parsed else {
                panic!("what we write, we read");
            };
            assert!(args.iter().eq(again.iter()) && !again.must_rewrite());
        }
        Ok(request::Parsed::Inline { line, len }) => {
            assert!(len <= data.len());
            let _ = inline::rewrite(line, &mut Vec::new());
        }
        Ok(request::Parsed::Empty { len }) => assert!(0 < len && len <= data.len()),
        Ok(request::Parsed::Incomplete { .. }) | Err(_) => {}
    }
}

/// A reply in any two pieces is the reply in one, handed on or not, and an aggregate's elements fill it.
pub fn reply(data: &[u8]) {
    let whole = reply::parse(data, &mut reply::Progress::default());
    for cut in 0..data.len().min(64) {
        let mut progress = reply::Progress::default();
        if let Ok(reply::Parsed::Incomplete { .. }) = reply::parse(&data[..cut], &mut progress) {
            let pieces = reply::parse(data, &mut progress);
            // How much is missing at least may be told better from the beginning.
            if !matches!(whole, Ok(reply::Parsed::Incomplete { .. })) {
                assert_eq!(whole, pieces, "cut at {cut}");
            }
        }
    }
    let Ok(reply::Parsed::Complete { len, kind }) = whole else { return };
    assert!(len <= data.len());
    for cut in 0..len.min(64) {
        let mut progress = reply::Progress::default();
        let first = reply::pass(&data[..cut], &mut progress);
        let Ok((passed, false)) = first else { panic!("{first:?} of {cut} in {len}") };
        let rest = reply::pass(&data[passed..], &mut progress);
        assert_eq!(rest, Ok((len - passed, true)), "handed on in two pieces, cut at {cut}");
    }
    if let Some((mut at, count)) = reply::aggregate(&data[..len])
        && kind == data[0]
        && count < 10_000
    {
        for _ in 0..count {
            let element = reply::element(&data[at..len]);
            assert!(element > 0, "an element of a whole aggregate is whole");
            at += element;
        }
        assert_eq!(at, len);
    }
}

/// Requests of memcached in any two pieces are the same requests, and what is too large to keep is
/// dropped to the byte.
pub fn memcache_request(data: &[u8]) {
    use memcache::request::{Parsed, Progress, parse};
    let requests = |cut: usize| {
        let mut progress = Progress::default();
        let (mut found, mut at, mut skipped) = (Vec::new(), 0, 0);
        for end in [cut, data.len()] {
            while at < end {
                match parse(&data[at..end], &mut progress) {
                    Ok(Parsed::Request(request)) => {
                        assert!(
                            !request.bytes.is_empty() && request.bytes.starts_with(request.line)
                        );
                        found.push(format!("{request:?}"));
                        at += request.bytes.len();
                    }
                    Ok(Parsed::Skip(len)) => {
                        assert!(0 < len && len <= end - at);
                        skipped += len;
                        at += len;
                    }
                    Ok(Parsed::Incomplete { missing }) => {
                        assert!(missing > 0);
                        break;
                    }
                    Err(error) => return (found, skipped, Some(error)),
                }
            }
        }
        (found, skipped, None)
    };
    let whole = requests(0);
    for cut in 1..data.len().min(64) {
        assert_eq!(whole, requests(cut), "cut at {cut}");
    }
}

/// Replies of memcached in any two pieces are the same replies; the first byte says which were
/// fenced. A retrieval's items fill it to its last line.
pub fn memcache_reply(data: &[u8]) {
    use memcache::reply::{Parsed, Progress, item, parse};
    let Some((&flags, data)) = data.split_first() else { return };
    let replies = |cut: usize| {
        let mut progress = Progress::default();
        let (mut found, mut at) = (Vec::new(), 0);
        for end in [cut, data.len()] {
            while at < end {
                let is_fenced = flags >> (found.len() % 8) & 1 == 1;
                match parse(&data[at..end], &mut progress, is_fenced) {
                    Ok(Parsed::Complete { len, shown }) => {
                        assert!(shown <= len && len <= end - at && (is_fenced || shown == len));
                        found.push((&data[at..at + len], shown));
                        at += len;
                    }
                    Ok(Parsed::Incomplete { missing }) => {
                        assert!(missing > 0);
                        break;
                    }
                    Err(error) => return (found, Some(error)),
                }
            }
        }
        (found, None)
    };
    let whole = replies(0);
    for cut in 1..data.len().min(64) {
        assert_eq!(whole, replies(cut), "cut at {cut}");
    }
    for (reply, _) in &whole.0 {
        let mut rest = *reply;
        while let Some((key, len)) = item(rest) {
            assert!(!key.is_empty());
            rest = &rest[len..];
        }
        assert!(!rest.is_empty(), "what ends a reply is no item");
    }
}

fn spec(flags: u8) -> PoolSpec {
    let address = |port| Address::Tcp { host: "server".into(), port };
    let bit = |n: u8| flags >> n & 1 == 1;
    let is_memcache = bit(5);
    let protocol = if is_memcache { Protocol::Memcache } else { Protocol::Redis };
    PoolSpec {
        hash: &hash::HASHES[0],
        distribution: &distribution::DISTRIBUTIONS[usize::from(flags) % 3],
        timeout_ms: Some(100),
        connect_timeout_ms: 200,
        server_connections: 1 + u16::from(bit(0)),
        preconnect: bit(1),
        redis_auth: (bit(2) && !is_memcache).then(|| "secret".into()),
        redis_db: u32::from(bit(3)),
        eject: Eject::Remap,
        server_failure_limit: 2,
        serves: Serves {
            databases: Some(16),
            admin_commands: bit(6),
            unknown_commands: bit(6),
            transactions_per_shard: bit(7),
            pinned_connections: 2,
            channels_everywhere: bit(6),
            pubsub_output_bytes: 1_000,
            pubsub_output_soft_bytes: 100,
            client_stall_ms: 60_000,
        },
        manners: if bit(4) { Manners::Twemproxy } else { Manners::Modern },
        ..PoolSpec::plain(protocol, (0..3).map(address))
    }
}

/// A whole worker whose peers do as the bytes say: the low three bits of each step's first byte
/// are the deed, the others whose, and its second byte is how much of what follows it takes.
pub fn worker(data: &[u8]) {
    let Some((&flags, mut rest)) = data.split_first() else { return };
    let spec = Arc::new(spec(flags));
    let snapshot = Director::new(&[Arc::clone(&spec)], 1).snapshot();
    let mut stage = Stage {
        worker: Worker::new(WorkerId(0), 7, &snapshot),
        now: Time::from_ms(1_000),
        epoch: 1,
        conns: Vec::new(),
        connecting: Vec::new(),
    };
    while let [deed, amount, after @ ..] = rest {
        stage.worker.begin_turn(stage.now);
        let taken = stage.deed(*deed, usize::from(*amount), after, &spec);
        rest = &after[taken..];
        stage.end_turn(usize::from(*deed) * 16);
    }
}

struct Stage {
    worker: Worker,
    now: Time,
    epoch: u64,
    conns: Vec<ConnId>,
    connecting: Vec<ConnId>,
}

impl Stage {
    /// Does one; returns how many bytes of `after` it took.
    fn deed(&mut self, deed: u8, amount: usize, after: &[u8], spec: &Arc<PoolSpec>) -> usize {
        let whose = usize::from(deed >> 3);
        let conn = (!self.conns.is_empty()).then(|| self.conns[whose % self.conns.len().max(1)]);
        match (deed & 7, conn) {
            (0, _) if self.conns.len() < 32 => {
                let conn = self.worker.handle_accept(PoolId(0), 1, None);
                self.conns.push(conn);
            }
            (1, _) if !self.connecting.is_empty() => {
                let conn = self.connecting.remove(whose % self.connecting.len());
                if amount % 8 == 7 {
                    self.worker.handle_closed(conn, &Cause::Refused);
                } else {
                    self.worker.handle_connected(conn);
                    self.conns.push(conn);
                }
            }
            (2..=4, Some(conn)) => {
                let taken = amount.min(after.len());
                let _ = self.worker.handle_bytes(conn, &after[..taken]);
                return taken;
            }
            (5, Some(conn)) if amount < 128 => {
                self.conns.retain(|known| *known != conn || matches!(conn, ConnId::Client(_)));
                self.worker.handle_eof(conn);
            }
            (5, Some(conn)) => {
                self.conns.retain(|known| *known != conn);
                self.worker.handle_closed(conn, &Cause::Reset);
            }
            (6, _) => self.now = self.now.plus_ms(amount as u64),
            (7, _) => {
                let states = [0, 1, 2].map(|bit| match (amount >> bit & 1, amount & 8) {
                    (0, _) => ShardState::Live,
                    (_, 0) => ShardState::Ejected,
                    _ => ShardState::Down,
                });
                let mut primaries = fixed::primaries(spec);
                if amount & 16 != 0 {
                    primaries[2].id = ServerId(3);
                }
                let topology = Arc::new(fixed::topology(spec, &primaries, &states));
                self.epoch += 1;
                let snapshot = Snapshot::new(Epoch(self.epoch), [(PoolId(0), topology)]);
                self.worker.handle_order(&Order::Follow(Arc::new(snapshot)));
            }
            _ => {}
        }
        0
    }

    fn end_turn(&mut self, room: usize) {
        self.worker.finish_turn(Gathering::None);
        while let Some(step) = self.worker.poll() {
            match step {
                Step::Write(conn) => {
                    let written = self.worker.output(conn).len().min(room);
                    self.worker.handle_written(conn, written);
                }
                Step::Act(Action::Connect { conn, .. }) => self.connecting.push(conn),
                Step::Act(Action::Close { conn }) => {
                    self.conns.retain(|known| *known != conn);
                    self.connecting.retain(|known| *known != conn);
                }
                Step::Act(_) => {}
            }
        }
        self.worker.check_invariants();
    }
}

/// A request as client libraries write it; for building corpora and tests.
pub fn encoded(words: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    encode::array(&mut out, words.len());
    for word in words {
        encode::bulk(&mut out, word);
    }
    out
}
