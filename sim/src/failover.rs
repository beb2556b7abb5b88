//! Shards with replicas: copies of data, promotion, demotion, and what Sentinels know of it.
//!
//! ```text
//!   primary fails ─▶ vote: a new epoch ─▶ promote ─▶ all Sentinels learn it
//!                    (the leader tells the └───────▶ the old primary, when it is back,
//!                     new address first)             is a primary until it is demoted
//! ```
//!
//! Replicas copy the primary's data from time to time, so a promoted
//! replica has a prefix of its writes.

use crate::groups::{Group, GroupFault, How, SENTINELS, Step, Times, replicas_of};
use crate::server_state::ServerState;
use crate::world::{Event, World};
use nuthatch_engine::topology::{PoolSpec, Reads};
use std::collections::BTreeSet;
use std::sync::Arc;

impl World {
    pub(crate) fn prepare_groups(&mut self) {
        let specs: Vec<Arc<PoolSpec>> = self.plan.pools.clone();
        for (pool, spec) in specs.iter().enumerate() {
            if spec.failover.is_none() {
                continue;
            }
            for shard in 0..spec.shards.len() {
                let numbers = std::iter::once(shard).chain(replicas_of(spec.shards.len(), shard));
                let toys: Vec<usize> = numbers.map(|at| self.servers[pool][at]).collect();
                let (group, primary) = (self.replicas.groups.len(), toys[0]);
                for &toy in &toys {
                    self.toys[toy].trouble.is_replica = toy != primary;
                    self.ledger.lineage.group_of.insert(toy, group);
                }
                self.ledger.lineage.primaries.push(primary);
                self.ledger.lineage.groups.insert((pool, shard as u16), group);
                let claims = [(0, primary); SENTINELS];
                self.replicas.groups.push(Group {
                    pool,
                    shard,
                    toys,
                    primary,
                    attached: BTreeSet::new(),
                    epoch: 0,
                    claims,
                });
                self.after_ms(1, Event::Failover(Step::Copy(group)));
            }
            // Values are lost, or replicas have old ones. `lineage.rs` knows which.
            if !self.plan.calm || spec.reads() != Reads::Primary {
                self.ledger.uncertain.insert(pool);
            }
            self.watch(pool);
        }
    }

    pub(crate) fn inject_group_fault(&mut self, fault: GroupFault) {
        match fault {
            GroupFault::Failover { pool, shard, how, times } => {
                let of = |group: &Group| (group.pool, group.shard) == (pool, shard);
                if let Some(group) = self.replicas.groups.iter().position(of) {
                    self.begin_failover(group, how, times);
                }
            }
            GroupFault::CutSentinel { pool, sentinel, ms } => {
                self.cut_sentinel(pool, sentinel, ms);
            }
        }
    }

    fn begin_failover(&mut self, group: usize, how: How, times: Times) {
        let (now, primary) = (self.now, self.replicas.groups[group].primary);
        let toy = &mut self.toys[primary];
        if toy.state != ServerState::Up {
            return;
        }
        match how {
            How::Kill { load_ms } => {
                toy.state = ServerState::Dead;
                for end in toy.ends() {
                    toy.close(end, &mut self.net, now, true);
                }
                toy.restart();
                self.after_ms(times.back_ms, Event::Failover(Step::Start(primary)));
                self.after_ms(times.back_ms + load_ms, Event::Recover(primary));
            }
            How::Stop => {
                toy.state = ServerState::Stopped;
                self.after_ms(times.back_ms, Event::Recover(primary));
            }
            How::Split => {}
            How::HandOver => return self.hand_over(group, times),
        }
        self.after_ms(times.vote_ms, Event::Failover(Step::Vote { group, times }));
    }

    pub(crate) fn failover_step(&mut self, step: Step) {
        self.ledger.trace.note(self.now, || match &step {
            Step::Copy(_) => String::from("copy"),
            step => format!("{step:?}"),
        });
        match step {
            Step::Copy(group) => self.copy(group),
            Step::Start(toy) => {
                let toy = &mut self.toys[toy];
                if toy.state == ServerState::Dead {
                    toy.state = ServerState::Up;
                    toy.trouble.loading = true;
                }
            }
            Step::Vote { group, times } => {
                let leader = self.dice.index(SENTINELS);
                let of = &mut self.replicas.groups[group];
                of.epoch += 1;
                let epoch = of.epoch;
                let step = Step::Promote { group, epoch, leader, times };
                let ms = self.dice.range(1, 100);
                self.after_ms(ms, Event::Failover(step));
            }
            Step::Promote { group, epoch, leader, times } => {
                if self.replicas.groups[group].epoch == epoch
                    && let Some(to) = self.candidate(group)
                {
                    let from = self.replicas.groups[group].primary;
                    self.promote(group, to);
                    let ms = self.dice.range(0, times.late_ms);
                    self.after_ms(ms, Event::Failover(Step::Demote(from)));
                    // Asked for the epoch before the promotion, and for the address after it.
                    self.replicas.groups[group].claims[leader].1 = to;
                    self.tell_sentinels(group, times);
                }
            }
            Step::Demote(toy) => self.demote(toy),
            Step::Learn { group, sentinel, epoch, primary } => {
                let claim = &mut self.replicas.groups[group].claims[sentinel];
                if epoch > claim.0 || epoch == claim.0 && epoch == self.replicas.groups[group].epoch
                {
                    self.replicas.groups[group].claims[sentinel] = (epoch, primary);
                }
            }
            Step::EndCut { pool, sentinel } => self.end_cut(pool, sentinel),
        }
    }

    /// Some replicas get what their primary has.
    fn copy(&mut self, group: usize) {
        let primary = self.replicas.groups[group].primary;
        if self.toys[primary].state == ServerState::Up {
            for toy in self.replicas.groups[group].toys.clone() {
                let is_replica = self.toys[toy].trouble.is_replica && toy != primary;
                let is_up = self.toys[toy].state == ServerState::Up;
                if is_replica && is_up && (self.faults_over || self.dice.percent(50)) {
                    self.copy_to(toy, primary);
                }
            }
        }
        let ms = if self.faults_over { 200 } else { self.dice.range(1, 60) };
        self.after_ms(ms, Event::Failover(Step::Copy(group)));
    }

    fn copy_to(&mut self, toy: usize, primary: usize) {
        let group = self.ledger.lineage.group_of[&toy];
        self.replicas.groups[group].attached.insert(toy);
        let len = |toy: usize| self.toys[toy].data().map_or(&[][..], |data| &data.log);
        if len(toy) != len(primary)
            && let Some(data) = self.toys[primary].data().cloned()
        {
            self.toys[toy].set_data(data);
        }
    }

    fn candidate(&mut self, group: usize) -> Option<usize> {
        let of = &self.replicas.groups[group];
        let can = |toy: &usize| {
            let it = &self.toys[*toy];
            *toy != of.primary && it.state == ServerState::Up && it.trouble.is_replica
        };
        let all: Vec<usize> = of.toys.iter().copied().filter(can).collect();
        if all.is_empty() { None } else { Some(all[self.dice.index(all.len())]) }
    }

    fn promote(&mut self, group: usize, to: usize) {
        let from = std::mem::replace(&mut self.replicas.groups[group].primary, to);
        self.ledger.lineage.become_primary(group, to);
        self.replicas.takeovers += 1;
        self.replicas.groups[group].attached.clear();
        let log = |toy: usize| self.toys[toy].data().map_or(&[][..], |data| &data.log);
        self.ledger.lineage.replace(log(from), log(to));
        self.toys[to].trouble.is_replica = false;
        self.ledger.trace.note(self.now, || format!("group {group}: {from} to {to}"));
    }

    /// The Sentinels learn of the new primary, at different times.
    fn tell_sentinels(&mut self, group: usize, times: Times) {
        let (epoch, primary) =
            (self.replicas.groups[group].epoch, self.replicas.groups[group].primary);
        for sentinel in 0..SENTINELS {
            let ms = self.dice.range(1, 10 + times.late_ms);
            let step = Step::Learn { group, sentinel, epoch, primary };
            self.after_ms(ms, Event::Failover(step));
        }
    }

    fn hand_over(&mut self, group: usize, times: Times) {
        let Some(to) = self.candidate(group) else { return };
        let from = self.replicas.groups[group].primary;
        self.copy_to(to, from);
        self.replicas.groups[group].epoch += 1;
        self.promote(group, to);
        self.toys[from].demote((&mut self.net, &mut self.dice), self.now);
        self.tell_sentinels(group, times);
    }

    fn demote(&mut self, toy: usize) {
        let primary = self.replicas.groups[self.ledger.lineage.group_of[&toy]].primary;
        if primary == toy || self.toys[toy].trouble.is_replica {
            return;
        }
        if self.toys[toy].state != ServerState::Up {
            return self.after_ms(50, Event::Failover(Step::Demote(toy)));
        }
        self.toys[toy].demote((&mut self.net, &mut self.dice), self.now);
        self.copy_to(toy, primary);
        // A Sentinel closes its connections, REPLICAOF alone does not.
        if self.dice.percent(50) {
            for end in self.toys[toy].ends() {
                self.toys[toy].close(end, &mut self.net, self.now, true);
            }
        }
    }

    /// The last primaries have what was confirmed.
    pub(crate) fn check_groups(&mut self) {
        for at in 0..self.replicas.groups.len() {
            let primary = self.replicas.groups[at].primary;
            let log = self.toys[primary].data().map_or(Vec::new(), |data| data.log.clone());
            self.ledger.check_line(at, &log);
            let (pool, shard) = (self.replicas.groups[at].pool, self.replicas.groups[at].shard);
            let followed = self.control.primary(pool, shard);
            let toy = self.servers[pool][followed];
            self.ledger.check(toy == primary, || {
                format!("shard {shard} of pool {pool} goes to {toy}, and its primary is {primary}")
            });
        }
    }
}
