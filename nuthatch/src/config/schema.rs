//! Every key of a pool, once.
//!
//! This table drives everything that walks over keys: reading (`pool.rs` asks it for the type and
//! the bounds), suggestions, defaults, and the reference page printed by `reference.rs`. A new
//! key is a row here and the line in `pool.rs` that uses its value.

use super::failover_keys as failover;
use nuthatch_engine::base::limits;

pub use super::key::{Id, Key, Kind, Origin, WhenAbsent};

/// What fits twemproxy's signed 32-bit numbers.
const NUMBER_MAX: u32 = i32::MAX.unsigned_abs();

const ANY_NUMBER: Kind = Kind::Number { min: 0, max: NUMBER_MAX };

pub const EJECT_WORDS: &[&str] = &["off", "remap", "fail_fast"];
pub const MANNERS_WORDS: &[&str] = &["modern", "twemproxy"];
const ADMIN_WORDS: &[&str] = &["refuse", "allow"];
const UNKNOWN_WORDS: &[&str] = &["refuse", "first_key"];
const PUBSUB_WORDS: &[&str] = &["owner", "everywhere"];
const TRANSACTION_WORDS: &[&str] = &["strict", "per_shard"];

/// Sorted by name, in the order of [`Id`].
pub static KEYS: [Key; 42] = [
    Key {
        id: Id::AdminCommands,
        name: "admin_commands",
        kind: Kind::Choice(ADMIN_WORDS),
        when_absent: WhenAbsent::Name("refuse"),
        unit: "",
        origin: Origin::Nuthatch,
        secret: false,
        about: "Whether clients may send commands that change servers and not data: `CONFIG SET`, \
                `SAVE`, `SLOWLOG RESET` and so on. `allow` sends them to every server of the pool. \
                `CONFIG SET notify-keyspace-events` is always allowed. `nuthatch commands` lists them.",
    },
    Key {
        id: Id::AutoEjectHosts,
        name: "auto_eject_hosts",
        kind: Kind::Bool,
        when_absent: WhenAbsent::Bool(false),
        unit: "",
        origin: Origin::Twemproxy,
        secret: false,
        about: "Whether a failing server's keys move to the other servers until it is back. `true` \
                is `eject: remap`, `false` is `eject: off`; `eject` wins where both are given. \
                Right for a cache, wrong for a store, whose values would seem lost.",
    },
    Key {
        id: Id::Backlog,
        name: "backlog",
        kind: ANY_NUMBER,
        when_absent: WhenAbsent::Number(512),
        unit: "connections",
        origin: Origin::Twemproxy,
        secret: false,
        about: "Connections the kernel holds ready for us before it turns new ones away; the \
                argument of listen(2). The kernel caps it at `net.core.somaxconn`.",
    },
    Key {
        id: Id::ClientConnections,
        name: "client_connections",
        kind: ANY_NUMBER,
        when_absent: WhenAbsent::Number(0),
        unit: "clients",
        origin: Origin::Twemproxy,
        secret: false,
        about: "Clients of this pool at a time, over all workers; 0 sets no limit. twemproxy reads \
                the number and ignores it, and so do we under `manners: twemproxy`, with a warning.",
    },
    Key {
        id: Id::ClientStallMs,
        name: "client_stall_ms",
        kind: Kind::Number { min: limits::CLIENT_STALL_MS_MIN, max: limits::CLIENT_STALL_MS_MAX },
        when_absent: WhenAbsent::Number(limits::CLIENT_STALL_MS),
        unit: "ms",
        origin: Origin::Nuthatch,
        secret: false,
        about: "How long a client may take nothing of the replies that wait for it. Over it, it is \
                closed and counted in `clients_stalled`. What the kernel takes counts as taken, and \
                it may take the last of it late: so a client that reads nothing is gone after twice \
                this time. Where much waits for it the time is shorter, \
                whatever is said here: five seconds over 64 MiB, a quarter of one over 256 MiB, a \
                fifth while other clients wait behind its large reply. twemproxy waited for ever.",
    },
    Key {
        id: Id::Colocate,
        name: "colocate",
        kind: Kind::Colocate,
        when_absent: WhenAbsent::Nothing,
        unit: "",
        origin: Origin::Nuthatch,
        secret: false,
        about: "Which keys belong together, for programs that use several keys in one command and give \
                them no tag. A list; each entry is a text in quotes with one or more prefixes and \
                blanks between, such as `\"bull:\"`, `\"rq:\"` or `\"celery _kombu unacked\"`. A key \
                that begins with a prefix of an entry is hashed as the entry's first prefix, so all \
                keys of the entry are on one server, however many they are. The longest prefix \
                wins. `hash_tag` has no effect in such a key, and `random` places no key. All other \
                keys are where they are without it. To add, change or remove an entry moves its keys: \
                `nuthatch ring -c OLD NEW --keys FILE` counts them. The page of limits has its bounds. \
                twemproxy has no such key.",
    },
    Key {
        id: Id::ConnectTimeoutMs,
        name: "connect_timeout_ms",
        kind: Kind::Number { min: 1, max: NUMBER_MAX },
        when_absent: WhenAbsent::Number(1000),
        unit: "ms",
        origin: Origin::Nuthatch,
        secret: false,
        about: "How long a connection to a server may take to come about, the look-up of its name \
                included. Over it, the attempt has failed.",
    },
    Key {
        id: Id::Databases,
        name: "databases",
        kind: Kind::Number { min: 1, max: limits::DATABASES_MAX },
        when_absent: WhenAbsent::By("16, or only `redis_db` where that is written"),
        unit: "",
        origin: Origin::Nuthatch,
        secret: false,
        about: "Databases that clients may `SELECT`: those below this number. The servers must have as \
                many. A database in use costs connections of its own to each server. Under `manners: \
                twemproxy` only `redis_db` can be selected.",
    },
    Key {
        id: Id::Distribution,
        name: "distribution",
        kind: Kind::DistributionName,
        when_absent: WhenAbsent::Name("ketama"),
        unit: "",
        origin: Origin::Twemproxy,
        secret: false,
        about: "How hashes are spread over the servers. With `ketama` adding or losing one server \
                of n moves about one key in n; with `modula` it moves nearly all. `random` has no \
                relation to the key.",
    },
    Key {
        id: Id::Eject,
        name: "eject",
        kind: Kind::Choice(EJECT_WORDS),
        when_absent: WhenAbsent::By("`auto_eject_hosts`; `fail_fast` in a pool with replicas"),
        unit: "",
        origin: Origin::Nuthatch,
        secret: false,
        about: "What becomes of a failing server's keys. `off`: they stay, and every request tries \
                the server again. `remap`: they move to the other servers until it is back, for \
                caches. `fail_fast`: they stay, and requests for them fail at once until it is \
                back, for stores.",
    },
    failover::HOLD,
    Key {
        id: Id::Hash,
        name: "hash",
        kind: Kind::HashName,
        when_absent: WhenAbsent::Name("fnv1a_64"),
        unit: "",
        origin: Origin::Twemproxy,
        secret: false,
        about: "The hash function of keys. It decides where every key lives: to change it is to \
                move the data.",
    },
    Key {
        id: Id::HashTag,
        name: "hash_tag",
        kind: Kind::HashTag,
        when_absent: WhenAbsent::Nothing,
        unit: "",
        origin: Origin::Twemproxy,
        secret: false,
        about: "Two bytes, such as `\"{}\"` in quotes. Where a key holds both, only what lies between \
                them is hashed, so that `{user:1}:name` and `{user:1}:mail` share a server.",
    },
    Key {
        id: Id::Listen,
        name: "listen",
        kind: Kind::Listen,
        when_absent: WhenAbsent::Refused,
        unit: "",
        origin: Origin::Twemproxy,
        secret: false,
        about: "Where clients connect: `host:port`, or the path of a Unix socket, if wanted with a \
                blank and an octal file mode: `/run/nuthatch.sock 0660`. A socket that no process \
                serves is replaced; anything else at the path stays, and we do not start. \
                `0.0.0.0:22121` listens on every IPv4 address, `\"[::]:22121\"` (in quotes) on \
                every IPv6 one.",
    },
    Key {
        id: Id::Manners,
        name: "manners",
        kind: Kind::Choice(MANNERS_WORDS),
        when_absent: WhenAbsent::By(
            "the program's name: `twemproxy` if started as `nutcracker`, else `modern`",
        ),
        unit: "",
        origin: Origin::Nuthatch,
        secret: false,
        about: "How to treat what twemproxy refused or got wrong. `modern` answers with an error \
                that says what was refused and why, and keeps the client; `twemproxy` closes without \
                a word, as clients of old may expect.",
    },
    Key {
        id: Id::PinnedConnections,
        name: "pinned_connections",
        kind: Kind::Number { min: 1, max: limits::PINNED_CONNECTIONS_MAX },
        when_absent: WhenAbsent::Number(1_024),
        unit: "",
        origin: Origin::Nuthatch,
        secret: false,
        about: "How many connections to a server may belong to one client each, per worker: while a command \
                like `BLPOP` waits, and from `WATCH` to `EXEC`. Over it such a command fails. An idle \
                one is kept for 30 seconds for the next client.",
    },
    Key {
        id: Id::Preconnect,
        name: "preconnect",
        kind: Kind::Bool,
        when_absent: WhenAbsent::Bool(false),
        unit: "",
        origin: Origin::Twemproxy,
        secret: false,
        about: "Open a connection to each server at start rather than at the first request.",
    },
    Key {
        id: Id::Pubsub,
        name: "pubsub",
        kind: Kind::Choice(PUBSUB_WORDS),
        when_absent: WhenAbsent::Name("owner"),
        unit: "",
        origin: Origin::Nuthatch,
        secret: false,
        about: "Where channels are subscribed. `owner`: at the shard that owns the name, where `PUBLISH` through \
                this pool goes. `everywhere`: at every primary, for publishers that go past the proxy. Patterns \
                and `__keyevent@*` are subscribed everywhere in any case.",
    },
    Key {
        id: Id::PubsubOutputBytes,
        name: "pubsub_output_bytes",
        kind: Kind::Number { min: 1, max: NUMBER_MAX },
        when_absent: WhenAbsent::Number(limits::SUBSCRIBER_BYTES),
        unit: "bytes",
        origin: Origin::Nuthatch,
        secret: false,
        about: "How much a subscriber may leave unread. Over it, it is closed and counted in \
                `subscribers_slow`.",
    },
    Key {
        id: Id::PubsubOutputSoftBytes,
        name: "pubsub_output_soft_bytes",
        kind: Kind::Number { min: 1, max: NUMBER_MAX },
        when_absent: WhenAbsent::Number(limits::SUBSCRIBER_SOFT_BYTES),
        unit: "bytes",
        origin: Origin::Nuthatch,
        secret: false,
        about: "The same for a minute.",
    },
    failover::READ,
    failover::READ_AFTER_WRITE,
    failover::LAG_BYTES,
    failover::LAG_MS,
    Key {
        id: Id::Redis,
        name: "redis",
        kind: Kind::Bool,
        when_absent: WhenAbsent::Bool(false),
        unit: "",
        origin: Origin::Twemproxy,
        secret: false,
        about: "`true` for Redis and Valkey servers, `false` for memcached. Clients speak the protocol of \
                the servers: RESP2 and RESP3, or memcached's text and meta protocols.",
    },
    Key {
        id: Id::RedisAuth,
        name: "redis_auth",
        kind: Kind::Text,
        when_absent: WhenAbsent::Nothing,
        unit: "",
        origin: Origin::Twemproxy,
        secret: true,
        about: "A password, demanded of clients and sent to servers. Needs `redis: true`.",
    },
    Key {
        id: Id::RedisDb,
        name: "redis_db",
        kind: ANY_NUMBER,
        when_absent: WhenAbsent::Number(0),
        unit: "",
        origin: Origin::Twemproxy,
        secret: false,
        about: "The database selected on every connection to a server. memcached has none: no effect there.",
    },
    failover::STALE,
    failover::REPLICAS,
    Key {
        id: Id::Reuseport,
        name: "reuseport",
        kind: Kind::Bool,
        when_absent: WhenAbsent::Bool(false),
        unit: "",
        origin: Origin::TwemproxyHead,
        secret: false,
        about: "Set SO_REUSEPORT on the listener, so that several proxies can share the address.",
    },
    failover::SENTINEL_AUTH,
    failover::SENTINEL_USER,
    failover::SENTINELS,
    Key {
        id: Id::ServerConnections,
        name: "server_connections",
        kind: Kind::Number { min: 1, max: 65535 },
        when_absent: WhenAbsent::Number(1),
        unit: "connections",
        origin: Origin::Twemproxy,
        secret: false,
        about: "Connections to each server, at most, for each worker.",
    },
    Key {
        id: Id::ServerFailureLimit,
        name: "server_failure_limit",
        kind: ANY_NUMBER,
        when_absent: WhenAbsent::Number(2),
        unit: "failures",
        origin: Origin::Twemproxy,
        secret: false,
        about: "Failures in a row after which a server counts as down; 0 acts like 1.",
    },
    Key {
        id: Id::ServerRetryTimeout,
        name: "server_retry_timeout",
        kind: ANY_NUMBER,
        when_absent: WhenAbsent::Number(30_000),
        unit: "ms",
        origin: Origin::Twemproxy,
        secret: false,
        about: "How long a server that is down is left alone before it is tried again. A replica is left alone for a second at most.",
    },
    Key {
        id: Id::Servers,
        name: "servers",
        kind: Kind::Servers,
        when_absent: WhenAbsent::Refused,
        unit: "",
        origin: Origin::Twemproxy,
        secret: false,
        about: "A list of `host:port:weight` or `/path:weight`, each with a name after a blank if \
                wanted: `10.0.0.1:6379:1 shard-a`. The name is what keys are placed by; with it, a \
                server can move to another address and keep its keys. Without, `host:port` is the \
                name (`host` alone for port 11211). The order of the list has no effect.",
    },
    Key {
        id: Id::Tcpkeepalive,
        name: "tcpkeepalive",
        kind: Kind::Bool,
        when_absent: WhenAbsent::Bool(false),
        unit: "",
        origin: Origin::Twemproxy,
        secret: false,
        about: "Set SO_KEEPALIVE on clients' connections, so that clients that vanished are noticed.",
    },
    Key {
        id: Id::Timeout,
        name: "timeout",
        kind: ANY_NUMBER,
        when_absent: WhenAbsent::Nothing,
        unit: "ms",
        origin: Origin::Twemproxy,
        secret: false,
        about: "How long a server may owe a reply before the request fails. Absent or 0 waits for \
                ever; a store of a service wants a number here.",
    },
    Key {
        id: Id::Transactions,
        name: "transactions",
        kind: Kind::Choice(TRANSACTION_WORDS),
        when_absent: WhenAbsent::Name("strict"),
        unit: "",
        origin: Origin::Nuthatch,
        secret: false,
        about: "What becomes of a transaction whose keys lie on several shards. `strict` refuses it. \
                `per_shard` sends each shard its part: atomic there, and not over all. Right where \
                `MULTI` is a habit of a library and nobody needs all or nothing. Keys of `WATCH` \
                must be on one shard in any case.",
    },
    Key {
        id: Id::UnknownCommands,
        name: "unknown_commands",
        kind: Kind::Choice(UNKNOWN_WORDS),
        when_absent: WhenAbsent::Name("refuse"),
        unit: "",
        origin: Origin::Nuthatch,
        secret: false,
        about: "What to do with a command that is not in our table. `first_key` sends it to the owner of \
                its first argument: for modules that we do not know. Commands that are refused for a \
                reason stay refused.",
    },
    failover::ZONE,
];

/// The key of a name, upper and lower case being different.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The least and the most of a key that is a number.
pub fn number_bounds(name: &str) -> Option<(u32, u32)> {
    match find(name)?.kind {
        Kind::Number { min, max } | Kind::NumberOr { min, max, .. } => Some((min, max)),
        _ => None,
    }
}

/// The row of an id.
pub fn row(id: Id) -> &'static Key {
    &KEYS[id as usize]
}

pub fn names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_unique_described_and_indexed() {
        for (index, key) in KEYS.iter().enumerate() {
            assert_eq!(key.id as usize, index, "{}", key.name);
            assert!(key.about.len() > 20 && key.about.ends_with('.'), "{}", key.name);
            assert!(index == 0 || KEYS[index - 1].name < key.name, "{}", key.name);
            assert!(key.name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        }
    }

    #[test]
    fn our_own_times_carry_their_unit() {
        for key in KEYS.iter().filter(|key| key.origin == Origin::Nuthatch && key.unit == "ms") {
            assert!(key.name.ends_with("_ms"), "{}", key.name);
        }
    }
}
