//! What one can subscribe to: channels, patterns and shard channels. Servers and clients share these words.

use std::collections::BTreeSet;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Channel,
    Pattern,
    Sharded,
}

/// A channel or pattern.
pub type Topic = (Kind, Vec<u8>);

pub const KINDS: [Kind; 3] = [Kind::Channel, Kind::Pattern, Kind::Sharded];

impl Kind {
    /// The word that begins or ends a subscription.
    pub fn word(self, begins: bool) -> &'static str {
        match (self, begins) {
            (Kind::Channel, true) => "subscribe",
            (Kind::Channel, false) => "unsubscribe",
            (Kind::Pattern, true) => "psubscribe",
            (Kind::Pattern, false) => "punsubscribe",
            (Kind::Sharded, true) => "ssubscribe",
            (Kind::Sharded, false) => "sunsubscribe",
        }
    }

    /// The word that a message begins with.
    pub fn message(self) -> &'static str {
        match self {
            Kind::Channel => "message",
            Kind::Pattern => "pmessage",
            Kind::Sharded => "smessage",
        }
    }

    /// The subscription that a message with this first word is for.
    pub fn of_message(word: &[u8]) -> Option<Kind> {
        KINDS.into_iter().find(|kind| kind.message().as_bytes() == word)
    }

    /// What this command is about, and whether it begins subscriptions.
    pub fn of_command(name: &str) -> Option<(Kind, bool)> {
        let all = KINDS.into_iter().flat_map(|kind| [(kind, true), (kind, false)]);
        all.into_iter().find(|(kind, begins)| kind.word(*begins).eq_ignore_ascii_case(name))
    }
}

/// Whether a message on this channel is for this topic. Patterns are a beginning and a star.
pub fn hears((kind, name): &Topic, channel: &[u8], is_sharded: bool) -> bool {
    match kind {
        Kind::Channel => !is_sharded && name == channel,
        Kind::Sharded => is_sharded && name == channel,
        Kind::Pattern => {
            !is_sharded && name.split_last().is_some_and(|(_, it)| channel.starts_with(it))
        }
    }
}

/// The number in a confirmation: shard channels are counted for themselves.
pub fn count(topics: &BTreeSet<Topic>, kind: Kind) -> usize {
    let is_counted = |it: Kind| (it == Kind::Sharded) == (kind == Kind::Sharded);
    topics.iter().filter(|(it, _)| is_counted(*it)).count()
}

/// The name in a confirmation.
#[derive(Clone, Debug)]
pub enum Name {
    Is(Vec<u8>),
    /// One that the client listens to: the end of all, in any order.
    Any,
    /// It listened to none.
    Null,
}

/// A confirmation.
#[derive(Clone, Debug)]
pub struct Confirm {
    pub kind: Kind,
    pub begins: bool,
    pub name: Name,
    pub count: usize,
}
