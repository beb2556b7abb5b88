//! What a row of the table of keys says; the rows are in `schema.rs`.

/// A key's place in the table, and in the values read of a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Id {
    AdminCommands,
    AutoEjectHosts,
    Backlog,
    ClientConnections,
    ClientStallMs,
    Colocate,
    ConnectTimeoutMs,
    Databases,
    Distribution,
    Eject,
    FailoverHoldMs,
    Hash,
    HashTag,
    Listen,
    Manners,
    PinnedConnections,
    Preconnect,
    Pubsub,
    PubsubOutputBytes,
    PubsubOutputSoftBytes,
    Read,
    ReadAfterWriteMs,
    ReadLagMaxBytes,
    ReadLagMaxMs,
    Redis,
    RedisAuth,
    RedisDb,
    ReplicaStaleMs,
    Replicas,
    Reuseport,
    SentinelAuth,
    SentinelUser,
    Sentinels,
    ServerConnections,
    ServerFailureLimit,
    ServerRetryTimeout,
    Servers,
    Tcpkeepalive,
    Timeout,
    Transactions,
    UnknownCommands,
    Zone,
}

/// What a key's value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Listen,
    Text,
    /// Decimal digits, within bounds that are both allowed.
    Number {
        min: u32,
        max: u32,
    },
    /// A number, or this word.
    NumberOr {
        min: u32,
        max: u32,
        word: &'static str,
    },
    Bool,
    HashName,
    DistributionName,
    HashTag,
    /// A list of entries, each a text of prefixes with blanks between.
    Colocate,
    /// One of a few words.
    Choice(&'static [&'static str]),
    Servers,
    /// A list of `host:port`.
    Addresses,
    /// A list of `host:port shard`.
    Replicas,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhenAbsent {
    Refused,
    /// The thing is not there at all.
    Nothing,
    Number(u32),
    Bool(bool),
    Name(&'static str),
    /// Depends on something else, named here.
    By(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    Twemproxy,
    /// In twemproxy's last commit, but in none of its releases.
    TwemproxyHead,
    Nuthatch,
}

#[derive(Debug)]
pub struct Key {
    pub id: Id,
    pub name: &'static str,
    pub kind: Kind,
    pub when_absent: WhenAbsent,
    /// Empty where the value is no quantity.
    pub unit: &'static str,
    pub origin: Origin,
    /// No message shows the value, nor that of a key that resembles this one.
    pub secret: bool,
    /// A paragraph for the reference page.
    pub about: &'static str,
}
