//! Who is primary, as Sentinels say.
//!
//! ```text
//!   answers of Sentinels ──▶ a newer epoch? ──▶ one of our replicas: ask its ROLE ──▶ primary
//!                                          └──▶ any other: when a majority says so ──▶ primary
//! ```
//!
//! A failover has an *epoch* that Sentinels vote for, so a higher one is always the later one, and we never
//! go back to a lower one. A Sentinel must be asked for the epoch first (`SENTINEL MASTER`) and then for the
//! address (`SENTINEL GET-MASTER-ADDR-BY-NAME`), in one pipeline: the Sentinel that leads a failover shows the
//! new epoch at once, and beside it the *old* address until the last replica has been told. The second command
//! has the new address as soon as there is one.
//!
//! One Sentinel is enough if its epoch is higher than ours, if it names a server that was this shard's replica
//! before, and if that server says that it is a primary: then the vote has been held, and waiting for the
//! others would only cost time. A Sentinel that was reset, or watches other servers under the same name, names
//! no replica of ours. Everything else needs a majority of the known Sentinels.
//!
//! A primary may also hand over to one of its replicas (FAILOVER), and its Sentinels learn of it late. Then our
//! primary says that it is a replica, and we follow the replica that says that it is a primary. A hand-over has
//! no epoch. Until there is a newer epoch, answers that name the old primary are out of date: we ignore them.
//!
//! Sentinels that are set up anew begin with epoch 0. If most of them go on naming our own primary in an older
//! epoch than ours, theirs is the one to count from: or we would never hear of their next failover.
//!
//! A Sentinel in TILT does not trust its own clock, so its answers count for nothing.
//!
//! This machine does no I/O: `control` asks, and calls `handle_*`.

use crate::base::ShardId;
use crate::topology::Address;
use std::collections::VecDeque;

/// A Sentinel's number, by the order in which they became known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SentinelId(pub u16);

/// The most Sentinels that are asked.
pub const SENTINELS_MAX: usize = 64;

/// How often in a row a Sentinel must name our primary in an older epoch before it counts as set up anew. It is
/// asked once a second, and learns of a failover within a few.
const OLDER_MIN: u32 = 15;

/// What a Sentinel says of one shard, in one answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    pub epoch: u64,
    pub primary: Address,
    /// It does not trust its own clock.
    pub in_tilt: bool,
    /// Where it was asked: the replicas, and the other Sentinels.
    pub replicas: Option<Vec<Address>>,
    pub sentinels: Option<Vec<Address>>,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SentinelWish {
    /// Ask the server whether it is a primary, then call [`Sentinels::handle_role`].
    AskRole { shard: ShardId, address: Address, epoch: u64 },
    /// This is the shard's primary now.
    /// `is_handover`: its own servers say so, and no Sentinel yet.
    Primary { shard: ShardId, address: Address, epoch: u64, is_handover: bool },
    /// The shard has these replicas.
    Replicas { shard: ShardId, replicas: Vec<Address> },
    /// Ask this Sentinel too.
    Ask(SentinelId, Address),
}

struct Belief {
    /// `None`: no Sentinel has answered yet, and the file's address is used.
    epoch: Option<u64>,
    primary: Address,
    /// All servers that a Sentinel called a replica of this shard, or its primary, in this life.
    known: Vec<Address>,
    replicas: Vec<Address>,
    /// Indexed by Sentinel: its last answer.
    claims: Vec<Option<(u64, Address)>>,
    /// Indexed by Sentinel: how often in a row it has named our primary in an older epoch.
    older: Vec<u32>,
    /// The claim whose server was asked last.
    asked: Option<(u64, Address)>,
    /// The primary that has handed over, and that Sentinels may still name.
    handed_over: Option<Address>,
}

impl Belief {
    /// Takes over the epoch of Sentinels that were set up anew, if so many of them were.
    fn count_anew(&mut self, majority: usize) {
        let claims = self.claims.iter().zip(&self.older);
        let of_anew = claims.filter(|(_, older)| **older >= OLDER_MIN);
        let epochs: Vec<u64> = of_anew.filter_map(|(claim, _)| Some(claim.as_ref()?.0)).collect();
        if epochs.len() >= majority {
            self.epoch = epochs.into_iter().max();
            self.older.fill(0);
        }
    }
}

/// See the head of this file.
pub struct Sentinels {
    known: Vec<Address>,
    shards: Vec<Belief>,
    wishes: VecDeque<SentinelWish>,
}

impl Sentinels {
    /// `shards`: the primary and the replicas of each, as the file has them.
    pub fn new(sentinels: &[Address], shards: impl IntoIterator<Item = Address>) -> Sentinels {
        let belief = |primary: Address| Belief {
            epoch: None,
            known: vec![primary.clone()],
            primary,
            replicas: Vec::new(),
            claims: Vec::new(),
            older: Vec::new(),
            asked: None,
            handed_over: None,
        };
        let shards = shards.into_iter().map(belief).collect();
        let mut machine = Sentinels { known: Vec::new(), shards, wishes: VecDeque::new() };
        for address in sentinels {
            machine.learn(address);
        }
        machine
    }

    /// A Sentinel is known from now on.
    fn learn(&mut self, address: &Address) {
        if self.known.contains(address) || self.known.len() >= SENTINELS_MAX {
            return;
        }
        let id = SentinelId(self.known.len() as u16);
        self.known.push(address.clone());
        self.wishes.push_back(SentinelWish::Ask(id, address.clone()));
    }

    /// A Sentinel has answered for this shard.
    pub fn handle_claim(&mut self, from: SentinelId, shard: ShardId, claim: &Claim) {
        if claim.in_tilt {
            return;
        }
        for address in claim.sentinels.iter().flatten() {
            self.learn(address);
        }
        let count = self.known.len();
        let Some(belief) = self.shards.get_mut(shard.index()) else {
            return;
        };
        if belief.claims.len() < count {
            belief.claims.resize(count, None);
            belief.older.resize(count, 0);
        }
        let Some(place) = belief.claims.get_mut(usize::from(from.0)) else {
            return;
        };
        *place = Some((claim.epoch, claim.primary.clone()));
        let is_ours = claim.primary == belief.primary;
        let is_older = is_ours && belief.epoch.is_some_and(|ours| claim.epoch < ours);
        let older = &mut belief.older[usize::from(from.0)];
        *older = if is_older { older.saturating_add(1) } else { 0 };
        if is_older {
            belief.count_anew(count / 2 + 1);
        } else if is_ours {
            belief.epoch = belief.epoch.max(Some(claim.epoch));
        } else {
            self.weigh(shard, claim.epoch, &claim.primary);
        }
        self.take_replicas(shard, claim);
    }

    /// Another primary than the one we believe in.
    fn weigh(&mut self, shard: ShardId, epoch: u64, primary: &Address) {
        let majority = self.known.len() / 2 + 1;
        let belief = &mut self.shards[shard.index()];
        let is_of_before =
            belief.epoch == Some(epoch) && belief.handed_over.as_ref() == Some(primary);
        if is_of_before || belief.epoch.is_some_and(|ours| epoch < ours) {
            return;
        }
        let says_so = |it: &&Option<(u64, Address)>| {
            it.as_ref().is_some_and(|(at, address)| *at >= epoch && address == primary)
        };
        if belief.claims.iter().filter(says_so).count() >= majority {
            return self.believe(shard, epoch, primary, false);
        }
        let is_newer = belief.epoch.is_some_and(|ours| epoch > ours);
        let claim = (epoch, primary.clone());
        if is_newer && belief.known.contains(primary) {
            let (epoch, address) = claim.clone();
            belief.asked = Some(claim);
            self.wishes.push_back(SentinelWish::AskRole { shard, address, epoch });
        }
    }

    /// The answer to a [`SentinelWish::AskRole`].
    pub fn handle_role(&mut self, shard: ShardId, address: &Address, epoch: u64, is_primary: bool) {
        let Some(belief) = self.shards.get_mut(shard.index()) else {
            return;
        };
        let is_asked = belief.asked.as_ref().is_some_and(|it| *it == (epoch, address.clone()));
        if is_asked && is_primary && belief.epoch.is_none_or(|ours| epoch > ours) {
            self.believe(shard, epoch, address, false);
        }
    }

    /// The primary says that it is a replica now, and this one of its replicas that it is the primary.
    pub fn handle_handover(&mut self, shard: ShardId, to: &Address) {
        let Some(belief) = self.shards.get_mut(shard.index()) else {
            return;
        };
        if belief.primary != *to && belief.known.contains(to) {
            let (epoch, from) = (belief.epoch.unwrap_or(0), belief.primary.clone());
            // It says so itself, and the Sentinels, who call it the primary, do not. It may take over again.
            belief.replicas.push(from.clone());
            belief.replicas.sort_unstable_by_key(ToString::to_string);
            self.believe(shard, epoch, to, true);
            self.shards[shard.index()].handed_over = Some(from);
        }
    }

    fn believe(&mut self, shard: ShardId, epoch: u64, primary: &Address, is_handover: bool) {
        let belief = &mut self.shards[shard.index()];
        (belief.epoch, belief.handed_over) = (Some(epoch), None);
        let before = std::mem::replace(&mut belief.primary, primary.clone());
        belief.asked = None;
        for address in [&before, primary] {
            if !belief.known.contains(address) {
                belief.known.push(address.clone());
            }
        }
        // It may come back as a replica; a Sentinel will say so.
        belief.replicas.retain(|replica| replica != primary);
        let (replicas, address) = (belief.replicas.clone(), primary.clone());
        self.wishes.push_back(SentinelWish::Primary { shard, address, epoch, is_handover });
        self.wishes.push_back(SentinelWish::Replicas { shard, replicas });
    }

    /// The replicas, from a Sentinel that believes in the same primary as we do.
    fn take_replicas(&mut self, shard: ShardId, claim: &Claim) {
        let belief = &mut self.shards[shard.index()];
        let is_ours =
            claim.primary == belief.primary && belief.epoch.is_none_or(|ours| claim.epoch >= ours);
        let Some(replicas) = claim.replicas.as_ref().filter(|_| is_ours) else {
            return;
        };
        for address in replicas {
            if !belief.known.contains(address) {
                belief.known.push(address.clone());
            }
        }
        let mut replicas: Vec<Address> =
            replicas.iter().filter(|it| **it != belief.primary).cloned().collect();
        replicas.sort_unstable_by_key(ToString::to_string);
        replicas.dedup();
        if replicas != belief.replicas {
            belief.replicas.clone_from(&replicas);
            self.wishes.push_back(SentinelWish::Replicas { shard, replicas });
        }
    }

    pub fn poll_wish(&mut self) -> Option<SentinelWish> {
        self.wishes.pop_front()
    }

    /// The primary of a shard, and the epoch of that belief if a Sentinel has confirmed it.
    pub fn primary(&self, shard: ShardId) -> (&Address, Option<u64>) {
        let belief = &self.shards[shard.index()];
        (&belief.primary, belief.epoch)
    }
}

#[cfg(test)]
#[path = "sentinel_tests.rs"]
mod tests;
