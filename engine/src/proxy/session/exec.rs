//! EXEC: sends a transaction, and says how its reply is made.

use crate::command::{Detail, Exec, Join, Joining, Local, Parts, Step, Verb, keys, lookup};
use crate::protocol::resp::{Args, encode, request};
use crate::proxy::carry::forward::cause_of;
use crate::proxy::carry::{Exchange, Taken};
use crate::proxy::link::cause::Cause;
use crate::proxy::link::client::session::{AfterExec, Watch};
use crate::proxy::link::client::settings::Settings;
use crate::proxy::link::transaction::{Block, Doom, Queued, Transaction};
use crate::proxy::local;
use crate::proxy::local::connection;
use crate::proxy::plan::PLACEHOLDER;
use crate::proxy::pubsub::requests::surplus;
use crate::texts;
use crate::topology::{Eject, Placed};

pub fn exec(x: &mut Exchange<'_>) -> Taken {
    let Some(session) = &x.client.session else {
        return Taken::Yes;
    };
    let Some(transaction) = &session.transaction else {
        return Taken::Yes;
    };
    // A connection of its own must not overtake what is on the way, nor another database.
    let is_large =
        transaction.blocks.iter().any(|block| block.requests.len() >= x.turn.flow_bounds.bytes_min);
    let is_apart = is_large || session.watch.is_some();
    let home = x.client.settings.db;
    let selects = transaction.db != home || transaction.blocks.iter().any(|it| it.highest > home);
    if (is_apart || selects) && x.client.owed() > 0 {
        return Taken::NotYet;
    }
    let highest = transaction.blocks.iter().map(|block| block.highest).max();
    if let (Some(watch), Some(highest)) = (session.watch, highest)
        && x.asks_for_database(watch, highest)
    {
        return Taken::NotYet;
    }
    let Some(session) = &mut x.client.session else {
        return Taken::Yes;
    };
    let (Some(transaction), watch) = (session.transaction.take(), session.watch) else {
        return Taken::Yes;
    };
    if let Some(text) = refusal(x, &transaction) {
        x.end_watch();
        x.error(text);
        return Taken::Yes;
    }
    let Transaction { queued, blocks, db, .. } = transaction;
    let before = x.client.settings.names.clone();
    let steps: Vec<Step> = queued.into_iter().map(|queued| step(x, queued)).collect();
    // The servers may still say that nothing of it was done.
    let names = std::mem::replace(&mut x.client.settings.names, before);
    let after = AfterExec { number: 0, db, names };
    if blocks.is_empty() {
        finish_here(x, &steps, after);
    } else if let Some(watch) = watch {
        exec_watched(x, watch, steps, (blocks, after));
    } else {
        send(x, steps, blocks, (after, home, is_large), None);
    }
    Taken::Yes
}

/// The error instead of all, if there is one.
fn refusal(x: &Exchange<'_>, transaction: &Transaction) -> Option<Vec<u8>> {
    match &transaction.doom {
        Some(Doom::Errors) => return Some(texts::EXECABORT.into()),
        Some(Doom::Because(why)) => return Some(texts::exec_refused(why.as_bytes())),
        None => {}
    }
    let has_moved = x.pool.spec.eject == Eject::Remap && transaction.changes != x.pool.changes;
    has_moved.then(|| texts::exec_refused(texts::SERVERS_CHANGED.as_bytes()))
}

/// Answers a command that waits for EXEC only here, and counts who listens.
fn step(x: &mut Exchange<'_>, queued: Queued) -> Step {
    let request = match queued {
        Queued::Step(step) => return step,
        Queued::Publish { part, subject, channel } => {
            return match surplus(x, subject, &channel) {
                0 => Step::Part(part),
                more => Step::Sum { part, more },
            };
        }
        Queued::Local(request) => request,
    };
    x.client.capture();
    let mut progress = request::Progress::default();
    if let Ok(request::Parsed::Request(args)) =
        request::parse(&request, &mut progress, request::Trust::Authenticated)
    {
        answer(x, &args);
    }
    Step::Known(x.client.take_captured().into())
}

fn answer(x: &mut Exchange<'_>, args: &Args<'_>) {
    let Some(Ok(row)) = lookup(args.name()).map(|row| keys::resolve(row, args)) else {
        return;
    };
    if let Verb::Local(local) = row.verb {
        debug_assert!(!matches!(local, Local::Hello | Local::Reset | Local::Select));
        local::answer(x, local, row, args);
    }
}

/// No server has a part in it.
fn finish_here(x: &mut Exchange<'_>, steps: &[Step], after: AfterExec) {
    x.answer(|out| {
        encode::array(out, steps.len());
        for step in steps {
            if let Step::Known(answer) = step {
                out.extend_from_slice(answer);
            }
        }
    });
    x.client.settings.names = after.names;
    if after.db != x.client.settings.db {
        x.client.settings.db = after.db;
        connection::choose_lane(x);
    }
    x.end_watch();
}

/// On the connection that watches; or null, if that is not the same any more.
fn exec_watched(
    x: &mut Exchange<'_>,
    watch: Watch,
    steps: Vec<Step>,
    (blocks, after): (Vec<Block>, AfterExec),
) {
    // What the client has read since WATCH may be of another server.
    let at = x.watches_on(watch).filter(|_| watch.changes == x.pool.changes);
    let Some(at) = at else {
        x.end_watch();
        let version = x.client.settings.version;
        return x.answer(|out| encode::null_array(out, version));
    };
    let home = x.db_of(at);
    let highest = blocks.iter().map(|block| block.highest).max().unwrap_or(home);
    if highest > home && !x.has_database(at, highest) {
        x.end_watch();
        return x.error(texts::exec_refused(texts::DB_NOT_KNOWN.as_bytes()));
    }
    send(x, steps, blocks, (after, home, false), Some(at));
    x.forget_watch();
}

/// Sends each block to its shard. `on`: the upstream of the only one. `home`: the database that the blocks
/// begin in.
///
/// A SELECT within that the server refuses would leave the commands behind it in another database. So a block
/// goes on a connection of the highest database that it uses: that one was taken by the server.
fn send(
    x: &mut Exchange<'_>,
    steps: Vec<Step>,
    mut blocks: Vec<Block>,
    (after, home, is_large): (AfterExec, u32, bool),
    on: Option<usize>,
) {
    let changes_settings =
        after.db != x.client.settings.db || after.names != x.client.settings.names;
    let highest = |block: &Block| if on.is_some() { home } else { block.highest.max(home) };
    let is_foreign = blocks.iter().any(|block| highest(block) != home);
    for block in &mut blocks {
        let of = highest(block);
        block.begin_in(of, home);
    }
    let is_plain = blocks.len() == 1
        && blocks[0].ours.is_empty()
        && blocks[0].db == home
        && steps.len() == blocks[0].commands as usize
        && steps.iter().all(|step| matches!(step, Step::Part(_)));
    let number = if is_plain {
        x.client.expect(x.turn)
    } else {
        let ours = blocks.iter().map(|block| {
            let last = (block.db != highest(block)).then_some(block.commands);
            block.ours.iter().copied().chain(last).collect()
        });
        let exec = Exec { ours: ours.collect(), steps: steps.into() };
        let count = blocks.len() as u16;
        let detail = Detail::Exec(Box::new(exec));
        let parts = Parts { count, detail, is_write: true, ..Parts::default() };
        x.client.expect_parts(x.turn, Joining::new(Join::Exec, parts))
    };
    for (part, block) in (0..).zip(blocks) {
        let (to, of) = (place(x, &block), highest(&block));
        let at = match on {
            Some(at) => Ok(at),
            None => upstream(x, &to, of, is_large),
        };
        match at {
            Ok(at) if on.is_some() => {
                x.follow_version(at);
                x.send_block(at, (number, part), block, of);
                x.follow_version_back(at);
            }
            Ok(at) => x.send_block(at, (number, part), block, of),
            Err(cause) => {
                let shard = block.shard.or(to.ok().map(|placed| placed.shard));
                let text = x.failure(shard, &cause);
                x.client.handle_failure(x.turn, number, part, Some(&text));
            }
        }
    }
    if changes_settings {
        x.client.set_after_exec(AfterExec { number, ..after });
    }
    if changes_settings || is_foreign || is_large || on.is_some() {
        x.client.await_replies();
    }
}

/// The upstream for a block, of this database.
fn upstream(
    x: &mut Exchange<'_>,
    to: &Result<Placed, Cause>,
    db: u32,
    is_large: bool,
) -> Result<usize, Cause> {
    let placed = to.clone()?;
    let Settings { version, lane, is_untouching, .. } = x.client.settings;
    if db != x.client.settings.db {
        x.client.settings.lane = x.pool.lane(version, db, is_untouching);
    }
    let at = if is_large { x.upstream_for_large(placed) } else { x.upstream(placed) };
    x.client.settings.lane = lane;
    at
}

/// Where a block goes. One without keys goes where commands without keys go.
fn place(x: &mut Exchange<'_>, block: &Block) -> Result<Placed, Cause> {
    let topology = &x.pool.topology;
    let shard = block.shard.or_else(|| {
        if topology.keys_have_owners() {
            topology.owner(PLACEHOLDER, &mut x.turn.chance)
        } else {
            topology.first_live()
        }
    });
    topology.place(shard).map_err(cause_of)
}
