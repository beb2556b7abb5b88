//! Collects the numbers for readers: the sum of all workers' counters, and control's standing.
//!
//! Workers answer after a turn, so usually within a millisecond. A worker that does not answer within
//! [`MAX_WAIT`] is counted as missing, and its last answer is used: a counter that decreased would
//! look like a restart in a graph.

use super::document::{Facts, Members, PoolPart, render};
use super::exposition::Form;
use super::metrics;
use super::shards::{self, ShardPart};
use super::stats::{PoolFacts, Replicas, Replicated, ServerFacts};
use crate::control::{ShardStanding, Shards, Standing, View};
use crate::io::Mail;
use crate::io::json_text;
use nuthatch_engine::base::{ServerId, ShardId};
use nuthatch_engine::proxy::{PoolCounts, ServerCounters, WorkerCounts};
use nuthatch_engine::topology::kinds::replicated::Fault;
use nuthatch_engine::topology::{PoolTopology, Reads, Shard, ShardState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::unbounded_channel;

/// How long workers may take to answer.
const MAX_WAIT: Duration = Duration::from_secs(1);

pub struct Collector {
    view: View,
    source: String,
    since: Instant,
    /// Each worker's last answer. Locked for a copy, never while waiting.
    last: Mutex<Vec<WorkerCounts>>,
}

impl Collector {
    pub fn new(view: View) -> Collector {
        let source = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let last = Mutex::new(vec![WorkerCounts::default(); view.workers.len()]);
        Collector { view, source, since: Instant::now(), last }
    }

    /// The stats document with these members.
    pub async fn document(&self, members: Members) -> String {
        let (sum, missing) = self.count().await;
        let facts = self.facts(&sum, missing, &self.view.standing.borrow());
        render(&facts, members)
    }

    /// The page of shards.
    pub async fn shards(&self) -> String {
        let (sum, _) = self.count().await;
        let standing = self.view.standing.borrow();
        let mut pools = Vec::new();
        for (id, topology) in standing.snapshot.pools() {
            let Some(pool) = standing.pools.get(&id) else {
                continue;
            };
            let reads = sum.pools.get(id.index()).map_or(&[][..], |counts| &counts.reads);
            let shards = topology.shards.iter().zip(&pool.shards.all);
            let shards =
                shards.map(|(shard, standing)| ShardPart::new(topology, shard, standing, reads));
            pools.push((topology.spec.name.to_string(), shards.collect()));
        }
        shards::render(&pools)
    }

    /// The page for Prometheus.
    pub async fn metrics(&self, form: Form) -> String {
        let (sum, missing) = self.count().await;
        let facts = self.proxy_facts(&sum, missing, &self.view.standing.borrow());
        metrics::render(&facts, form)
    }

    /// Why a load balancer should send no client here. `None`: we are ready.
    pub fn unready(&self) -> Option<String> {
        unready(&self.view.standing.borrow())
    }

    /// The sum over all workers, and the number of workers that did not answer.
    async fn count(&self) -> (WorkerCounts, usize) {
        let (sender, mut answers) = unbounded_channel();
        for worker in self.view.workers.iter() {
            worker.send(Mail::Count(sender.clone()));
        }
        drop(sender);
        let mut missing = self.view.workers.len();
        let deadline = tokio::time::Instant::now() + MAX_WAIT;
        // Ends early when every worker has answered or has ended.
        while let Ok(Some((worker, counts))) =
            tokio::time::timeout_at(deadline, answers.recv()).await
        {
            missing -= 1;
            self.last()[worker.index()] = counts;
        }
        let mut sum = WorkerCounts::default();
        for counts in self.last().iter() {
            sum.add(counts);
        }
        (sum, missing)
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Vec<WorkerCounts>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the page for Prometheus shows.
    fn proxy_facts(
        &self,
        sum: &WorkerCounts,
        missing: usize,
        standing: &Standing,
    ) -> metrics::ProxyFacts {
        let facts = self.facts(sum, missing, standing);
        let pools = standing.snapshot.pools().filter_map(|(id, topology)| {
            let of_pool = standing.pools.get(&id)?;
            let counts = sum.pools.get(id.index()).cloned().unwrap_or_default();
            Some((topology, of_pool, counts))
        });
        let pools = pools.zip(facts.pools).map(|((topology, of_pool, counts), part)| {
            let shards = topology.shards.iter().zip(&of_pool.shards.all);
            let shards =
                shards.map(|(shard, of_shard)| of_shard_part(topology, shard, of_shard, &counts));
            metrics::PoolPart {
                name: part.name,
                facts: part.facts,
                is_dark: of_pool.dark_since.is_some(),
                shards: shards.collect(),
            }
        });
        metrics::ProxyFacts {
            uptime_s: self.since.elapsed().as_secs_f64(),
            workers: facts.workers as u64,
            workers_missing: facts.workers_missing as u64,
            epoch: standing.snapshot.epoch.0,
            is_ready: unready(standing).is_none(),
            connections: facts.curr_connections,
            connections_ever: facts.total_connections,
            pools: pools.collect(),
        }
    }

    fn facts(&self, sum: &WorkerCounts, workers_missing: usize, standing: &Standing) -> Facts {
        let listeners = self.view.listeners as u64;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut pools = Vec::new();
        for (id, topology) in standing.snapshot.pools() {
            let Some(pool) = standing.pools.get(&id) else {
                continue;
            };
            let counts = sum.pools.get(id.index()).cloned().unwrap_or_default();
            let has_replicas = topology.spec.failover.is_some();
            let servers = topology.shards.iter().zip(&pool.shards.all).enumerate();
            let servers = servers.map(|(at, (shard, standing))| {
                let replicas = has_replicas.then(|| Replicas {
                    since_us: standing.since_us,
                    count: shard.replicas.len() as u64,
                    good: shard.replicas.iter().filter(|it| it.is_good).count() as u64,
                });
                let facts = ServerFacts {
                    counters: of_shard(&counts, &pool.shards, ShardId(at as u16)),
                    ejected_at_us: standing.ejected_at_us,
                    live: shard.state == ShardState::Live,
                    replicas,
                };
                (shard.name.to_string(), facts)
            });
            let replicated = has_replicas.then(|| Replicated {
                switches: pool.shards.all.iter().map(|shard| shard.switches).sum(),
                reads_of_replicas: counts.reads.iter().map(|server| server.responses).sum(),
            });
            let facts = PoolFacts { counters: counts.counters, ejects: pool.ejects, replicated };
            let name = topology.spec.name.to_string();
            pools.push(PoolPart { name, facts, servers: servers.collect() });
        }
        Facts {
            source: self.source.clone(),
            uptime_s: self.since.elapsed().as_secs(),
            timestamp_s: now.as_secs(),
            total_connections: listeners + sum.accepted() + sum.connects(),
            curr_connections: listeners + sum.clients() + sum.sockets(),
            pools,
            workers: self.view.workers.len(),
            workers_missing,
        }
    }
}

/// A shard and its servers, for Prometheus.
fn of_shard_part(
    topology: &PoolTopology,
    shard: &Shard,
    standing: &ShardStanding,
    counts: &PoolCounts,
) -> metrics::ShardPart {
    let is_live = shard.state == ShardState::Live;
    let facts = |counters: Option<&ServerCounters>| ServerFacts {
        counters: counters.copied().unwrap_or_default(),
        ..ServerFacts::default()
    };
    let has_replicas = topology.spec.failover.is_some();
    let part = |id: ServerId, is_replica: bool, is_up: bool| {
        let address = &topology.server(id)?.address;
        let view = standing.watched.replicas.iter().find(|view| view.address == *address);
        let is_asked = view.is_none_or(|view| view.fault != Some(Fault::NotWanted));
        Some(metrics::ServerPart {
            address: address.to_string(),
            is_replica,
            is_up: (!is_replica || is_asked).then_some(is_up),
            lag_bytes: view.and_then(|view| view.lag_bytes),
            lag_s: view.and_then(|view| view.lag_s),
            as_primary: facts(counts.servers.get(id.index())),
            as_replica: has_replicas.then(|| facts(counts.reads.get(id.index()))),
        })
    };
    let replicas = shard.replicas.iter().filter_map(|it| part(it.server, true, it.is_good));
    metrics::ShardPart {
        name: shard.name.to_string(),
        facts: metrics::ShardFacts {
            is_live,
            ejected_at_us: standing.ejected_at_us,
            since_us: standing.since_us,
            switches: standing.switches,
            has_two_primaries: standing.watched.is_split,
        },
        servers: part(shard.primary, false, is_live).into_iter().chain(replicas).collect(),
    }
}

/// What a shard's servers have counted as its primaries. One that has left counts too: a sum that falls would
/// look like a restart in a graph.
fn of_shard(counts: &PoolCounts, shards: &Shards, shard: ShardId) -> ServerCounters {
    let mut sum = ServerCounters::default();
    for counters in shards.servers(shard).filter_map(|it| counts.servers.get(it.index())) {
        sum.add(counters);
    }
    sum
}

/// Ready means: the process is not ending, and every pool has a server that is not ejected and has not
/// failed since its last answer. A server without a request yet counts, so a proxy is ready when it
/// starts. When a pool loses some of its servers, it still serves the rest. A load balancer that
/// removed this proxy then would make it worse: the other proxies see the same dead servers.
///
/// In a pool with replicas requests wait for the next primary, so a pool without a primary counts as one that
/// serves for as long as they may wait. So does one whose replicas answer reads.
fn unready(standing: &Standing) -> Option<String> {
    if standing.shutting_down {
        return Some("ending".to_owned());
    }
    let (mut out, mut failing) = (Vec::new(), Vec::new());
    for (id, topology) in standing.snapshot.pools() {
        let name = &topology.spec.name;
        let hold = Duration::from_millis(topology.spec.hold_ms().into());
        let dark_since = standing.pools.get(&id).and_then(|pool| pool.dark_since);
        if has_readers(topology) {
            // It serves.
        } else if topology.shards.iter().all(|shard| shard.state != ShardState::Live) {
            out.push(json_text(name));
        } else if dark_since.is_some_and(|since| since.elapsed() >= hold) {
            failing.push(json_text(name));
        }
    }
    let reason = |what: &str, pools: &[String]| {
        (!pools.is_empty()).then(|| format!("{what} in pool {}", pools.join(", ")))
    };
    let out = reason("no live server", &out);
    let reasons: Vec<String> =
        out.into_iter().chain(reason("every server fails", &failing)).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// Whether replicas of the pool answer reads.
fn has_readers(topology: &PoolTopology) -> bool {
    let mut replicas = topology.shards.iter().flat_map(|shard| &shard.replicas);
    topology.spec.reads() != Reads::Primary && replicas.any(|replica| replica.is_good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::io::{EventLoop, Mailbox};
    use nuthatch_engine::base::WorkerId;
    use nuthatch_engine::proxy::PoolCounts;
    use nuthatch_engine::topology::{Director, Manners, Snapshot};
    use std::sync::Arc;

    fn one_pool() -> Arc<Snapshot> {
        let text = "a:\n  listen: 127.0.0.1:1\n  redis: true\n  servers:\n  - h:1:1\n";
        let Ok((config, _)) = config::parse(text, "t.yml", Manners::Modern) else {
            panic!("a good file");
        };
        let specs: Vec<_> = config.pools.into_iter().map(|pool| Arc::new(pool.spec)).collect();
        Director::new(&specs, 1).snapshot()
    }

    #[tokio::test]
    async fn a_worker_that_does_not_answer_is_missing_and_its_last_answer_stands() {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(EventLoop::waker(&poll).unwrap());
        let (sender, mail) = std::sync::mpsc::channel();
        let standing = Standing::new(one_pool());
        let (_keep, standing) = tokio::sync::watch::channel(standing);
        let workers = Arc::new(vec![Mailbox { sender, waker }]);
        let collector = Collector::new(View { workers, listeners: 1, standing });

        let answer = |count: u64| {
            let mut counts = WorkerCounts { pools: vec![PoolCounts::default()] };
            counts.pools[0].counters.client_eof = count;
            counts
        };
        // The question is sent first, so the answer is there before the wait begins.
        let (asked, replied) = tokio::join!(collector.count(), async {
            let Ok(Mail::Count(asker)) = mail.try_recv() else { return false };
            asker.send((WorkerId(0), answer(7))).is_ok()
        });
        assert!(replied);
        assert_eq!(asked, (answer(7), 0));

        let since = Instant::now();
        assert_eq!(collector.count().await, (answer(7), 1));
        assert!(since.elapsed() >= MAX_WAIT);
    }

    #[test]
    fn one_that_ends_wants_no_new_clients() {
        let mut standing = Standing::new(one_pool());
        assert_eq!(unready(&standing), None);
        standing.shutting_down = true;
        assert_eq!(unready(&standing).as_deref(), Some("ending"));
    }
}
