//! Who is out, decided once for the whole process.
//!
//! Workers see servers fail and answer; they report, and this machine alone decides, so that no
//! two workers ever keep to different rings. `control` feeds it and carries its wishes out.
//!
//! ```text
//!                    failure, the limit-th in a row
//!        ┌──────┐ ────────────────────────────────▶ ┌─────┐ ──▶ probe, from
//!        │ live │                                   │ out │     server_retry_timeout on,
//!        └──────┘ ◀──────────────────────────────── └─────┘ ◀── every PROBE_MS until
//!     count = 0      the first good probe                       it is answered well
//! ```
//!
//! A *suspect* is probed after the limit of such sights, and out if the probe finds it unfit. Where keys
//! move to other servers that is one that answers and cannot serve yet (LOADING, MASTERDOWN): a
//! script may answer with these words, and must not have a server left out. So is one that closes on
//! a large request, which may be more than it takes.
//!
//! A failure is a refused, reset or failed connection, or a `timeout` period in which an upstream
//! that owes a reply delivered none; at most one an upstream and period (the worker sees to that),
//! and of silence at most one a server and period: with a connection a worker, one hiccup would
//! else count as often as there are workers.
//! Any reply sets the count to zero. A worker that has nothing to complain of does not report
//! every reply, of course: after a failure all workers are asked to *watch* the server, and each
//! reports the next reply it sees, once.
//!
//! Readmission is by probe, never by the clock alone: twemproxy let the first client after
//! `server_retry_timeout` find out whether the server was back.
//!
//! A pool is *dark* when each of its servers is out or has failed and not answered since. Whoever
//! asks whether this proxy is of use is told so, and may send no client any more; so the servers of
//! a dark pool that are not out are probed too, lest nobody ever finds out that they are back.
//!
//! Since it alone makes the topology, it also asks what servers can do (`ability.rs`).

use super::ability::{self, Ability, Question};
use super::kinds::fixed;
use super::snapshot::{PoolTopology, ShardState, Snapshot};
use super::spec::{Eject, PoolSpec, Protocol};
use crate::base::{Epoch, PoolId, ServerId, ShardId, Time};
use std::collections::VecDeque;
use std::sync::Arc;

/// Shortest and longest pause between two probes of a server that is out.
const PROBE_MS: (u64, u64) = (100, 1_000);

/// What a worker saw of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    pub pool: PoolId,
    pub server: ServerId,
    pub sight: Sight,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sight {
    Failed,
    /// It owes a reply, or a connection, and has been silent for a whole period.
    Silent,
    /// It may be of no use: it answered that it cannot serve yet, which a script can say too, or closed
    /// on a large request, which may be the request's fault. A probe finds out.
    Suspect,
    /// It closed an idle connection in good order: no failure, but it may be about to go.
    Closed,
    /// It answered; sent once after a failure or a request to watch.
    Answered,
}

/// What `control` is to do.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Mail this to every worker.
    Publish(Arc<Snapshot>),
    /// Ask every worker to report the server's next reply.
    Watch { pool: PoolId, server: ServerId },
    /// Ask the server whether it is ready, then call [`Health::handle_probe`].
    Probe { pool: PoolId, server: ServerId },
    /// Ask the server what it can do, then call [`Health::handle_ability`].
    Ask { pool: PoolId, server: ServerId },
    /// For the log and the counters.
    Note { pool: PoolId, shard: ShardId, change: Change },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Out, after this many failures in a row.
    Ejected { failures: u32 },
    /// Back, after this many milliseconds.
    Readmitted { after_ms: u64 },
    /// It answers again, not having been out; so long after its first failure.
    Answers { after_ms: u64 },
    /// It does not grant HELLO 3, so its pool no longer does.
    Resp2Only,
    /// It was the last one that did not, so its pool grants HELLO 3 again.
    Resp3Again,
}

struct PoolHealth {
    spec: Arc<PoolSpec>,
    topology: Arc<PoolTopology>,
    shards: Vec<ShardHealth>,
    /// Indexed by server. Empty where there is nothing to ask: memcached has one protocol.
    questions: Vec<Question>,
}

#[derive(Clone, Default)]
struct ShardHealth {
    failures: u32,
    /// The first failure that no answer has followed yet.
    failing: Option<Failing>,
    /// The last silence that was counted.
    silent_at: Option<Time>,
    /// In a row, since the last answer.
    suspicions: u32,
    /// It is probed for that.
    confirming: bool,
    out: Option<Out>,
}

#[derive(Clone)]
struct Failing {
    since: Time,
    /// When it is to be probed, should its pool be dark.
    probe_at: Time,
    probing: bool,
}

#[derive(Clone)]
struct Out {
    since: Time,
    probe_at: Time,
    probing: bool,
}

impl PoolHealth {
    fn is_dark(&self) -> bool {
        self.shards.iter().all(|shard| shard.out.is_some() || shard.failing.is_some())
    }
}

impl ShardHealth {
    /// It works; what there is to tell of that.
    fn answered(&mut self, now: Time) -> Option<Change> {
        (self.failures, self.suspicions) = (0, 0);
        let failing = self.failing.take()?;
        Some(Change::Answers { after_ms: now.since(failing.since).as_millis() as u64 })
    }

    /// When it is to be probed, and whether it is being probed; `None`: there is no need.
    fn probe(&mut self, is_dark: bool) -> Option<(Time, &mut bool)> {
        match (&mut self.out, &mut self.failing) {
            (Some(out), _) => Some((out.probe_at, &mut out.probing)),
            (None, Some(failing)) if is_dark => Some((failing.probe_at, &mut failing.probing)),
            _ => None,
        }
    }
}

/// The one who decides.
pub struct Health {
    epoch: Epoch,
    pools: Vec<PoolHealth>,
    wishes: VecDeque<Wish>,
}

impl Health {
    /// All shards live, in the first snapshot.
    pub fn new(specs: &[Arc<PoolSpec>]) -> Health {
        let pools = specs
            .iter()
            .map(|spec| PoolHealth {
                spec: Arc::clone(spec),
                topology: Arc::new(fixed::topology(
                    spec,
                    &vec![ShardState::Live; spec.shards.len()],
                )),
                shards: vec![ShardHealth::default(); spec.shards.len()],
                questions: match spec.protocol {
                    Protocol::Redis => vec![Question::default(); spec.shards.len()],
                    Protocol::Memcache => Vec::new(),
                },
            })
            .collect();
        Health { epoch: Epoch(1), pools, wishes: VecDeque::new() }
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            epoch: self.epoch,
            pools: self.pools.iter().map(|pool| Arc::clone(&pool.topology)).collect(),
        })
    }

    pub fn handle_report(&mut self, report: Report, now: Time) {
        let Some((pool, shard)) = self.find(report.pool, report.server) else {
            return; // a server that is no longer in the topology
        };
        let Report { pool: pool_id, server, sight } = report;
        let (policy, limit) = (pool.spec.eject, pool.spec.server_failure_limit.max(1));
        let period_ms = u64::from(pool.spec.timeout_ms.unwrap_or(pool.spec.connect_timeout_ms));
        if let Some(question) = pool.questions.get_mut(server.index()) {
            question.ask_again(now);
        }
        let health = &mut pool.shards[shard.index()];
        if health.out.is_some() {
            return;
        }
        match sight {
            Sight::Answered => {
                let change = health.answered(now);
                let note = change.map(|change| Wish::Note { pool: pool_id, shard, change });
                self.wishes.extend(note);
            }
            Sight::Closed => {}
            Sight::Suspect if policy == Eject::Off => {}
            Sight::Suspect => {
                health.suspicions += 1;
                if health.suspicions < limit || health.confirming {
                    self.wishes.push_back(Wish::Watch { pool: pool_id, server });
                    return;
                }
                health.confirming = true;
                self.wishes.push_back(Wish::Probe { pool: pool_id, server });
            }
            Sight::Silent if health.silent_at.is_some_and(|at| at.plus_ms(period_ms) > now) => {}
            Sight::Failed | Sight::Silent => {
                if sight == Sight::Silent {
                    health.silent_at = Some(now);
                }
                let is_first = health.failing.is_none();
                health.failing.get_or_insert(Failing {
                    since: now,
                    probe_at: now.plus_ms(PROBE_MS.1),
                    probing: false,
                });
                if policy == Eject::Off {
                    // Never out, but an operator wants to read when it is back.
                    if is_first {
                        self.wishes.push_back(Wish::Watch { pool: pool_id, server });
                    }
                    return;
                }
                health.failures += 1;
                if health.failures < limit {
                    self.wishes.push_back(Wish::Watch { pool: pool_id, server });
                    return;
                }
                let failures = health.failures;
                self.eject(pool_id, shard, failures, now);
            }
        }
    }

    fn eject(&mut self, pool: PoolId, shard: ShardId, failures: u32, now: Time) {
        let health = &mut self.pools[pool.index()];
        let retry_ms = u64::from(health.spec.server_retry_timeout_ms);
        let health = &mut health.shards[shard.index()];
        (health.failures, health.suspicions, health.failing) = (0, 0, None);
        health.out = Some(Out { since: now, probe_at: now.plus_ms(retry_ms), probing: false });
        self.wishes.push_back(Wish::Note { pool, shard, change: Change::Ejected { failures } });
        self.publish(pool);
    }

    /// The answer to a [`Wish::Probe`]: `ready` when the server answered PING and is not loading.
    pub fn handle_probe(&mut self, pool: PoolId, server: ServerId, ready: bool, now: Time) {
        let Some((health, shard)) = self.find(pool, server) else {
            return;
        };
        let retry_ms = u64::from(health.spec.server_retry_timeout_ms);
        if ready && let Some(question) = health.questions.get_mut(server.index()) {
            question.ask_again(now);
        }
        let health = &mut health.shards[shard.index()];
        if std::mem::replace(&mut health.confirming, false) && health.out.is_none() {
            let failures = std::mem::take(&mut health.suspicions);
            if !ready {
                self.eject(pool, shard, failures, now);
            }
            return;
        }
        let Some(out) = &mut health.out else {
            if let Some(failing) = &mut health.failing {
                failing.probing = false;
                failing.probe_at = now.plus_ms(PROBE_MS.1);
                if ready {
                    self.handle_report(Report { pool, server, sight: Sight::Answered }, now);
                }
            }
            return;
        };
        if !ready {
            out.probing = false;
            out.probe_at = now.plus_ms(retry_ms.clamp(PROBE_MS.0, PROBE_MS.1));
            return;
        }
        let after_ms = now.since(out.since).as_millis() as u64;
        health.out = None;
        health.failures = 0;
        self.wishes.push_back(Wish::Note { pool, shard, change: Change::Readmitted { after_ms } });
        self.publish(pool);
    }

    /// A client of the pool waits to hear what its servers can do.
    pub fn handle_wanted(&mut self, pool: PoolId, now: Time) {
        if let Some(health) = self.pools.get_mut(pool.index()) {
            for question in &mut health.questions {
                question.ask_first(now);
            }
        }
    }

    /// The answer to a [`Wish::Ask`]; `None` if there was none.
    pub fn handle_ability(
        &mut self,
        pool: PoolId,
        server: ServerId,
        ability: Option<Ability>,
        now: Time,
    ) {
        let Some((health, shard)) = self.find(pool, server) else {
            return;
        };
        let Some(question) = health.questions.get_mut(server.index()) else {
            return;
        };
        question.handle_answer(ability, now);
        let (before, after) = (health.topology.common, ability::common(&health.questions));
        if before == after {
            return;
        }
        let change = match (before.resp3, after.resp3) {
            (None | Some(true), Some(false)) => Some(Change::Resp2Only),
            (Some(false), Some(true)) => Some(Change::Resp3Again),
            _ => None,
        };
        self.wishes.extend(change.map(|change| Wish::Note { pool, shard, change }));
        self.publish(pool);
    }

    /// Call when [`Health::deadline`] has come.
    pub fn handle_deadline(&mut self, now: Time) {
        for (at, pool) in self.pools.iter_mut().enumerate() {
            for (server, question) in pool.questions.iter_mut().enumerate() {
                if question.take_due(now) {
                    let (pool, server) = (PoolId(at as u16), ServerId(server as u16));
                    self.wishes.push_back(Wish::Ask { pool, server });
                }
            }
            let is_dark = pool.is_dark();
            for (shard, health) in pool.shards.iter_mut().enumerate() {
                if let Some((probe_at, probing)) = health.probe(is_dark)
                    && !*probing
                    && probe_at <= now
                {
                    *probing = true;
                    self.wishes.push_back(Wish::Probe {
                        pool: PoolId(at as u16),
                        server: pool.topology.shards[shard].primary,
                    });
                }
            }
        }
    }

    pub fn deadline(&self) -> Option<Time> {
        let of_out = |health: &ShardHealth| {
            health.out.as_ref().filter(|out| !out.probing).map(|out| out.probe_at)
        };
        let of_failing = |health: &ShardHealth| {
            health.failing.as_ref().filter(|it| !it.probing).map(|it| it.probe_at)
        };
        let of_pool = |pool: &PoolHealth| {
            let failing = pool.is_dark().then(|| pool.shards.iter().filter_map(of_failing).min());
            let out = pool.shards.iter().filter_map(of_out).min();
            let asking = pool.questions.iter().filter_map(Question::due).min();
            out.into_iter().chain(failing.flatten()).chain(asking).min()
        };
        self.pools.iter().filter_map(of_pool).min()
    }

    /// Whether every server of the pool is out or fails.
    pub fn is_dark(&self, pool: PoolId) -> bool {
        self.pools.get(pool.index()).is_some_and(PoolHealth::is_dark)
    }

    pub fn poll_wish(&mut self) -> Option<Wish> {
        self.wishes.pop_front()
    }

    fn find(&mut self, pool: PoolId, server: ServerId) -> Option<(&mut PoolHealth, ShardId)> {
        let pool = self.pools.get_mut(pool.index())?;
        let shard = pool.topology.shards.iter().position(|shard| shard.primary == server)?;
        Some((pool, ShardId(shard as u16)))
    }

    fn publish(&mut self, pool: PoolId) {
        let health = &mut self.pools[pool.index()];
        let out = match health.spec.eject {
            Eject::Remap => ShardState::Ejected,
            Eject::FailFast => ShardState::Down,
            Eject::Off => ShardState::Live,
        };
        let states: Vec<ShardState> = health
            .shards
            .iter()
            .map(|shard| if shard.out.is_some() { out } else { ShardState::Live })
            .collect();
        let common = ability::common(&health.questions);
        let topology = fixed::topology(&health.spec, &states);
        health.topology = Arc::new(PoolTopology { common, ..topology });
        self.epoch = self.epoch.next();
        let snapshot = self.snapshot();
        self.wishes.push_back(Wish::Publish(snapshot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Address, Protocol};

    fn health(limit: u32) -> Health {
        let address = Address::Unix { path: "one".into() };
        Health::new(&[Arc::new(PoolSpec {
            timeout_ms: Some(300),
            eject: Eject::Remap,
            server_failure_limit: limit,
            ..PoolSpec::plain(Protocol::Redis, [address])
        })])
    }

    fn ejections(health: &mut Health, sight: Sight, times_ms: &[u64]) -> usize {
        for &ms in times_ms {
            let report = Report { pool: PoolId(0), server: ServerId(0), sight };
            health.handle_report(report, Time::from_ms(ms));
        }
        let mut count = 0;
        while let Some(wish) = health.poll_wish() {
            count += usize::from(matches!(wish, Wish::Note { change: Change::Ejected { .. }, .. }));
        }
        count
    }

    #[test]
    fn one_hiccup_counts_once_however_many_workers_saw_it() {
        let eight = [1000, 1001, 1010, 1050, 1100, 1200, 1250, 1299];
        assert_eq!(ejections(&mut health(2), Sight::Silent, &eight), 0);
        assert_eq!(ejections(&mut health(2), Sight::Silent, &[1000, 1001, 1300]), 1);
        assert_eq!(ejections(&mut health(3), Sight::Silent, &[1000, 1300, 1599]), 0);
        // A refusal is one each time.
        assert_eq!(ejections(&mut health(2), Sight::Failed, &[1000, 1001]), 1);
    }
}
