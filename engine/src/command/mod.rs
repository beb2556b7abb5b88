//! What a message means to a sharding proxy.
//!
//! A command is a row of data ([`Command`]): its name, the number of its arguments, where its keys
//! lie, whether it writes, and what we do with it. Every other file of this room reads rows and names
//! no command.
//!
//! ```text
//!   name ─lookup─▶ row ─resolve─▶ row (of the subcommand) ─keys─▶ keys ─▶ routing
//!                   │
//!                   └─ verb:  Forward        byte for byte to the owner of its keys
//!                             Cut            a part for each owner, or for every shard; the replies
//!                                            are joined
//!                             Scan           one shard after the other, by the cursor
//!                             Local          answered here
//!                             Placeholder    without a key, answered by one server
//!   Scripts are forwarded; one without keys goes where `Placeholder` goes.
//! ```
//!
//! A name without a row is an unknown command to our clients: the table is the whole list of
//! what is served. Rows live in `redis/`, a file for each group of the Redis manual.
//!
//! What always holds: the table never changes while we run, rows are `&'static`, and a row's
//! [`index`](Command::index) is dense, so a counter for each command is an array.
//!
//! memcached's commands have a table of their own, in `memcache/`. Both protocols are cut by `cut.rs`
//! and joined by `join/`.
//!
//! Not here: whether two keys have the same server (routing), and the state of a connection that a
//! local answer needs (proxy).

mod cut;
mod describe;
pub mod flags;
pub mod glob;
mod group;
mod join;
pub mod keys;
pub mod local;
mod lookup;
pub mod memcache;
pub mod redis;
pub mod syntax;
mod tips;
pub mod wait_time;

pub use cut::{CutBy, Pieces};
pub use describe::triple;
pub use flags::{Categories, Flags, KeyUse};
pub use group::Group;
pub use join::{Detail, Exec, Join, Joining, Parts, Step, cursor, info};
pub use lookup::lookup;
pub use redis::refused;
pub use redis::{COMMANDS, INDEX_COUNT, UNKNOWN, by_index};
pub use tips::{RequestPolicy, ResponsePolicy, Tips};

/// One command, or one subcommand (`object|encoding`).
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// In lower case. A subcommand's name begins with its container's and `|`.
    pub name: &'static str,
    /// As in Redis: the number of arguments, the name included. Negative: the least number.
    pub arity: i8,
    /// The only key is argument 1. If the arity is right, a caller may take it without
    /// [`keys::keys`].
    pub single_key: bool,
    pub keys: Keys,
    pub verb: Verb,
    pub flags: Flags,
    /// The use of the first key, and of all other keys.
    pub uses: [KeyUse; 2],
    pub refuses: Refuses,
    /// Decides which commands are sent with unchecked keys under twemproxy manners.
    pub before: Before,
    pub group: Group,
    /// Access categories beyond those that follow from the flags.
    pub belongs: Categories,
    pub tips: Tips,
    pub served: Served,
    pub script: ScriptUse,
    pub since: Since,
    /// The arguments, in the form of [`syntax`]. Empty for a container.
    pub syntax: &'static str,
    pub summary: &'static str,
    pub subcommands: &'static [Command],
    index: u16,
}

/// Where the keys lie. Arguments are counted from the command's name, number 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keys {
    None,
    /// From `first` to `last`, each `step`-th. A negative `last` counts from the end: -1 is the
    /// last argument.
    Range {
        first: u8,
        last: i8,
        step: u8,
    },
    /// Argument `count` is the number of keys that follow it. A script may have none. With `dest`,
    /// argument 1 is a key too.
    Counted {
        count: u8,
        dest: bool,
    },
    /// The same for pairs of a key and a value; options may follow.
    CountedPairs {
        count: u8,
    },
    /// After the word STREAMS, as many keys as ids. `grouped`: GROUP and its two values come first.
    Streams {
        grouped: bool,
    },
    /// Argument 1, and the argument after STORE.
    Sort,
    /// Argument 1, and the argument after STORE or STOREDIST. Options begin at `options`.
    Georadius {
        options: u8,
    },
}

/// What the proxy does with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Byte for byte to the owner of its keys.
    Forward,
    /// A part for each owner of its keys, or the whole to every shard. The replies are joined.
    Cut(CutBy, Join),
    /// SCAN: to the shard that its cursor names.
    Scan,
    /// To the owner of its keys, where it may wait, on a connection of the client's own.
    Wait,
    /// WAIT and WAITAOF: to every shard that the client has used.
    Acknowledge(Join),
    /// MULTI and its like.
    Transact(Transact),
    Subscribe(Subject),
    Unsubscribe(Subject),
    /// To the owner of the channel.
    Publish,
    /// PUBSUB: answered by us, from what clients listen to.
    Listeners,
    /// Answered by us.
    Local(Local),
    /// It has no key and goes to the owner of the key `placeholder`, as in twemproxy.
    Placeholder,
}

/// What a client can listen to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Subject {
    Channel,
    Pattern,
    Sharded,
}

impl Subject {
    /// The command that begins to listen or ends it, and the first word of its confirmation.
    pub const fn word(self, begins: bool) -> &'static str {
        match (self, begins) {
            (Subject::Channel, true) => "subscribe",
            (Subject::Channel, false) => "unsubscribe",
            (Subject::Pattern, true) => "psubscribe",
            (Subject::Pattern, false) => "punsubscribe",
            (Subject::Sharded, true) => "ssubscribe",
            (Subject::Sharded, false) => "sunsubscribe",
        }
    }
}

/// A step of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transact {
    Multi,
    Exec,
    Discard,
    Watch,
    Unwatch,
}

/// What we answer ourselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Local {
    Ping,
    Echo,
    Quit,
    Auth,
    Hello,
    Select,
    Client,
    Command,
    Reset,
    Info,
    Acl,
    Cluster,
    ModuleList,
    Role,
    /// READONLY and READWRITE.
    Reads,
    /// The HELP of a container of subcommands.
    Help,
}

/// An option that is not served, though the command is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refuses {
    Nothing,
    /// BLOCK under twemproxy manners. Otherwise it waits on a connection of the client's own.
    Block,
    /// A database that the pool does not serve, argument 2 of MOVE or behind DB in COPY.
    Database,
    /// BY and GET with patterns, if the keys that they name can lie on other shards.
    Patterns,
    /// A line break in an argument. Valkey 8.1 to 9.1 repeats the argument in its error as it is, so what is behind
    /// the line break would be taken for the reply to the next request, which can be another client's.
    LineBreak,
}

/// The first versions that have a command. Empty: no version has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Since {
    pub redis: &'static str,
    pub valkey: &'static str,
    /// The row is from the public command reference: no server that the tests start has the command.
    pub by_reference: bool,
}

impl Since {
    /// As in COMMAND DOCS: that of Redis, if Redis has it.
    pub const fn first(&self) -> &'static str {
        if self.redis.is_empty() { self.valkey } else { self.redis }
    }
}

/// When a command is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Served {
    Always,
    /// Not under twemproxy manners, as twemproxy: it concerns the whole pool.
    Modern,
    /// Nor without `admin_commands: allow`: it changes servers and not data.
    Fenced,
}

/// What a command does with stored scripts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScriptUse {
    None,
    /// EVAL: argument 1 is a script, which the server stores.
    Runs,
    /// EVALSHA: argument 1 is the SHA1 of a stored script.
    Calls,
    /// SCRIPT LOAD: argument 2 is a script.
    Loads,
    /// SCRIPT EXISTS: all arguments from 2 on are SHA1s.
    Asks,
    /// SCRIPT FLUSH.
    Flushes,
}

/// What twemproxy 0.5.0 did with the command, in the form that it knew. A live test checks it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Before {
    /// Sent whole to one server. Further keys were not checked.
    Sent,
    /// Cut by key, each fragment to the owner of its keys.
    Cut,
    /// Answered by twemproxy itself.
    Answered,
    /// Closed the connection without an answer.
    Closed,
}

impl Command {
    /// It reads keys and changes nothing: a replica may answer.
    #[inline]
    pub fn is_read(&self) -> bool {
        self.flags.has(Flags::READONLY) && self.keys != Keys::None
    }

    /// Less than [`INDEX_COUNT`]. Each row has its own, subcommands too.
    #[inline]
    pub const fn index(&self) -> usize {
        self.index as usize
    }

    /// Whether a request may have this number of arguments, the name included.
    #[inline]
    pub const fn arity_ok(&self, args: usize) -> bool {
        if self.arity >= 0 {
            return args == self.arity as usize;
        }
        if args < self.arity.unsigned_abs() as usize {
            return false;
        }
        match self.keys {
            // MSET: every key needs a value. If we cut the request, no server sees this error.
            Keys::Range { first, step, .. } if step > 1 => {
                (args - first as usize).is_multiple_of(step as usize)
            }
            _ => true,
        }
    }

    /// Whether a server queues it although [`arity_ok`](Command::arity_ok) says no: `MSET k v k`. It looks at the
    /// pairs when it executes the command.
    pub const fn lacks_a_pair(&self, args: usize) -> bool {
        let has_least = self.arity < 0 && args >= self.arity.unsigned_abs() as usize;
        self.subcommands.is_empty() && has_least && !self.arity_ok(args)
    }

    /// Whether it is refused under twemproxy manners.
    #[inline]
    pub fn is_modern(&self) -> bool {
        self.served != Served::Always
    }

    pub fn is_fenced(&self) -> bool {
        self.served == Served::Fenced
    }

    /// The name without the container's: `encoding` of `object|encoding`.
    pub fn short_name(&self) -> &'static str {
        self.name.split_once('|').map_or(self.name, |(_, sub)| sub)
    }

    /// All access categories, derived as in Redis.
    pub const fn categories(&self) -> Categories {
        self.belongs.and(Categories::of_flags(self.flags))
    }
}

#[cfg(test)]
mod tests;
