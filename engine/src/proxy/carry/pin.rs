//! Upstreams that one client has alone: for keys that it watches.

use super::Exchange;
use crate::command;
use crate::protocol::resp::encode;
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
        self.upstream_alone(placed, Why::Watch { of })
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

    /// What comes next on this upstream uses another database.
    pub fn select_on(&mut self, at: usize, db: u32) {
        let row = command::lookup(b"select").map_or(0, |row| row.index() as u16);
        encode::command(self.upstreams[at].tail(self.turn), &["SELECT", &db.to_string()]);
        let ticket = Ticket::new(Owner::Worker(Chore::Select), row, Care::None);
        self.upstreams[at].push(self.turn, ticket, self.pool.spec.timeout_ms);
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
            let ticket = Ticket::new(Owner::Worker(Chore::Unwatch), row, Care::None);
            upstream.push(self.turn, ticket, self.pool.spec.timeout_ms);
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
