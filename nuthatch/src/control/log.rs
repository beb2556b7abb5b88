//! The log lines for what workers note: one line for an event, none for a request, never a key, a value
//! or a password. Lines about clients are limited per second, since any client can cause them.

use super::waits::Waits;
use nuthatch_engine::base::{PoolId, ServerId, ShardId, Time, WorkerId};
use nuthatch_engine::proxy::Note;
use nuthatch_engine::topology::{Change, PoolTopology, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Lines a second for each kind that a peer can cause at will.
const LINES_PER_SECOND: u32 = 10;

/// Counts lines within the current second.
#[derive(Default)]
struct Ration {
    second: u64,
    lines: u32,
    suppressed: u64,
}

impl Ration {
    /// Whether [`Ration::take`] would refuse a line now.
    fn is_spent(&self, now: Time) -> bool {
        now.as_ms() / 1000 == self.second && self.lines >= LINES_PER_SECOND
    }

    /// Whether a line may be written now, and how many were not since the last one.
    fn take(&mut self, now: Time) -> Option<u64> {
        let second = now.as_ms() / 1000;
        if second != self.second {
            (self.second, self.lines) = (second, 0);
        }
        if self.lines >= LINES_PER_SECOND {
            self.suppressed += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// A failing server is logged at once, and then at this interval while it fails.
const FAILING_EVERY_MS: u64 = 10_000;

/// A server that is not ready is logged at once, when its answer changes, and then at this interval.
const UNREADY_EVERY_MS: u64 = 60_000;
/// If its answer changes each time: not more often than this.
const UNREADY_OFTEN_MS: u64 = 1_000;

#[derive(Default)]
pub struct NoteLog {
    clients: Ration,
    servers: Ration,
    failing: BTreeMap<(PoolId, ServerId), Failing>,
    unready: BTreeMap<(PoolId, ServerId), Unready>,
    waits: Waits,
    /// Servers without a password. Each is logged once.
    open: BTreeSet<(PoolId, ServerId)>,
}

/// The answer of a server that is not ready.
struct Unready {
    heard: String,
    told: Time,
    /// Probes since, this one included.
    probes: u64,
}

/// A failing server.
struct Failing {
    /// When it may be logged again.
    again_at: Time,
    /// The requests that failed meanwhile.
    untold: usize,
    /// Of its last failure.
    cause: String,
}

fn peer_text(peer: Option<SocketAddr>) -> String {
    peer.map_or_else(|| "unix socket".to_owned(), |peer| peer.to_string())
}

/// In place of a name or an address that the topology no longer has.
const GONE: &str = "(gone)";

fn pool_text(snapshot: &Snapshot, pool: PoolId) -> &str {
    snapshot.pool(pool).map_or(GONE, |pool| &pool.spec.name)
}

fn server_text(snapshot: &Snapshot, pool: PoolId, server: ServerId) -> String {
    let server = snapshot.pool(pool).and_then(|pool| pool.server(server));
    server.map_or_else(|| GONE.to_owned(), |server| server.address.to_string())
}

fn shard_text(snapshot: &Snapshot, pool: PoolId, server: ServerId) -> String {
    let shards = snapshot.pool(pool).map_or(&[][..], |pool| &pool.shards);
    let shard = shards.iter().find(|shard| shard.has(server));
    shard.map_or_else(String::new, |shard| shard.name.to_string())
}

impl NoteLog {
    pub fn write(&mut self, worker: WorkerId, note: &Note, snapshot: &Snapshot, now: Time) {
        let worker = worker.0;
        let name = |pool: &PoolId| pool_text(snapshot, *pool);
        match note {
            Note::ClientRefused { pool, peer, why, command } => {
                let Some(suppressed) = self.clients.take(now) else { return };
                let (pool, client) = (name(pool), peer_text(*peer));
                let command = command.as_deref();
                tracing::info!(worker, pool, client, why, command, suppressed, "client refused");
            }
            Note::ClientForeign { pool, peer, why } => {
                let Some(suppressed) = self.clients.take(now) else { return };
                let (pool, client) = (name(pool), peer_text(*peer));
                tracing::warn!(worker, pool, client, why, suppressed, "client of another protocol");
            }
            Note::PasswordNotNeeded { pool, server } => {
                if self.open.insert((*pool, *server)) {
                    let shard = shard_text(snapshot, *pool, *server);
                    let server = server_text(snapshot, *pool, *server);
                    tracing::warn!(
                        pool = name(pool),
                        shard,
                        server,
                        "the server has no password, so the pool's (`redis_auth`) protects nothing \
                         there; going on without"
                    );
                }
            }
            Note::StreamBroken { pool, peer, server, .. } => {
                let Some(suppressed) = self.clients.take(now) else { return };
                let server = server_text(snapshot, *pool, *server);
                let (pool, client) = (name(pool), peer_text(*peer));
                tracing::warn!(
                    worker,
                    pool,
                    client,
                    server,
                    suppressed,
                    "client closed: its server was lost in the middle of a reply"
                );
            }
            Note::ClientStalled { pool, peer, unread_bytes, .. } => {
                let Some(suppressed) = self.clients.take(now) else { return };
                let (pool, client) = (name(pool), peer_text(*peer));
                tracing::warn!(
                    worker,
                    pool,
                    client,
                    unread_bytes,
                    suppressed,
                    "client closed: it does not read its replies"
                );
            }
            Note::UpstreamFailed { pool, server, cause, requests } => {
                let failing = self.failing.entry((*pool, *server)).or_insert(Failing {
                    again_at: Time::ZERO,
                    untold: 0,
                    cause: String::new(),
                });
                failing.untold += requests;
                failing.cause = cause.explained();
                if now < failing.again_at {
                    return;
                }
                // A server that fails and answers in turn is logged each time.
                let Some(suppressed) = self.servers.take(now) else { return };
                failing.again_at = now.plus_ms(FAILING_EVERY_MS);
                let requests_failed = std::mem::take(&mut failing.untold);
                let shard = shard_text(snapshot, *pool, *server);
                let server = server_text(snapshot, *pool, *server);
                let (pool, cause) = (name(pool), cause.explained());
                tracing::warn!(
                    worker,
                    pool,
                    shard,
                    server,
                    cause,
                    requests_failed,
                    suppressed,
                    "server failed"
                );
            }
            Note::HandshakeRefused { pool, server, answer } => {
                let Some(suppressed) = self.servers.take(now) else { return };
                let server = server_text(snapshot, *pool, *server);
                tracing::error!(
                    worker, pool = name(pool), server, %answer, suppressed,
                    "handshake refused"
                );
            }
            Note::RequestsWait { pool, server, at } => {
                let NoteLog { waits, servers, .. } = self;
                let may_tell = || servers.take(now).is_some();
                waits.begin(snapshot, (*pool, *server), (WorkerId(worker), *at), now, may_tell);
            }
            Note::WaitEnded { pool, at, wait, .. } => {
                self.waits.end(snapshot, *pool, (WorkerId(worker), *at), wait);
            }
            Note::Unchecked { pool, command } => {
                tracing::warn!(
                    worker,
                    pool = name(pool),
                    command,
                    "keys of several servers in one command: it went to the first key's server \
                     (said once a command)"
                );
            }
        }
    }
}

impl NoteLog {
    /// The answer to a probe of a server that is out, or of a server of a dark pool.
    pub fn write_probe(
        &mut self,
        snapshot: &Snapshot,
        (of, server): (PoolId, ServerId),
        heard: Result<(), String>,
        now: Time,
    ) {
        let Err(heard) = heard else {
            self.unready.remove(&(of, server));
            return;
        };
        let is_new = !self.unready.contains_key(&(of, server));
        let last = self.unready.entry((of, server)).or_insert(Unready {
            heard: String::new(),
            told: now,
            probes: 0,
        });
        last.probes += 1;
        let every_ms = if last.heard == heard { UNREADY_EVERY_MS } else { UNREADY_OFTEN_MS };
        if !is_new && now < last.told.plus_ms(every_ms) {
            return;
        }
        let pool = pool_text(snapshot, of);
        let shard = shard_text(snapshot, of, server);
        let server = server_text(snapshot, of, server);
        let probes = std::mem::take(&mut last.probes);
        tracing::warn!(pool, shard, server, heard, probes, "server is not ready yet");
        (last.heard, last.told) = (heard, now);
    }

    /// A shard left or came back.
    pub fn write_change(
        &mut self,
        snapshot: &Snapshot,
        pool: PoolId,
        (shard, server): (ShardId, ServerId),
        change: Change,
        now: Time,
    ) {
        let Some(topology) = snapshot.pool(pool) else {
            return;
        };
        let is_at_will = matches!(change, Change::Answers { .. });
        if matches!(change, Change::Answers { .. } | Change::Readmitted { .. }) {
            // The next failure is logged at once.
            self.failing.remove(&(pool, server));
            self.unready.remove(&(pool, server));
        }
        // A server that fails and answers in turn is logged at the same interval. The line counts its
        // failures since the last one.
        if is_at_will && self.servers.is_spent(now) {
            return;
        }
        let cause = self.failing.get(&(pool, server)).map(|failing| &*failing.cause);
        write_change(topology, (shard, server), change, cause);
    }
}

fn write_change(
    topology: &PoolTopology,
    (shard, server): (ShardId, ServerId),
    change: Change,
    cause: Option<&str>,
) {
    let (spec, shard) = (&topology.spec, topology.shard(shard));
    let is_replica = !topology.is_primary(server);
    let server = topology.server(server);
    let server = server.map(|server| server.address.to_string()).unwrap_or_default();
    let (pool, shard) = (&*spec.name, &*shard.name);
    match change {
        Change::Ejected { failures } => {
            let probe_after_ms = spec.probe_after_ms(is_replica);
            tracing::warn!(pool, shard, server, failures, cause, probe_after_ms, "server ejected");
        }
        Change::Answers { after_ms } => {
            tracing::info!(pool, shard, server, after_ms, "server answers again");
        }
        Change::Readmitted { after_ms } => {
            tracing::info!(pool, shard, server, after_ms, "server readmitted");
        }
        // Told when it is heard, with the address of the previous one.
        Change::Switched { .. } => {}
        Change::Resp2Only => {
            tracing::warn!(
                pool,
                shard,
                server,
                "the server does not know HELLO 3 (RESP3), so the pool refuses it; clients that \
                 insist on RESP3 cannot connect"
            );
        }
        Change::Resp3Again => {
            tracing::info!(pool, shard, server, "every server grants RESP3 again, and so the pool");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_rationed_and_counted() {
        let mut ration = Ration::default();
        let written = (0..100).filter(|_| ration.take(Time::from_ms(500)).is_some()).count();
        assert_eq!(written, LINES_PER_SECOND as usize);
        assert_eq!(ration.take(Time::from_ms(1500)), Some(90));
    }
}
