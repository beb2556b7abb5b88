//! Rows of the table of keys: replicas, who says which server is primary, and where reads go.

use super::key::{Id, Key, Kind, Origin, WhenAbsent};
use nuthatch_engine::base::limits;

const READ_WORDS: &[&str] = &["primary", "prefer_replica", "replica", "nearest"];

const fn number(id: Id, name: &'static str, (min, max): (u32, u32), absent: u32) -> Key {
    Key {
        id,
        name,
        kind: Kind::Number { min, max },
        when_absent: WhenAbsent::Number(absent),
        unit: "ms",
        origin: Origin::Nuthatch,
        secret: false,
        about: "",
    }
}

const fn text(id: Id, name: &'static str, secret: bool, about: &'static str) -> Key {
    Key {
        id,
        name,
        kind: Kind::Text,
        when_absent: WhenAbsent::Nothing,
        unit: "",
        origin: Origin::Nuthatch,
        secret,
        about,
    }
}

const fn list(id: Id, name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { kind, ..text(id, name, false, about) }
}

pub const HOLD: Key = Key {
    about: "How long a request may wait while its shard has no primary. It goes to the next one as soon as \
            there is one. Over it, it fails with an error that says it was not sent, and until a server \
            answers others fail at once. Clients have times of their own, often five seconds.",
    ..number(
        Id::FailoverHoldMs,
        "failover_hold_ms",
        (1, limits::FAILOVER_HOLD_MS_MAX),
        limits::FAILOVER_HOLD_MS,
    )
};

pub const READ: Key = Key {
    id: Id::Read,
    name: "read",
    kind: Kind::Choice(READ_WORDS),
    when_absent: WhenAbsent::Name("primary"),
    unit: "",
    origin: Origin::Nuthatch,
    secret: false,
    about: "Which servers answer reads of keys. `primary`: the primary. `prefer_replica`: the replicas, and \
            the primary if none is good. `replica`: never the primary. `nearest`: those that answer fastest, of the \
            proxy's `zone` first; the primary if no replica is as near. A client stays with one replica of a shard as \
            long as it is good. Transactions, scripts that may write and commands that wait go to the \
            primary. A replica may answer with what was true a moment ago. `READONLY` and `READWRITE` choose \
            for one connection.",
};

pub const READ_AFTER_WRITE: Key = Key {
    kind: Kind::NumberOr { min: 0, max: 3_600_000, word: "auto" },
    about: "For so long after its last write a client's reads go to the primary, so that it finds what it \
            wrote. 0: they go where `read` says. `auto`: until all replicas that answer reads are known to \
            have that write; they are asked once a second.",
    ..number(Id::ReadAfterWriteMs, "read_after_write_ms", (0, 3_600_000), 0)
};

pub const LAG_BYTES: Key = Key {
    unit: "bytes",
    about: "How many bytes of replication a replica may be behind its primary and answer reads.",
    ..number(Id::ReadLagMaxBytes, "read_lag_max_bytes", (0, i32::MAX.unsigned_abs()), 1_048_576)
};

pub const LAG_MS: Key = Key {
    about: "How long ago its primary may have heard of a replica that answers reads.",
    ..number(Id::ReadLagMaxMs, "read_lag_max_ms", (1, 3_600_000), 10_000)
};

pub const STALE: Key = Key {
    about: "How long replicas answer reads while their primary is dead. Over it their reads fail.",
    ..number(Id::ReplicaStaleMs, "replica_stale_ms", (0, 86_400_000), 60_000)
};

pub const REPLICAS: Key = list(
    Id::Replicas,
    "replicas",
    Kind::Replicas,
    "A list of `host:port shard`, with `zone=NAME` behind it if wanted: the replica's address and the name \
     of its shard in `servers`. Without `sentinels` that server of a shard is the primary whose ROLE says \
     so; when an operator or a tool promotes another one, we follow. With `sentinels` it only tells the \
     zones: Sentinel knows the replicas.",
);

pub const SENTINEL_AUTH: Key = text(
    Id::SentinelAuth,
    "sentinel_auth",
    true,
    "The password at the Sentinels. That of the servers, `redis_auth`, is never sent to them.",
);

pub const SENTINEL_USER: Key = text(
    Id::SentinelUser,
    "sentinel_user",
    false,
    "The user at the Sentinels, where `default` is not meant. It needs `sentinel_auth`.",
);

pub const SENTINELS: Key = list(
    Id::Sentinels,
    "sentinels",
    Kind::Addresses,
    "A list of `host:port`, three or more: the Sentinels that watch this pool's primaries. The name of a \
     server in `servers` is then Sentinel's name of a primary, and its address is used until a Sentinel has \
     answered. Sentinels that these know of are asked too. A server that they call by another name than \
     the file is known by the file's.",
);

pub const ZONE: Key = text(
    Id::Zone,
    "zone",
    false,
    "The zone that this proxy is in, for `read: nearest`. Zones of replicas stand in `replicas`.",
);
