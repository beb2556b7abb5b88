//! What a hub's connection says: confirmations and messages.

use crate::base::ServerId;
use crate::base::slab::Slab;
use crate::command::Subject;
use crate::protocol::resp::reply;
use crate::proxy::link::action::Action;
use crate::proxy::link::client::Client;
use crate::proxy::link::client::listening::ListeningBounds;
use crate::proxy::link::hub::{Owed, SUBJECTS, Waiting};
use crate::proxy::link::message::{Message, Workers};
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::pool::Pool;

const OK: &[u8] = b"+OK\r\n";

/// One frame of a hub's connection. Clients that are too slow for it are noted in the hub.
pub fn take(
    pool: &mut Pool,
    clients: &mut Slab<Client>,
    turn: &mut Turn,
    (server, frame): (ServerId, &[u8]),
) {
    let mut words = reply::elements(frame).into_iter().flatten().map(reply::text);
    let (kind, name) = (words.next().flatten(), words.next().flatten());
    let subject = match kind {
        Some(b"message") => Subject::Channel,
        Some(b"pmessage") => Subject::Pattern,
        Some(b"smessage") => Subject::Sharded,
        // A confirmation, or the error in its place.
        _ => return confirm(pool, clients, turn, (server, frame)),
    };
    let Some(topic) = name.and_then(|name| pool.hub.topics(subject).get(name)) else {
        return;
    };
    let serves = &pool.spec.serves;
    let bounds = ListeningBounds {
        bytes: serves.pubsub_output_bytes as usize,
        soft_bytes: serves.pubsub_output_soft_bytes as usize,
    };
    let mut slow = Vec::new();
    for &key in &topic.clients {
        if let Some(client) = clients.get_mut(key)
            && !client.take_message(turn, frame, bounds)
        {
            slow.push(key);
        }
    }
    pool.hub.slow.append(&mut slow);
}

/// The oldest command of the hub is confirmed, or refused.
fn confirm(
    pool: &mut Pool,
    clients: &mut Slab<Client>,
    turn: &mut Turn,
    (server, frame): (ServerId, &[u8]),
) {
    let Some(link) = pool.hub.links.get_mut(&server) else {
        return;
    };
    let Some(owed) = link.owed.pop_front() else {
        return;
    };
    link.has_confirmed = true;
    let topic = pool.hub.topics_mut(owed.subject).get_mut(&owed.name);
    // A late confirmation of an earlier attempt confirms nothing.
    let Some(topic) = topic.filter(|topic| owed.begins && topic.attempt == owed.attempt) else {
        return;
    };
    topic.unconfirmed.retain(|&it| it != server);
    let is_error = frame.starts_with(b"-");
    if topic.unconfirmed.is_empty() || is_error {
        let reply = if is_error { frame } else { OK };
        let waiting = std::mem::take(&mut topic.waiting);
        answer(clients, turn, &waiting, reply);
    }
    if is_error {
        forget(pool, clients, turn, owed);
    }
}

/// A server has refused a subscription: nobody listens, and who asks again is told again.
fn forget(pool: &mut Pool, clients: &mut Slab<Client>, turn: &mut Turn, refused: Owed) {
    let (subject, name) = (refused.subject, &refused.name);
    let topic = pool.hub.topics_mut(subject).remove(name).unwrap_or_default();
    for key in topic.clients {
        if let Some(client) = clients.get_mut(key) {
            client.stop_listening(subject, name);
        }
    }
    let (id, worker, name) = (pool.id, turn.worker, name.clone());
    pool.hub.refused.push((refused, topic.servers));
    let message = Message::Listeners { pool: id, worker, subject, name, clients: 0 };
    turn.actions.push_back(Action::Send { to: Workers::Others, message });
}

/// Nobody waits any more for a confirmation that no server owes.
pub fn confirm_all(clients: &mut Slab<Client>, turn: &mut Turn, waiting: &[Waiting]) {
    answer(clients, turn, waiting, OK);
}

fn answer(clients: &mut Slab<Client>, turn: &mut Turn, waiting: &[Waiting], reply: &[u8]) {
    for &(key, number, part) in waiting {
        if let Some(client) = clients.get_mut(key) {
            client.handle_reply(turn, number, part, reply);
            if client.owed() == 0 {
                client.handle_confirmed(turn);
            }
        }
    }
}

/// The connection to a server is lost. Nobody waits for it: what is needed there is subscribed again when it
/// stands.
pub fn lose(pool: &mut Pool, clients: &mut Slab<Client>, turn: &mut Turn, server: ServerId) {
    let Some(link) = pool.hub.links.get_mut(&server).filter(|link| link.is_up) else {
        return;
    };
    link.is_up = false;
    link.owed.clear();
    // An attempt to connect that fails loses no messages that were not lost before.
    if std::mem::take(&mut link.has_confirmed) {
        turn.counters[pool.id.index()].subscriptions_lost += 1;
    }
    let mut confirmed = Vec::new();
    for subject in SUBJECTS {
        for topic in pool.hub.topics_mut(subject).values_mut() {
            topic.unconfirmed.retain(|&it| it != server);
            if topic.unconfirmed.is_empty() {
                confirmed.append(&mut topic.waiting);
            }
        }
    }
    confirm_all(clients, turn, &confirmed);
}
