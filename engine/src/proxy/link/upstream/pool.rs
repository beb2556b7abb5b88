//! A pool as one worker sees it: its topology of the moment and its upstreams.

use crate::base::limits::NO_META_MS;
use crate::base::{PoolId, ServerId, Time};
use crate::protocol::resp::Version;
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::lane::LaneKey;
use crate::topology::{Address, PoolSpec, PoolTopology, Shard};
use std::sync::Arc;

const NONE: u32 = u32::MAX;

pub struct Pool {
    pub id: PoolId,
    pub spec: Arc<PoolSpec>,
    pub topology: Arc<PoolTopology>,
    pub lanes: Vec<LaneKey>,
    /// Places of upstreams, `[lane][server][connection]`.
    table: Vec<u32>,
    servers: usize,
    /// Servers that failed once: the first reply of a new upstream of theirs is reported.
    pub watched: Vec<ServerId>,
    /// memcacheds that answered a meta command as one they do not know, and until when we believe
    /// it: they may be replaced.
    pub no_meta: Vec<(ServerId, Time)>,
    /// Detached upstreams that owe nothing, by lane and server; see `stream.rs`.
    pub spares: Vec<(u8, ServerId, u32)>,
    /// Commands that went unchecked and were told of, by name.
    pub unchecked: Vec<&'static str>,
}

impl Pool {
    pub fn new(id: PoolId, spec: Arc<PoolSpec>, topology: Arc<PoolTopology>) -> Pool {
        let mut pool = Pool {
            id,
            spec,
            topology,
            lanes: Vec::new(),
            table: Vec::new(),
            servers: 0,
            watched: Vec::new(),
            no_meta: Vec::new(),
            spares: Vec::new(),
            unchecked: Vec::new(),
        };
        pool.grow();
        pool
    }

    fn connections(&self) -> usize {
        usize::from(self.spec.server_connections)
    }

    /// Makes the table wide enough for the topology's servers.
    pub fn grow(&mut self) {
        let servers = self.topology.servers.last().map_or(0, |server| server.id.index() + 1);
        if servers <= self.servers {
            return;
        }
        let (old, new) = (self.servers * self.connections(), servers * self.connections());
        let mut table = vec![NONE; self.lanes.len() * new];
        for lane in 0..self.lanes.len() {
            table[lane * new..lane * new + old]
                .copy_from_slice(&self.table[lane * old..lane * old + old]);
        }
        self.table = table;
        self.servers = servers;
    }

    /// The lane for clients that speak this version.
    pub fn lane(&mut self, version: Version) -> u8 {
        self.lane_of(LaneKey::new(version, &self.spec))
    }

    /// The lane for requests of theirs that a server may close on.
    pub fn lane_apart(&mut self, version: Version) -> u8 {
        self.lane_of(LaneKey { apart: true, ..LaneKey::new(version, &self.spec) })
    }

    fn lane_of(&mut self, key: LaneKey) -> u8 {
        if let Some(at) = self.lanes.iter().position(|lane| *lane == key) {
            return at as u8;
        }
        self.lanes.push(key);
        self.table.resize(self.lanes.len() * self.servers * self.connections(), NONE);
        (self.lanes.len() - 1) as u8
    }

    /// The place of the upstream that a client's requests for `server` travel on. A client always
    /// has the same one, so its requests to a shard keep their order.
    #[inline]
    pub fn upstream(
        &mut self,
        upstreams: &mut Vec<Upstream>,
        server: ServerId,
        lane: u8,
        affinity: u32,
    ) -> usize {
        let connections = self.connections();
        let connection = if connections == 1 { 0 } else { affinity as usize % connections };
        let place = &mut self.table
            [(usize::from(lane) * self.servers + server.index()) * connections + connection];
        if *place != NONE {
            return *place as usize;
        }
        let place = (usize::from(lane) * self.servers + server.index()) * connections + connection;
        let at = self.upstream_apart(upstreams, server, lane);
        upstreams[at].detached = false;
        self.table[place] = at as u32;
        at
    }

    /// The place of an upstream that takes no requests but one.
    pub fn upstream_apart(
        &mut self,
        upstreams: &mut Vec<Upstream>,
        server: ServerId,
        lane: u8,
    ) -> usize {
        let at = self.take_spare(upstreams, server, lane).unwrap_or_else(|| {
            let at = upstreams.len();
            let mut upstream = Upstream::new(at as u32, self.id, server, lane);
            upstream.watched = self.watched.contains(&server);
            upstreams.push(upstream);
            at
        });
        upstreams[at].detached = true;
        at
    }

    /// An upstream that was laid by, if there is one.
    pub fn take_spare(
        &mut self,
        upstreams: &mut [Upstream],
        server: ServerId,
        lane: u8,
    ) -> Option<usize> {
        let at = self.spares.iter().position(|&(of, to, _)| (of, to) == (lane, server))?;
        let (.., spare) = self.spares.swap_remove(at);
        upstreams[spare as usize].spare = false;
        upstreams[spare as usize].uploads = false;
        Some(spare as usize)
    }

    pub fn knows_no_meta(&self, server: ServerId, now: Time) -> bool {
        self.no_meta.iter().any(|&(known, until)| known == server && now < until)
    }

    pub fn note_no_meta(&mut self, server: ServerId, now: Time) {
        self.no_meta.retain(|&(known, _)| known != server);
        self.no_meta.push((server, now.plus_ms(NO_META_MS)));
    }

    /// Another upstream may have the place of this one.
    pub fn vacate(&mut self, upstream: u32) {
        if let Some(place) = self.table.iter_mut().find(|place| **place == upstream) {
            *place = NONE;
        }
    }

    /// The places of upstreams that are laid by.
    pub fn spares(&self, lane: u8, server: ServerId) -> impl Iterator<Item = usize> {
        let is_of = move |&&(of, to, _): &&(u8, ServerId, u32)| (of, to) == (lane, server);
        self.spares.iter().filter(is_of).map(|&(.., at)| at as usize)
    }

    /// Opens every upstream of the plain lane.
    pub fn preconnect(&mut self, upstreams: &mut Vec<Upstream>, turn: &mut Turn) {
        let lane = self.lane(Version::Resp2);
        let topology = Arc::clone(&self.topology);
        for server in &topology.servers {
            for connection in 0..u32::from(self.spec.server_connections) {
                let at = self.upstream(upstreams, server.id, lane, connection);
                upstreams[at].connect(turn, self.spec.connect_timeout_ms);
            }
        }
    }

    /// The shard that `server` is, and where it is, for a text.
    pub fn describe(&self, server: ServerId) -> Option<(&str, &Address)> {
        let shard = self.topology.shards.iter().find(|shard| shard.primary == server)?;
        self.describe_shard(shard)
    }

    pub fn describe_shard<'a>(&'a self, shard: &'a Shard) -> Option<(&'a str, &'a Address)> {
        Some((&shard.name, &self.topology.server(shard.primary)?.address))
    }
}
