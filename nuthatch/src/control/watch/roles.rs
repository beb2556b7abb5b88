//! Asks servers what they are: INFO replication, ROLE.

use crate::control::visit::{self, Talk, max_wait};
use nuthatch_engine::topology::kinds::replicated::{SeenReplica, Sight};
use nuthatch_engine::topology::{Address, PoolSpec};
use std::time::Instant;

/// The servers of a shard, each with its answer.
#[derive(Default)]
pub struct OfShard {
    pub sights: Vec<(Address, Option<Sight>)>,
    /// Of those that answered: microseconds.
    pub latencies_us: Vec<(Address, f64)>,
}

/// Asks all servers, the replicas of a shard before its primary. `asked`: for each shard its replicas and its
/// primary.
pub async fn ask_all(spec: &PoolSpec, asked: Vec<(Vec<Address>, Address)>) -> Vec<OfShard> {
    let mut all = Vec::with_capacity(asked.len());
    let mut tasks = tokio::task::JoinSet::new();
    for (at, (replicas, primary)) in asked.into_iter().enumerate() {
        all.push(OfShard::default());
        let spec = spec.clone();
        tasks.spawn(async move {
            let mut of_shard = OfShard::default();
            for address in replicas.into_iter().chain([primary]) {
                let since = Instant::now();
                let sight = ask(&spec, &address).await;
                if sight.is_some() {
                    let us = since.elapsed().as_secs_f64() * 1e6;
                    of_shard.latencies_us.push((address.clone(), us));
                }
                of_shard.sights.push((address, sight));
            }
            (at, of_shard)
        });
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((at, of_shard)) = done {
            all[at] = of_shard;
        }
    }
    all
}

async fn ask(spec: &PoolSpec, address: &Address) -> Option<Sight> {
    let talk = Talk::redis(spec, &[&["INFO", "replication"], &["INFO", "persistence"]]);
    let answer = visit::call(address, &talk);
    let answer = tokio::time::timeout(max_wait(spec), answer).await.ok()?.ok()?;
    let replies = talk.replies(&answer);
    let text = |at: usize| {
        let reply = replies.get(talk.first + at).map(|range| &answer[range.clone()]);
        String::from_utf8_lossy(reply.unwrap_or_default()).into_owned()
    };
    read(&text(0), &text(1))
}

/// Reads the sections `replication` and `persistence` of INFO.
fn read(replication: &str, persistence: &str) -> Option<Sight> {
    let number = |name: &str| of_info(replication, name).and_then(|it| it.parse::<u64>().ok());
    match of_info(replication, "role")? {
        "master" => {
            let slaves = replication.lines().filter_map(|line| {
                let (name, fields) = line.split_once(':')?;
                let is_one = name.strip_prefix("slave")?.parse::<u32>().is_ok();
                is_one.then(|| seen(fields.trim())).flatten()
            });
            Some(Sight::Primary {
                offset: number("master_repl_offset").unwrap_or(0),
                replicas: slaves.collect(),
            })
        }
        "slave" => Some(Sight::Replica {
            offset: number("slave_repl_offset").unwrap_or(0),
            link_is_up: of_info(replication, "master_link_status") == Some("up"),
            is_syncing: of_info(replication, "master_sync_in_progress") == Some("1"),
            is_loading: of_info(persistence, "loading") == Some("1"),
        }),
        _ => None,
    }
}

/// `ip=10.0.0.2,port=6379,state=online,offset=14,lag=0`
fn seen(fields: &str) -> Option<SeenReplica> {
    let field = |name: &str| {
        fields.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
    };
    let (host, port) = (field("ip")?.into(), field("port")?.parse().ok()?);
    Some(SeenReplica {
        address: Address::Tcp { host, port },
        is_online: field("state") == Some("online"),
        lag_s: field("lag").and_then(|lag| lag.parse().ok()).unwrap_or(0),
    })
}

fn of_info<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Whether the server says that it is a primary.
pub async fn is_primary(spec: &PoolSpec, address: &Address) -> bool {
    let talk = Talk::redis(spec, &[&["ROLE"]]);
    let answer = tokio::time::timeout(max_wait(spec), visit::call(address, &talk)).await;
    let Ok(Ok(answer)) = answer else {
        return false;
    };
    let replies = talk.replies(&answer);
    replies
        .get(talk.first)
        .is_some_and(|role| answer[role.clone()].windows(6).any(|it| it == b"master"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_says_what_a_server_is() {
        let primary = "$100\r\n# Replication\r\nrole:master\r\nconnected_slaves:1\r\n\
            slave0:ip=10.0.0.2,port=6380,state=online,offset=14,lag=1\r\nmaster_repl_offset:20\r\n";
        let replicas = vec![SeenReplica {
            address: Address::Tcp { host: "10.0.0.2".into(), port: 6380 },
            is_online: true,
            lag_s: 1,
        }];
        assert_eq!(read(primary, ""), Some(Sight::Primary { offset: 20, replicas }));
        let replica = "role:slave\r\nmaster_link_status:down\r\nmaster_sync_in_progress:1\r\n\
            slave_repl_offset:7\r\n";
        let sight =
            Sight::Replica { offset: 7, link_is_up: false, is_syncing: true, is_loading: true };
        assert_eq!(read(replica, "loading:1\r\n"), Some(sight));
        assert_eq!(read("-NOPERM no\r\n", ""), None);
    }
}
