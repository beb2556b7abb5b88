//! Asks servers what they are: INFO replication, ROLE.

use crate::control::value::{Value, address, of_info};
use crate::control::visit::{self, Talk, max_wait};
use crate::io::Clock;
use nuthatch_engine::base::Time;
use nuthatch_engine::topology::kinds::replicated::{SeenReplica, Sight};
use nuthatch_engine::topology::{Address, PoolSpec};
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;

/// The servers of a shard, each with its answer.
#[derive(Default)]
pub struct OfShard {
    /// Before the primary was asked.
    pub asked_at: Time,
    pub sights: Vec<(Address, Option<Sight>)>,
    /// Of those that answered: microseconds.
    pub latencies_us: Vec<(Address, f64)>,
}

/// What a server said of itself, and after how many microseconds. `None`: it did not answer.
type Answer = (Address, Option<(Sight, f64)>);

impl OfShard {
    fn take(&mut self, (address, answer): Answer) {
        if let Some((_, us)) = &answer {
            self.latencies_us.push((address.clone(), *us));
        }
        self.sights.push((address, answer.map(|(sight, _)| sight)));
    }
}

/// Asks all servers. `asked`: for each shard its replicas and its primary.
pub async fn ask_all(
    spec: &Arc<PoolSpec>,
    asked: Vec<(Vec<Address>, Address)>,
    clock: Clock,
) -> Vec<OfShard> {
    let mut all = Vec::with_capacity(asked.len());
    let mut tasks = JoinSet::new();
    for (at, (replicas, primary)) in asked.into_iter().enumerate() {
        all.push(OfShard::default());
        let spec = Arc::clone(spec);
        tasks.spawn(async move { (at, ask_shard(&spec, replicas, primary, clock).await) });
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((at, of_shard)) = done {
            all[at] = of_shard;
        }
    }
    all
}

/// The replicas are asked at once, and their primary when they have answered: see
/// [`Replicated::handle_sights`](nuthatch_engine::topology::kinds::replicated::Replicated::handle_sights).
async fn ask_shard(
    spec: &Arc<PoolSpec>,
    replicas: Vec<Address>,
    primary: Address,
    clock: Clock,
) -> OfShard {
    let mut of_shard = OfShard::default();
    let mut tasks = JoinSet::new();
    for replica in replicas {
        tasks.spawn(ask_timed(Arc::clone(spec), replica));
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok(answer) = done {
            of_shard.take(answer);
        }
    }
    of_shard.asked_at = clock.now();
    of_shard.take(ask_timed(Arc::clone(spec), primary).await);
    of_shard
}

async fn ask_timed(spec: Arc<PoolSpec>, address: Address) -> Answer {
    let since = Instant::now();
    let sight = ask(&spec, &address).await;
    let us = since.elapsed().as_secs_f64() * 1e6;
    (address, sight.map(|sight| (sight, us)))
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
    Some(SeenReplica {
        address: address(field("ip")?, field("port")?)?,
        is_online: field("state") == Some("online"),
        lag_s: field("lag").and_then(|lag| lag.parse().ok()).unwrap_or(0),
    })
}

/// Whether the server says that it is a primary.
pub async fn is_primary(spec: &PoolSpec, address: &Address) -> bool {
    let talk = Talk::redis(spec, &[&["ROLE"]]);
    let answer = tokio::time::timeout(max_wait(spec), visit::call(address, &talk)).await;
    let Ok(Ok(answer)) = answer else {
        return false;
    };
    let replies = talk.replies(&answer);
    replies.get(talk.first).is_some_and(|role| says_primary(&answer[role.clone()]))
}

/// Reads the reply to ROLE.
fn says_primary(role: &[u8]) -> bool {
    let role = Value::read(role).map_or(Value::Null, |(role, _)| role);
    role.list().first().and_then(Value::text) == Some("master")
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

    #[test]
    fn role_says_who_is_primary() {
        assert!(says_primary(b"*3\r\n$6\r\nmaster\r\n:20\r\n*0\r\n"));
        let replica = b"*5\r\n$5\r\nslave\r\n$8\r\nmaster-1\r\n:6379\r\n$9\r\nconnected\r\n:20\r\n";
        assert!(!says_primary(replica), "its primary has a name");
        assert!(!says_primary(b"-NOPERM master\r\n"));
    }
}
