//! How a row is written: its columns as plain values, and methods that change single fields.

use crate::command::{
    Before, Categories, Command, CutBy, Flags, Group, Join, KeyUse, Keys, Local, Refuses,
    RequestPolicy, ResponsePolicy, ScriptUse, Served, Since, Tips, Verb,
};

/// The columns about keys.
#[derive(Clone, Copy)]
pub(super) struct Keyed(pub(super) Keys, pub(super) [KeyUse; 2]);

/// No key.
pub(super) const NO_KEY: Keyed = Keyed(Keys::None, [KeyUse::NONE, KeyUse::NONE]);

/// One key, argument 1.
pub(super) const fn one(of: KeyUse) -> Keyed {
    Keyed(Keys::Range { first: 1, last: 1, step: 1 }, [of, of])
}

/// One key, after a subcommand.
pub(super) const fn second(of: KeyUse) -> Keyed {
    Keyed(Keys::Range { first: 2, last: 2, step: 1 }, [of, of])
}

/// Two keys, arguments 1 and 2.
pub(super) const fn two(first: KeyUse, other: KeyUse) -> Keyed {
    Keyed(Keys::Range { first: 1, last: 2, step: 1 }, [first, other])
}

/// Every argument is a key.
pub(super) const fn all(first: KeyUse, others: KeyUse) -> Keyed {
    Keyed(Keys::Range { first: 1, last: -1, step: 1 }, [first, others])
}

/// Every argument is a key but the last one.
pub(super) const fn but_last(of: KeyUse) -> Keyed {
    Keyed(Keys::Range { first: 1, last: -2, step: 1 }, [of, of])
}

/// Pairs of a key and a value.
pub(super) const fn pairs(of: KeyUse) -> Keyed {
    Keyed(Keys::Range { first: 1, last: -1, step: 2 }, [of, of])
}

/// As many keys as argument `count` says.
pub(super) const fn counted(count: u8, of: KeyUse) -> Keyed {
    Keyed(Keys::Counted { count, dest: false }, [of, of])
}

/// A destination, a count, and as many sources.
pub(super) const fn with_dest(dest: KeyUse, sources: KeyUse) -> Keyed {
    Keyed(Keys::Counted { count: 2, dest: true }, [dest, sources])
}

/// A row of a command that is forwarded. The methods below change it.
#[allow(clippy::too_many_arguments, reason = "these are the columns of a table")]
pub(super) const fn row(
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
    // As in Redis: keys that first, last and step cannot describe are movable.
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
        tips: Tips::NONE,
        served: Served::Always,
        script: ScriptUse::None,
        since: Since { redis: since, valkey: since, by_reference: false },
        syntax,
        summary,
        subcommands: &[],
        index: 0,
    }
}

impl Command {
    pub(super) const fn verb(mut self, verb: Verb) -> Command {
        self.verb = verb;
        self
    }

    pub(super) const fn cut(self, by: CutBy, join: Join) -> Command {
        self.verb(Verb::Cut(by, join)).policies(Some(by.policy()), join.policy())
    }

    /// The whole request to every shard.
    pub(super) const fn whole(self, join: Join) -> Command {
        self.cut(CutBy::Shards, join).modern()
    }

    /// The whole request to every server.
    pub(super) const fn servers(self, join: Join) -> Command {
        self.cut(CutBy::Servers, join).modern()
    }

    /// What the command tips say, where we need neither a cut nor a join.
    pub(super) const fn policies(
        mut self,
        request: Option<RequestPolicy>,
        response: Option<ResponsePolicy>,
    ) -> Command {
        self.tips.request = request;
        self.tips.response = response;
        self
    }

    /// It may wait at the server.
    pub(super) const fn waits(self) -> Command {
        self.verb(Verb::Wait).modern()
    }

    /// To every shard that the client has used.
    pub(super) const fn acknowledges(self, join: Join) -> Command {
        self.verb(Verb::Acknowledge(join))
            .policies(Some(RequestPolicy::AllShards), Some(ResponsePolicy::AggMin))
            .modern()
    }

    /// Refused under twemproxy manners.
    pub(super) const fn modern(mut self) -> Command {
        self.served = Served::Modern;
        self
    }

    /// Served only with `admin_commands: allow`.
    pub(super) const fn fenced(mut self) -> Command {
        self.served = Served::Fenced;
        self
    }

    pub(super) const fn local(self, local: Local) -> Command {
        self.verb(Verb::Local(local))
    }

    pub(super) const fn refuses(mut self, refuses: Refuses) -> Command {
        self.refuses = refuses;
        self.single_key = false;
        self
    }

    pub(super) const fn script(mut self, script: ScriptUse) -> Command {
        self.script = script;
        self
    }

    /// Valkey has it since this version.
    pub(super) const fn valkey(mut self, since: &'static str) -> Command {
        self.since.valkey = since;
        self
    }

    pub(super) const fn not_in_valkey(self) -> Command {
        self.valkey("")
    }

    /// Redis does not have it.
    pub(super) const fn only_valkey(mut self) -> Command {
        self.since.redis = "";
        self
    }

    /// No server that the tests start has it.
    pub(super) const fn by_reference(mut self) -> Command {
        self.since.by_reference = true;
        self
    }

    pub(super) const fn also(mut self, categories: Categories) -> Command {
        self.belongs = self.belongs.and(categories);
        self
    }

    pub(super) const fn belongs(mut self, categories: Categories) -> Command {
        self.belongs = categories;
        self
    }

    /// Two servers in the same state may answer differently.
    pub(super) const fn varying(mut self) -> Command {
        self.tips.output = Some("nondeterministic_output");
        self
    }

    /// The elements of the reply may have any order.
    pub(super) const fn unordered(mut self) -> Command {
        self.tips.output = Some("nondeterministic_output_order");
        self
    }

    /// As in Redis, the subcommands belong to the category of the group; the container does not.
    pub(super) const fn container(mut self, subcommands: &'static [Command]) -> Command {
        self.subcommands = subcommands;
        self.belongs(Categories::NONE)
    }
}

/// The same rows with their indexes, from `first` on.
pub(super) const fn numbered<const N: usize>(first: usize, mut rows: [Command; N]) -> [Command; N] {
    let mut at = 0;
    while at < N {
        rows[at].index = (first + at) as u16;
        at += 1;
    }
    rows
}
