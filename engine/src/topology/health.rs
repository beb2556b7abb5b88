//! Which servers of a pool are out.
//!
//! Workers report failures and answers of servers. This machine counts them and decides, and the
//! director makes one topology for all workers from its decisions. So workers do not disagree about the
//! ring. Each pool has one machine. It knows the ids of servers, but no shards, rings or epochs.
//!
//! ```text
//!                    failure, the limit-th in a row
//!        ┌──────┐ ────────────────────────────────▶ ┌─────┐ ──▶ probe, from
//!        │ live │                                   │ out │     server_retry_timeout on,
//!        └──────┘ ◀──────────────────────────────── └─────┘ ◀── every PROBE_MS until
//!     count = 0      the first good probe                       it answers well
//! ```
//!
//! After `limit` reports of [`Sight::Suspect`] the server is probed. It is out if the probe fails.
//! There are two reasons to suspect a server. Where keys move to other servers: it answers that it
//! cannot serve yet (LOADING, MASTERDOWN). A script may answer with these words too, and this must not
//! eject the server. Or it closes during a large request, which may be larger than it accepts.
//!
//! A failure is a refused, reset or failed connection, or a `timeout` period in which an upstream
//! that owes a reply delivered none. It counts at most once for each upstream and period (the worker
//! takes care of that). Silence counts at most once for each server and period: each worker has its
//! own connection, so one pause of a server would otherwise count once for each worker.
//!
//! Any reply sets the count to zero. Workers do not report every reply. After a failure all workers are
//! asked to *watch* the server, and each reports the next reply it sees, once.
//!
//! A replica is probed a second after its ejection, if `server_retry_timeout` is longer.
//!
//! Readmission needs a good probe; time alone is not enough. In twemproxy the first client after
//! `server_retry_timeout` had to try whether the server was back.
//!
//! A pool is *dark* when each of its servers is out, or has failed and not answered since. A load
//! balancer that sees this may send no more clients. Without clients no reply would show that a server
//! is back. So in a dark pool the servers that are not out are probed too.
//!
//! A server that leaves the topology is forgotten. If it comes back, its count is zero.

use super::report::{Change, Sight};
use super::spec::{Eject, PoolSpec};
use crate::base::{ServerId, Time};
use std::collections::{BTreeMap, VecDeque};

/// Shortest and longest pause between two probes of a server that is out.
const PROBE_MS: (u64, u64) = (100, 1_000);

/// What this machine asks for, and what it decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Workers must report the server's next reply.
    Watch(ServerId),
    /// Ask the server whether it is ready. The answer goes to [`Health::handle_probe`].
    Probe(ServerId),
    Changed(ServerId, Change),
}

/// The machine of one pool: see the head of this file.
pub struct Health {
    eject: Eject,
    /// Failures in a row until ejection; at least 1.
    limit: u32,
    /// In this time silence counts once.
    period_ms: u64,
    retry_ms: u64,
    /// How long a server that is out is left alone: a primary, a replica.
    first_probe_ms: [u64; 2],
    servers: BTreeMap<ServerId, ServerHealth>,
    /// Those of them without which a pool may serve.
    replicas: Vec<ServerId>,
    verdicts: VecDeque<Verdict>,
}

#[derive(Clone, Default)]
struct ServerHealth {
    failures: u32,
    /// Set from a failure until the next answer or the ejection.
    failing: Option<Failing>,
    /// The last silence that was counted.
    silent_at: Option<Time>,
    /// Suspect reports since the last answer.
    suspicions: u32,
    /// It is being probed because it is suspect.
    probing_suspect: bool,
    out: Option<Outage>,
}

#[derive(Clone)]
struct Failing {
    since: Time,
    /// Time of its next probe, if its pool is dark then.
    probe_at: Time,
    probing: bool,
}

#[derive(Clone)]
struct Outage {
    since: Time,
    probe_at: Time,
    probing: bool,
}

impl ServerHealth {
    /// The time of its next probe, and whether it is being probed. `None`: it needs no probe.
    fn probe(&mut self, is_dark: bool) -> Option<(Time, &mut bool)> {
        match (&mut self.out, &mut self.failing) {
            (Some(out), _) => Some((out.probe_at, &mut out.probing)),
            (None, Some(failing)) if is_dark => Some((failing.probe_at, &mut failing.probing)),
            _ => None,
        }
    }

    fn eject(&mut self, probe_at: Time, now: Time) {
        (self.failures, self.suspicions, self.failing) = (0, 0, None);
        self.out = Some(Outage { since: now, probe_at, probing: false });
    }
}

impl Health {
    /// A pool with all servers live.
    pub fn new(spec: &PoolSpec, servers: impl IntoIterator<Item = ServerId>) -> Health {
        Health {
            eject: spec.eject,
            limit: spec.server_failure_limit.max(1),
            period_ms: u64::from(spec.timeout_ms.unwrap_or(spec.connect_timeout_ms)),
            retry_ms: u64::from(spec.server_retry_timeout_ms),
            first_probe_ms: [false, true].map(|it| u64::from(spec.probe_after_ms(it))),
            servers: servers.into_iter().map(|id| (id, ServerHealth::default())).collect(),
            replicas: Vec::new(),
            verdicts: VecDeque::new(),
        }
    }

    /// Sets the pool's servers, and which of them are replicas. A new server begins with a count of zero.
    pub fn handle_servers(&mut self, servers: &[ServerId], replicas: Vec<ServerId>) {
        self.replicas = replicas;
        self.servers.retain(|id, _| servers.contains(id));
        for &id in servers {
            self.servers.entry(id).or_default();
        }
    }

    pub fn handle_report(&mut self, server: ServerId, sight: Sight, now: Time) {
        let Some(health) = self.servers.get_mut(&server) else {
            return; // a server that is no longer in the topology
        };
        if health.out.is_some() {
            return;
        }
        match sight {
            Sight::Answered => {
                (health.failures, health.suspicions) = (0, 0);
                if let Some(failing) = health.failing.take() {
                    let after_ms = now.since(failing.since).as_millis() as u64;
                    let change = Change::Answers { after_ms };
                    self.verdicts.push_back(Verdict::Changed(server, change));
                }
            }
            Sight::Closed | Sight::NoPrimary => {}
            Sight::Suspect if self.eject == Eject::Off => {}
            Sight::Suspect => {
                health.suspicions += 1;
                if health.suspicions < self.limit || health.probing_suspect {
                    self.verdicts.push_back(Verdict::Watch(server));
                    return;
                }
                health.probing_suspect = true;
                self.verdicts.push_back(Verdict::Probe(server));
            }
            Sight::Silent
                if health.silent_at.is_some_and(|at| at.plus_ms(self.period_ms) > now) => {}
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
                if self.eject == Eject::Off {
                    // It is never out, but the log should say when it answers again.
                    if is_first {
                        self.verdicts.push_back(Verdict::Watch(server));
                    }
                    return;
                }
                health.failures += 1;
                if health.failures < self.limit {
                    self.verdicts.push_back(Verdict::Watch(server));
                    return;
                }
                let change = Change::Ejected { failures: health.failures };
                let pause_ms = self.first_probe_ms[usize::from(self.replicas.contains(&server))];
                health.eject(now.plus_ms(pause_ms), now);
                self.verdicts.push_back(Verdict::Changed(server, change));
            }
        }
    }

    /// The answer to a [`Verdict::Probe`]: `ready` when the server answered PING and is not loading.
    pub fn handle_probe(&mut self, server: ServerId, ready: bool, now: Time) {
        let Some(health) = self.servers.get_mut(&server) else {
            return;
        };
        if std::mem::replace(&mut health.probing_suspect, false) && health.out.is_none() {
            let failures = std::mem::take(&mut health.suspicions);
            if !ready {
                let pause_ms = self.first_probe_ms[usize::from(self.replicas.contains(&server))];
                health.eject(now.plus_ms(pause_ms), now);
                let change = Change::Ejected { failures };
                self.verdicts.push_back(Verdict::Changed(server, change));
            }
            return;
        }
        let Some(out) = &mut health.out else {
            if let Some(failing) = &mut health.failing {
                failing.probing = false;
                failing.probe_at = now.plus_ms(PROBE_MS.1);
                if ready {
                    self.handle_report(server, Sight::Answered, now);
                }
            }
            return;
        };
        if !ready {
            out.probing = false;
            out.probe_at = now.plus_ms(self.retry_ms.clamp(PROBE_MS.0, PROBE_MS.1));
            return;
        }
        let after_ms = now.since(out.since).as_millis() as u64;
        health.out = None;
        health.failures = 0;
        self.verdicts.push_back(Verdict::Changed(server, Change::Readmitted { after_ms }));
    }

    /// Call when [`Health::deadline`] has come.
    pub fn handle_deadline(&mut self, now: Time) {
        let is_dark = self.is_dark();
        for (&server, health) in &mut self.servers {
            if let Some((probe_at, probing)) = health.probe(is_dark)
                && !*probing
                && probe_at <= now
            {
                *probing = true;
                self.verdicts.push_back(Verdict::Probe(server));
            }
        }
    }

    /// The time of the next probe.
    pub fn deadline(&self) -> Option<Time> {
        let is_dark = self.is_dark();
        let of_server = |health: &ServerHealth| match (&health.out, &health.failing) {
            (Some(out), _) => (!out.probing).then_some(out.probe_at),
            (None, Some(it)) if is_dark => (!it.probing).then_some(it.probe_at),
            _ => None,
        };
        self.servers.values().filter_map(of_server).min()
    }

    pub fn poll_verdict(&mut self) -> Option<Verdict> {
        self.verdicts.pop_front()
    }

    pub fn is_out(&self, server: ServerId) -> bool {
        self.servers.get(&server).is_some_and(|health| health.out.is_some())
    }

    /// Since when the server is out.
    pub fn out_since(&self, server: ServerId) -> Option<Time> {
        self.servers.get(&server)?.out.as_ref().map(|out| out.since)
    }

    /// Whether every primary of the pool is out or fails.
    pub fn is_dark(&self) -> bool {
        let mut primaries = self.servers.iter().filter(|(id, _)| !self.replicas.contains(id));
        primaries.all(|(_, health)| health.out.is_some() || health.failing.is_some())
    }

    /// The pool's servers, sorted by id.
    pub fn servers(&self) -> impl Iterator<Item = ServerId> {
        self.servers.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Protocol;

    const ONE: ServerId = ServerId(0);
    const TWO: ServerId = ServerId(1);

    fn health(limit: u32, servers: &[ServerId]) -> Health {
        let spec = PoolSpec {
            timeout_ms: Some(300),
            eject: Eject::Remap,
            server_failure_limit: limit,
            ..PoolSpec::plain(Protocol::Redis, [])
        };
        Health::new(&spec, servers.iter().copied())
    }

    fn report(health: &mut Health, server: ServerId, sight: Sight, times_ms: &[u64]) {
        for &ms in times_ms {
            health.handle_report(server, sight, Time::from_ms(ms));
        }
    }

    fn verdicts(health: &mut Health) -> Vec<Verdict> {
        std::iter::from_fn(|| health.poll_verdict()).collect()
    }

    fn ejections(mut health: Health, sight: Sight, times_ms: &[u64]) -> usize {
        report(&mut health, ONE, sight, times_ms);
        let is_ejection =
            |it: &&Verdict| matches!(it, Verdict::Changed(ONE, Change::Ejected { .. }));
        verdicts(&mut health).iter().filter(is_ejection).count()
    }

    #[test]
    fn one_silence_counts_once_for_all_workers() {
        let eight = [1000, 1001, 1010, 1050, 1100, 1200, 1250, 1299];
        assert_eq!(ejections(health(2, &[ONE]), Sight::Silent, &eight), 0);
        assert_eq!(ejections(health(2, &[ONE]), Sight::Silent, &[1000, 1001, 1300]), 1);
        assert_eq!(ejections(health(3, &[ONE]), Sight::Silent, &[1000, 1300, 1599]), 0);
        // Each refusal counts.
        assert_eq!(ejections(health(2, &[ONE]), Sight::Failed, &[1000, 1001]), 1);
    }

    #[test]
    fn each_server_has_its_own_count() {
        let mut health = health(2, &[ONE, TWO]);
        report(&mut health, ONE, Sight::Failed, &[1000]);
        report(&mut health, TWO, Sight::Failed, &[1000]);
        assert_eq!(verdicts(&mut health), [Verdict::Watch(ONE), Verdict::Watch(TWO)]);
        report(&mut health, TWO, Sight::Answered, &[1001]);
        report(&mut health, ONE, Sight::Failed, &[1002]);
        assert_eq!(
            verdicts(&mut health),
            [
                Verdict::Changed(TWO, Change::Answers { after_ms: 1 }),
                Verdict::Changed(ONE, Change::Ejected { failures: 2 }),
            ]
        );
        assert!(health.is_out(ONE) && !health.is_out(TWO) && !health.is_dark());
        assert_eq!(health.deadline(), Some(Time::from_ms(2002)));
        health.handle_deadline(Time::from_ms(2002));
        health.handle_probe(ONE, true, Time::from_ms(2003));
        let back = Change::Readmitted { after_ms: 1001 };
        assert_eq!(verdicts(&mut health), [Verdict::Probe(ONE), Verdict::Changed(ONE, back)]);
    }

    #[test]
    fn a_replica_is_probed_soon() {
        let spec = PoolSpec {
            eject: Eject::FailFast,
            server_retry_timeout_ms: 30_000,
            ..PoolSpec::plain(Protocol::Redis, [])
        };
        let mut health = Health::new(&spec, [ONE, TWO]);
        health.handle_servers(&[ONE, TWO], vec![TWO]);
        report(&mut health, ONE, Sight::Failed, &[1_000]);
        assert_eq!(health.deadline(), Some(Time::from_ms(31_000)));
        report(&mut health, TWO, Sight::Failed, &[1_000]);
        assert_eq!(health.deadline(), Some(Time::from_ms(2_000)));
    }

    #[test]
    fn a_server_that_left_is_forgotten() {
        let mut health = health(2, &[ONE]);
        report(&mut health, ONE, Sight::Failed, &[1000, 1001]);
        assert!(health.is_out(ONE) && health.is_dark());
        verdicts(&mut health);
        health.handle_servers(&[TWO], Vec::new());
        assert!(!health.is_out(TWO) && !health.is_dark());
        assert_eq!(health.deadline(), None);
        report(&mut health, ONE, Sight::Failed, &[1002, 1003]);
        health.handle_probe(ONE, true, Time::from_ms(1004));
        assert_eq!(verdicts(&mut health), []);
        // It is back, with a count of zero.
        health.handle_servers(&[ONE, TWO], Vec::new());
        report(&mut health, ONE, Sight::Failed, &[1005]);
        assert_eq!(verdicts(&mut health), [Verdict::Watch(ONE)]);
    }

    #[test]
    fn servers_of_a_dark_pool_are_probed_even_if_they_are_not_out() {
        let mut health = health(5, &[ONE, TWO]);
        report(&mut health, ONE, Sight::Failed, &[1000]);
        assert_eq!((health.is_dark(), health.deadline()), (false, None));
        report(&mut health, TWO, Sight::Failed, &[1500]);
        assert_eq!((health.is_dark(), health.deadline()), (true, Some(Time::from_ms(2000))));
        verdicts(&mut health);
        health.handle_deadline(Time::from_ms(2000));
        assert_eq!(verdicts(&mut health), [Verdict::Probe(ONE)]);
        health.handle_probe(ONE, true, Time::from_ms(2001));
        let answers = Change::Answers { after_ms: 1001 };
        assert_eq!(verdicts(&mut health), [Verdict::Changed(ONE, answers)]);
        assert!(!health.is_dark());
    }
}
