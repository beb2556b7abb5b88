//! What a client listens to, and where its requests go: see `script_messages.rs`.

use crate::check::Ledger;
use crate::expect::Asked;
use crate::topics::Topic;
use nuthatch_engine::base::Time;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Default)]
pub struct Listening {
    /// What it listens to when all it has sent is executed.
    pub planned: BTreeSet<Topic>,
    /// What it listens to as its replies say, with the numbers of the subscriptions.
    pub confirmed: BTreeMap<Topic, u64>,
    /// Ends that are not confirmed yet.
    pub ending: Vec<Topic>,
    /// The version of what it reads now.
    pub reads_resp3: bool,
    /// Nothing may come after the reply to QUIT.
    pub has_quit: bool,
    /// It may leave messages unread for ever.
    pub is_deaf: bool,
}

/// The requests that a client adds, and where.
pub struct Asking<'a> {
    pub out: &'a mut Vec<u8>,
    pub all: &'a mut VecDeque<Asked>,
    pub ledger: &'a mut Ledger,
    pub now: Time,
}
