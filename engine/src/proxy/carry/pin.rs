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

    /// Whether the keys are still watched: the socket is the same.
    pub fn is_watched_on(&self, watch: Watch) -> bool {
        let upstream = &self.upstreams[watch.on.index as usize];
        upstream.key() == watch.on && upstream.duty().pinned_by() == Some(self.client.key())
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
        let upstream = &mut self.upstreams[at];
        encode::command(upstream.tail(self.turn), &[command, argument]);
        let ticket = Ticket::new(Owner::Worker(Chore::Setup), row, Care::None);
        upstream.push(self.turn, ticket, self.pool.spec.timeout_ms);
    }

    /// The client watches no key any more, and the server does not know it yet.
    pub fn end_watch(&mut self) {
        let Some(watch) = self.forget_watch() else {
            return;
        };
        let row = command::lookup(b"unwatch").map_or(0, |row| row.index() as u16);
        let upstream = &mut self.upstreams[watch.on.index as usize];
        if upstream.key() == watch.on && upstream.is_connected() {
            upstream.tail(self.turn).extend_from_slice(UNWATCH);
            let ticket = Ticket::new(Owner::Worker(Chore::Unwatch), row, Care::None);
            upstream.push(self.turn, ticket, self.pool.spec.timeout_ms);
        }
    }

    /// The server forgets the keys by itself: at EXEC. The upstream is free when it has answered.
    pub fn forget_watch(&mut self) -> Option<Watch> {
        let session = self.client.session.as_mut()?;
        let watch = session.watch.take();
        if session.is_over() {
            self.client.session = None;
        }
        let watch = watch?;
        if self.is_watched_on(watch) {
            self.upstreams[watch.on.index as usize].unpin();
            return Some(watch);
        }
        None
    }
}

fn number(version: Version) -> &'static str {
    match version {
        Version::Resp2 => "2",
        Version::Resp3 => "3",
    }
}
