//! One server may have two names: the file says a host's name and Sentinels its address, or the other way
//! round. Then the file's name is used, or each start would look like a takeover.

use crate::control::resolve;
use nuthatch_engine::topology::{Address, PoolSpec};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long an answer of the resolver is used. A name may get another address at any time.
const LASTS: Duration = Duration::from_secs(5);

/// How long the resolver may take: a Sentinel's answer waits for it.
const LIMIT: Duration = Duration::from_secs(1);

/// The addresses in the file, and what names stand for.
pub struct Names {
    /// Indexed by shard: the server and the replicas in the file.
    in_file: Vec<Vec<Address>>,
    found: HashMap<Box<str>, (Instant, Vec<IpAddr>)>,
}

impl Names {
    pub fn new(spec: &PoolSpec) -> Names {
        let of_shard = spec.shards.iter().map(|shard| {
            let replicas = shard.replicas.iter().map(|replica| &replica.address);
            std::iter::once(&shard.address).chain(replicas).cloned().collect()
        });
        Names { in_file: of_shard.collect(), found: HashMap::new() }
    }

    /// The name of this server of a shard in the file, if it has one there.
    pub async fn as_in_file(&mut self, shard: usize, address: Address) -> Address {
        let Address::Tcp { host, port } = &address else {
            return address;
        };
        let in_file = self.in_file.get(shard).map_or(&[][..], Vec::as_slice);
        if in_file.contains(&address) {
            return address;
        }
        let same_port: Vec<Box<str>> = in_file
            .iter()
            .filter_map(|known| match known {
                Address::Tcp { host, port: of_it } if of_it == port => Some(host.clone()),
                _ => None,
            })
            .collect();
        if same_port.is_empty() {
            return address;
        }
        let own = self.addresses(host).await;
        for known in same_port {
            let of_it = self.addresses(&known).await;
            if own.iter().any(|ip| of_it.contains(ip)) {
                return Address::Tcp { host: known, port: *port };
            }
        }
        address
    }

    async fn addresses(&mut self, host: &str) -> Vec<IpAddr> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return vec![ip];
        }
        if let Some((at, known)) = self.found.get(host)
            && at.elapsed() < LASTS
        {
            return known.clone();
        }
        let asked = tokio::time::timeout(LIMIT, resolve::all_addresses(host));
        let mut all = asked.await.unwrap_or_default();
        if all.is_empty() {
            // A resolver that is down must not look like a takeover.
            all = self.found.remove(host).map_or_else(Vec::new, |(_, known)| known);
        }
        self.found.insert(host.into(), (Instant::now(), all.clone()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nuthatch_engine::topology::Protocol;

    fn at(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.into(), port }
    }

    #[tokio::test]
    async fn a_server_keeps_its_name() {
        let servers = [at("localhost", 1), at("127.0.0.1", 2)];
        let mut names = Names::new(&PoolSpec::plain(Protocol::Redis, servers));
        assert_eq!(names.as_in_file(0, at("127.0.0.1", 1)).await, at("localhost", 1));
        assert_eq!(names.as_in_file(1, at("localhost", 2)).await, at("127.0.0.1", 2));
        // Another port, another shard, another host, no such host.
        for other in
            [at("127.0.0.1", 3), at("127.0.0.1", 2), at("127.0.0.2", 1), at("no.invalid", 1)]
        {
            assert_eq!(names.as_in_file(0, other.clone()).await, other);
        }
    }
}
