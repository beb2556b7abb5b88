//! The control plane: one thread, one tokio runtime. It may block, allocate and wait; the data
//! plane never waits for it.
//!
//! It carries out the wishes of the [`Director`] (snapshots for all workers, probes of servers that are
//! out), looks up names for workers that want to connect, writes the log, handles signals and runs the
//! shutdown.

mod ability;
mod bind;
mod ending;
mod files;
mod line;
mod log;
mod probe;
mod resolve;
mod shards;
mod signals;
mod standing;
mod start;
mod systemd;
mod trim_memory;
mod value;
mod visit;
mod waits;
mod watch;

pub use bind::{all as listen, reason as bind_reason};
pub use files::files_needed;
pub use shards::{ShardStanding, Shards};
pub use standing::{PoolStanding, Standing, View};
pub use start::{Running, Settings, SignalRuntime, start};
pub use systemd::tell_ready;
pub use value::{Value, of_info};

use crate::io::log::Log;
use crate::io::{Clock, Mail, Mailbox, ToControl, Why};
use ending::{Ending, Step};
use log::NoteLog;
use nuthatch_engine::base::{PoolId, ServerId, ShardId, WorkerId};
use nuthatch_engine::proxy::{ConnId, Note};
use nuthatch_engine::topology::{Address, Change, Director, PoolSpec, Snapshot, Wish};
use signals::{Signal, Signals};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use systemd::Systemd;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::watch as latest;
use trim_memory::MemoryTrim;

/// A worker's connection that waits for an address.
type Waiting = (WorkerId, ConnId);

/// Everything control owns.
pub struct Control {
    director: Director,
    workers: Arc<Vec<Mailbox>>,
    clock: Clock,
    snapshot: Arc<Snapshot>,
    /// Its own mailbox, for its tasks.
    own: UnboundedSender<ToControl>,
    notes: NoteLog,
    /// Names that are being looked up, and the connections that wait for each.
    lookups: BTreeMap<(Box<str>, u16), Vec<Waiting>>,
    /// The state of the process, for the stats port.
    standing: latest::Sender<Standing>,
    log: Arc<Log>,
    signals: Signals,
    systemd: Systemd,
    ending: Ending,
    trim: MemoryTrim,
    /// Pools with replicas.
    watches: watch::Watches,
}

impl Control {
    /// Serves until the process is told to end.
    pub async fn run(mut self, mut inbox: UnboundedReceiver<ToControl>) {
        let mut goes_on = true;
        for (id, pool) in self.snapshot.pools() {
            self.watches.begin(id, &pool.spec, &self.own, self.clock);
        }
        while goes_on {
            let director = self.director.deadline().map(|at| self.clock.instant(at));
            let (watchdog, end) = (self.systemd.deadline(), self.ending.deadline());
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => goes_on = self.handle(message),
                    None => return,
                },
                () = until(director) => self.director.handle_deadline(self.clock.now()),
                () = until(watchdog) => {
                    self.systemd.handle_deadline(Instant::now());
                    self.send_all(|| Mail::AreYouThere);
                }
                () = until(Some(self.trim.deadline())) => {
                    if self.trim.handle_deadline(Instant::now()) {
                        self.send_all(|| Mail::Release);
                    }
                }
                () = until(end) => {
                    tracing::warn!("the grace is over: clients with requests in flight are cut off");
                    goes_on = false;
                }
                signal = self.signals.next() => goes_on = self.handle_signal(signal),
            }
            while let Some(wish) = self.director.poll_wish() {
                self.carry_out(wish);
            }
        }
        self.send_all(|| Mail::Stop);
    }

    /// Returns whether we go on.
    fn handle_signal(&mut self, signal: Signal) -> bool {
        if !matches!(signal, Signal::Term | Signal::Int) {
            signals::tell_log(signal, &self.log);
            return true;
        }
        match self.ending.handle_signal(Instant::now()) {
            Step::Drain => {
                signal.log("ending: no new clients, finishing what is in flight");
                systemd::tell_stopping();
                self.standing.send_modify(|standing| standing.shutting_down = true);
                self.send_all(|| Mail::Drain);
                true
            }
            Step::Stop => {
                signal.log("again: ending at once");
                false
            }
        }
    }

    fn send_all(&self, mail: impl Fn() -> Mail) {
        for worker in self.workers.iter() {
            worker.send(mail());
        }
    }

    /// Returns whether we go on.
    fn handle(&mut self, message: ToControl) -> bool {
        let now = self.clock.now();
        match message {
            ToControl::Report(report) => {
                self.watches.wake(report.pool, report.sight);
                self.director.handle_report(report, now);
                self.look_at(report.pool);
            }
            ToControl::AskServers(pool) => {
                self.director.handle_wanted(pool, now);
                self.director.handle_deadline(now);
            }
            ToControl::Note(worker, note) => {
                if let Note::ClientStalled { .. } = note {
                    self.trim.handle_freed(Instant::now());
                }
                self.notes.write(worker, &note, &self.snapshot, now);
            }
            ToControl::Resolve { worker, conn, host, port } => {
                let waiting = self.lookups.entry((host.clone(), port)).or_default();
                waiting.push((worker, conn));
                // One look-up for each name at a time: attempts that time out must not send more
                // queries to a slow name server.
                if waiting.len() == 1 {
                    let own = self.own.clone();
                    tokio::spawn(async move {
                        let address = resolve::first_address(&host, port).await;
                        let _ = own.send(ToControl::LookedUp { host, port, address });
                    });
                }
            }
            ToControl::LookedUp { host, port, address } => {
                for (worker, conn) in self.lookups.remove(&(host, port)).unwrap_or_default() {
                    self.workers[worker.index()].send(Mail::Resolved { conn, address });
                }
            }
            ToControl::Probed { pool, server, heard } => {
                self.director.handle_probe(pool, server, heard.is_ok(), now);
                self.notes.write_probe(&self.snapshot, (pool, server), heard, now);
                self.look_at(pool);
            }
            ToControl::AbilityHeard { pool, server, ability, has_no_password } => {
                if has_no_password {
                    let note = Note::PasswordNotNeeded { pool, server };
                    self.notes.write(WorkerId(0), &note, &self.snapshot, now);
                }
                self.director.handle_ability(pool, server, ability, now);
            }
            ToControl::Primary { pool, shard, address, why } => {
                self.tell_switch(pool, shard, &address, why);
                self.director.handle_primary(pool, shard, &address, now);
                self.look_at(pool);
            }
            ToControl::Watched { pool, shard, watched } => {
                self.standing.send_modify(|standing| {
                    if let Some(pool) = standing.pools.get_mut(&pool) {
                        pool.shards.all[shard.index()].watched = watched;
                    }
                });
            }
            ToControl::Replicas { pool, shard, replicas } => {
                self.director.handle_replicas(pool, shard, &replicas, now);
            }
            ToControl::CaughtUp { pool, at } => self.send_all(|| Mail::CaughtUp { pool, at }),
            ToControl::Follow(worker, epoch) => self.director.handle_follow(worker, epoch),
            ToControl::HereIAm(worker) => self.systemd.handle_answer(worker),
            ToControl::Empty(worker) => return !self.ending.handle_empty(worker),
        }
        true
    }

    fn tell_switch(&self, pool: PoolId, shard: ShardId, to: &Address, why: Why) {
        let Some(topology) = self.snapshot.pool(pool) else {
            return;
        };
        let of_shard = topology.shard(shard);
        let Some(from) = topology.server(of_shard.primary).filter(|from| from.address != *to)
        else {
            return;
        };
        let (from, server) = (from.address.to_string(), to.to_string());
        tracing::warn!(
            pool = &*topology.spec.name,
            shard = &*of_shard.name,
            from,
            server,
            why = why.text(),
            sentinel_epoch = why.epoch(),
            "the shard has another primary"
        );
        self.standing.send_modify(|standing| {
            if let Some(pool) = standing.pools.get_mut(&pool) {
                pool.shards.note_switch(shard, from, server, why);
            }
        });
    }

    /// Publishes whether the pool is dark, if that has changed.
    fn look_at(&self, pool: PoolId) {
        let dark = self.director.is_dark(pool);
        self.standing.send_if_modified(|standing| {
            let pool = standing.pools.get_mut(&pool);
            pool.is_some_and(|pool| {
                let has_changed = pool.dark_since.is_some() != dark;
                if has_changed {
                    pool.dark_since = dark.then(Instant::now);
                }
                has_changed
            })
        });
    }

    fn carry_out(&mut self, wish: Wish) {
        match wish {
            Wish::Publish(snapshot) => {
                self.snapshot = Arc::clone(&snapshot);
                self.standing
                    .send_modify(|standing| standing.handle_snapshot(Arc::clone(&snapshot)));
                self.send_all(|| Mail::Snapshot(Arc::clone(&snapshot)));
            }
            Wish::Watch { pool, server } => {
                self.send_all(|| Mail::Watch { pool, server });
            }
            Wish::Probe { pool, server } => {
                self.visit(pool, server, move |spec, address| async move {
                    let heard = probe::ask(&spec, &address).await;
                    ToControl::Probed { pool, server, heard }
                });
            }
            Wish::Ask { pool, server } => {
                self.visit(pool, server, move |spec, address| async move {
                    let ability::Heard { ability, has_no_password } =
                        ability::ask(&spec, &address).await;
                    ToControl::AbilityHeard { pool, server, ability, has_no_password }
                });
            }
            Wish::Note { pool, shard, server, change } => {
                let now = self.clock.now();
                self.notes.write_change(&self.snapshot, pool, (shard, server), change, now);
                let topology = self.snapshot.pool(pool);
                let is_primary = topology.is_some_and(|pool| pool.shard(shard).primary == server);
                if let (true, Change::Ejected { .. }) = (is_primary, change) {
                    self.standing.send_modify(|standing| standing.note_ejection(pool, shard));
                }
            }
        }
    }

    /// Asks a server something. The answer comes as a message.
    fn visit<F>(
        &self,
        pool: PoolId,
        server: ServerId,
        ask: impl FnOnce(Arc<PoolSpec>, Address) -> F,
    ) where
        F: Future<Output = ToControl> + Send + 'static,
    {
        let Some(pool) = self.snapshot.pool(pool) else {
            return;
        };
        let Some(server) = pool.server(server) else {
            return;
        };
        let asked = ask(Arc::clone(&pool.spec), server.address.clone());
        let own = self.own.clone();
        tokio::spawn(async move {
            let _ = own.send(asked.await);
        });
    }
}

async fn until(deadline: Option<std::time::Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
