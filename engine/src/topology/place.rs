//! Finds the server of a key. All requests are routed here.
//!
//! ```text
//!   key ──owner──▶ shard, or none if no shard is in the ring
//!                    │
//!                    └──place, place_read──▶ a server, or the reason why there is none now
//! ```

use super::snapshot::{PoolTopology, Replica, Shard, ShardState};
use super::spec::Reads;
use crate::base::{Chance, ServerId, ShardId};
use crate::routing::distribution::Ring;

/// What a request does to its keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intent {
    Read,
    Write,
}

/// The server that a request goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    pub shard: ShardId,
    pub server: ServerId,
}

/// Which server of a shard a client's reads go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reader {
    /// A client stays with one replica, so that it never reads an older state after a newer one. Clients are
    /// spread by their numbers.
    pub client: u32,
    pub reads: Reads,
}

impl Reader {
    pub const PRIMARY: Reader = Reader { client: 0, reads: Reads::Primary };
}

/// Why a request has no server now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Out {
    /// No replica of the shard is good, and reads may not go to the primary.
    NoReplica(ShardId),
    /// No shard of the pool is in the ring.
    NoneLive,
    /// The shard is out until its server answers a probe well.
    Down(ShardId),
}

impl PoolTopology {
    /// The shard that a key belongs to. `None`: no shard is in the ring.
    #[inline]
    pub fn owner(&self, key: &[u8], chance: &mut Chance) -> Option<ShardId> {
        self.router.route(key, chance)
    }

    /// Whether a key always has the same owner. Not so under `random`.
    pub fn keys_have_owners(&self) -> bool {
        !matches!(self.router.ring, Ring::Random(_))
    }

    /// Whether any shard is in the ring.
    pub fn is_any_in_ring(&self) -> bool {
        self.shards.iter().any(|shard| shard.state != ShardState::Ejected)
    }

    /// The first shard whose server is in use.
    pub fn first_live(&self) -> Option<ShardId> {
        let at = self.shards.iter().position(|shard| shard.state == ShardState::Live)?;
        Some(ShardId(at as u16))
    }

    /// Every shard, in order.
    pub fn shard_ids(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.shards.len() as u16).map(ShardId)
    }

    /// The primary for a request whose keys have this owner.
    #[inline]
    pub fn place(&self, owner: Option<ShardId>) -> Result<Placed, Out> {
        let shard = owner.ok_or(Out::NoneLive)?;
        let of_shard = self.shard(shard);
        if of_shard.state != ShardState::Live {
            return Err(Out::Down(shard));
        }
        Ok(Placed { shard, server: of_shard.primary })
    }

    /// The server for a read of keys with this owner, which a replica may answer.
    pub fn place_read(&self, owner: Option<ShardId>, reader: Reader) -> Result<Placed, Out> {
        if reader.reads == Reads::Primary {
            return self.place(owner);
        }
        let shard = owner.ok_or(Out::NoneLive)?;
        let of_shard = self.shard(shard);
        match of_shard.readers(reader.client).next() {
            Some(server) => Ok(Placed { shard, server }),
            None if reader.reads == Reads::Replica => Err(Out::NoReplica(shard)),
            None => self.place(owner),
        }
    }

    /// The state of the shard of this server.
    pub fn state_of(&self, server: ServerId) -> Option<ShardState> {
        self.shard_of(server).map(|shard| self.shard(shard).state)
    }

    /// The shard of this server.
    pub fn shard_of(&self, server: ServerId) -> Option<ShardId> {
        let at = self.shards.iter().position(|shard| shard.has(server))?;
        Some(ShardId(at as u16))
    }

    /// Whether requests of a lane may go to this server. `reads`: it is a lane for reads of replicas.
    pub fn serves(&self, server: ServerId, reads: bool) -> bool {
        self.spec.failover.is_none() || self.is_primary(server) != reads
    }

    /// Whether this server is the primary of its shard.
    pub fn is_primary(&self, server: ServerId) -> bool {
        self.shards.iter().any(|shard| shard.primary == server)
    }
}

impl Shard {
    pub fn has(&self, server: ServerId) -> bool {
        self.primary == server || self.replicas.iter().any(|replica| replica.server == server)
    }

    /// The replicas that can be read, in the order in which this client tries them.
    pub fn readers(&self, client: u32) -> impl Iterator<Item = ServerId> {
        let in_order = self.in_order(client).filter(|replica| replica.is_good);
        in_order.map(|replica| replica.server)
    }

    /// Those of them behind this replica.
    pub fn readers_behind(&self, server: ServerId, client: u32) -> impl Iterator<Item = ServerId> {
        let behind = self.in_order(client).skip_while(move |replica| replica.server != server);
        behind.skip(1).filter(|replica| replica.is_good).map(|replica| replica.server)
    }

    /// All replicas: the client's own first. Each client has its own order, so the clients of a replica that is
    /// lost are spread over all others.
    fn in_order(&self, client: u32) -> impl Iterator<Item = &Replica> {
        let (client, count) = (client as usize, self.replicas.len());
        let nth = move |nth: usize| match nth {
            0 => client % count,
            // Its own one is left out of this round.
            _ => (client % count + 1 + (nth - 1 + client / count) % (count - 1)) % count,
        };
        (0..count).map(move |at| &self.replicas[nth(at)])
    }
}

impl Out {
    /// The shard that is out, if one is.
    pub fn shard(self) -> Option<ShardId> {
        match self {
            Out::NoneLive => None,
            Out::Down(shard) | Out::NoReplica(shard) => Some(shard),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::kinds::fixed;
    use crate::topology::{Address, PoolSpec, Protocol};
    use std::sync::Arc;

    fn topology(states: [ShardState; 2]) -> PoolTopology {
        let address = |path: &str| Address::Unix { path: path.into() };
        let spec = PoolSpec::plain(Protocol::Redis, [address("one"), address("two")]);
        fixed::topology(&Arc::new(spec.clone()), &fixed::primaries(&spec), &states)
    }

    #[test]
    fn a_key_has_the_primary_of_its_shard() {
        let live = topology([ShardState::Live; 2]);
        for shard in live.shard_ids() {
            let placed = live.place(Some(shard));
            let server = ServerId(shard.0);
            assert_eq!(placed, Ok(Placed { shard, server }));
            assert_eq!(live.shard_of(ServerId(shard.0)), Some(shard));
        }
        assert_eq!(live.first_live(), Some(ShardId(0)));
    }

    #[test]
    fn reads_are_spread_and_a_client_stays_with_its_replica() {
        let mut topology = topology([ShardState::Live; 2]);
        let shard = ShardId(0);
        let reads = |topology: &PoolTopology, reads| -> Vec<_> {
            let place = |client| topology.place_read(Some(shard), Reader { client, reads });
            (0..6).map(|client| place(client).map(|placed| placed.server.0)).collect()
        };
        let set = |topology: &mut PoolTopology, good: [bool; 3]| {
            let replica =
                |(at, is_good): (u16, bool)| Replica { server: ServerId(10 + at), is_good };
            topology.shards[0].replicas = (0..).zip(good).map(replica).collect();
        };
        assert_eq!(reads(&topology, Reads::PreferReplica), [Ok(0); 6], "it has none");
        set(&mut topology, [true; 3]);
        assert_eq!(reads(&topology, Reads::Primary), [Ok(0); 6]);
        let own = [10, 11, 12, 10, 11, 12].map(Ok);
        assert_eq!(reads(&topology, Reads::PreferReplica), own);
        assert_eq!(reads(&topology, Reads::Replica), own);
        set(&mut topology, [true, false, true]);
        let others = [10, 12, 12, 10, 10, 12].map(Ok);
        assert_eq!(reads(&topology, Reads::PreferReplica), others, "clients 1 and 4 are spread");
        set(&mut topology, [true; 3]);
        for client in 0..9 {
            let mut order: Vec<u16> =
                topology.shard(shard).readers(client).map(|it| it.0).collect();
            assert_eq!(order[0], 10 + client as u16 % 3, "its own comes first");
            let behind = topology.shard(shard).readers_behind(ServerId(order[1]), client);
            assert_eq!(behind.map(|it| it.0).collect::<Vec<_>>(), order[2..]);
            order.sort_unstable();
            assert_eq!(order, [10, 11, 12], "client {client} tries each once");
        }
        set(&mut topology, [false; 3]);
        assert_eq!(reads(&topology, Reads::PreferReplica), [Ok(0); 6]);
        assert_eq!(reads(&topology, Reads::Replica), [Err(Out::NoReplica(shard)); 6]);
    }

    #[test]
    fn a_shard_that_is_out_is_named() {
        let half = topology([ShardState::Down, ShardState::Live]);
        assert_eq!(half.place(Some(ShardId(0))), Err(Out::Down(ShardId(0))));
        assert_eq!(half.first_live(), Some(ShardId(1)));
        let none = topology([ShardState::Ejected; 2]);
        let owner = none.owner(b"key", &mut Chance::new(1));
        assert_eq!(none.place(owner), Err(Out::NoneLive));
    }
}
