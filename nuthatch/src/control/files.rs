//! How many files the configured pools may have open.

use crate::config::Config;
use crate::io::fd_limit::Needed;
use nuthatch_engine::topology::Protocol;

/// Upstreams are grouped in lanes by their setup: clients of RESP2 and RESP3 use different ones. A
/// memcached pool has one lane.
fn lanes(protocol: Protocol) -> u64 {
    match protocol {
        Protocol::Redis => 2,
        Protocol::Memcache => 1,
    }
}

pub fn files_needed(config: &Config, workers: u16) -> Needed {
    let workers = u64::from(workers);
    let mut needed = Needed { upstreams: 0, listeners: 0, clients: Some(0), workers };
    for pool in &config.pools {
        let spec = &pool.spec;
        let servers = spec.shards.len() as u64;
        needed.upstreams +=
            servers * u64::from(spec.server_connections) * lanes(spec.protocol) * workers;
        needed.listeners += if pool.reuseport { workers } else { 1 };
        needed.clients = match (needed.clients, super::bind::clients_max(pool)) {
            (Some(sum), limit @ 1..) => Some(sum + u64::from(limit)),
            _ => None,
        };
    }
    needed
}
