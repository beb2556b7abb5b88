//! A command between MULTI and EXEC.

use crate::base::ShardId;
use crate::base::limits::{TRANSACTION_BYTES_MAX, TRANSACTION_COMMANDS_MAX};
use crate::command::keys::{self, KeyError};
use crate::command::{
    self, Command, Detail, Flags, Local, Pieces, ScriptUse, Step, Subject, Verb, cursor,
};
use crate::protocol::resp::Args;
use crate::proxy::carry::Exchange;
use crate::proxy::link::scripts::Sha;
use crate::proxy::link::ticket::Care;
use crate::proxy::link::transaction::{Block, Doom, Queued, Transaction};
use crate::proxy::local::connection;
use crate::proxy::plan::refusal::{Refusal, Says};
use crate::proxy::plan::{FanOut, Forward, Plan, To};
use crate::texts;

const QUEUED: &[u8] = b"+QUEUED\r\n";

/// Queues the request of this plan, or refuses it and so the transaction.
pub fn queue(x: &mut Exchange<'_>, plan: Plan<'_>, args: &Args<'_>) {
    match plan {
        Plan::Forward(forward) => forwarded(x, forward, ScriptUse::None, args),
        Plan::Call(forward, script) => forwarded(x, forward, script, args),
        // In a transaction it does not wait.
        Plan::Wait(forward) => forwarded(x, forward, ScriptUse::None, args),
        Plan::Publish(forward, subject) => published(x, forward, subject, args),
        Plan::Subscribe(_) | Plan::Unsubscribe(_) | Plan::Listeners(_) => {
            let name = String::from_utf8_lossy(args.name()).to_ascii_lowercase();
            refuse(x, texts::not_in_multi(&name));
        }
        Plan::Acknowledge(_, sent) => {
            let row = command::by_index(usize::from(sent.command));
            refuse(x, texts::not_in_multi(row.map_or("", |row| row.name)));
        }
        Plan::FanOut(plan) if plan.to == To::Owners => cut(x, plan),
        Plan::FanOut(plan) => whole(x, plan, args),
        Plan::Local(Local::Select, _) => select(x, args),
        Plan::Local(local, row) if is_answered_at_exec(local, row) => {
            // COMMAND's subcommands are not looked at by the plan.
            if let Err(error) = keys::resolve(row, args) {
                doom(x, Doom::Errors);
                return connection::refuse_keys(x, row, args, error);
            }
            let request = args.bytes();
            keep(x, request.len(), |transaction| {
                transaction.queued.push(Queued::Local(request.into()));
            });
        }
        Plan::Local(_, row) => refuse(x, texts::not_in_multi(row.name)),
        Plan::Refuse(refusal) if is_found_at_exec(&refusal, args) => {
            let mut answer = Vec::new();
            refusal.says.write(&mut answer);
            keep(x, answer.len(), |transaction| {
                transaction.queued.push(Queued::Step(Step::Known(answer.into())));
            });
        }
        Plan::Refuse(refusal) => {
            doom(x, Doom::Errors);
            x.refuse(refusal);
        }
        Plan::Transact(..) | Plan::LocalLine(_) | Plan::WhenWhole => {
            debug_assert!(false, "no plan for a queued request");
        }
    }
}

/// Queues a command whose answer is known.
pub fn answer_later(x: &mut Exchange<'_>, answer: &'static [u8]) {
    keep(x, 0, |transaction| transaction.queued.push(Queued::Step(Step::Known(answer.into()))));
}

/// Its answer depends on the connection alone and comes at once.
fn is_answered_at_exec(local: Local, row: &Command) -> bool {
    match local {
        Local::Ping | Local::Echo | Local::Command | Local::Help => true,
        Local::Acl | Local::Cluster | Local::ModuleList | Local::Role | Local::Reads => true,
        Local::Client => matches!(
            row.short_name(),
            "capa"
                | "getname"
                | "getredir"
                | "id"
                | "info"
                | "no-evict"
                | "setinfo"
                | "setname"
                | "trackinginfo"
        ),
        Local::Quit | Local::Auth | Local::Hello | Local::Select | Local::Reset | Local::Info => {
            false
        }
    }
}

/// A server looks at the number of arguments first. It finds a wrong number of keys when it executes the command,
/// and so a database that it does not have.
fn is_found_at_exec(refusal: &Refusal<'_>, args: &Args<'_>) -> bool {
    let error = match &refusal.says {
        _ if refusal.ends.is_some() => return false,
        Says::Key(error) => error,
        Says::Error(text) => {
            let found = [texts::DB_OUT_OF_RANGE, texts::INVALID_CURSOR];
            return found.iter().any(|it| **text == *it.as_bytes());
        }
        // A scan that is over.
        Says::Reply(_) => return true,
        _ => return false,
    };
    match error {
        KeyError::Subcommand { .. } | KeyError::Blocks => false,
        KeyError::Arity(_) => {
            command::lookup(args.name()).is_some_and(|row| row.lacks_a_pair(args.len()))
        }
        _ => true,
    }
}

fn transaction<'a>(x: &'a mut Exchange<'_>) -> Option<&'a mut Transaction> {
    x.client.session.as_mut()?.transaction.as_mut()
}

fn doom(x: &mut Exchange<'_>, why: Doom) {
    if let Some(transaction) = transaction(x) {
        transaction.doom(why);
        // Nothing of it will be sent.
        transaction.blocks = Vec::new();
        transaction.queued = Vec::new();
    }
}

fn refuse(x: &mut Exchange<'_>, text: impl AsRef<[u8]>) {
    doom(x, Doom::Errors);
    x.count_refused();
    x.error(text);
}

/// Keeps a command of so many bytes, if there is room, and answers QUEUED.
fn keep(x: &mut Exchange<'_>, len: usize, keep: impl FnOnce(&mut Transaction)) {
    let Some(transaction) = transaction(x) else {
        return;
    };
    transaction.bytes += len;
    let bound = if transaction.bytes > TRANSACTION_BYTES_MAX {
        Some(format!("{} MiB of requests", TRANSACTION_BYTES_MAX >> 20))
    } else if transaction.queued.len() >= TRANSACTION_COMMANDS_MAX {
        Some(format!("{TRANSACTION_COMMANDS_MAX} commands"))
    } else {
        None
    };
    if let Some(bound) = bound.filter(|_| transaction.doom.is_none()) {
        return refuse(x, texts::transaction_too_large(&bound));
    }
    if transaction.doom.is_none() {
        keep(transaction);
    }
    x.client.answer(x.turn, |out| out.extend_from_slice(QUEUED));
}

/// A command for one shard.
fn forwarded(x: &mut Exchange<'_>, plan: Forward, script: ScriptUse, args: &Args<'_>) {
    let row = command::by_index(usize::from(plan.sent.command));
    if row.is_some_and(|row| row.flags.has(Flags::NO_MULTI)) {
        return refuse(x, texts::NOT_IN_MULTI);
    }
    let shard = match plan.place {
        _ if row.is_some_and(|row| is_keyless(row, args)) => None,
        Ok(placed) => Some(placed.shard),
        Err(out) => {
            doom(x, Doom::Errors);
            return x.fail_out(out, Care::None);
        }
    };
    let per_shard = x.pool.spec.serves.transactions_per_shard && !x.client.is_watching();
    let Some(at) = block_for(x, shard, per_shard) else {
        return refuse(x, texts::CROSSSLOT_IN_MULTI);
    };
    let sha = match script {
        ScriptUse::Calls => args.get(1).and_then(Sha::read).filter(|&it| x.pool.scripts.knows(it)),
        ScriptUse::Runs => {
            x.note_script(script, args);
            None
        }
        _ => None,
    };
    let request = args.bytes();
    let writes = row.is_none_or(may_write);
    keep(x, request.len(), |transaction| {
        let db = transaction.db;
        transaction.writes |= writes;
        transaction.blocks[at].add(request, db);
        transaction.blocks[at].scripts.extend(sha);
        transaction.queued.push(Queued::Step(Step::Part(at as u16)));
    });
}

/// Its number is that of our clients: see `pubsub/requests.rs`.
fn published(x: &mut Exchange<'_>, plan: Forward, subject: Subject, args: &Args<'_>) {
    forwarded(x, plan, ScriptUse::None, args);
    let Some(transaction) = transaction(x).filter(|it| it.doom.is_none()) else {
        return;
    };
    if let Some(Queued::Step(Step::Part(part))) = transaction.queued.last() {
        let (part, channel) = (*part, args.get(1).unwrap_or_default().into());
        transaction.queued.pop();
        transaction.queued.push(Queued::Publish { part, subject, channel });
    }
}

/// A script may write, if it does not say that it only reads.
fn may_write(row: &Command) -> bool {
    row.flags.has(Flags::WRITE)
        || row.flags.has(Flags::NO_MANDATORY_KEYS) && !row.flags.has(Flags::READONLY)
}

/// Such a command goes with any block.
fn is_keyless(row: &'static Command, args: &Args<'_>) -> bool {
    if row.single_key || row.verb == Verb::Publish {
        return false;
    }
    row.verb == Verb::Placeholder
        || keys::resolve(row, args)
            .and_then(|row| keys::keys(row, args))
            .is_ok_and(|mut keys| keys.next().is_none())
}

/// The block for a command of this shard. `None`: a transaction of one shard has another one.
fn block_for(x: &mut Exchange<'_>, shard: Option<ShardId>, per_shard: bool) -> Option<usize> {
    let db = x.client.settings.db;
    let Some(transaction) = transaction(x) else {
        return Some(0);
    };
    let blocks = &mut transaction.blocks;
    // Nothing of a doomed one is kept.
    if transaction.doom.is_some() {
        return Some(0);
    }
    if blocks.is_empty() {
        blocks.push(Block::new(shard, db));
        return Some(0);
    }
    let Some(shard) = shard else {
        return Some(0);
    };
    if let Some(at) = blocks.iter().position(|block| block.shard == Some(shard)) {
        return Some(at);
    }
    if blocks[0].shard.is_none() {
        blocks[0].shard = Some(shard);
        return Some(0);
    }
    per_shard.then(|| {
        blocks.push(Block::new(Some(shard), db));
        blocks.len() - 1
    })
}

/// A command whose keys have several owners.
fn cut(x: &mut Exchange<'_>, mut plan: FanOut<'_>) {
    if !x.pool.spec.serves.transactions_per_shard || x.client.is_watching() {
        return refuse(x, texts::CROSSSLOT_IN_MULTI);
    }
    let owners = std::mem::take(&mut x.turn.owners);
    // The parts in the order of the shards, as outside of a transaction.
    let mut shards: Vec<u16> = owners.clone();
    shards.sort_unstable();
    shards.dedup();
    let order: Box<[u16]> =
        owners.iter().map(|owner| shards.partition_point(|it| it < owner) as u16).collect();
    let mut requests: Vec<Vec<u8>> = vec![Vec::new(); shards.len()];
    for (at, request) in requests.iter_mut().enumerate() {
        let pieces = order.iter().filter(|&&part| usize::from(part) == at).count();
        plan.pieces.write_head(request, pieces);
    }
    for &part in &order {
        let (before, piece) = plan.pieces.next_piece();
        requests[usize::from(part)].extend_from_slice(before);
        requests[usize::from(part)].extend_from_slice(piece);
    }
    let tail = plan.pieces.tail();
    let blocks: Option<Box<[u16]>> = shards
        .iter()
        .map(|&shard| block_for(x, Some(ShardId(shard)), true).map(|at| at as u16))
        .collect();
    let parts = blocks.unwrap_or_default();
    let len = requests.iter().map(Vec::len).sum();
    let writes = command::by_index(usize::from(plan.sent.command)).is_none_or(may_write);
    let join = plan.join;
    keep(x, len, |transaction| {
        let db = transaction.db;
        transaction.writes |= writes;
        for (&at, mut request) in parts.iter().zip(requests) {
            request.extend_from_slice(tail);
            transaction.blocks[usize::from(at)].add(&request, db);
        }
        transaction.queued.push(Queued::Step(Step::Cut { join, parts, order }));
    });
    x.turn.owners = owners;
}

/// A command about the whole pool: one shard answers for all only if there is one.
fn whole(x: &mut Exchange<'_>, plan: FanOut<'_>, args: &Args<'_>) {
    let row = command::by_index(usize::from(plan.sent.command));
    let name = row.map_or("", |row| row.name);
    if row.is_some_and(|row| row.flags.has(Flags::NO_MULTI)) {
        return refuse(x, texts::NOT_IN_MULTI);
    }
    if x.pool.topology.shards.len() > 1 {
        return refuse(x, texts::whole_in_multi(name));
    }
    if plan.script != ScriptUse::None {
        x.note_script(plan.script, args);
    }
    let place = x.pool.topology.place(Some(ShardId(0)));
    let forward = Forward { place, sent: plan.sent, is_unchecked: false };
    match (&plan.pieces, plan.detail) {
        (Pieces::Scan { .. }, Detail::Cursor(step)) => scan(x, &plan.pieces, step),
        _ => forwarded(x, forward, ScriptUse::None, args),
    }
}

/// SCAN of the only shard: with the server's cursor, and the reply gets ours.
fn scan(x: &mut Exchange<'_>, pieces: &Pieces<'_>, step: cursor::Step) {
    let Some(at) = block_for(x, Some(ShardId(0)), false) else {
        return refuse(x, texts::CROSSSLOT_IN_MULTI);
    };
    let mut request = Vec::new();
    pieces.write_head(&mut request, 1);
    keep(x, request.len(), |transaction| {
        let db = transaction.db;
        transaction.blocks[at].add(&request, db);
        transaction.blocks[at].scans = true;
        let part = at as u16;
        transaction.queued.push(Queued::Step(Step::Scan { part, step }));
    });
}

/// SELECT: what follows uses another database.
fn select(x: &mut Exchange<'_>, args: &Args<'_>) {
    match connection::database(&x.pool.spec, args) {
        Ok(db) => keep(x, 0, |transaction| {
            transaction.db = db;
            transaction.queued.push(Queued::Step(Step::Known(b"+OK\r\n"[..].into())));
        }),
        Err(text) => {
            let mut error = Vec::new();
            crate::protocol::resp::encode::error(&mut error, text);
            keep(x, 0, |transaction| {
                transaction.queued.push(Queued::Step(Step::Known(error.into())));
            });
        }
    }
}
