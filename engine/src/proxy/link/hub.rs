//! What the clients of a worker listen to in a pool, and which servers have a subscription for them. Plain data;
//! `pubsub/` keeps it.
//!
//! ```text
//!   clients ──▶ topic "news" ──▶ one subscription on one connection to its owner, for all of them
//! ```

use crate::base::slab::Key;
use crate::base::{ServerId, Time, WorkerId};
use crate::command::Subject;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

#[derive(Default)]
pub struct Hub {
    channels: BTreeMap<Box<[u8]>, Topic>,
    patterns: BTreeMap<Box<[u8]>, Topic>,
    sharded: BTreeMap<Box<[u8]>, Topic>,
    pub links: BTreeMap<ServerId, HubLink>,
    /// How many clients of other workers listen.
    pub others: BTreeMap<(Subject, Box<[u8]>), Listeners>,
    /// Clients that have left too much unread.
    pub slow: Vec<Key>,
    /// Subscriptions that one of these servers has refused: the others still have them.
    pub refused: Vec<(Owed, Vec<ServerId>)>,
    /// Counts attempts to subscribe.
    pub attempts: u32,
    /// What `notify-keyspace-events` was set to last, through this pool.
    pub events: Option<Arc<[u8]>>,
}

/// How many clients of each worker listen to something.
type Listeners = Vec<(WorkerId, u32)>;

/// A request that waits for a confirmation: its client, its number, its part.
pub type Waiting = (Key, u32, u16);

/// A channel or pattern that somebody listens to.
#[derive(Default)]
pub struct Topic {
    pub clients: Vec<Key>,
    /// Servers that are to have a subscription.
    pub servers: Vec<ServerId>,
    /// Those of them that have not confirmed it.
    pub unconfirmed: Vec<ServerId>,
    /// Requests that wait for the confirmation.
    pub waiting: Vec<Waiting>,
    /// The attempt that a confirmation must be for.
    pub attempt: u32,
    /// Its subscription was sent once.
    pub is_known: bool,
}

/// The connection to one server that has the subscriptions.
pub struct HubLink {
    /// The index of its upstream.
    pub at: usize,
    /// It has been connected, and not lost since.
    pub is_up: bool,
    /// The server has confirmed something on this connection, so it sends messages.
    pub has_confirmed: bool,
    /// What the server owes a confirmation of, oldest first.
    pub owed: VecDeque<Owed>,
}

pub struct Owed {
    pub subject: Subject,
    pub name: Box<[u8]>,
    pub attempt: u32,
    /// It is a subscription, and not the end of one.
    pub begins: bool,
    /// When it was said.
    pub since: Time,
}

impl Hub {
    pub fn topics(&self, subject: Subject) -> &BTreeMap<Box<[u8]>, Topic> {
        match subject {
            Subject::Channel => &self.channels,
            Subject::Pattern => &self.patterns,
            Subject::Sharded => &self.sharded,
        }
    }

    pub fn topics_mut(&mut self, subject: Subject) -> &mut BTreeMap<Box<[u8]>, Topic> {
        match subject {
            Subject::Channel => &mut self.channels,
            Subject::Pattern => &mut self.patterns,
            Subject::Sharded => &mut self.sharded,
        }
    }

    /// Whether any topic needs this server.
    pub fn needs(&self, server: ServerId) -> bool {
        SUBJECTS
            .iter()
            .any(|&it| self.topics(it).values().any(|topic| topic.servers.contains(&server)))
    }

    /// How many clients listen, those of other workers included, and how many workers have any.
    pub fn count(&self, subject: Subject, name: &[u8]) -> (u64, u64) {
        let here = self.topics(subject).get(name).map_or(0, |topic| topic.clients.len() as u64);
        let others = self.others.get(&(subject, name.into()));
        let others = others.into_iter().flatten();
        let start = (here, u64::from(here > 0));
        others.fold(start, |(clients, workers), (_, count)| {
            (clients + u64::from(*count), workers + 1)
        })
    }

    /// How many more clients get a message than connections of ours.
    pub fn surplus(&self, subject: Subject, name: &[u8]) -> i64 {
        let (clients, workers) = self.count(subject, name);
        let surplus = clients as i64 - workers as i64;
        let here = self.topics(subject).get(name);
        match here.filter(|topic| !topic.servers.iter().any(|&it| self.is_heard(it, subject, name)))
        {
            // The server does not count us, and our clients get nothing.
            Some(topic) => surplus - (topic.clients.len() as i64 - 1),
            None => surplus,
        }
    }

    /// Whether this server has a subscription of ours, as far as we know.
    fn is_heard(&self, server: ServerId, subject: Subject, name: &[u8]) -> bool {
        let is_this = |owed: &Owed| owed.begins && owed.subject == subject && *owed.name == *name;
        self.links.get(&server).is_some_and(|link| link.is_up && !link.owed.iter().any(is_this))
    }

    /// Names that somebody in this process listens to.
    pub fn names(&self, subject: Subject) -> Vec<&[u8]> {
        let here = self.topics(subject).keys().map(|name| &**name);
        let others = self.others.keys().filter(|(of, _)| *of == subject).map(|(_, name)| &**name);
        let mut names: Vec<&[u8]> = here.chain(others).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What another worker says of its clients.
    pub fn note_other(&mut self, subject: Subject, name: &[u8], worker: WorkerId, clients: u32) {
        let key = (subject, name.into());
        let workers = self.others.entry(key).or_default();
        workers.retain(|(of, _)| *of != worker);
        if clients > 0 {
            workers.push((worker, clients));
        }
        if workers.is_empty() {
            self.others.remove(&(subject, name.into()));
        }
    }
}

pub const SUBJECTS: [Subject; 3] = [Subject::Channel, Subject::Pattern, Subject::Sharded];
