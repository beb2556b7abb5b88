//! What was found on one server, counted as it comes in.
//!
//! A key is in place when the server it was found on is the one its owner has, by address: two
//! shards may share a server under two names, and the same key is right under either. Only
//! counts stay, a few examples, and some keys for the search of a cause, all bounded.

use super::super::load::View;
use super::ask::Seen;
use super::failover::Remark;
use nuthatch_engine::base::{Chance, ShardId};
use nuthatch_engine::topology::Address;

/// Misplaced keys shown of a server.
const EXAMPLES_MAX: usize = 3;
/// Keys kept of a server, for hints.
const KEPT_MAX: usize = 1000;
/// Longer ones are counted and not kept.
const KEPT_BYTES_MAX: usize = 4096;

/// An address and the shards that live there, by index; nearly always one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    pub address: Address,
    pub shards: Vec<usize>,
}

/// The places of a pool, in the order of their shards.
pub fn places(view: &View) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for (at, shard) in view.spec.shards.iter().enumerate() {
        match places.iter_mut().find(|place| place.address == shard.address) {
            Some(place) => place.shards.push(at),
            None => places.push(Place { address: shard.address.clone(), shards: vec![at] }),
        }
    }
    places
}

/// The place of each shard, by index.
pub fn place_of_shards(view: &View, places: &[Place]) -> Vec<usize> {
    let mut of_shard = vec![0; view.spec.shards.len()];
    for (at, place) in places.iter().enumerate() {
        for &shard in &place.shards {
            of_shard[shard] = at;
        }
    }
    of_shard
}

/// The counts of one place.
pub struct Tally {
    pub sampled: u64,
    pub misplaced: u64,
    /// Of the misplaced ones, those that `colocate` places. twemproxy placed them without it.
    pub colocated: u64,
    /// How many of its keys belong to each shard.
    pub owners: Vec<u64>,
    /// Misplaced ones.
    pub examples: Vec<Vec<u8>>,
    /// For hints.
    pub kept: Vec<Vec<u8>>,
    /// Set at the end; the error is for people.
    pub seen: Result<Seen, String>,
}

/// What was found of a pool.
pub struct Found {
    pub places: Vec<Place>,
    /// One a place.
    pub tallies: Vec<Tally>,
    pub sampled: u64,
    pub misplaced: u64,
    pub hints: Vec<String>,
    /// About Sentinels and replicas.
    pub remarks: Vec<Remark>,
    pub is_within_limit: bool,
}

impl Tally {
    pub fn new(shard_count: usize) -> Tally {
        Tally {
            sampled: 0,
            misplaced: 0,
            colocated: 0,
            owners: vec![0; shard_count],
            examples: Vec::new(),
            kept: Vec::new(),
            seen: Err("not asked".to_owned()),
        }
    }

    /// Counts one key found at `place`.
    pub fn add(&mut self, view: &View, place: &Place, key: Vec<u8>) {
        // No random pool comes here: chance decides nothing.
        let owner = view.router.route(&key, &mut Chance::new(0)).map(ShardId::index);
        self.sampled += 1;
        if let Some(owner) = owner {
            self.owners[owner] += 1;
        }
        if !owner.is_some_and(|owner| place.shards.contains(&owner)) {
            self.misplaced += 1;
            let colocate = view.router.colocate();
            self.colocated += u64::from(colocate.is_some_and(|list| list.find(&key).is_some()));
            if self.examples.len() < EXAMPLES_MAX {
                self.examples.push(key.clone());
            }
        }
        if self.kept.len() < KEPT_MAX && key.len() <= KEPT_BYTES_MAX {
            self.kept.push(key);
        }
    }
}
