//! Warnings: what is allowed and probably a mistake.
//!
//! A warning is worth its line only if nearly every reader wants to know it: keys are placed so unevenly
//! that a server is idle, a key has no effect, data moved to another database. There are no warnings
//! about taste.

use super::build::Slots;
use super::checked::Pool;
use super::listen::Listen;
use super::place::Place;
use super::problem::{Fault, Problem};
use super::quote::quoted;
use super::schema::Id;
use super::source::Source;
use nuthatch_engine::base::ShardId;
use nuthatch_engine::routing::{Member, distribution};
use nuthatch_engine::topology::{Address, Eject, Manners, PoolSpec, Protocol};
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A server is starved when it gets less than this part of what its weight asks for.
const STARVED: f64 = 0.1;

/// Servers up to which the ring is built to look for starved ones; above it only time is lost.
const SHARDS_MAX: usize = 1000;

/// Warnings of one pool: key, place, what to say.
pub fn of_pool(source: &Source, pool: &Pool, slots: &Slots) -> Vec<(Id, Place, Fault)> {
    let spec = &pool.spec;
    let mut found = Vec::new();
    found.extend(starved(spec, slots, pool.place));
    found.extend(other_protocol(source, spec, slots));
    let mut warn = |id, fault| {
        found.extend(slots.place(id).map(|place| (id, place, fault)));
    };
    if spec.redis_auth.is_some() && spec.redis_db > 0 {
        let fault = Fault::warning("with a password, nutcracker kept such data in database 0")
            .note("it sent SELECT before AUTH; we send AUTH first and use the database named here")
            .note("a store that ran under nutcracker has its data in database 0: redis_db: 0 keeps it");
        warn(Id::RedisDb, fault);
    }
    if spec.protocol == Protocol::Memcache {
        let fault = Fault::warning("a memcached pool has no databases; this has no effect")
            .note("without `redis: true` this is a memcached pool");
        warn(Id::RedisDb, fault);
        for id in [Id::Databases, Id::AdminCommands, Id::UnknownCommands] {
            let fault = Fault::warning("this is for pools of Redis; it has no effect here")
                .note("without `redis: true` this is a memcached pool");
            warn(id, fault);
        }
    }
    if spec.manners == Manners::Twemproxy && spec.protocol == Protocol::Redis {
        for id in [Id::Databases, Id::AdminCommands] {
            let fault = Fault::warning("under twemproxy's manners this has no effect")
                .note("`manners: modern` makes it count");
            warn(id, fault);
        }
    }
    if spec.client_connections > 0 && spec.manners == Manners::Twemproxy {
        let fault = Fault::warning("under twemproxy's manners this number has no effect, as ever")
            .note("`manners: modern` makes it count");
        warn(Id::ClientConnections, fault);
    }
    if spec.distribution.name == "random" {
        let fault = Fault::warning("under `random` no key has a server; this has no effect")
            .note("`distribution: ketama` or `modula` places keys by their prefixes");
        warn(Id::Colocate, fault);
    }
    if slots.place(Id::AutoEjectHosts).is_some() && slots.place(Id::Eject).is_some() {
        let remaps = spec.eject == Eject::Remap;
        if remaps != slots.bool(Id::AutoEjectHosts) {
            let fault = Fault::warning("`eject` says otherwise than `auto_eject_hosts` and wins")
                .note("take `auto_eject_hosts` away: `eject` says it all");
            warn(Id::Eject, fault);
        }
    }
    found
}

/// How servers of a protocol are known by their addresses.
struct Custom {
    protocol: Protocol,
    name: &'static str,
    /// The usual port, and those that further servers of a machine have.
    ports: RangeInclusive<u16>,
    /// In the file name of a Unix socket.
    words: &'static [&'static str],
    /// What to write where this is what the servers speak.
    cure: &'static str,
}

static CUSTOMS: [Custom; 2] = [
    Custom {
        protocol: Protocol::Redis,
        name: "Redis",
        ports: 6379..=6389,
        words: &["redis", "valkey"],
        cure: "`redis: true` is missing, if Redis or Valkey serves there: their clients would read \
               errors only",
    },
    Custom {
        protocol: Protocol::Memcache,
        name: "memcached",
        ports: 11211..=11221,
        words: &["memcache"],
        cure: "take `redis: true` away, if memcached serves there: its clients would read errors only",
    },
];

/// A server whose address is usual for the other protocol. One warning for each pool.
fn other_protocol(source: &Source, spec: &PoolSpec, slots: &Slots) -> Option<(Id, Place, Fault)> {
    let other = CUSTOMS.iter().find(|custom| custom.protocol != spec.protocol)?;
    let own = CUSTOMS.iter().find(|custom| custom.protocol == spec.protocol)?;
    if spec.protocol == Protocol::Memcache && spec.redis_auth.is_some() {
        return None; // An error has said it.
    }
    let telling = |address: &Address| match address {
        Address::Tcp { port, .. } if other.ports.contains(port) => {
            Some((format!(":{port}:"), format!("port {port} is usually {}'s", other.name)))
        }
        Address::Tcp { .. } => None,
        Address::Unix { path } => {
            let name = file_name_with(path, other.words)?;
            Some((name.to_owned(), format!("{} names {}", quoted(name), other.name)))
        }
    };
    let servers = spec.shards.iter().zip(slots.server_places());
    let found = servers.filter_map(|(shard, place)| Some((place, telling(&shard.address)?)));
    let (place, (word, what)) = found.min_by_key(|(place, _)| (place.line, place.column))?;
    let fault = Fault::warning(format!("this is a {} pool, but {what}", own.name)).note(other.cure);
    Some((Id::Servers, within(source, place, &word), fault))
}

/// The file name of a path that holds one of these words.
fn file_name_with<'a>(path: &'a str, words: &[&str]) -> Option<&'a str> {
    let name = path.rsplit('/').next()?;
    words.iter().any(|word| name.to_lowercase().contains(word)).then_some(name)
}

/// The place of a word within a place, colons included. The whole place, if the word is not written
/// there literally.
fn within(source: &Source, place: Place, word: &str) -> Place {
    let line = source.line(place.line).unwrap_or_default();
    let start = (place.column as usize).saturating_sub(1);
    let written: String = line.chars().skip(start).take(place.length as usize).collect();
    let Some(at) = written.find(word) else { return place };
    let colons = usize::from(word.starts_with(':'));
    let column = start + written[..at].chars().count() + 1 + colons;
    Place::new(place.line as usize, column, word.chars().count() - 2 * colons)
}

/// Servers that get next to no keys, by the ring the pool will really have.
fn starved(spec: &PoolSpec, slots: &Slots, pool: Place) -> Vec<(Id, Place, Fault)> {
    if spec.distribution.name == "random" || !(2..=SHARDS_MAX).contains(&spec.shards.len()) {
        return Vec::new();
    }
    let members: Vec<Member<'_>> = spec
        .shards
        .iter()
        .zip(0u16..)
        .map(|(shard, id)| Member { shard: ShardId(id), name: &shard.name, weight: shard.weight })
        .collect();
    let ring = (spec.distribution.build)(&members);
    let share = ring.share(members.len(), spec.hash.max);
    let total: f64 = members.iter().map(|member| f64::from(member.weight)).sum();
    let places = slots.server_places();
    let starved: Vec<usize> = (0..members.len())
        .filter(|&i| share[i] < STARVED * f64::from(members[i].weight) / total)
        .collect();
    if narrow(spec, &ring) {
        if starved.is_empty() {
            return Vec::new();
        }
        return vec![narrow_hash(spec, &share, slots.place(Id::Hash).unwrap_or(pool))];
    }
    let warn = |&i: &usize| {
        let message = format!("this server gets {} of the keys", percent(share[i]));
        let fault = Fault::warning(message)
            .expected(format!(
                "{}, by its weight of {} in {total}",
                percent(f64::from(members[i].weight) / total),
                members[i].weight
            ))
            .note("a weight below a fortieth of the average gets no point on ketama's continuum");
        (Id::Servers, places.get(i).copied().unwrap_or(pool), fault)
    };
    starved.iter().map(warn).collect()
}

/// Does the hash reach only a small part of the continuum?
fn narrow(spec: &PoolSpec, ring: &distribution::Ring) -> bool {
    matches!(ring, distribution::Ring::Ketama(_)) && spec.hash.max < u32::MAX / 16
}

fn narrow_hash(spec: &PoolSpec, share: &[f64], place: Place) -> (Id, Place, Fault) {
    let busy = share.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    let (name, most) = busy.map_or(("", 0.0), |(i, &most)| (spec.shards[i].name.as_ref(), most));
    let fault = Fault::warning(format!(
        "with `{}` and ketama, {} gets {} of the keys",
        spec.hash.name,
        quoted(name),
        percent(most)
    ))
    .note(format!(
        "`{}` gives numbers up to {} only, of the 4294967296 the ring is spread over",
        spec.hash.name, spec.hash.max
    ))
    .note("a new pool had better take `hash: fnv1a_64`; in one that has data, a change moves it");
    (Id::Hash, place, fault)
}

fn percent(share: f64) -> String {
    if share <= 0.0 {
        "none".into()
    } else if share < 0.0001 {
        "less than 0.01 %".into()
    } else if share < 0.01 {
        format!("{:.2} %", share * 100.0)
    } else {
        format!("{:.0} %", share * 100.0)
    }
}

/// Listeners that differ as texts and meet when bound.
pub fn of_listeners(source: &Source, pools: &[Pool]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, pool) in pools.iter().enumerate() {
        let clash = |other: &&Pool| {
            other.listen_text != pool.listen_text && meet(&other.listen, &pool.listen)
        };
        if let Some(first) = pools[..index].iter().find(clash) {
            let fault = Fault::warning(format!(
                "this is probably the address of pool {} too",
                quoted(&first.spec.name)
            ))
            .found(format!("{} and {}", quoted(&first.listen_text), quoted(&pool.listen_text)))
            .note(format!(
                "that pool's stands in line {}; the second to bind would fail",
                first.listen_place.line
            ));
            let problem = source.problem(pool.listen_place, fault);
            problems.push(problem.in_pool(&pool.spec.name).at_key("listen"));
        }
    }
    problems
}

fn meet(a: &Listen, b: &Listen) -> bool {
    match (a, b) {
        (Listen::Unix { path: a, .. }, Listen::Unix { path: b, .. }) => a == b,
        (Listen::Tcp { host: a, port: x }, Listen::Tcp { host: b, port: y }) => {
            x == y && hosts_meet(a, b)
        }
        _ => false,
    }
}

fn hosts_meet(a: &str, b: &str) -> bool {
    let address = |host: &str| match host {
        "localhost" => "127.0.0.1".parse().ok(),
        host => host.parse::<IpAddr>().ok(),
    };
    if a == b {
        return true; // One port written in two ways, `01` and `1` say.
    }
    match (address(a), address(b)) {
        (Some(a), Some(b)) if a.is_ipv4() == b.is_ipv4() => {
            a == b || a.is_unspecified() || b.is_unspecified()
        }
        _ => false,
    }
}
