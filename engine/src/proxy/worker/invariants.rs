//! What always holds between two turns. Costs a walk over everything: for simulation and tests.

use crate::base::limits::CLIENT_WINDOW_MAX;
use crate::base::slab::Key;
use crate::proxy::link::slot::Slot;
use crate::proxy::worker::Worker;
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
            let input = client.input.as_ref().map_or(0, |input| input.bytes.len() - input.at);
            sum.owed += client.in_flight();
            sum.unparsed_bytes += input;
            sum.unread_bytes += client.unread_bytes();
        }
        for upstream in &self.upstreams {
            let input = upstream.input.as_ref().map_or(0, |input| input.bytes.len());
            sum.tickets += upstream.tickets.len() + usize::from(upstream.stream.is_some());
            sum.unparsed_bytes += input;
            sum.unsent_bytes += upstream.out.len() + upstream.handshake.len();
        }
        sum
    }

    /// Panics when the worker's state contradicts itself.
    pub fn check_invariants(&self) {
        let mut tickets: BTreeMap<Key, usize> = BTreeMap::new();
        for upstream in &self.upstreams {
            upstream.check_invariants();
            let stream = upstream.stream.iter().filter(|stream| !stream.discard);
            let stream = stream.map(|stream| &stream.ticket);
            for ticket in upstream.tickets.iter().chain(stream).filter(|ticket| !ticket.tombstone) {
                *tickets.entry(ticket.client).or_default() += 1;
            }
        }
        for (key, client) in self.clients.iter() {
            let owed: usize = client
                .slots()
                .map(|slot| match slot {
                    Slot::Waiting => 1,
                    Slot::Ready { .. } => 0,
                    Slot::Merging(merge) => usize::from(merge.left()),
                })
                .sum();
            let held = tickets.remove(&key).unwrap_or(0);
            assert_eq!(owed, held, "every waiting slot has its tickets and no other has one");
            assert!(client.in_flight() <= CLIENT_WINDOW_MAX as usize);
            let lane = &self.pools[client.pool.index()].lanes[usize::from(client.lane)];
            assert!(lane.version == client.version && !lane.apart, "each travels in its own lane");
            client.check_invariants();
        }
    }
}
