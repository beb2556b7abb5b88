//! What the configuration says of a pool, checked and typed. Nothing here depends on YAML.

use crate::base::limits::{SUBSCRIBER_BYTES, SUBSCRIBER_SOFT_BYTES};
use crate::routing::{Colocate, Distribution, Hash, HashTag, distribution, hash};
use std::fmt;
use std::sync::Arc;

/// A pool as its file describes it. Shards are sorted as twemproxy sorts servers: shorter name
/// first, then bytewise.
#[derive(Clone, Debug)]
pub struct PoolSpec {
    pub name: Box<str>,
    pub protocol: Protocol,
    pub hash: &'static Hash,
    pub hash_tag: Option<HashTag>,
    /// Which keys share a shard by their prefixes. twemproxy has no such key.
    pub colocate: Option<Arc<Colocate>>,
    pub distribution: &'static Distribution,
    pub shards: Vec<ShardSpec>,
    /// Milliseconds a server may owe a reply; `None` is no limit.
    pub timeout_ms: Option<u32>,
    /// Milliseconds from the decision to connect to the connection, name look-up included.
    pub connect_timeout_ms: u32,
    /// Upstream connections per server, lane and worker; at least 1.
    pub server_connections: u16,
    pub preconnect: bool,
    /// Clients must send it, and we send it to servers.
    pub redis_auth: Option<Box<str>>,
    /// Selected on every upstream when above 0.
    pub redis_db: u32,
    pub serves: Serves,
    pub eject: Eject,
    pub server_retry_timeout_ms: u32,
    /// Failures in a row until ejection; 0 acts like 1.
    pub server_failure_limit: u32,
    pub manners: Manners,
    /// Most clients of this pool at a time, over all workers; 0 is unlimited. Ignored under twemproxy
    /// manners, as twemproxy ignores it.
    pub client_connections: u32,
    /// What the pool does with replicas; `None` if it has none.
    pub failover: Option<Arc<Failover>>,
}

/// See [`PoolSpec::probe_after_ms`].
const REPLICA_PROBE_MS: u32 = 1_000;

impl PoolSpec {
    /// How long a server that is out is left alone. A replica is asked for its state every second in any case,
    /// and its return moves no keys, so a long `server_retry_timeout` is not for it.
    pub fn probe_after_ms(&self, is_replica: bool) -> u32 {
        let longest_ms = if is_replica { REPLICA_PROBE_MS } else { u32::MAX };
        self.server_retry_timeout_ms.min(longest_ms)
    }

    /// Whether clients may use this database.
    pub fn serves_database(&self, db: i64) -> bool {
        match self.serves.databases {
            Some(count) => (0..i64::from(count)).contains(&db),
            None => db == i64::from(self.redis_db),
        }
    }

    /// How long a request may wait for a server of its shard; 0 in a pool without replicas.
    pub fn hold_ms(&self) -> u32 {
        self.failover.as_ref().map_or(0, |failover| failover.hold_ms)
    }

    /// Where reads go.
    pub fn reads(&self) -> Reads {
        self.failover.as_ref().map_or(Reads::Primary, |failover| failover.reads)
    }

    /// A plain pool: one shard for each address, named `shard0`, `shard1` and so on, and no key of the
    /// file set. Tests, simulation, benchmark and fuzzing start from it and change what they need. It is
    /// the only place where the engine has defaults. The defaults of the file are in the table of keys.
    pub fn plain(protocol: Protocol, addresses: impl IntoIterator<Item = Address>) -> PoolSpec {
        let shard = |(at, address): (usize, Address)| ShardSpec {
            name: format!("shard{at}").into(),
            address,
            weight: 1,
            replicas: Vec::new(),
        };
        PoolSpec {
            name: "pool".into(),
            protocol,
            hash: hash::by_name("fnv1a_64").expect("is in the table"),
            hash_tag: None,
            colocate: None,
            distribution: distribution::by_name("modula").expect("is in the table"),
            shards: addresses.into_iter().enumerate().map(shard).collect(),
            timeout_ms: None,
            connect_timeout_ms: 1_000,
            server_connections: 1,
            preconnect: false,
            redis_auth: None,
            redis_db: 0,
            serves: Serves {
                databases: Some(16),
                pinned_connections: 1_024,
                client_stall_ms: 60_000,
                pubsub_output_bytes: SUBSCRIBER_BYTES,
                pubsub_output_soft_bytes: SUBSCRIBER_SOFT_BYTES,
                ..Serves::default()
            },
            eject: Eject::Off,
            server_retry_timeout_ms: 1_000,
            server_failure_limit: 1,
            manners: Manners::Modern,
            client_connections: 0,
            failover: None,
        }
    }
}

/// How a pool with replicas finds its primaries, and what it uses its replicas for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failover {
    /// Sentinels that say which server is primary. Empty: the one that calls itself so is.
    pub sentinels: Vec<Address>,
    /// The user and the password at the Sentinels.
    pub sentinel_user: Option<Box<str>>,
    pub sentinel_auth: Option<Box<str>>,
    /// How long a request may wait while its shard has no primary.
    pub hold_ms: u32,
    pub reads: Reads,
    pub lag: LagBounds,
    /// How long after a write of its own a client's reads go to the primary.
    pub after_write: AfterWrite,
    /// The zone of this proxy.
    pub zone: Option<Box<str>>,
}

impl Failover {
    /// With one Sentinel's worth of defaults, for tests and simulation.
    pub fn plain(hold_ms: u32, reads: Reads) -> Failover {
        Failover {
            sentinels: Vec::new(),
            sentinel_user: None,
            sentinel_auth: None,
            hold_ms,
            reads,
            lag: LagBounds { bytes: 1 << 20, ms: 10_000, stale_ms: 60_000 },
            after_write: AfterWrite::Ms(0),
            zone: None,
        }
    }
}

/// Which servers answer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    Primary,
    /// Replicas, and the primary if none is good.
    PreferReplica,
    /// Never the primary.
    Replica,
    /// Whichever answers fastest, in the proxy's zone first; the primary too.
    Nearest,
}

/// How long a client's reads go to the primary after it has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterWrite {
    Ms(u32),
    /// Until all replicas that answer reads are known to have the write.
    Auto,
}

/// How far a replica may be behind its primary and answer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LagBounds {
    pub bytes: u32,
    pub ms: u32,
    /// How long it may have lost a primary that is dead.
    pub stale_ms: u32,
}

/// What clients of a pool may use besides keys.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Serves {
    /// The databases below this number. `None`: only `redis_db`.
    pub databases: Option<u32>,
    /// Commands that change servers.
    pub admin_commands: bool,
    /// A command that is not in our table goes to the owner of its first argument.
    pub unknown_commands: bool,
    /// A transaction may have keys of several shards, and is atomic on each.
    pub transactions_per_shard: bool,
    /// Most upstreams per server and worker that belong to one client each: it waits or watches keys.
    pub pinned_connections: u32,
    /// A client that takes no byte of its replies for this many milliseconds is closed.
    pub client_stall_ms: u32,
    /// A channel is subscribed at every primary: publishers go past us.
    pub channels_everywhere: bool,
    /// Bytes of messages that a subscriber may leave unread.
    pub pubsub_output_bytes: u32,
    /// The same for a minute.
    pub pubsub_output_soft_bytes: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardSpec {
    /// The node name of twemproxy. The ring is made from it.
    pub name: Box<str>,
    pub address: Address,
    /// At least 1.
    pub weight: u32,
    /// In the order of the file. A Sentinel may know others.
    pub replicas: Vec<ReplicaSpec>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaSpec {
    pub address: Address,
    pub zone: Option<Box<str>>,
}

/// Where a server listens. A host is resolved when a connection is made, and again at each
/// reconnect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    Tcp { host: Box<str>, port: u16 },
    Unix { path: Box<str> },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Unix { path } => f.write_str(path),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    Redis,
    Memcache,
}

/// What happens to the keys of a failing server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Eject {
    /// They stay, and every request tries the server again.
    Off,
    /// They move to other servers until it is back, as in twemproxy. For caches.
    Remap,
    /// They stay, and their requests fail at once until it is back. For stores.
    FailFast,
}

/// How we treat what twemproxy refused or got wrong; see docs/reference/config.md.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manners {
    Modern,
    Twemproxy,
}
