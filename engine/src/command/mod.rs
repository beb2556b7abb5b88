//! What a message means to a sharding proxy.
//!
//! A command is a row of data ([`Command`]): what it is called, how many arguments it takes,
//! where its keys lie, whether it writes, and what we do with it. Every other file of this room
//! reads rows and names no command.
//!
//! ```text
//!   name ─lookup─▶ row ─resolve─▶ row (of the subcommand) ─keys─▶ keys ─▶ routing
//!                   │
//!                   └─ verb:  Forward    as it came, to the owner of its keys
//!                             Cut        a part for each owner, the replies joined
//!                             Local      answered here
//!                             Placeholder   no key, but a server's answer is wanted
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
//! Left to others: whether two keys share a server (routing), and which connection state a local
//! answer needs (proxy).

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

pub use cut::{CutBy, Pieces};
pub use describe::triple;
pub use flags::{Categories, Flags, KeyUse};
pub use group::Group;
pub use join::{Join, Joining, Parts};
pub use lookup::lookup;
pub use redis::{COMMANDS, INDEX_COUNT, by_index};

/// One command, or one subcommand (`object|encoding`).
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Lower case; a subcommand's has its container's name and `|` in front.
    pub name: &'static str,
    /// As Redis counts: the arguments with the name, exactly; or at least so many, negated.
    pub arity: i8,
    /// There is exactly one key and it is argument 1: the caller may take it without asking
    /// [`keys::keys`], once the arity is right.
    pub single_key: bool,
    pub keys: Keys,
    pub verb: Verb,
    pub flags: Flags,
    /// What happens to the first key, and to all others.
    pub uses: [KeyUse; 2],
    pub refuses: Refuses,
    /// Under twemproxy manners this decides what goes unchecked.
    pub before: Before,
    pub group: Group,
    /// Access categories beyond those that follow from the flags.
    pub belongs: Categories,
    /// What `COMMAND` says about the shape of the output, if anything.
    pub tip: Option<&'static str>,
    /// The version of Redis that had it first.
    pub since: &'static str,
    /// What follows the name, in the form of [`syntax`]. A container's is empty.
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
    /// Argument `count` says how many keys follow it (of a script, perhaps none); with `dest`,
    /// argument 1 is a key as well.
    Counted {
        count: u8,
        dest: bool,
    },
    /// Behind the word STREAMS, as many keys as ids. `grouped`: GROUP and its two values precede.
    Streams {
        grouped: bool,
    },
    /// Argument 1, and what follows STORE.
    Sort,
    /// Argument 1, and what follows STORE or STOREDIST; options begin at `options`.
    Georadius {
        options: u8,
    },
}

/// What the proxy does with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// To the owner of its keys, byte for byte.
    Forward,
    /// A part to each owner of its keys, and the replies joined.
    Cut(CutBy, Join),
    /// Answered by us.
    Local(Local),
    /// Without a key, to the owner of the key `placeholder`, as twemproxy has it.
    Placeholder,
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
    /// The HELP of a container of subcommands.
    Help,
}

/// An option that cannot be served, though the command is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refuses {
    Nothing,
    /// BLOCK: a waiting client would hold up all who share the upstream.
    Block,
}

/// What twemproxy 0.5.0 did with it, in the form that it knew. A live test asks it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Before {
    /// Sent whole to one server, without a look at further keys.
    Sent,
    /// Cut by key, each fragment to the owner of its keys.
    Cut,
    /// Answered, without a server.
    Answered,
    /// Closed the connection without a word.
    Closed,
}

impl Command {
    /// Less than [`INDEX_COUNT`], and no other row's; subcommands have their own.
    #[inline]
    pub const fn index(&self) -> usize {
        self.index as usize
    }

    /// May a request have so many arguments, the name included?
    #[inline]
    pub const fn arity_ok(&self, args: usize) -> bool {
        if self.arity >= 0 {
            return args == self.arity as usize;
        }
        if args < self.arity.unsigned_abs() as usize {
            return false;
        }
        match self.keys {
            // MSET's pairs: the server would refuse a lone key, and we must before we split.
            Keys::Range { first, step, .. } if step > 1 => {
                (args - first as usize).is_multiple_of(step as usize)
            }
            _ => true,
        }
    }

    /// The subcommand's name without its container's, or the command's own.
    pub fn short_name(&self) -> &'static str {
        self.name.split_once('|').map_or(self.name, |(_, sub)| sub)
    }

    /// All access categories, as Redis works them out.
    pub const fn categories(&self) -> Categories {
        self.belongs.and(Categories::of_flags(self.flags))
    }
}

#[cfg(test)]
mod tests;
