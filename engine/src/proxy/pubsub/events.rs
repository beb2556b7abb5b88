//! `notify-keyspace-events`: what clients have set is set again at servers that have not heard of it.

use crate::command;
use crate::protocol::resp::{Args, encode};
use crate::proxy::carry::Exchange;
use crate::proxy::link::message::{Message, Workers};
use crate::proxy::link::ticket::{Care, Chore, Owner, Ticket};
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::pool::Pool;

const NAME: &[u8] = b"notify-keyspace-events";

/// CONFIG SET goes to every server of the pool.
pub fn note(x: &mut Exchange<'_>, args: &Args<'_>) {
    let names = (2..args.len()).step_by(2);
    let is_it = |at: usize| args.get(at).is_some_and(|name| name.eq_ignore_ascii_case(NAME));
    // As in Redis, the last one counts.
    let Some(events) = names.rev().find(|&at| is_it(at)).and_then(|at| args.get(at + 1)) else {
        return;
    };
    let events: std::sync::Arc<[u8]> = events.into();
    x.pool.hub.events = Some(std::sync::Arc::clone(&events));
    x.send(Workers::Others, Message::Events { pool: x.pool.id, events });
}

/// On a new connection for subscriptions, before these.
pub fn set_again(pool: &Pool, upstream: &mut Upstream, turn: &mut Turn) {
    let Some(events) = &pool.hub.events else {
        return;
    };
    let out = upstream.tail(turn);
    encode::array(out, 4);
    for word in [b"CONFIG", &b"SET"[..], NAME, events] {
        encode::bulk(out, word);
    }
    let row = command::lookup(b"config").map_or(0, |row| row.index() as u16);
    let ticket = Ticket::new(Owner::Worker(Chore::Events), row, Care::None);
    upstream.push(turn, ticket, pool.spec.timeout_ms);
}
