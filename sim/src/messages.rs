//! What a run knows of its messages, and the checks of them:
//!
//! - a message comes to clients that listen to its channel, between the confirmations of the beginning and
//!   the end (`script_messages.rs`), and once to each subscription;
//! - a client gets the messages of a server in the order in which the server has executed them, and a
//!   server executes those of one client on one channel in the order in which the client has sent them;
//! - without faults no message is lost.
//!
//! A *subscription* begins and ends with a confirmation. It has a number of its own.

use crate::topics::Topic;
use nuthatch_engine::base::Time;
use std::collections::{BTreeMap, BTreeSet};

/// A channel, and whether it is a shard channel.
pub type Channel = (Vec<u8>, bool);

/// A message that a server has executed.
#[derive(Clone, Debug)]
pub struct Executed {
    pub server: usize,
    pub channel: Channel,
    /// Its place among all messages.
    pub number: u64,
}

#[derive(Default)]
pub struct Messages {
    /// By tag.
    pub executed: BTreeMap<u64, Executed>,
    /// The last message of each client on each channel at each server.
    pub last: BTreeMap<(usize, usize, Channel), u64>,
    /// Messages that were executed after a later one of the same client.
    pub overtaken: BTreeSet<u64>,
    pub answered: BTreeSet<u64>,
    pub subscriptions: u64,
    /// By subscription and tag.
    pub got: BTreeSet<(u64, u64)>,
    /// The last message of each server that a subscription got.
    pub last_got: BTreeMap<(u64, usize), u64>,
    /// There are no faults now: no message may be lost.
    pub is_reliable: bool,
    /// What each client surely listens to, and its pool.
    pub listening: BTreeMap<usize, (usize, Vec<Topic>)>,
    /// Messages that a client must still get, and when they were executed.
    pub due: BTreeMap<(usize, Topic, u64), Time>,
    /// The pool of each server.
    pub pools: Vec<usize>,
    /// Messages that came to clients.
    pub count: u64,
}
