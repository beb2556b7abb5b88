//! Messages of other workers: scripts, and questions that every worker answers for its own clients.

use super::Worker;
use crate::base::limits::CLIENT_LIST_BYTES_MAX;
use crate::base::slab::Key;
use crate::base::{Time, WorkerId};
use crate::protocol::resp::encode;
use crate::proxy::carry::Exchange;
use crate::proxy::carry::script::forget_scripts;
use crate::proxy::link::action::Action;
use crate::proxy::link::client::Client;
use crate::proxy::link::filter::{Filter, Kind};
use crate::proxy::link::message::{About, Answer, Message, PauseMode, Question, Workers};
use crate::proxy::local::client::line;
use crate::texts;
use std::sync::Arc;

impl Worker {
    pub(super) fn read(&mut self, message: &Message) {
        match message {
            Message::Script { pool, sha, body } => {
                if let Some(pool) = self.pools.get_mut(pool.index()) {
                    pool.scripts.add(*sha, Arc::clone(body));
                }
            }
            Message::NoScripts { pool } => {
                if let Some(pool) = self.pools.get_mut(pool.index()) {
                    forget_scripts(pool, &mut self.upstreams);
                }
            }
            Message::Events { pool, events } => {
                if let Some(pool) = self.pools.get_mut(pool.index()) {
                    pool.hub.events = Some(Arc::clone(events));
                }
            }
            Message::Listeners { pool, worker, subject, name, clients } => {
                if let Some(pool) = self.pools.get_mut(pool.index()) {
                    pool.hub.note_other(*subject, name, *worker, *clients);
                }
            }
            Message::Ask(question) => {
                let mut reply = Vec::new();
                self.answer(question, &mut reply);
                let answer = Answer {
                    client: question.client,
                    number: question.number,
                    part: self.turn.worker.0,
                    reply: reply.into(),
                };
                let message = Message::Answer(answer);
                let to = Workers::One(question.from);
                self.turn.actions.push_back(Action::Send { to, message });
            }
            Message::Answer(Answer { client, number, part, reply }) => {
                if let Some(client) = self.clients.get_mut(*client) {
                    client.handle_reply(&mut self.turn, *number, *part, reply);
                }
            }
        }
    }

    fn answer(&mut self, question: &Question, reply: &mut Vec<u8>) {
        let Some(pool) = self.pools.get_mut(question.pool.index()) else {
            return encode::integer(reply, 0);
        };
        match &question.about {
            About::List(filter) => self.list(question, filter, reply),
            About::Kill(filter) => {
                let found = self.passing(question, filter);
                encode::integer(reply, found.len() as i64);
                for key in found {
                    self.kill(key, question);
                }
            }
            About::Unblock { id, by_error } => {
                let is_done = self.unblock(question, *id, *by_error);
                encode::integer(reply, is_done.into());
            }
            About::Pause { ms, mode } => {
                let until = self.turn.now.plus_ms(*ms);
                // As in Redis: a pause for all is not weakened, and none is made shorter.
                pool.pause = Some(match pool.pause {
                    Some((before, strict)) if before > self.turn.now => {
                        let strict = if strict == *mode { strict } else { PauseMode::All };
                        (before.max(until), strict)
                    }
                    _ => (until, *mode),
                });
                encode::status(reply, "OK");
            }
            About::Unpause => {
                pool.pause = None;
                let pool = pool.id;
                for client in self.clients.values_mut().filter(|client| client.pool() == pool) {
                    client.end_pause(&mut self.turn);
                }
                encode::status(reply, "OK");
            }
        }
    }

    fn passing(&self, question: &Question, filter: &Filter) -> Vec<Key> {
        let (worker, now) = (self.turn.worker, self.turn.now);
        let of_pool =
            self.clients.iter().filter(|(_, it)| it.pool() == question.pool && it.is_open());
        of_pool.filter(|(_, it)| passes(filter, it, worker, now)).map(|(key, _)| key).collect()
    }

    fn list(&self, question: &Question, filter: &Filter, reply: &mut Vec<u8>) {
        let room = CLIENT_LIST_BYTES_MAX / usize::from(self.turn.identity.workers.max(1));
        let mut text = String::new();
        for key in self.passing(question, filter) {
            if let Some(client) = self.clients.get(key) {
                line(&mut text, client, self.turn.now);
            }
            if text.len() > room {
                return encode::error(reply, texts::CLIENT_LIST_TOO_LONG);
            }
        }
        encode::bulk(reply, text.as_bytes());
    }

    /// Has the servers end the command that a client waits with. Only a server knows whether it has not just
    /// answered it.
    fn unblock(&mut self, question: &Question, id: u64, by_error: bool) -> bool {
        let Worker { clients, pools, upstreams, turn, .. } = self;
        let mut of_pool = clients.values_mut().filter(|client| client.pool() == question.pool);
        let Some(client) = of_pool.find(|client| client.origin().id == id) else {
            return false;
        };
        let pool = &mut pools[question.pool.index()];
        let waits = client.session.as_ref().map(|session| session.waits.clone());
        let mut x = Exchange { client, pool, upstreams, turn };
        let asked = waits.into_iter().flatten().filter(|&on| x.unblock(on, by_error));
        asked.count() > 0
    }

    /// Closes a client at once; the one that asks, when it has its reply.
    fn kill(&mut self, key: Key, question: &Question) {
        let is_own = question.from == self.turn.worker && question.client == key;
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if is_own {
            client.finish(&mut self.turn, true);
        } else {
            self.close_client(key);
        }
    }
}

/// Whether a client meets every condition of the filter.
fn passes(filter: &Filter, client: &Client, worker: WorkerId, now: Time) -> bool {
    let origin = client.origin();
    let names = client.settings.names.as_deref();
    let is = |wanted: &Option<Box<[u8]>>, found: &[u8]| {
        wanted.as_deref().is_none_or(|wanted| wanted == found)
    };
    let at_least = |wanted: Option<u64>, since: Time| {
        wanted.is_none_or(|wanted| now.since(since).as_secs() >= wanted)
    };
    let kind = if client.is_listening() { Kind::PubSub } else { Kind::Normal };
    filter.kind.is_none_or(|wanted| wanted == kind)
        && !filter.is_of_other_address
        && filter.ids.as_ref().is_none_or(|ids| ids.contains(&origin.id))
        && is(&filter.address, client.address().as_bytes())
        && is(&filter.user, b"default")
        && is(&filter.name, names.map_or(&[][..], |names| &names.name))
        && is(&filter.library, names.map_or(&[][..], |names| &names.library))
        && filter.db.is_none_or(|db| db == client.settings.db)
        && at_least(filter.age_s, origin.since)
        && at_least(filter.idle_s, client.heard_at())
        && filter.skips != Some((worker, client.key()))
}
