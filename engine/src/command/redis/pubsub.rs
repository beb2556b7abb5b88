//! Publish and subscribe. A channel belongs to a shard like a key. Subscriptions of clients are kept here; a server
//! has one for all clients of a worker.

use super::row::{NO_KEY, all, one, row};
use super::subcommands;
use crate::command::Before::Closed;
use crate::command::{Command, Flags, Group, KeyUse as Use, Subject, Verb};

const QUICK: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST);
const LISTEN: Flags = Flags::PUBSUB.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE);

const G: Group = Group::PubSub;

#[rustfmt::skip] // a table is read by its columns
pub(super) const ROWS: [Command; 9] = [
    row(G, "psubscribe",   -2, LISTEN,      NO_KEY,                           Closed, "2.0.0",
        "pattern...",
        "Listens to the channels that match patterns.").verb(Verb::Subscribe(Subject::Pattern)).modern(),
    row(G, "publish",       3, QUICK,       NO_KEY,                           Closed, "2.0.0",
        "channel message",
        "Sends a message to a channel.").verb(Verb::Publish).modern(),
    row(G, "pubsub",       -2, Flags::NONE, NO_KEY,                           Closed, "2.8.0", "",
        "Shows channels and their subscribers.").container(&subcommands::PUBSUB).modern(),
    row(G, "punsubscribe", -1, LISTEN,      NO_KEY,                           Closed, "2.0.0",
        "[pattern...]",
        "Stops listening to patterns.").verb(Verb::Unsubscribe(Subject::Pattern)).modern(),
    row(G, "spublish",      3, QUICK,       one(Use::CHANNEL),                Closed, "7.0.0",
        "shardchannel message",
        "Sends a message to a shard channel.").verb(Verb::Publish).modern(),
    row(G, "ssubscribe",   -2, LISTEN,      all(Use::CHANNEL, Use::CHANNEL),  Closed, "7.0.0",
        "shardchannel...",
        "Listens to shard channels.").verb(Verb::Subscribe(Subject::Sharded)).modern(),
    row(G, "subscribe",    -2, LISTEN,      NO_KEY,                           Closed, "2.0.0",
        "channel...",
        "Listens to channels.").verb(Verb::Subscribe(Subject::Channel)).modern(),
    row(G, "sunsubscribe", -1, LISTEN,      all(Use::CHANNEL, Use::CHANNEL),  Closed, "7.0.0",
        "[shardchannel...]",
        "Stops listening to shard channels.").verb(Verb::Unsubscribe(Subject::Sharded)).modern(),
    row(G, "unsubscribe",  -1, LISTEN,      NO_KEY,                           Closed, "2.0.0",
        "[channel...]",
        "Stops listening to channels.").verb(Verb::Unsubscribe(Subject::Channel)).modern(),
];
