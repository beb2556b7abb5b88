//! The rows of Redis: what twemproxy accepted (MOVE apart, which it refused itself), and every
//! command of Redis 7.0 that needs no state of the connection and touches one shard.
//!
//! Names, counts, flags and key uses are what a server says of itself
//! (`redis-server` 7.0.15, `COMMAND`), and a live test holds the rows to it. What has no row is
//! an unknown command to our clients: transactions, subscriptions, blocking commands, and all
//! that speaks of the whole key space (KEYS, SCAN, DBSIZE, FLUSHALL, ...).
//!
//! A file holds one group's rows, sorted by name, as plain values in columns:
//!
//! ```text
//!   name   arguments   flags   where the keys lie, what happens to them   before   since
//!          syntax
//!          summary
//! ```

use super::{
    Before, Categories, Command, CutBy, Flags, Group, Join, KeyUse, Keys, Local, Refuses, Verb,
};

mod bitmaps;
mod connection;
mod generic;
mod geo;
mod hashes;
mod hyperloglog;
mod lists;
mod scripting;
mod server;
mod sets;
mod sorted_sets;
mod streams;
mod strings;

const GROUPS: [&[Command]; 13] = [
    &bitmaps::ROWS,
    &connection::ROWS,
    &generic::ROWS,
    &geo::ROWS,
    &hashes::ROWS,
    &hyperloglog::ROWS,
    &lists::ROWS,
    &scripting::ROWS,
    &server::ROWS,
    &sets::ROWS,
    &sorted_sets::ROWS,
    &streams::ROWS,
    &strings::ROWS,
];

/// The number of commands, subcommands not counted.
pub const COUNT: usize = count();

/// Every command, group by group.
pub static COMMANDS: [Command; COUNT] = gather();

// Subcommands have the lowest indexes: a container's row points at its subcommands, so they must
// be numbered before anybody can know how many commands there are.
const MEMORY_FIRST: usize = server::COMMAND.len();
const OBJECT_FIRST: usize = MEMORY_FIRST + server::MEMORY.len();
const XGROUP_FIRST: usize = OBJECT_FIRST + generic::OBJECT.len();
const XINFO_FIRST: usize = XGROUP_FIRST + streams::XGROUP.len();
const COMMANDS_FIRST: usize = XINFO_FIRST + streams::XINFO.len();

/// One more than the highest index of a row.
pub const INDEX_COUNT: usize = COMMANDS_FIRST + COUNT;

static COMMAND: [Command; server::COMMAND.len()] = numbered(0, server::COMMAND);
static MEMORY: [Command; server::MEMORY.len()] = numbered(MEMORY_FIRST, server::MEMORY);
static OBJECT: [Command; generic::OBJECT.len()] = numbered(OBJECT_FIRST, generic::OBJECT);
static XGROUP: [Command; streams::XGROUP.len()] = numbered(XGROUP_FIRST, streams::XGROUP);
static XINFO: [Command; streams::XINFO.len()] = numbered(XINFO_FIRST, streams::XINFO);

/// The row with this index.
pub fn by_index(index: usize) -> Option<&'static Command> {
    if let Some(place) = index.checked_sub(COMMANDS_FIRST) {
        return COMMANDS.get(place);
    }
    let subcommands = COMMANDS.iter().flat_map(|container| container.subcommands);
    subcommands.into_iter().find(|sub| sub.index() == index)
}

const fn count() -> usize {
    let mut total = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        total += GROUPS[group].len();
        group += 1;
    }
    total
}

#[allow(clippy::large_stack_arrays, reason = "runs in the compiler only")]
const fn gather() -> [Command; COUNT] {
    let mut all = [GROUPS[0][0]; COUNT];
    let mut filled = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        let mut at = 0;
        while at < GROUPS[group].len() {
            all[filled] = GROUPS[group][at];
            filled += 1;
            at += 1;
        }
        group += 1;
    }
    numbered(COMMANDS_FIRST, all)
}

const fn numbered<const N: usize>(first: usize, mut rows: [Command; N]) -> [Command; N] {
    let mut at = 0;
    while at < N {
        rows[at].index = (first + at) as u16;
        at += 1;
    }
    rows
}

/// The columns that speak of keys.
#[derive(Clone, Copy)]
struct Keyed(Keys, [KeyUse; 2]);

/// No key.
const NO_KEY: Keyed = Keyed(Keys::None, [KeyUse::NONE, KeyUse::NONE]);

/// One key, argument 1.
const fn one(of: KeyUse) -> Keyed {
    Keyed(Keys::Range { first: 1, last: 1, step: 1 }, [of, of])
}

/// One key behind a subcommand.
const fn second(of: KeyUse) -> Keyed {
    Keyed(Keys::Range { first: 2, last: 2, step: 1 }, [of, of])
}

/// Two keys, arguments 1 and 2.
const fn two(first: KeyUse, other: KeyUse) -> Keyed {
    Keyed(Keys::Range { first: 1, last: 2, step: 1 }, [first, other])
}

/// Every argument is a key.
const fn all(first: KeyUse, others: KeyUse) -> Keyed {
    Keyed(Keys::Range { first: 1, last: -1, step: 1 }, [first, others])
}

/// Every other argument is a key, a value behind it.
const fn pairs(of: KeyUse) -> Keyed {
    Keyed(Keys::Range { first: 1, last: -1, step: 2 }, [of, of])
}

/// As many keys as argument `count` says.
const fn counted(count: u8, of: KeyUse) -> Keyed {
    Keyed(Keys::Counted { count, dest: false }, [of, of])
}

/// A destination, a count, and so many sources.
const fn gathered(dest: KeyUse, sources: KeyUse) -> Keyed {
    Keyed(Keys::Counted { count: 2, dest: true }, [dest, sources])
}

/// A row that is forwarded. The methods below say what is special.
#[allow(clippy::too_many_arguments, reason = "these are the columns of a table")]
const fn row(
    group: Group,
    name: &'static str,
    arity: i8,
    flags: Flags,
    Keyed(keys, uses): Keyed,
    before: Before,
    since: &'static str,
    syntax: &'static str,
    summary: &'static str,
) -> Command {
    // As Redis: keys that the legacy triple cannot tell are movable.
    let movable = !matches!(keys, Keys::None | Keys::Range { .. });
    Command {
        name,
        arity,
        single_key: matches!(keys, Keys::Range { first: 1, last: 1, step: 1 }),
        keys,
        verb: Verb::Forward,
        flags: if movable { flags.and(Flags::MOVABLEKEYS) } else { flags },
        uses,
        refuses: Refuses::Nothing,
        before,
        group,
        belongs: Categories::of_group(group),
        tip: None,
        since,
        syntax,
        summary,
        subcommands: &[],
        index: 0,
    }
}

impl Command {
    const fn verb(mut self, verb: Verb) -> Command {
        self.verb = verb;
        self
    }

    const fn cut(self, cut: CutBy, join: Join) -> Command {
        self.verb(Verb::Cut(cut, join))
    }

    const fn local(self, local: Local) -> Command {
        self.verb(Verb::Local(local))
    }

    const fn refuses(mut self, refuses: Refuses) -> Command {
        self.refuses = refuses;
        self.single_key = false;
        self
    }

    const fn also(mut self, categories: Categories) -> Command {
        self.belongs = self.belongs.and(categories);
        self
    }

    const fn belongs(mut self, categories: Categories) -> Command {
        self.belongs = categories;
        self
    }

    /// Two servers in the same state may answer differently.
    const fn varying(mut self) -> Command {
        self.tip = Some("nondeterministic_output");
        self
    }

    /// The elements come in any order.
    const fn unordered(mut self) -> Command {
        self.tip = Some("nondeterministic_output_order");
        self
    }

    /// Its subcommands do the work; they belong to the group's category, it does not.
    const fn container(mut self, subcommands: &'static [Command]) -> Command {
        self.subcommands = subcommands;
        self.belongs(Categories::NONE)
    }
}
