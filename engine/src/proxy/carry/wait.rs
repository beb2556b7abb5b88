//! Commands that wait at their server: BLPOP and its like, WAIT.
//!
//! On a shared connection all clients would wait. So such a command has a connection of the client's own, from
//! the spare ones if there is one. It waits for the replies before it, and what follows waits for its reply, as in
//! Redis. The pool's `timeout` does not apply: the command has a time of its own.

use super::forward::cause_of;
use super::{Exchange, Taken};
use crate::base::ShardId;
use crate::base::slab::Key;
use crate::command;
use crate::command::{Join, Joining, Parts};
use crate::protocol::resp::{Args, encode};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::ticket::{Care, Chore, Owner, Ticket};
use crate::proxy::link::upstream::duty::Why;
use crate::proxy::link::upstream::peer::ServerNumber;
use crate::proxy::plan::{Forward, Sending};
use crate::topology::Placed;

/// Something that is replicated and harmless. WAIT counts the replicas that have what its connection has
/// written, and this connection has written nothing yet. What others have written before comes before it.
const MARK: [&str; 3] = ["PUBLISH", "__nuthatch_wait", ""];

impl Exchange<'_> {
    pub fn wait(&mut self, plan: Forward, args: &Args<'_>) -> Taken {
        if self.client.owed() > 0 {
            return Taken::NotYet;
        }
        let placed = match plan.place {
            Ok(placed) => placed,
            Err(out) => {
                self.fail_out(out, Care::None);
                return Taken::Yes;
            }
        };
        match self.upstream_for_wait(placed, plan.sent.command) {
            Ok(at) => {
                self.upstreams[at].tail(self.turn).extend_from_slice(args.bytes());
                let number = self.client.expect(self.turn);
                self.push_waiting(at, number, 0, plan.sent);
                self.client.await_replies();
            }
            Err(cause) => self.fail(Some(placed.shard), &cause, Care::None),
        }
        Taken::Yes
    }

    /// WAIT: the least of the shards that the client has used since the last one; of all if it has used none.
    pub fn acknowledge(&mut self, join: Join, sent: Sending, args: &Args<'_>) -> Taken {
        if self.client.owed() > 0 {
            return Taken::NotYet;
        }
        let used = self.client.take_used_shards();
        let is_used = |shard: &ShardId| used == 0 || used & (1 << (shard.0 & 63)) != 0;
        let shards: Vec<ShardId> = self.pool.topology.shard_ids().filter(is_used).collect();
        let names = shards.iter().map(|&it| self.pool.topology.shard(it).name.clone()).collect();
        let parts = Parts { count: shards.len() as u16, names, ..Parts::default() };
        let number = self.client.expect_parts(self.turn, Joining::new(join, parts));
        for (part, shard) in (0..).zip(shards) {
            let place = self.pool.topology.place(Some(shard)).map_err(cause_of);
            match place.and_then(|placed| self.upstream_for_wait(placed, sent.command)) {
                Ok(at) => {
                    encode::command(self.upstreams[at].tail(self.turn), &MARK);
                    self.push_chore(at, Chore::Mark, sent.command);
                    self.upstreams[at].tail(self.turn).extend_from_slice(args.bytes());
                    self.push_waiting(at, number, part, sent);
                }
                Err(cause) => {
                    let text = self.failure(Some(shard), &cause);
                    self.client.handle_failure(self.turn, number, part, Some(&text));
                }
            }
        }
        self.client.await_replies();
        Taken::Yes
    }

    /// An upstream on which a command of this client may wait.
    fn upstream_for_wait(&mut self, placed: Placed, command: u16) -> Result<usize, Cause> {
        let at = self.upstream_pinned(placed, Why::Wait { of: Some(self.client.key()) })?;
        if self.upstreams[at].peer.number == ServerNumber::Unknown {
            self.upstreams[at].peer.number = ServerNumber::Asked;
            encode::command(self.upstreams[at].tail(self.turn), &["CLIENT", "ID"]);
            self.push_chore(at, Chore::Number, command);
        }
        Ok(at)
    }

    fn push_waiting(&mut self, at: usize, number: u32, part: u16, sent: Sending) {
        self.note_sent(sent.command);
        let owner = Owner::Client { key: self.client.key(), number, part };
        let ticket = Ticket::new(owner, sent.command, Care::Waiting);
        self.upstreams[at].push(self.turn, ticket, None);
        let key = self.upstreams[at].key();
        self.client.session.get_or_insert_default().waits.push(key);
    }

    /// Asks the server to end the command that waits on this upstream. `false`: it cannot be asked.
    pub fn unblock(&mut self, on: Key, by_error: bool) -> bool {
        let upstream = &self.upstreams[on.index as usize];
        let ServerNumber::Known(number) = upstream.peer.number else {
            return false;
        };
        let (server, lane, affinity) = (upstream.server(), upstream.lane(), on.index);
        let Some(row) = command::lookup(b"client").filter(|_| upstream.key() == on) else {
            return false;
        };
        let at = self.pool.upstream(self.upstreams, server, lane, affinity);
        let upstream = &mut self.upstreams[at];
        if upstream.prepare(self.turn, self.pool.spec.connect_timeout_ms).is_err() {
            return false;
        }
        let reason = if by_error { "ERROR" } else { "TIMEOUT" };
        let words = ["CLIENT", "UNBLOCK", &number.to_string(), reason];
        encode::command(upstream.tail(self.turn), &words);
        self.push_chore(at, Chore::Unblock, row.index() as u16);
        true
    }
}
