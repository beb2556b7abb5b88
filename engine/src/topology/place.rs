//! Finds the server of a key. All requests are routed here.
//!
//! ```text
//!   key ──owner──▶ shard, or none if no shard is in the ring
//!                    │
//!                    └──place(intent)──▶ a server, or the reason why there is none now
//! ```

use super::snapshot::{PoolTopology, ShardState};
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

/// Why a request has no server now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Out {
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

    /// The server for a request whose keys have this owner. A shard has one server, its primary, so
    /// reads and writes go to the same server.
    #[inline]
    pub fn place(&self, owner: Option<ShardId>, _: Intent) -> Result<Placed, Out> {
        let shard = owner.ok_or(Out::NoneLive)?;
        let of_shard = self.shard(shard);
        if of_shard.state != ShardState::Live {
            return Err(Out::Down(shard));
        }
        Ok(Placed { shard, server: of_shard.primary })
    }

    /// The state of the shard that this server is the primary of.
    pub fn state_of(&self, server: ServerId) -> Option<ShardState> {
        self.shard_of(server).map(|shard| self.shard(shard).state)
    }

    /// The shard that this server is the primary of.
    pub fn shard_of(&self, server: ServerId) -> Option<ShardId> {
        let at = self.shards.iter().position(|shard| shard.primary == server)?;
        Some(ShardId(at as u16))
    }
}

impl Out {
    /// The shard that is out, if one is.
    pub fn shard(self) -> Option<ShardId> {
        match self {
            Out::NoneLive => None,
            Out::Down(shard) => Some(shard),
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
            let placed = live.place(Some(shard), Intent::Write);
            assert_eq!(placed, Ok(Placed { shard, server: ServerId(shard.0) }));
            assert_eq!(live.shard_of(ServerId(shard.0)), Some(shard));
        }
        assert_eq!(live.first_live(), Some(ShardId(0)));
    }

    #[test]
    fn a_shard_that_is_out_is_named() {
        let half = topology([ShardState::Down, ShardState::Live]);
        assert_eq!(half.place(Some(ShardId(0)), Intent::Read), Err(Out::Down(ShardId(0))));
        assert_eq!(half.first_live(), Some(ShardId(1)));
        let none = topology([ShardState::Ejected; 2]);
        let owner = none.owner(b"key", &mut Chance::new(1));
        assert_eq!(none.place(owner, Intent::Read), Err(Out::NoneLive));
    }
}
