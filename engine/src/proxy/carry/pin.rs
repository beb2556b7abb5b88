//! Upstreams that one client has alone: for keys that it watches, for commands that wait.
//!
//! One that watches is of the lane that the client's settings had at its first WATCH. If they have changed since,
//! the upstream follows for what is sent, and goes back: `SELECT 1`, `WATCH key`, `SELECT 0`.

use super::Exchange;
use crate::command;
use crate::protocol::resp::{Version, encode};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::client::session::Watch;
use crate::proxy::link::ticket::{Care, Chore, Owner, Ticket};
use crate::proxy::link::upstream::duty::Why;
use crate::proxy::link::upstream::socket::SocketState;
use crate::topology::Placed;

const UNWATCH: &[u8] = b"*1\r\n$7\r\nUNWATCH\r\n";

impl Exchange<'_> {
    /// An upstream that watches keys for this client.
    pub fn upstream_for_watch(&mut self, placed: Placed) -> Result<usize, Cause> {
        let of = Some(self.client.key());
        self.upstream_pinned(placed, Why::Watch { of })
    }

    /// An upstream for this client alone, if there are not too many.
    pub(super) fn upstream_pinned(&mut self, placed: Placed, why: Why) -> Result<usize, Cause> {
        if !self.pool.may_pin(placed.server) {
            return Err(Cause::PinnedFull);
        }
        self.upstream_alone(placed, why)
    }

    /// An upstream for a large block, which others do not wait for.
    pub fn upstream_for_large(&mut self, placed: Placed) -> Result<usize, Cause> {
        self.upstream_alone(placed, Why::Request { from: None })
    }

    /// The upstream, if the keys are still watched: the socket is the same.
    pub fn watches_on(&self, watch: Watch) -> Option<usize> {
        let at = watch.on?.index as usize;
        let upstream = &self.upstreams[at];
        let is_same = Some(upstream.key()) == watch.on;
        (is_same && upstream.duty().pinned_by() == Some(self.client.key())).then_some(at)
    }

    /// Whether the server of this upstream has taken a SELECT of this database or a higher one.
    pub fn has_database(&self, at: usize, db: u32) -> bool {
        let server = self.upstreams[at].server();
        self.upstreams.iter().any(|upstream| {
            (upstream.pool(), upstream.server()) == (self.pool.id, server)
                && upstream.state() == SocketState::Ready
                && upstream.peer.proven_db.max(self.pool.lane_key(upstream.lane()).db) >= db
        })
    }

    /// Asks the server that watches keys whether it has this database, once for each watch. Returns whether it
    /// is asked now: EXEC waits for the answer.
    pub fn asks_for_database(&mut self, watch: Watch, db: u32) -> bool {
        let Some(at) = self.watches_on(watch).filter(|_| !watch.has_asked) else {
            return false;
        };
        let home = self.db_of(at);
        if db <= home || self.has_database(at, db) {
            return false;
        }
        if let Some(watch) = self.client.session.as_mut().and_then(|it| it.watch.as_mut()) {
            watch.has_asked = true;
        }
        let row = command::lookup(b"select").map_or(0, |row| row.index() as u16);
        let number = self.client.expect_silently(self.turn);
        let upstream = &mut self.upstreams[at];
        upstream.peer.asked_db = db;
        encode::command(upstream.tail(self.turn), &["SELECT", &db.to_string()]);
        let owner = Owner::Client { key: self.client.key(), number, part: 0 };
        let ticket = Ticket::new(owner, row, Care::Database);
        upstream.push(self.turn, ticket, self.pool.spec.timeout_ms);
        self.select_on(at, db, home);
        true
    }

    /// The database of an upstream's lane.
    pub fn db_of(&self, at: usize) -> u32 {
        self.pool.lane_key(self.upstreams[at].lane()).db
    }

    /// Sends SELECT if the upstream is of another database than this.
    pub fn select_on(&mut self, at: usize, from: u32, to: u32) {
        if from != to {
            self.set_up(at, "SELECT", &to.to_string());
        }
    }

    /// Sends HELLO if the upstream speaks another version than the client.
    pub fn follow_version(&mut self, at: usize) {
        let version = self.client.settings.version;
        if version != self.pool.lane_key(self.upstreams[at].lane()).version {
            self.set_up(at, "HELLO", number(version));
        }
    }

    /// The same after what was sent: the upstream speaks the version of its lane again.
    pub fn follow_version_back(&mut self, at: usize) {
        let version = self.pool.lane_key(self.upstreams[at].lane()).version;
        if version != self.client.settings.version {
            self.set_up(at, "HELLO", number(version));
        }
    }

    fn set_up(&mut self, at: usize, command: &str, argument: &str) {
        let row = command::lookup(command.as_bytes()).map_or(0, |row| row.index() as u16);
        encode::command(self.upstreams[at].tail(self.turn), &[command, argument]);
        self.push_chore(at, Chore::Setup, row);
    }

    /// The client watches no key any more, and the server does not know it yet.
    pub fn end_watch(&mut self) {
        let Some(at) = self.forget_watch() else {
            return;
        };
        let row = command::lookup(b"unwatch").map_or(0, |row| row.index() as u16);
        let upstream = &mut self.upstreams[at];
        if upstream.is_connected() {
            upstream.tail(self.turn).extend_from_slice(UNWATCH);
            self.push_chore(at, Chore::Unwatch, row);
        }
    }

    /// The server forgets the keys by itself: at EXEC. The upstream is free when it has answered.
    pub fn forget_watch(&mut self) -> Option<usize> {
        let session = self.client.session.as_mut()?;
        let watch = session.watch.take();
        if session.is_over() {
            self.client.session = None;
        }
        let at = self.watches_on(watch?)?;
        self.upstreams[at].unpin();
        Some(at)
    }
}

fn number(version: Version) -> &'static str {
    match version {
        Version::Resp2 => "2",
        Version::Resp3 => "3",
    }
}
