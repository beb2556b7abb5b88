//! Gathers what readers ask for: every worker's counts, added up, and control's standing.
//!
//! Workers answer between two turns, so usually within a millisecond. One that does not within
//! [`PATIENCE`] is told of as missing, and its last answer stands in for it: a counter that fell
//! would look to a graph like a restart.

use super::document::{Facts, Members, PoolPart, render};
use super::stats::{PoolFacts, ServerFacts};
use crate::control::{Standing, View};
use crate::io::Mail;
use crate::io::json_text;
use nuthatch_engine::proxy::WorkerCounts;
use nuthatch_engine::topology::ShardState;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::unbounded_channel;

/// How long workers may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

pub struct Desk {
    view: View,
    source: String,
    since: Instant,
    /// Each worker's last answer. Held for a copy, never across a wait.
    last: Mutex<Vec<WorkerCounts>>,
}

impl Desk {
    pub fn new(view: View) -> Desk {
        let source = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let last = Mutex::new(vec![WorkerCounts::default(); view.workers.len()]);
        Desk { view, source, since: Instant::now(), last }
    }

    /// The stats document as of now, with these members.
    pub async fn document(&self, members: Members) -> String {
        let (sum, missing) = self.count().await;
        let facts = self.facts(&sum, missing, &self.view.standing.borrow());
        render(&facts, members)
    }

    /// Why no new client should be sent here; `None` when one is welcome.
    pub fn unready(&self) -> Option<String> {
        unready(&self.view.standing.borrow())
    }

    /// The sum over all workers, and how many of them did not answer.
    async fn count(&self) -> (WorkerCounts, usize) {
        let (sender, mut answers) = unbounded_channel();
        for worker in self.view.workers.iter() {
            worker.send(Mail::Count(sender.clone()));
        }
        drop(sender);
        let mut missing = self.view.workers.len();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        // Ends early when every worker has answered or is gone.
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

    fn facts(&self, sum: &WorkerCounts, workers_missing: usize, standing: &Standing) -> Facts {
        let listeners = self.view.listeners as u64;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut pools = Vec::new();
        for (id, topology) in standing.snapshot.pools() {
            let Some(pool) = standing.pools.get(&id) else {
                continue;
            };
            let counts = sum.pools.get(id.index()).cloned().unwrap_or_default();
            let servers =
                topology.shards.iter().zip(&pool.ejected_at_us).map(|(shard, &ejected_at_us)| {
                    let of_server = counts.servers.get(shard.primary.index());
                    let facts = ServerFacts {
                        counters: of_server.copied().unwrap_or_default(),
                        ejected_at_us,
                        live: shard.state == ShardState::Live,
                    };
                    (shard.name.to_string(), facts)
                });
            let facts = PoolFacts { counters: counts.counters, ejects: pool.ejects };
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

/// Ready means: in every pool a server that is not out and has not failed without an answer since,
/// and the process is not ending. A server that nobody has asked yet counts as well, so a proxy is
/// ready when it starts. A pool that lost some of its servers still serves the rest, so a load
/// balancer that took this proxy out would make it worse; its neighbours see the same dead servers.
fn unready(standing: &Standing) -> Option<String> {
    if standing.draining {
        return Some("ending".to_owned());
    }
    let (mut out, mut failing) = (Vec::new(), Vec::new());
    for (id, topology) in standing.snapshot.pools() {
        let name = &topology.spec.name;
        if topology.shards.iter().all(|shard| shard.state != ShardState::Live) {
            out.push(json_text(name));
        } else if standing.pools.get(&id).is_some_and(|pool| pool.dark) {
            failing.push(json_text(name));
        }
    }
    let said = |what: &str, pools: &[String]| {
        (!pools.is_empty()).then(|| format!("{what} in pool {}", pools.join(", ")))
    };
    let out = said("no live server", &out);
    let reasons: Vec<String> =
        out.into_iter().chain(said("every server fails", &failing)).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
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
        let desk = Desk::new(View { workers, listeners: 1, standing });

        let answer = |count: u64| {
            let mut counts = WorkerCounts { pools: vec![PoolCounts::default()] };
            counts.pools[0].counters.client_eof = count;
            counts
        };
        // Its answer is there before the wait begins, as the question is sent before.
        let (asked, replied) = tokio::join!(desk.count(), async {
            let Ok(Mail::Count(asker)) = mail.try_recv() else { return false };
            asker.send((WorkerId(0), answer(7))).is_ok()
        });
        assert!(replied);
        assert_eq!(asked, (answer(7), 0));

        let since = Instant::now();
        assert_eq!(desk.count().await, (answer(7), 1));
        assert!(since.elapsed() >= PATIENCE);
    }

    #[test]
    fn one_that_ends_wants_no_new_clients() {
        let mut standing = Standing::new(one_pool());
        assert_eq!(unready(&standing), None);
        standing.draining = true;
        assert_eq!(unready(&standing).as_deref(), Some("ending"));
    }
}
