//! What a client begins and ends later: transactions and watched keys.
//!
//! ```text
//!   MULTI ──▶ each command is checked, answered QUEUED, and kept (queue.rs)
//!   EXEC  ──▶ the block goes to its shard in one piece, on the shared upstream (exec.rs)
//!   WATCH ──▶ a connection of the client's own, until EXEC, DISCARD or UNWATCH (watch.rs)
//! ```
//!
//! Nothing is sent before EXEC: a client that vanishes leaves nothing behind, and no server waits inside a
//! transaction. So transactions share connections with other requests, if no key is watched.

mod exec;
mod queue;
mod watch;

use crate::command::{Local, Transact};
use crate::protocol::resp::{Args, encode};
use crate::proxy::carry::{Exchange, Taken};
use crate::proxy::link::client::session::Session;
use crate::proxy::link::transaction::{Block, Doom, Transaction};
use crate::proxy::local;
use crate::proxy::plan::refusal::Refusal;
use crate::proxy::plan::{Forward, Head, Plan};
use crate::proxy::pubsub::requests;
use crate::texts;

/// Takes a request of a client that is in a transaction.
#[inline(never)]
pub fn take(x: &mut Exchange<'_>, args: &Args<'_>) -> Taken {
    match x.plan(Head::Args(args)) {
        Plan::Transact(act, place) => transact(x, (act, place), args, false),
        Plan::Local(Local::Quit, command) => local::answer(x, Local::Quit, command, args),
        Plan::Local(Local::Reset, _) => reset(x),
        Plan::Refuse(refusal) if args.name().eq_ignore_ascii_case(b"exec") => {
            discard(x);
            x.refuse(refusal);
            Taken::Yes
        }
        // Before its keys are looked at, as in Redis, and the transaction goes on.
        Plan::Refuse(_) if args.len() > 1 && args.name().eq_ignore_ascii_case(b"watch") => {
            x.error(texts::WATCH_IN_MULTI);
            Taken::Yes
        }
        plan => {
            queue::queue(x, plan, args);
            Taken::Yes
        }
    }
}

/// MULTI and its like. `was_barred`: CLIENT CACHING YES came before it.
pub fn transact(
    x: &mut Exchange<'_>,
    (act, place): (Transact, Option<Forward>),
    args: &Args<'_>,
    was_barred: bool,
) -> Taken {
    let is_in = x.client.is_in_transaction();
    match act {
        Transact::Multi if is_in => x.error(texts::NESTED_MULTI),
        Transact::Multi => begin(x, was_barred),
        Transact::Exec if is_in => return exec::exec(x),
        Transact::Exec => x.error(texts::EXEC_WITHOUT_MULTI),
        Transact::Discard if is_in => {
            discard(x);
            x.answer(|out| encode::status(out, "OK"));
        }
        Transact::Discard => x.error(texts::DISCARD_WITHOUT_MULTI),
        Transact::Watch if is_in => x.error(texts::WATCH_IN_MULTI),
        Transact::Watch => return watch::watch(x, place, args),
        Transact::Unwatch if is_in => queue::answer_later(x, b"+OK\r\n"),
        Transact::Unwatch => {
            x.end_watch();
            x.answer(|out| encode::status(out, "OK"));
        }
    }
    Taken::Yes
}

/// RESET: ends what the client has begun, when all earlier requests are answered.
pub fn reset(x: &mut Exchange<'_>) -> Taken {
    if x.client.owed() > 0 {
        return Taken::NotYet;
    }
    x.end_watch();
    requests::end_all(x);
    x.client.session = None;
    local::connection::reset(x);
    Taken::Yes
}

/// Refuses a request outside of a transaction.
#[cold]
pub fn refuse(x: &mut Exchange<'_>, refusal: Refusal<'_>, args: &Args<'_>) {
    // As in Redis, EXEC with surplus words forgets the watched keys.
    if x.client.is_watching() && args.name().eq_ignore_ascii_case(b"exec") {
        x.end_watch();
    }
    x.refuse(refusal);
}

fn discard(x: &mut Exchange<'_>) {
    if let Some(session) = &mut x.client.session {
        session.transaction = None;
    }
    x.end_watch();
}

fn begin(x: &mut Exchange<'_>, was_barred: bool) {
    let db = x.client.settings.db;
    let mut transaction = Transaction::new(db, x.pool.changes);
    if was_barred {
        transaction.doom(Doom::Because(texts::NOT_TRACKED.into()));
    }
    let watched = x.client.session.as_ref().and_then(|session| session.watch);
    let home = watched.and_then(|watch| x.watches_on(watch)).map_or(db, |at| x.db_of(at));
    let session = x.client.session.get_or_insert_with(|| Box::new(Session::default()));
    // All of it goes where the keys are watched.
    if let Some(watch) = session.watch {
        transaction.blocks.push(Block::new(watch.shard, home));
    }
    session.transaction = Some(transaction);
    x.answer(|out| encode::status(out, "OK"));
}
