//! A pool as one worker sees it: its topology of the moment and its upstreams.

use super::Upstream;
use super::duty::Why;
use super::lane::LaneKey;
use super::socket::SocketState;
use crate::base::limits::{NO_META_MS, PINNED_IDLE_MS, SPARE_IDLE_MS, SPARE_SOCKETS_MAX};
use crate::base::{PoolId, ServerId, ShardId, Time};
use crate::protocol::resp::Version;
use crate::proxy::link::hub::Hub;
use crate::proxy::link::message::PauseMode;
use crate::proxy::link::scripts::Scripts;
use crate::proxy::link::turn::Turn;
use crate::proxy::measure::counters::ServerCounters;
use crate::topology::{Address, Policy, PoolSpec, PoolTopology, Protocol};
use std::sync::Arc;

const NONE: u32 = u32::MAX;
const NO_LANE: u16 = u16::MAX;

pub struct Pool {
    pub id: PoolId,
    /// Its topology's, at hand for each request.
    pub spec: Arc<PoolSpec>,
    pub policy: Policy,
    pub topology: Arc<PoolTopology>,
    lanes: Vec<LaneKey>,
    /// Indexed by lane: the lane of its reads of replicas.
    lanes_of_reads: Vec<u16>,
    /// Places of upstreams, `[lane][server][connection]`.
    table: Vec<u32>,
    servers: usize,
    /// Servers that failed once: the first reply of a new upstream of theirs is reported.
    watched: Vec<ServerId>,
    /// memcacheds that answered a meta command as one they do not know, and until when we believe
    /// it: they may be replaced.
    no_meta: Vec<(ServerId, Time)>,
    spares: Vec<Spare>,
    /// Commands that went unchecked and are in the log.
    unchecked: Vec<&'static str>,
    /// Scripts that came through the pool.
    pub scripts: Scripts,
    /// CLIENT PAUSE: until when, and for which commands.
    pub pause: Option<(Time, PauseMode)>,
    /// All replicas that answer reads have what their primaries had at this moment.
    pub caught_up_at: Time,
    /// How often a shard of it was ejected, came back, or got another primary.
    pub changes: u32,
    /// What clients of this worker listen to.
    pub hub: Hub,
    /// Indexed by server: upstreams that belong to one client each.
    pinned: Vec<u32>,
    /// Indexed by server: what upstreams had counted there when they went to another server.
    pub left_behind: Vec<ServerCounters>,
}

/// An upstream whose duty is `Spare`.
struct Spare {
    lane: u16,
    server: ServerId,
    at: u32,
}

impl Pool {
    pub fn new(id: PoolId, topology: Arc<PoolTopology>) -> Pool {
        let mut pool = Pool {
            id,
            policy: Policy::of(topology.spec.manners),
            spec: Arc::clone(&topology.spec),
            topology,
            lanes: Vec::new(),
            lanes_of_reads: Vec::new(),
            table: Vec::new(),
            servers: 0,
            watched: Vec::new(),
            no_meta: Vec::new(),
            spares: Vec::new(),
            unchecked: Vec::new(),
            scripts: Scripts::default(),
            pause: None,
            changes: 0,
            caught_up_at: Time::ZERO,
            hub: Hub::default(),
            pinned: Vec::new(),
            left_behind: Vec::new(),
        };
        pool.grow();
        pool
    }

    /// Follows a newer topology; returns the one before.
    pub fn follow(&mut self, topology: &Arc<PoolTopology>) -> Arc<PoolTopology> {
        let before = std::mem::replace(&mut self.topology, Arc::clone(topology));
        // Replicas come and go, and keys stay where they are.
        let owners = |of: &PoolTopology| -> Vec<_> {
            of.shards.iter().map(|shard| (shard.primary, shard.state)).collect()
        };
        if !Arc::ptr_eq(&before.spec, &topology.spec) || owners(&before) != owners(topology) {
            self.changes = self.changes.wrapping_add(1);
        }
        self.grow();
        before
    }

    fn connections(&self) -> usize {
        usize::from(self.spec.server_connections)
    }

    /// Makes the table wide enough for the topology's servers.
    fn grow(&mut self) {
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

    /// The lane for clients with these settings.
    pub fn lane(&mut self, version: Version, db: u32, is_untouching: bool) -> u16 {
        self.lane_of(LaneKey { no_touch: is_untouching, ..LaneKey::new(version, db) })
    }

    /// The lane beside this one, for requests that a server may close on.
    pub fn lane_apart(&mut self, lane: u16) -> u16 {
        self.lane_of(LaneKey { apart: true, ..self.lane_key(lane).clone() })
    }

    /// The lane of this one's reads of replicas.
    pub fn lane_of_reads(&mut self, lane: u16) -> u16 {
        if let Some(&reads) = self.lanes_of_reads.get(usize::from(lane))
            && reads != NO_LANE
        {
            return reads;
        }
        let reads = self.lane_of(LaneKey { read_only: true, ..self.lane_key(lane).clone() });
        if self.lanes_of_reads.len() <= usize::from(lane) {
            self.lanes_of_reads.resize(usize::from(lane) + 1, NO_LANE);
        }
        self.lanes_of_reads[usize::from(lane)] = reads;
        reads
    }

    /// The lane whose reads this one has.
    pub fn lane_of_writes(&mut self, lane: u16) -> u16 {
        self.lane_of(LaneKey { read_only: false, ..self.lane_key(lane).clone() })
    }

    /// The database that a client begins with. memcached has none; the key is taken and ignored, as in
    /// twemproxy.
    pub fn first_db(&self) -> u32 {
        if self.spec.protocol == Protocol::Redis { self.spec.redis_db } else { 0 }
    }

    pub fn lane_key(&self, lane: u16) -> &LaneKey {
        &self.lanes[usize::from(lane)]
    }

    fn lane_of(&mut self, key: LaneKey) -> u16 {
        if let Some(at) = self.lanes.iter().position(|lane| *lane == key) {
            return at as u16;
        }
        self.lanes.push(key);
        self.table.resize(self.lanes.len() * self.servers * self.connections(), NONE);
        (self.lanes.len() - 1) as u16
    }

    /// The place of the upstream that a client's requests for `server` travel on. A client always
    /// has the same one, so its requests to a shard keep their order.
    #[inline(always)]
    pub fn upstream(
        &mut self,
        upstreams: &mut Vec<Upstream>,
        server: ServerId,
        lane: u16,
        affinity: u32,
    ) -> usize {
        let connections = self.connections();
        let connection = if connections == 1 { 0 } else { affinity as usize % connections };
        let place = (usize::from(lane) * self.servers + server.index()) * connections + connection;
        let at = self.table[place];
        if at != NONE {
            return at as usize;
        }
        let at = self.spare_or_new(upstreams, server, lane);
        upstreams[at].share();
        self.table[place] = at as u32;
        at
    }

    /// Whether one more client may have an upstream of its own.
    pub fn may_pin(&self, server: ServerId) -> bool {
        let pinned = self.pinned.get(server.index()).copied().unwrap_or(0);
        pinned < self.spec.serves.pinned_connections
    }

    /// An upstream of one client alone has another server now.
    pub fn move_pin(&mut self, from: ServerId, to: ServerId) {
        if let Some(pinned) = self.pinned.get_mut(from.index()) {
            *pinned -= 1;
        }
        self.pin(to);
    }

    fn pin(&mut self, server: ServerId) {
        if self.pinned.len() <= server.index() {
            self.pinned.resize(server.index() + 1, 0);
        }
        self.pinned[server.index()] += 1;
    }

    /// The place of an upstream that takes no request but one.
    pub fn upstream_alone(
        &mut self,
        upstreams: &mut Vec<Upstream>,
        server: ServerId,
        lane: u16,
        why: Why,
    ) -> usize {
        let at = self.spare_or_new(upstreams, server, lane);
        upstreams[at].stand_alone(why);
        if upstreams[at].duty().is_pinned() {
            self.pin(server);
        }
        at
    }

    fn spare_or_new(
        &mut self,
        upstreams: &mut Vec<Upstream>,
        server: ServerId,
        lane: u16,
    ) -> usize {
        let spare = self.spares.iter().rposition(|it| (it.lane, it.server) == (lane, server));
        if let Some(spare) = spare {
            return self.spares.swap_remove(spare).at as usize;
        }
        let (at, is_watched) = (upstreams.len(), self.watched.contains(&server));
        // A read does not wait for its replica: another server answers it.
        let hold_ms = if self.lane_key(lane).read_only { 0 } else { self.spec.hold_ms() };
        let switch = (self.spec.failover.is_some(), hold_ms);
        upstreams.push(Upstream::new(at as u32, self.id, server, lane, is_watched, switch));
        at
    }

    /// The upstream `at`, which has a place, gets the one of this server in its lane.
    pub fn change_place(&mut self, at: u32, server: ServerId) {
        let connections = self.connections();
        let Some(from) = self.table.iter().position(|&place| place == at) else {
            return;
        };
        let lane = from / (self.servers * connections);
        let to = (lane * self.servers + server.index()) * connections + from % connections;
        self.table[from] = NONE;
        self.table[to] = at;
    }

    /// Another upstream may have the place of this one.
    pub fn vacate(&mut self, upstream: u32) {
        if let Some(place) = self.table.iter_mut().find(|place| **place == upstream) {
            *place = NONE;
        }
    }

    /// An upstream that was alone and owes nothing becomes a spare. Its connection is kept if it is
    /// of use.
    pub fn make_spare(&mut self, upstream: &mut Upstream, turn: &mut Turn) {
        let (lane, server) = (upstream.lane(), upstream.server());
        let is_pinned = upstream.duty().is_pinned();
        if is_pinned && let Some(pinned) = self.pinned.get_mut(server.index()) {
            *pinned -= 1;
        }
        let (max, idle_ms) = if is_pinned {
            (self.spec.serves.pinned_connections as usize, PINNED_IDLE_MS)
        } else {
            (SPARE_SOCKETS_MAX, SPARE_IDLE_MS)
        };
        let spares = self.spares.iter().filter(|it| (it.lane, it.server) == (lane, server));
        let is_of_use = upstream.state() == SocketState::Ready
            && spares.count() < max
            && self.topology.server(server).is_some();
        if !is_of_use {
            upstream.close(turn);
        }
        upstream.make_spare(turn, turn.now.plus_ms(idle_ms));
        self.spares.push(Spare { lane, server, at: upstream.key().index });
    }

    /// The first reply of each upstream of this server is reported.
    pub fn watch(&mut self, server: ServerId) {
        if !self.watched.contains(&server) {
            self.watched.push(server);
        }
    }

    /// A command goes unchecked. `true`: for the first time.
    pub fn note_unchecked(&mut self, command: &'static str) -> bool {
        let is_new = !self.unchecked.contains(&command);
        if is_new {
            self.unchecked.push(command);
        }
        is_new
    }

    pub fn knows_no_meta(&self, server: ServerId, now: Time) -> bool {
        self.no_meta.iter().any(|&(known, until)| known == server && now < until)
    }

    pub fn note_no_meta(&mut self, server: ServerId, now: Time) {
        self.no_meta.retain(|&(known, _)| known != server);
        self.no_meta.push((server, now.plus_ms(NO_META_MS)));
    }

    /// Opens every upstream of the plain lane.
    pub fn preconnect(&mut self, upstreams: &mut Vec<Upstream>, turn: &mut Turn) {
        let lane = self.lane(Version::Resp2, self.first_db(), false);
        let topology = Arc::clone(&self.topology);
        for server in &topology.servers {
            for connection in 0..u32::from(self.spec.server_connections) {
                let at = self.upstream(upstreams, server.id, lane, connection);
                upstreams[at].connect(turn, self.spec.connect_timeout_ms);
            }
        }
    }

    /// The shard of this server, and where the server is, for a text.
    pub fn describe(&self, server: ServerId) -> Option<(&str, &Address)> {
        let shard = self.topology.shard(self.topology.shard_of(server)?);
        Some((&shard.name, &self.topology.server(server)?.address))
    }

    pub fn describe_shard(&self, shard: ShardId) -> Option<(&str, &Address)> {
        let shard = self.topology.shard(shard);
        Some((&shard.name, &self.topology.server(shard.primary)?.address))
    }
}
