//! From the values read to a [`Pool`], with the table's defaults for what is absent.

use super::checked::Pool;
use super::listen::Listen;
use super::node::Scalar;
use super::place::Place;
use super::schema::{self, Id, KEYS, WhenAbsent};
use nuthatch_engine::routing::{Colocate, Distribution, Hash, HashTag, distribution, hash};
use nuthatch_engine::topology::{
    Address, Eject, Manners, PoolSpec, Protocol, ReplicaSpec, Serves, ShardSpec,
};
use std::sync::Arc;

/// A value, typed.
pub enum Value {
    Number(u32),
    Bool(bool),
    Text(Box<str>),
    Hash(&'static Hash),
    Distribution(&'static Distribution),
    HashTag(HashTag),
    Colocate(Arc<Colocate>),
    /// Index into the words of the key.
    Choice(usize),
    Listen(Listen, Box<str>),
    Addresses(Vec<Address>),
    Replicas(Vec<ReplicaEntry>),
    /// Sorted by name.
    Servers(Vec<(ShardSpec, Place)>),
}

/// An entry of `replicas` and where it stands.
pub struct ReplicaEntry {
    pub shard: Box<str>,
    pub spec: ReplicaSpec,
    pub place: Place,
}

/// What a key holds in the pool being read.
#[derive(Default)]
pub enum Slot {
    #[default]
    Absent,
    /// Reported already.
    Broken,
    Read(Value, Place),
}

/// A slot for every key.
pub struct Slots {
    slots: [Slot; KEYS.len()],
    /// Where the key itself stands.
    keys: [Option<Place>; KEYS.len()],
}

/// Databases of a server whose configuration does not say.
const DATABASES: u32 = 16;

impl Slots {
    pub fn new() -> Slots {
        Slots { slots: std::array::from_fn(|_| Slot::Absent), keys: [None; KEYS.len()] }
    }

    /// Notes where a key stands; gives the place where it stood before, if it did.
    pub fn meet(&mut self, id: Id, place: Place) -> Option<Place> {
        let first = self.keys[id as usize];
        self.keys[id as usize] = first.or(Some(place));
        first
    }

    pub fn set(&mut self, id: Id, slot: Slot) {
        self.slots[id as usize] = slot;
    }

    pub fn get(&self, id: Id) -> &Slot {
        &self.slots[id as usize]
    }

    /// Where the value of a key stands.
    pub fn place(&self, id: Id) -> Option<Place> {
        match self.get(id) {
            Slot::Read(_, place) => Some(*place),
            _ => None,
        }
    }

    /// Where each server stands, in the order of their names.
    pub fn server_places(&self) -> Vec<Place> {
        match self.get(Id::Servers) {
            Slot::Read(Value::Servers(list), _) => list.iter().map(|&(_, place)| place).collect(),
            _ => Vec::new(),
        }
    }

    pub fn value(&self, id: Id) -> Option<&Value> {
        match self.get(id) {
            Slot::Read(value, _) => Some(value),
            _ => None,
        }
    }

    pub fn number(&self, id: Id) -> u32 {
        match (self.value(id), schema::row(id).when_absent) {
            (Some(Value::Number(value)), _) => *value,
            (_, WhenAbsent::Number(value)) => value,
            _ => 0,
        }
    }

    pub fn bool(&self, id: Id) -> bool {
        match (self.value(id), schema::row(id).when_absent) {
            (Some(Value::Bool(value)), _) => *value,
            (_, WhenAbsent::Bool(value)) => value,
            _ => false,
        }
    }

    pub fn text(&self, id: Id) -> Option<Box<str>> {
        match self.value(id) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    pub fn choice(&self, id: Id) -> Option<usize> {
        match self.value(id) {
            Some(Value::Choice(index)) => Some(*index),
            _ => None,
        }
    }

    fn hash(&self) -> Option<&'static Hash> {
        match (self.value(Id::Hash), schema::row(Id::Hash).when_absent) {
            (Some(Value::Hash(hash)), _) => Some(hash),
            (_, WhenAbsent::Name(name)) => hash::by_name(name),
            _ => None,
        }
    }

    fn distribution(&self) -> Option<&'static Distribution> {
        match (self.value(Id::Distribution), schema::row(Id::Distribution).when_absent) {
            (Some(Value::Distribution(distribution)), _) => Some(distribution),
            (_, WhenAbsent::Name(name)) => distribution::by_name(name),
            _ => None,
        }
    }

    fn eject(&self) -> Eject {
        match self.choice(Id::Eject) {
            Some(0) => Eject::Off,
            Some(1) => Eject::Remap,
            Some(_) => Eject::FailFast,
            None if self.bool(Id::AutoEjectHosts) => Eject::Remap,
            None if self.value(Id::Sentinels).or(self.value(Id::Replicas)).is_some() => {
                Eject::FailFast
            }
            None => Eject::Off,
        }
    }

    /// Whether keys of a failing server go to other servers.
    pub fn remaps(&self) -> bool {
        self.eject() == Eject::Remap
    }

    /// `None`: only `redis_db`.
    fn databases(&self, manners: Manners) -> Option<u32> {
        if manners == Manners::Twemproxy {
            return None;
        }
        match (self.value(Id::Databases), self.value(Id::RedisDb)) {
            (Some(Value::Number(count)), _) => Some(*count),
            (_, Some(_)) => None,
            (_, None) => Some(DATABASES),
        }
    }

    /// The pool; `None` when a value it cannot do without was not read.
    pub fn build(&self, name: &Scalar, manners_default: Manners) -> Option<Pool> {
        let Slot::Read(Value::Listen(listen, listen_text), listen_place) = self.get(Id::Listen)
        else {
            return None;
        };
        let Some(Value::Servers(list)) = self.value(Id::Servers) else { return None };
        let manners = match self.choice(Id::Manners) {
            Some(0) => Manners::Modern,
            Some(_) => Manners::Twemproxy,
            None => manners_default,
        };
        let spec = PoolSpec {
            name: name.text.as_str().into(),
            protocol: if self.bool(Id::Redis) { Protocol::Redis } else { Protocol::Memcache },
            hash: self.hash()?,
            hash_tag: match self.value(Id::HashTag) {
                Some(Value::HashTag(tag)) => Some(*tag),
                _ => None,
            },
            colocate: match self.value(Id::Colocate) {
                Some(Value::Colocate(colocate)) => Some(Arc::clone(colocate)),
                _ => None,
            },
            distribution: self.distribution()?,
            shards: list.iter().map(|(shard, _)| shard.clone()).collect(),
            timeout_ms: Some(self.number(Id::Timeout)).filter(|&ms| ms > 0),
            connect_timeout_ms: self.number(Id::ConnectTimeoutMs),
            server_connections: u16::try_from(self.number(Id::ServerConnections)).ok()?,
            preconnect: self.bool(Id::Preconnect),
            redis_auth: match self.value(Id::RedisAuth) {
                Some(Value::Text(text)) => Some(text.clone()),
                _ => None,
            },
            redis_db: self.number(Id::RedisDb),
            serves: Serves {
                databases: self.databases(manners),
                admin_commands: self.choice(Id::AdminCommands) == Some(1),
                unknown_commands: self.choice(Id::UnknownCommands) == Some(1),
                transactions_per_shard: self.choice(Id::Transactions) == Some(1),
                pinned_connections: self.number(Id::PinnedConnections),
                client_stall_ms: self.number(Id::ClientStallMs),
                channels_everywhere: self.choice(Id::Pubsub) == Some(1),
                pubsub_output_bytes: self.number(Id::PubsubOutputBytes),
                pubsub_output_soft_bytes: self.number(Id::PubsubOutputSoftBytes),
            },
            eject: self.eject(),
            server_retry_timeout_ms: self.number(Id::ServerRetryTimeout),
            server_failure_limit: self.number(Id::ServerFailureLimit),
            manners,
            client_connections: self.number(Id::ClientConnections),
            failover: None,
        };
        Some(Pool {
            spec,
            listen: listen.clone(),
            listen_text: listen_text.clone(),
            listen_place: *listen_place,
            place: name.place,
            backlog: self.number(Id::Backlog),
            tcpkeepalive: self.bool(Id::Tcpkeepalive),
            reuseport: self.bool(Id::Reuseport),
        })
    }
}
