//! What a good file means: its pools, every value checked.
//!
//! `written.rs` has what the file says, word for word.

use super::listen::Listen;
use super::place::Place;
use super::source::Source;
use nuthatch_engine::topology::PoolSpec;
use std::sync::Arc;

/// A file that may be used.
#[derive(Clone, Debug)]
pub struct Config {
    /// Sorted as twemproxy sorts them: shorter name first, then bytewise.
    pub pools: Vec<Pool>,
    /// For problems found later.
    pub source: Source,
}

impl Config {
    /// The zone of pools with replicas that name none.
    pub fn default_zone(&mut self, zone: &str) {
        for failover in self.pools.iter_mut().filter_map(|pool| pool.spec.failover.as_mut()) {
            if failover.zone.is_none() {
                Arc::make_mut(failover).zone = Some(zone.into());
            }
        }
    }
}

#[derive(Clone, Debug)]
pub struct Pool {
    pub spec: PoolSpec,
    pub listen: Listen,
    /// As written.
    pub listen_text: Box<str>,
    pub listen_place: Place,
    /// Of its name.
    pub place: Place,
    pub backlog: u32,
    pub tcpkeepalive: bool,
    pub reuseport: bool,
}
