//! The small sets in a row: the flags of a command, its access categories, and its use of a key.
//! Each is a word of bits with a table of names, in the order of Redis 7.0, so that `COMMAND` prints
//! by walking the table.

use super::group::Group;

/// The flags in `COMMAND`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(u32);

impl Flags {
    pub const NONE: Flags = Flags(0);
    pub const WRITE: Flags = Flags(1);
    pub const READONLY: Flags = Flags(1 << 1);
    pub const DENYOOM: Flags = Flags(1 << 2);
    pub const ADMIN: Flags = Flags(1 << 3);
    pub const PUBSUB: Flags = Flags(1 << 4);
    pub const NOSCRIPT: Flags = Flags(1 << 5);
    pub const BLOCKING: Flags = Flags(1 << 6);
    pub const LOADING: Flags = Flags(1 << 7);
    pub const STALE: Flags = Flags(1 << 8);
    pub const SKIP_MONITOR: Flags = Flags(1 << 9);
    pub const FAST: Flags = Flags(1 << 10);
    pub const NO_AUTH: Flags = Flags(1 << 11);
    pub const NO_MANDATORY_KEYS: Flags = Flags(1 << 12);
    pub const MOVABLEKEYS: Flags = Flags(1 << 13);
    pub const ALLOW_BUSY: Flags = Flags(1 << 14);
    pub const NO_ASYNC_LOADING: Flags = Flags(1 << 15);
    pub const NO_MULTI: Flags = Flags(1 << 16);
    pub const SKIP_SLOWLOG: Flags = Flags(1 << 17);

    /// Reads.
    pub const READ: Flags = Flags::READONLY;
    pub const READ_FAST: Flags = Flags::READONLY.and(Flags::FAST);
    /// Writes and needs no memory: allowed on a full server.
    pub const WRITE_FAST: Flags = Flags::WRITE.and(Flags::FAST);
    /// Writes and may need memory.
    pub const GROW: Flags = Flags::WRITE.and(Flags::DENYOOM);
    pub const GROW_FAST: Flags = Flags::GROW.and(Flags::FAST);

    pub const NAMES: [(Flags, &'static str); 18] = [
        (Flags::WRITE, "write"),
        (Flags::READONLY, "readonly"),
        (Flags::DENYOOM, "denyoom"),
        (Flags::ADMIN, "admin"),
        (Flags::PUBSUB, "pubsub"),
        (Flags::NOSCRIPT, "noscript"),
        (Flags::BLOCKING, "blocking"),
        (Flags::LOADING, "loading"),
        (Flags::STALE, "stale"),
        (Flags::SKIP_MONITOR, "skip_monitor"),
        (Flags::SKIP_SLOWLOG, "skip_slowlog"),
        (Flags::FAST, "fast"),
        (Flags::NO_AUTH, "no_auth"),
        (Flags::NO_MANDATORY_KEYS, "no_mandatory_keys"),
        (Flags::NO_ASYNC_LOADING, "no_async_loading"),
        (Flags::NO_MULTI, "no_multi"),
        (Flags::MOVABLEKEYS, "movablekeys"),
        (Flags::ALLOW_BUSY, "allow_busy"),
    ];

    #[must_use]
    pub const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// All of `other` are set.
    #[inline]
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        Self::NAMES.into_iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| name)
    }
}

/// The categories in the ACL rules of a Redis user: `@read`, `@string`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Categories(u32);

impl Categories {
    pub const NONE: Categories = Categories(0);
    pub const KEYSPACE: Categories = Categories(1);
    pub const READ: Categories = Categories(1 << 1);
    pub const WRITE: Categories = Categories(1 << 2);
    pub const SET: Categories = Categories(1 << 3);
    pub const SORTEDSET: Categories = Categories(1 << 4);
    pub const LIST: Categories = Categories(1 << 5);
    pub const HASH: Categories = Categories(1 << 6);
    pub const STRING: Categories = Categories(1 << 7);
    pub const BITMAP: Categories = Categories(1 << 8);
    pub const HYPERLOGLOG: Categories = Categories(1 << 9);
    pub const GEO: Categories = Categories(1 << 10);
    pub const STREAM: Categories = Categories(1 << 11);
    pub const PUBSUB: Categories = Categories(1 << 12);
    pub const ADMIN: Categories = Categories(1 << 13);
    pub const FAST: Categories = Categories(1 << 14);
    pub const SLOW: Categories = Categories(1 << 15);
    pub const BLOCKING: Categories = Categories(1 << 16);
    pub const DANGEROUS: Categories = Categories(1 << 17);
    pub const CONNECTION: Categories = Categories(1 << 18);
    pub const TRANSACTION: Categories = Categories(1 << 19);
    pub const SCRIPTING: Categories = Categories(1 << 20);

    pub const NAMES: [(Categories, &'static str); 21] = [
        (Categories::KEYSPACE, "@keyspace"),
        (Categories::READ, "@read"),
        (Categories::WRITE, "@write"),
        (Categories::SET, "@set"),
        (Categories::SORTEDSET, "@sortedset"),
        (Categories::LIST, "@list"),
        (Categories::HASH, "@hash"),
        (Categories::STRING, "@string"),
        (Categories::BITMAP, "@bitmap"),
        (Categories::HYPERLOGLOG, "@hyperloglog"),
        (Categories::GEO, "@geo"),
        (Categories::STREAM, "@stream"),
        (Categories::PUBSUB, "@pubsub"),
        (Categories::ADMIN, "@admin"),
        (Categories::FAST, "@fast"),
        (Categories::SLOW, "@slow"),
        (Categories::BLOCKING, "@blocking"),
        (Categories::DANGEROUS, "@dangerous"),
        (Categories::CONNECTION, "@connection"),
        (Categories::TRANSACTION, "@transaction"),
        (Categories::SCRIPTING, "@scripting"),
    ];

    #[must_use]
    pub const fn and(self, other: Categories) -> Categories {
        Categories(self.0 | other.0)
    }

    pub const fn has(self, other: Categories) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        Self::NAMES.into_iter().filter(move |(one, _)| self.has(*one)).map(|(_, name)| name)
    }

    /// By the name without its `@`, in any case.
    pub fn named(name: &[u8]) -> Option<Categories> {
        let same = |full: &str| full.as_bytes()[1..].eq_ignore_ascii_case(name);
        Self::NAMES.into_iter().find(|(_, full)| same(full)).map(|(one, _)| one)
    }

    pub(super) const fn of_group(group: Group) -> Categories {
        match group {
            Group::Bitmap => Categories::BITMAP,
            Group::Connection => Categories::CONNECTION,
            Group::Generic => Categories::KEYSPACE,
            Group::Geo => Categories::GEO,
            Group::Hash => Categories::HASH,
            Group::Hyperloglog => Categories::HYPERLOGLOG,
            Group::List => Categories::LIST,
            Group::PubSub => Categories::PUBSUB,
            Group::Scripting => Categories::SCRIPTING,
            Group::Transactions => Categories::TRANSACTION,
            Group::Array
            | Group::Cluster
            | Group::Json
            | Group::PathHash
            | Group::Probabilistic
            | Group::Server
            | Group::Suggestion
            | Group::TimeSeries
            | Group::VectorSet => Categories::NONE,
            Group::Set => Categories::SET,
            Group::SortedSet => Categories::SORTEDSET,
            Group::Stream => Categories::STREAM,
            Group::String => Categories::STRING,
        }
    }

    /// Scripts are neither @read nor @write, with any flags: Redis checks the commands in them.
    pub(super) const fn of_flags(flags: Flags) -> Categories {
        let mut set = if flags.has(Flags::FAST) { Categories::FAST } else { Categories::SLOW };
        let script = flags.has(Flags::NO_MANDATORY_KEYS);
        if flags.has(Flags::READONLY) && !script {
            set = set.and(Categories::READ);
        }
        if flags.has(Flags::WRITE) && !script {
            set = set.and(Categories::WRITE);
        }
        if flags.has(Flags::ADMIN) {
            set = set.and(Categories::ADMIN).and(Categories::DANGEROUS);
        }
        if flags.has(Flags::PUBSUB) {
            set = set.and(Categories::PUBSUB);
        }
        if flags.has(Flags::BLOCKING) {
            set = set.and(Categories::BLOCKING);
        }
        set
    }
}

/// What a command does to a key, as in Redis' key specifications: first whether it needs the old
/// value (RO, RW, OW: overwrites, RM: removes), then what it does with the value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyUse(u16);

const RO: u16 = 1;
const RW: u16 = 1 << 1;
const OW: u16 = 1 << 2;
const RM: u16 = 1 << 3;
const ACCESS: u16 = 1 << 4;
const UPDATING: u16 = 1 << 5;
const INSERTING: u16 = 1 << 6;
const DELETING: u16 = 1 << 7;
const VARIABLE: u16 = 1 << 8;
const NOT_KEY: u16 = 1 << 9;

impl KeyUse {
    pub const NONE: KeyUse = KeyUse(0);
    /// Reads the type, the size or whether the key exists; not the value.
    pub const PEEK: KeyUse = KeyUse(RO);
    pub const READ: KeyUse = KeyUse(RO | ACCESS);
    /// Reads, and may store something besides the value (PFCOUNT's cache).
    pub const ANNOTATE: KeyUse = KeyUse(RW | ACCESS);
    /// Changes parts of the value.
    pub const UPDATE: KeyUse = KeyUse(RW | UPDATING);
    /// The new value depends on the old one, and the reply shows data of it.
    pub const MODIFY: KeyUse = KeyUse(RW | ACCESS | UPDATING);
    /// The arguments decide; this is the worst case.
    pub const VARIES: KeyUse = KeyUse(RW | ACCESS | UPDATING | VARIABLE);
    pub const INSERT: KeyUse = KeyUse(RW | INSERTING);
    pub const MERGE: KeyUse = KeyUse(RW | ACCESS | INSERTING);
    pub const DELETE: KeyUse = KeyUse(RW | DELETING);
    /// Deletes a value and returns it.
    pub const TAKE: KeyUse = KeyUse(RW | ACCESS | DELETING);
    pub const OVERWRITE: KeyUse = KeyUse(OW | UPDATING);
    pub const CREATE: KeyUse = KeyUse(OW | INSERTING);
    pub const REMOVE: KeyUse = KeyUse(RM | DELETING);
    /// It is routed like a key, and is none.
    pub const CHANNEL: KeyUse = KeyUse(NOT_KEY);

    const NAMES: [(u16, &'static str); 10] = [
        (RO, "RO"),
        (RW, "RW"),
        (OW, "OW"),
        (RM, "RM"),
        (ACCESS, "access"),
        (UPDATING, "update"),
        (INSERTING, "insert"),
        (DELETING, "delete"),
        (NOT_KEY, "not_key"),
        (VARIABLE, "variable_flags"),
    ];

    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        Self::NAMES.into_iter().filter(move |(one, _)| self.0 & one != 0).map(|(_, name)| name)
    }
}
