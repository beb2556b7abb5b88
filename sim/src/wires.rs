//! What workers send to servers of pools with replicas. A request that a worker begins to send goes to a
//! server that is the shard's primary in the topology that the worker follows; or it is a read, and goes to
//! a replica that is good there.

use crate::redis::Redis;
use crate::resp::{self, Value};
use crate::transport::EndId;
use nuthatch_engine::base::PoolId;
use nuthatch_engine::topology::{Address, Snapshot};
use std::collections::BTreeMap;

/// What a server is for a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Primary,
    GoodReplica,
    Neither,
}

struct Wire {
    /// The beginning of a request.
    rest: Vec<u8>,
    /// What the server was when the request or the transaction began.
    place: Place,
    in_multi: bool,
}

#[derive(Default)]
pub struct Wires {
    all: BTreeMap<EndId, Wire>,
    pub checked: u64,
}

/// What the toy with this number is in a snapshot.
pub fn place_of(snapshot: &Snapshot, pool: usize, number: usize) -> Place {
    let Some(topology) = snapshot.pool(PoolId(pool as u16)) else { return Place::Neither };
    let port = number as u16 + 1;
    let is_it = |address: &Address| matches!(address, Address::Tcp { port: it, .. } if *it == port);
    let mut place = Place::Neither;
    for server in topology.servers.iter().filter(|server| is_it(&server.address)) {
        for shard in &topology.shards {
            if shard.primary == server.id {
                return Place::Primary;
            }
            if shard.replicas.iter().any(|it| it.server == server.id && it.is_good) {
                place = Place::GoodReplica;
            }
        }
    }
    place
}

impl Wires {
    /// What a worker has sent on a connection to a server that is `place` for it now. Returns the requests
    /// that should not have gone there.
    pub fn take(&mut self, end: EndId, bytes: &[u8], place: Place) -> Vec<String> {
        let new = Wire { rest: Vec::new(), place, in_multi: false };
        let wire = self.all.entry(end).or_insert(new);
        if wire.rest.is_empty() && !wire.in_multi {
            wire.place = place;
        }
        wire.rest.extend_from_slice(bytes);
        let (mut at, mut wrong) = (0, Vec::new());
        while let Ok(Some((value, len))) = resp::read(&wire.rest[at..]) {
            at += len;
            let Value::Array(args) = value else { continue };
            self.checked += 1;
            let name = wire.take(&args, &mut wrong);
            wire.in_multi = name == "MULTI" || wire.in_multi && name != "EXEC";
            if !wire.in_multi {
                wire.place = place;
            }
        }
        wire.rest.drain(..at);
        wrong
    }
}

impl Wire {
    /// Checks a request, and returns its name.
    fn take(&self, args: &[Value], wrong: &mut Vec<String>) -> String {
        let word = |at: usize| match args.get(at) {
            Some(Value::Bulk(bytes)) => bytes.as_slice(),
            _ => b"",
        };
        let name = String::from_utf8_lossy(word(0)).to_ascii_uppercase();
        let is_write = Redis::is_refused_by_replica(&name);
        let is_read = ["GET", "MGET", "EXISTS", "SINTER"].contains(&name.as_str());
        let is_right = match self.place {
            Place::Primary => true,
            Place::GoodReplica => !is_write,
            Place::Neither => !is_write && !is_read,
        };
        if !is_right {
            wrong.push(format!("{name} {} for it {:?}", word(1).escape_ascii(), self.place));
        }
        name
    }
}
