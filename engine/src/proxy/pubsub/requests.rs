//! SUBSCRIBE, UNSUBSCRIBE, PUBLISH, PUBSUB, and what a client that listens may not do.

use super::hub::Ground;
use crate::command::{
    Command, Detail, Join, Joining, Parts, Subject, Transact, Verb, glob, keys, lookup,
};
use crate::protocol::resp::{Args, Version, encode};
use crate::proxy::carry::{Exchange, Taken};
use crate::proxy::link::hub::SUBJECTS;
use crate::proxy::link::message::{Message, Workers};
use crate::proxy::link::ticket::Care;
use crate::proxy::plan::Forward;
use crate::texts;

/// SUBSCRIBE and its like. The confirmations are the reply, when the servers have confirmed.
pub fn subscribe(x: &mut Exchange<'_>, subject: Subject, args: &Args<'_>) -> Taken {
    if x.client.owed() > 0 {
        return Taken::NotYet;
    }
    let version = x.client.settings.version;
    let (mut text, mut pending) = (Vec::new(), Vec::new());
    for name in args.iter_from(1) {
        let topics = x.client.session.get_or_insert_default().topics.get_or_insert_default();
        let is_new = topics.of(subject).insert(name.into());
        let count = topics.count(subject);
        write_confirmation(&mut text, version, subject, true, Some(name), count);
        if !is_new {
            continue;
        }
        let client = x.client.key();
        let Exchange { pool, upstreams, turn, .. } = x;
        if (Ground { pool, upstreams, turn }).begin(subject, name, client) {
            pending.push(name);
        }
        tell_others(x, subject, name);
    }
    if pending.is_empty() {
        x.answer(|out| out.extend_from_slice(&text));
        return Taken::Yes;
    }
    let detail = Detail::Text(text.into());
    let parts = Parts { count: pending.len() as u16, detail, ..Parts::default() };
    let number = x.client.expect_parts(x.turn, Joining::new(Join::Confirm, parts));
    let key = x.client.key();
    for (part, name) in (0..).zip(pending) {
        if let Some(topic) = x.pool.hub.topics_mut(subject).get_mut(name) {
            topic.waiting.push((key, number, part));
        }
    }
    if let Some(topics) = x.client.topics_mut() {
        topics.unconfirmed = true;
    }
    x.client.await_replies();
    Taken::Yes
}

/// UNSUBSCRIBE and its like; without names, from all.
pub fn unsubscribe(x: &mut Exchange<'_>, subject: Subject, args: &Args<'_>) -> Taken {
    if x.client.owed() > 0 {
        return Taken::NotYet;
    }
    let version = x.client.settings.version;
    let mut names: Vec<Box<[u8]>> = args.iter_from(1).map(Into::into).collect();
    let mut topics = x.client.session.as_mut().and_then(|session| session.topics.take());
    if names.is_empty()
        && let Some(topics) = &mut topics
    {
        names.extend(topics.of(subject).iter().cloned());
    }
    let mut text = Vec::new();
    if names.is_empty() {
        let count = topics.as_ref().map_or(0, |topics| topics.count(subject));
        write_confirmation(&mut text, version, subject, false, None, count);
    }
    for name in &names {
        let was_there = topics.as_mut().is_some_and(|topics| topics.of(subject).remove(name));
        let count = topics.as_ref().map_or(0, |topics| topics.count(subject));
        write_confirmation(&mut text, version, subject, false, Some(name), count);
        if was_there {
            end(x, subject, name);
        }
    }
    let topics = topics.filter(|topics| !topics.is_empty());
    if let Some(session) = &mut x.client.session {
        session.topics = topics;
        if session.is_over() {
            x.client.session = None;
        }
    }
    x.answer(|out| out.extend_from_slice(&text));
    Taken::Yes
}

/// RESET, or the client is gone: it listens to nothing.
pub fn end_all(x: &mut Exchange<'_>) {
    let Some(session) = &mut x.client.session else {
        return;
    };
    let Some(mut topics) = session.topics.take() else {
        return;
    };
    for subject in SUBJECTS {
        for name in std::mem::take(topics.of(subject)) {
            end(x, subject, &name);
        }
    }
}

fn end(x: &mut Exchange<'_>, subject: Subject, name: &[u8]) {
    let client = x.client.key();
    let Exchange { pool, upstreams, turn, .. } = x;
    Ground { pool, upstreams, turn }.end(subject, name, client);
    tell_others(x, subject, name);
}

/// Other workers count our clients: the number that PUBLISH answers, and PUBSUB.
fn tell_others(x: &mut Exchange<'_>, subject: Subject, name: &[u8]) {
    if x.turn.identity.workers <= 1 {
        return;
    }
    let clients = x.pool.hub.topics(subject).get(name).map_or(0, |topic| topic.clients.len());
    let message = Message::Listeners {
        pool: x.pool.id,
        worker: x.turn.worker,
        subject,
        name: name.into(),
        clients: clients as u32,
    };
    x.send(Workers::Others, message);
}

fn write_confirmation(
    out: &mut Vec<u8>,
    version: Version,
    subject: Subject,
    begins: bool,
    name: Option<&[u8]>,
    count: usize,
) {
    out.extend_from_slice(if version == Version::Resp3 { b">3\r\n" } else { b"*3\r\n" });
    encode::bulk(out, subject.word(begins).as_bytes());
    match name {
        Some(name) => encode::bulk(out, name),
        None => encode::null(out, version),
    }
    encode::integer(out, count as i64);
}

/// To the owner of the channel. The server counts connections of ours, and not our clients.
pub fn publish(x: &mut Exchange<'_>, plan: Forward, subject: Subject, args: &Args<'_>) {
    let more = surplus(x, subject, args.get(1).unwrap_or_default());
    if more == 0 {
        return x.forward(plan, args.bytes());
    }
    let placed = match plan.place {
        Ok(placed) => placed,
        Err(out) => return x.fail_out(out, Care::None),
    };
    match x.upstream(placed) {
        Ok(at) => {
            x.upstreams[at].tail(x.turn).extend_from_slice(args.bytes());
            let parts = Parts { count: 1, detail: Detail::More(more), ..Parts::default() };
            let number = x.client.expect_parts(x.turn, Joining::new(Join::Sum, parts));
            x.push(at, number, 0, plan.sent);
        }
        Err(cause) => x.fail(Some(placed.shard), &cause, Care::None),
    }
}

/// Our clients that get a message of this channel, less our connections that do.
pub fn surplus(x: &Exchange<'_>, subject: Subject, channel: &[u8]) -> i64 {
    let hub = &x.pool.hub;
    let exact = hub.surplus(subject, channel);
    if subject == Subject::Sharded {
        return exact;
    }
    let patterns = hub.names(Subject::Pattern);
    let matching = patterns.into_iter().filter(|pattern| glob::matches_exactly(pattern, channel));
    exact + matching.map(|pattern| hub.surplus(Subject::Pattern, pattern)).sum::<i64>()
}

/// PUBSUB, of this process.
pub fn pubsub(x: &mut Exchange<'_>, command: &Command, args: &Args<'_>) {
    let subject = match command.short_name() {
        "shardchannels" | "shardnumsub" => Subject::Sharded,
        _ => Subject::Channel,
    };
    let hub = &x.pool.hub;
    let mut reply = Vec::new();
    match command.short_name() {
        "channels" | "shardchannels" if args.len() > 3 => return x.error(texts::SYNTAX),
        "channels" | "shardchannels" => {
            let pattern = args.get(2);
            let mut names = hub.names(subject);
            names.retain(|name| pattern.is_none_or(|it| glob::matches_exactly(it, name)));
            encode::array(&mut reply, names.len());
            for name in names {
                encode::bulk(&mut reply, name);
            }
        }
        "numpat" => encode::integer(&mut reply, hub.names(Subject::Pattern).len() as i64),
        _ => {
            encode::array(&mut reply, 2 * (args.len() - 2));
            for name in args.iter_from(2) {
                encode::bulk(&mut reply, name);
                encode::integer(&mut reply, hub.count(subject, name).0 as i64);
            }
        }
    }
    x.answer(|out| out.extend_from_slice(&reply));
}

/// Answers a request that a client of RESP2 may not send while it listens, and PING. `false`: it may be
/// taken as usual.
pub fn restrict(x: &mut Exchange<'_>, args: &Args<'_>) -> bool {
    let name = args.name();
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    // PING's own error reads as ever.
    if is("ping") && args.len() <= 2 {
        let text = args.get(1).unwrap_or_default();
        x.answer(|out| {
            encode::array(out, 2);
            encode::bulk(out, b"pong");
            encode::bulk(out, text);
        });
        return true;
    }
    let listens = SUBJECTS.iter().any(|it| is(it.word(true)) || is(it.word(false)));
    if listens || is("ping") || is("quit") || is("reset") {
        return false;
    }
    // What is unknown or has too few arguments reads so, as ever.
    let row = lookup(name).and_then(|row| match keys::resolve(row, args) {
        Ok(row) => Some(row),
        Err(_) => row.lacks_a_pair(args.len()).then_some(row),
    });
    let Some(row) = row else {
        return false;
    };
    let text = texts::only_listening(row.name);
    // As in Redis, a refused EXEC forgets the watched keys.
    if row.verb == Verb::Transact(Transact::Exec) {
        x.end_watch();
        x.error(texts::exec_refused(&text));
    } else {
        x.error([b"ERR ", &text[..]].concat());
    }
    true
}
