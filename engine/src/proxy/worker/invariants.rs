//! What always holds between two turns. Costs a walk over everything: for simulation and tests.

use super::Worker;
use crate::base::limits::CLIENT_WINDOW_MAX;
use crate::base::slab::Key;
use crate::command::{UNKNOWN, memcache};
use crate::proxy::link::client::Client;
use crate::proxy::link::slot::Slot;
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

impl Worker {
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
            let flowing = upstream.download().map(|download| &download.ticket);
            for ticket in upstream.queue().tickets().chain(flowing) {
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
            client.check_invariants();
        }
    }
}
