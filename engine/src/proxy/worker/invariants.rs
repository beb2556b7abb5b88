//! What always holds between two turns. Costs a walk over everything: for simulation and tests.

use super::Worker;
use crate::base::ServerId;
use crate::base::limits::CLIENT_WINDOW_MAX;
use crate::base::slab::Key;
use crate::command::{UNKNOWN, memcache};
use crate::proxy::link::client::Client;
use crate::proxy::link::hub::SUBJECTS;
use crate::proxy::link::slot::Slot;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::duty::Duty;
use crate::topology::Protocol;
use std::collections::BTreeMap;

/// What a worker still has to do or to hand over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Backlog {
    /// Requests that clients are owed a reply to.
    pub owed: usize,
    /// Tickets of upstreams, tombstones included.
    pub tickets: usize,
    /// Bytes of requests and replies that are not whole or may not be taken yet.
    pub unparsed_bytes: usize,
    /// Bytes for servers.
    pub unsent_bytes: usize,
    /// Bytes for clients.
    pub unread_bytes: usize,
}

impl Backlog {
    pub fn is_empty(&self) -> bool {
        *self == Backlog::default()
    }
}

/// The states of clients that a worker keeps, and their connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Holdings {
    /// Channels and patterns that clients listen to.
    pub topics: usize,
    /// Connections that have subscriptions.
    pub hubs: usize,
    /// Channels and patterns that clients of other workers listen to.
    pub topics_of_others: usize,
    /// Upstreams that one client has alone.
    pub pinned: usize,
}

impl Holdings {
    pub fn is_empty(&self) -> bool {
        *self == Holdings::default()
    }
}

impl Worker {
    /// The states that clients have now; walks over everything.
    pub fn holdings(&self) -> Holdings {
        let mut sum = Holdings::default();
        for pool in &self.pools {
            sum.topics += SUBJECTS.iter().map(|&it| pool.hub.topics(it).len()).sum::<usize>();
            sum.topics_of_others += pool.hub.others.len();
        }
        for upstream in &self.upstreams {
            sum.hubs += usize::from(upstream.duty().is_hub());
            sum.pinned += usize::from(upstream.duty().pinned_by().is_some());
        }
        sum
    }

    /// What is under way now; walks over everything.
    pub fn backlog(&self) -> Backlog {
        let mut sum = Backlog::default();
        for (_, client) in self.clients.iter() {
            sum.owed += client.owed();
            sum.unparsed_bytes += client.unparsed_bytes();
            sum.unread_bytes += client.unread_bytes();
        }
        for upstream in &self.upstreams {
            let (heard, unsent) = upstream.waiting_bytes();
            sum.tickets += upstream.queue().len() + usize::from(upstream.download().is_some());
            sum.unparsed_bytes += heard;
            sum.unsent_bytes += unsent;
        }
        sum
    }

    /// Panics when the worker's state contradicts itself.
    pub fn check_invariants(&self) {
        let mut tickets: BTreeMap<Key, usize> = BTreeMap::new();
        for upstream in &self.upstreams {
            upstream.check_invariants();
            if let Some(key) = upstream.duty().pinned_by() {
                let client = self.clients.get(key);
                let watches = client.and_then(Client::watches_on) == Some(upstream.key());
                let waits = client.is_some_and(|client| client.waits_on(upstream.key()));
                assert!(watches || waits, "a pinned upstream has a client that watches or waits");
            }
            let is_alone = matches!(upstream.duty(), Duty::Alone(_));
            assert!(!is_alone || !upstream.owes_nothing(), "it returns to the spares");
            let rows = match self.pools[upstream.pool().index()].spec.protocol {
                Protocol::Redis => UNKNOWN,
                Protocol::Memcache => memcache::COMMANDS.len() - 1,
            };
            let doubts = upstream.doubts().iter().map(|doubt| &doubt.ticket);
            let flowing = upstream.download().map(|download| &download.ticket);
            for ticket in upstream.queue().tickets().chain(flowing).chain(doubts) {
                assert!(usize::from(ticket.command) <= rows, "a ticket knows its command");
                if let Some(key) = ticket.client() {
                    *tickets.entry(key).or_default() += 1;
                }
            }
        }
        for (key, client) in self.clients.iter() {
            let owed: usize = client
                .replies()
                .slots()
                .map(|slot| match slot {
                    Slot::Waiting | Slot::Muted => 1,
                    Slot::Ready { .. } => 0,
                    Slot::Joining(joining) if joining.is_of_workers() => 0,
                    Slot::Joining(joining) => usize::from(joining.left() + joining.flowing()),
                })
                .sum();
            let held = tickets.remove(&key).unwrap_or(0);
            assert_eq!(owed, held, "every waiting slot has its tickets and no other has one");
            assert!(client.owed() <= CLIENT_WINDOW_MAX as usize);
            let settings = &client.settings;
            let lane = self.pools[client.pool().index()].lane_key(settings.lane);
            let is_own = lane.version == settings.version && !lane.apart;
            assert!(is_own, "each travels in its own lane");
            if let Some(on) = client.watches_on()
                && let Some(upstream) = self.upstreams.get(on.index as usize)
                && upstream.key() == on
                && upstream.is_connected()
            {
                assert_eq!(upstream.duty().pinned_by(), Some(key), "no other client may use it");
            }
            let waits = client.session.iter().flat_map(|session| &session.waits);
            for on in waits {
                let upstream = self.upstreams.get(on.index as usize).filter(|up| up.key() == *on);
                let of = upstream.and_then(|upstream| upstream.duty().pinned_by());
                assert_eq!(of, Some(key), "a command of it waits there");
            }
            client.check_invariants();
        }
        self.check_hubs();
    }

    /// Topics have clients that listen and servers, and servers that are needed have a connection.
    fn check_hubs(&self) {
        let has_link = |upstream: &Upstream| {
            let pool = &self.pools[upstream.pool().index()];
            let link = pool.hub.links.get(&upstream.server());
            link.is_some_and(|link| link.at == upstream.key().index as usize)
        };
        let hubs = self.upstreams.iter().filter(|upstream| upstream.duty().is_hub());
        assert!(hubs.clone().all(has_link), "a connection with subscriptions is its pool's");
        for pool in &self.pools {
            for (&server, link) in &pool.hub.links {
                assert!(self.upstreams[link.at].duty().is_hub() && pool.hub.needs(server));
            }
            for subject in SUBJECTS {
                for (name, topic) in pool.hub.topics(subject) {
                    assert!(!topic.clients.is_empty(), "a topic has clients");
                    let has = |key: &Key| {
                        let client = self.clients.get(*key).and_then(Client::topics);
                        client.is_some_and(|topics| topics.has(subject, name))
                    };
                    assert!(topic.clients.iter().all(has), "its clients know that they listen");
                    let of_it = |server: &ServerId| topic.servers.contains(server);
                    assert!(topic.unconfirmed.iter().all(of_it));
                    let owes = topic.waiting.is_empty() || !topic.unconfirmed.is_empty();
                    assert!(owes, "a request waits for a server only");
                    let has_link = |server: &ServerId| pool.hub.links.contains_key(server);
                    assert!(topic.servers.iter().all(has_link), "its servers have a connection");
                }
            }
        }
        for (key, client) in self.clients.iter() {
            let hub = &self.pools[client.pool().index()].hub;
            let knows = |subject, name: &[u8]| {
                hub.topics(subject).get(name).is_some_and(|topic| topic.clients.contains(&key))
            };
            let topics = client.topics();
            let is_known = topics.is_none_or(|topics| {
                SUBJECTS.iter().all(|&it| topics.names(it).iter().all(|name| knows(it, name)))
            });
            assert!(is_known, "what a client listens to is its pool's");
        }
    }
}
