//! What the command table says of a request.

use nuthatch_engine::command::{COMMANDS, Command, Keys, Verb, keys, lookup};
use nuthatch_engine::protocol::resp::request::{Parsed, Progress, Trust, parse};
use nuthatch_testbed::encode;
use std::collections::BTreeSet;

/// Every row that is not answered by the proxy itself, subcommands included, by name. Not those that need
/// `admin_commands: allow`. Not those of transactions: their answers depend on what came before, see the test
/// `conversations`. Not those that begin, end and count subscriptions: they have a reply for each channel, see
/// `handshake.rs`, and PUBSUB speaks of this process.
pub fn routed() -> Vec<&'static Command> {
    let rows = COMMANDS.iter().flat_map(|row| std::iter::once(row).chain(row.subcommands));
    let is_sent = |row: &&Command| {
        !matches!(
            row.verb,
            Verb::Local(_)
                | Verb::Transact(_)
                | Verb::Subscribe(_)
                | Verb::Unsubscribe(_)
                | Verb::Listeners
        ) && !row.is_fenced()
            && is_in_redis_7_0(row)
    };
    let mut rows: Vec<_> = rows.filter(is_sent).collect();
    rows.sort_by_key(|row| row.name);
    rows
}

/// The two servers that are compared are of this version.
fn is_in_redis_7_0(row: &Command) -> bool {
    let mut version = row.since.redis.split('.').map(|part| part.parse::<u32>().unwrap_or(99));
    (version.next(), version.next()) <= (Some(7), Some(0))
}

/// Is it sent whole to one server, though it may have several keys?
pub fn is_bound(row: &Command) -> bool {
    let several = match row.keys {
        Keys::None => false,
        Keys::Range { first, last, .. } => i16::from(first) != i16::from(last),
        Keys::Counted { .. }
        | Keys::CountedPairs { .. }
        | Keys::Streams { .. }
        | Keys::Sort
        | Keys::Georadius { .. } => true,
    };
    several && is_whole(row)
}

fn is_whole(row: &Command) -> bool {
    matches!(row.verb, Verb::Forward | Verb::Wait)
}

/// May the server wait before it answers?
pub fn may_wait(args: &[Vec<u8>]) -> bool {
    let waits = |row: &Command| matches!(row.verb, Verb::Wait | Verb::Acknowledge(_));
    lookup(&args[0]).is_some_and(waits) || args.iter().any(|arg| arg == b"BLOCK")
}

/// The name of the row that speaks for a request, if any does.
pub fn row_name(args: &[Vec<u8>]) -> Option<&'static str> {
    let row = lookup(&args[0])?;
    let sub = args.get(1).and_then(|name| keys::subcommand(row, name));
    Some(sub.unwrap_or(row).name)
}

/// The keys of a request; none if it has none, or is wrong.
pub fn keys_of(args: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    encode(args, &mut bytes);
    let parsed = parse(&bytes, &mut Progress::default(), Trust::Authenticated);
    let Ok(Parsed::Request(args)) = parsed else {
        panic!("not a request: {}", bytes.escape_ascii());
    };
    let row = lookup(args.name()).map(|row| keys::resolve(row, &args));
    match row {
        Some(Ok(row)) => keys::keys(row, &args)
            .map(|keys| keys.map(<[u8]>::to_vec).collect())
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// Would nuthatch send it to one server, or split it? As far as tags can tell.
pub fn has_one_owner(args: &[Vec<u8>]) -> bool {
    if lookup(&args[0]).is_none_or(|row| !is_whole(row)) {
        return true;
    }
    let keys = keys_of(args);
    let tags: BTreeSet<&[u8]> = keys.iter().map(|key| tag(key)).collect();
    tags.len() < 2
}

fn tag(key: &[u8]) -> &[u8] {
    let inside = || {
        let open = key.iter().position(|&b| b == b'{')?;
        let len = key[open + 1..].iter().position(|&b| b == b'}')?;
        (len > 0).then(|| &key[open + 1..][..len])
    };
    inside().unwrap_or(key)
}
