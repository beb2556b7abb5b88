//! What the keys of replicas say: which other servers a shard has, who says which one is primary, and what they
//! are used for. Their rows are in `failover_keys.rs`.
//!
//! ```text
//!   sentinels:                  replicas:
//!     - 10.0.0.1:26379            - 10.0.2.1:6379 shard-a
//!     - 10.0.0.2:26379            - 10.0.2.2:6379 shard-b zone=b
//! ```

use super::build::{ReplicaEntry, Slots, Value};
use super::key::Id;
use super::listen;
use super::node::{Node, Scalar};
use super::place::Place;
use super::problem::Fault;
use super::quote::quoted;
use super::scalars;
use nuthatch_engine::topology::{
    Address, AfterWrite, Failover, LagBounds, Protocol, Reads, ReplicaSpec, ShardSpec,
};

/// In the order of the words of `read`.
const READS: [Reads; 4] = [Reads::Primary, Reads::PreferReplica, Reads::Replica, Reads::Nearest];

/// Entries of a list.
const ENTRIES_MAX: usize = 4_096;

/// The first fault of a list's item and where it stands; `None`: it has been told.
type Bad<'n> = Option<Box<(&'n Node, Fault)>>;

/// The text of an item of a list.
fn item<'n>(item: &'n Node, expected: &str) -> Result<&'n Scalar, Bad<'n>> {
    match item {
        Node::Scalar(scalar) if !scalar.text.is_empty() => Ok(scalar),
        Node::Unusable(_) => Err(None),
        _ => Err(Some(Box::new((item, Fault::new("this is no address").expected(expected))))),
    }
}

const SENTINEL_FORM: &str = "`host:port`, such as `10.0.0.1:26379`";
const REPLICA_FORM: &str = "`host:port shard`, and if wanted `zone=NAME`: `10.0.2.1:6379 shard-a`";

fn address(text: &str, expected: &'static str) -> Result<Address, Fault> {
    let shapeless = || Fault::new("this is no address").found(quoted(text)).expected(expected);
    if text.contains("://") || text.contains('@') {
        return Err(
            Fault::new("an address has no `scheme://`, user or password here").expected(expected)
        );
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(shapeless)?;
    if host.is_empty() || host.starts_with('/') {
        return Err(shapeless());
    }
    let number = scalars::number(port, 1, 65_535, "")
        .map_err(|fault| listen::port_fault(fault, port).found(quoted(text)).expected(expected))?;
    let port = u16::try_from(number).unwrap_or(u16::MAX);
    Ok(Address::Tcp { host: listen::unbracketed(host).into(), port })
}

/// The items below `sentinels`.
pub fn sentinels(items: &[Node]) -> Result<Value, Bad<'_>> {
    let mut all = Vec::new();
    for node in items.iter().take(ENTRIES_MAX) {
        let scalar = item(node, SENTINEL_FORM)?;
        let address =
            address(&scalar.text, SENTINEL_FORM).map_err(|fault| Some(Box::new((node, fault))))?;
        if all.contains(&address) {
            let fault = Fault::new("this Sentinel is given twice").found(quoted(&scalar.text));
            return Err(Some(Box::new((node, fault))));
        }
        all.push(address);
    }
    Ok(Value::Addresses(all))
}

/// The items below `replicas`.
pub fn replicas(items: &[Node]) -> Result<Value, Bad<'_>> {
    let mut all = Vec::new();
    for node in items.iter().take(ENTRIES_MAX) {
        let scalar = item(node, REPLICA_FORM)?;
        let bad = |fault| Some(Box::new((node, fault)));
        let mut words = scalar.text.split(' ');
        let shapeless = || {
            bad(Fault::new("this is no replica").found(quoted(&scalar.text)).expected(REPLICA_FORM))
        };
        let (Some(at), Some(shard)) = (words.next(), words.next()) else {
            return Err(shapeless());
        };
        let zone = match words.next().map(|word| word.strip_prefix("zone=")) {
            None => None,
            Some(Some(zone)) if !zone.is_empty() => Some(zone.into()),
            Some(_) => return Err(shapeless()),
        };
        if words.next().is_some() || shard.is_empty() {
            return Err(shapeless());
        }
        let spec = ReplicaSpec { address: address(at, REPLICA_FORM).map_err(bad)?, zone };
        all.push(ReplicaEntry { shard: shard.into(), spec, place: scalar.place });
    }
    Ok(Value::Replicas(all))
}

/// What the keys of a pool say together, or why they cannot stand together. `None`: it has no replicas.
pub fn build(slots: &Slots, shards: &mut [ShardSpec]) -> Option<Failover> {
    let sentinels = match slots.value(Id::Sentinels) {
        Some(Value::Addresses(all)) => all.clone(),
        _ => Vec::new(),
    };
    let mut has_replicas = false;
    if let Some(Value::Replicas(all)) = slots.value(Id::Replicas) {
        for entry in all {
            if let Some(shard) = shards.iter_mut().find(|shard| shard.name == entry.shard) {
                shard.replicas.push(entry.spec.clone());
                has_replicas = true;
            }
        }
    }
    if sentinels.is_empty() && !has_replicas {
        return None;
    }
    Some(Failover {
        sentinels,
        sentinel_user: slots.text(Id::SentinelUser),
        sentinel_auth: slots.text(Id::SentinelAuth),
        hold_ms: slots.number(Id::FailoverHoldMs),
        reads: READS[slots.choice(Id::Read).unwrap_or(0)],
        lag: LagBounds {
            bytes: slots.number(Id::ReadLagMaxBytes),
            ms: slots.number(Id::ReadLagMaxMs),
            stale_ms: slots.number(Id::ReplicaStaleMs),
        },
        after_write: match slots.value(Id::ReadAfterWriteMs) {
            Some(Value::Choice(_)) => AfterWrite::Auto,
            _ => AfterWrite::Ms(slots.number(Id::ReadAfterWriteMs)),
        },
        zone: slots.text(Id::Zone),
    })
}

/// Keys that say something only where there are replicas.
const NEEDS_REPLICAS: [Id; 9] = [
    Id::FailoverHoldMs,
    Id::Read,
    Id::ReadAfterWriteMs,
    Id::ReadLagMaxBytes,
    Id::ReadLagMaxMs,
    Id::ReplicaStaleMs,
    Id::SentinelAuth,
    Id::SentinelUser,
    Id::Zone,
];

/// What these keys forbid each other and the rest of the pool: the key, its place, and why.
pub fn check(slots: &Slots, protocol: Protocol) -> Vec<(Id, Place, Fault)> {
    let mut found = Vec::new();
    let mut say = |id: Id, fault: Fault| {
        found.extend(slots.place(id).map(|place| (id, place, fault)));
    };
    let has_any = slots.place(Id::Sentinels).or(slots.place(Id::Replicas)).is_some();
    if protocol == Protocol::Memcache {
        for id in [Id::Sentinels, Id::Replicas] {
            let fault = Fault::new("memcached has no replicas: this needs `redis: true`")
                .note("without `redis: true` this is a memcached pool");
            say(id, fault);
        }
        return found;
    }
    if !has_any {
        for id in NEEDS_REPLICAS {
            say(
                id,
                Fault::new("this is for a pool with replicas, and this one has none")
                    .expected("`sentinels:` with a line `- host:port` for each, or `replicas:`"),
            );
        }
        return found;
    }
    if slots.remaps() {
        let fault = Fault::new("a pool with replicas cannot move keys to other shards")
            .expected("`eject: fail_fast`, or nothing: it is the default here")
            .note("when a server dies its replica takes over, with its keys; other shards have none of them");
        let id = if slots.place(Id::Eject).is_some() { Id::Eject } else { Id::AutoEjectHosts };
        say(id, fault);
    }
    if slots.place(Id::SentinelUser).is_some() && slots.place(Id::SentinelAuth).is_none() {
        say(Id::SentinelUser, Fault::new("`sentinel_user` needs `sentinel_auth`, its password"));
    }
    if let Some(Value::Addresses(all)) = slots.value(Id::Sentinels)
        && all.len() < 3
    {
        let fault = Fault::warning("fewer than three Sentinels cannot outvote one that is wrong")
            .found(format!("{}", all.len()))
            .note("those that they know of are asked too, but only while one of these answers");
        say(Id::Sentinels, fault);
    }
    let (Some(Value::Servers(servers)), Some(Value::Replicas(replicas))) =
        (slots.value(Id::Servers), slots.value(Id::Replicas))
    else {
        return found;
    };
    for (at, entry) in replicas.iter().enumerate() {
        let shard = servers.iter().map(|(shard, _)| shard).find(|shard| shard.name == entry.shard);
        let fault = match shard {
            None => Fault::new("no server of this pool has this name")
                .found(quoted(&entry.shard))
                .expected(format!("a name in `servers`: {}", names(servers))),
            Some(shard) if shard.address == entry.spec.address => {
                Fault::new("this is the address of the primary itself")
                    .found(quoted(&entry.spec.address.to_string()))
            }
            Some(_) if replicas[..at].iter().any(|it| it.spec.address == entry.spec.address) => {
                Fault::new("this replica is given twice")
                    .found(quoted(&entry.spec.address.to_string()))
            }
            Some(_) => continue,
        };
        found.push((Id::Replicas, entry.place, fault));
    }
    found
}

fn names(servers: &[(ShardSpec, Place)]) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<_> = servers.iter().take(SHOWN).map(|(it, _)| quoted(&it.name)).collect();
    if servers.len() > SHOWN {
        names.push("...".into());
    }
    names.join(", ")
}
