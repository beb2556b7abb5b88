//! Subscriptions at servers.

use super::events;
use crate::base::slab::Key;
use crate::base::{ServerId, ShardId};
use crate::command::Subject;
use crate::protocol::resp::{Version, encode};
use crate::proxy::link::hub::{HubLink, Owed, SUBJECTS, Waiting};
use crate::proxy::link::turn::Turn;
use crate::proxy::link::upstream::Upstream;
use crate::proxy::link::upstream::duty::Why;
use crate::proxy::link::upstream::pool::Pool;
use std::collections::VecDeque;

/// What a change of subscriptions touches.
pub struct Ground<'a> {
    pub pool: &'a mut Pool,
    pub upstreams: &'a mut Vec<Upstream>,
    pub turn: &'a mut Turn,
}

/// Whether a link is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opened {
    No,
    Before,
    Now,
}

impl Ground<'_> {
    /// A client listens. Returns whether a server has still to confirm it.
    pub fn begin(&mut self, subject: Subject, name: &[u8], client: Key) -> bool {
        if let Some(topic) = self.pool.hub.topics_mut(subject).get_mut(name) {
            topic.clients.push(client);
            return !topic.unconfirmed.is_empty();
        }
        let servers = self.servers_of(subject, name);
        self.pool.hub.attempts = self.pool.hub.attempts.wrapping_add(1);
        let attempt = self.pool.hub.attempts;
        let topic = self.pool.hub.topics_mut(subject).entry(name.into()).or_default();
        topic.clients.push(client);
        (topic.servers, topic.attempt) = (servers.clone(), attempt);
        for server in servers {
            self.begin_at(server, subject, name, attempt);
        }
        let topic = self.pool.hub.topics_mut(subject).get_mut(name);
        topic.is_some_and(|topic| {
            topic.is_known = true;
            !topic.unconfirmed.is_empty()
        })
    }

    /// A client does not listen any more.
    pub fn end(&mut self, subject: Subject, name: &[u8], client: Key) {
        let topics = self.pool.hub.topics_mut(subject);
        let Some(topic) = topics.get_mut(name) else {
            return;
        };
        if let Some(at) = topic.clients.iter().position(|&key| key == client) {
            topic.clients.swap_remove(at);
        }
        topic.waiting.retain(|(key, _, _)| *key != client);
        if !topic.clients.is_empty() {
            return;
        }
        let servers = topics.remove(name).map(|topic| topic.servers).unwrap_or_default();
        for server in servers {
            self.end_at(server, subject, name);
        }
    }

    /// The servers that have messages of this name.
    fn servers_of(&mut self, subject: Subject, name: &[u8]) -> Vec<ServerId> {
        let topology = &self.pool.topology;
        let is_everywhere = match subject {
            Subject::Pattern => true,
            // Without an owner a message may come from any of them.
            _ if !topology.keys_have_owners() => true,
            Subject::Sharded => false,
            Subject::Channel => self.pool.spec.serves.channels_everywhere || is_event_of_all(name),
        };
        let shards: Vec<ShardId> = if is_everywhere {
            topology.shard_ids().collect()
        } else {
            let key = key_of_notification(name).unwrap_or(name);
            topology.owner(key, &mut self.turn.chance).into_iter().collect()
        };
        shards.into_iter().map(|shard| topology.shard(shard).primary).collect()
    }

    fn begin_at(&mut self, server: ServerId, subject: Subject, name: &[u8], attempt: u32) {
        let opened = self.open(server);
        let Some(topic) = self.pool.hub.topics_mut(subject).get_mut(name) else {
            return;
        };
        if opened == Opened::No {
            return;
        }
        topic.unconfirmed.push(server);
        // A new connection was sent all topics that were known before.
        if opened == Opened::Before || !topic.is_known {
            self.say(server, self.owed(subject, name.into(), attempt, true));
        }
    }

    fn end_at(&mut self, server: ServerId, subject: Subject, name: &[u8]) {
        let Some(link) = self.pool.hub.links.get(&server) else {
            return;
        };
        let at = link.at;
        if !self.pool.hub.needs(server) {
            self.pool.hub.links.remove(&server);
            let upstream = &mut self.upstreams[at];
            upstream.end_hub(self.turn);
            self.pool.make_spare(upstream, self.turn);
        } else if self.upstreams[at].is_connected() {
            self.say(server, self.owed(subject, name.into(), 0, false));
        }
    }

    fn owed(&self, subject: Subject, name: Box<[u8]>, attempt: u32, begins: bool) -> Owed {
        Owed { subject, name, attempt, begins, since: self.turn.now }
    }

    /// Sends a command of the hub, whose confirmation is owed from now on.
    fn say(&mut self, server: ServerId, owed: Owed) {
        let Some(link) = self.pool.hub.links.get_mut(&server) else {
            return;
        };
        let upstream = &mut self.upstreams[link.at];
        let out = upstream.tail(self.turn);
        encode::array(out, 2);
        encode::bulk(out, owed.subject.word(owed.begins).as_bytes());
        encode::bulk(out, &owed.name);
        upstream.handle_appended(self.turn, None);
        link.owed.push_back(owed);
        if let Some(timeout_ms) = self.pool.spec.timeout_ms {
            self.turn.wake_at(self.turn.now.plus_ms(u64::from(timeout_ms)));
        }
    }

    /// Opens the link to this server. If that cannot be now, what is needed there is subscribed when it can.
    fn open(&mut self, server: ServerId) -> Opened {
        let known = self.pool.hub.links.get(&server).map(|link| link.at);
        let at = known.unwrap_or_else(|| {
            let lane = self.pool.lane(Version::Resp2, self.pool.first_db(), false);
            let at = self.pool.upstream_alone(self.upstreams, server, lane, Why::Hub);
            let link = HubLink { at, is_up: false, has_confirmed: false, owed: VecDeque::new() };
            self.pool.hub.links.insert(server, link);
            at
        });
        let is_new = !self.upstreams[at].is_connected();
        let connect_timeout_ms = self.pool.spec.connect_timeout_ms;
        let is_ready = self.upstreams[at].prepare(self.turn, connect_timeout_ms).is_ok();
        if !is_ready {
            let at = self.upstreams[at].failures.retry_at();
            self.turn.wake_at(at);
            return Opened::No;
        }
        // A spare connection may stand already.
        if let Some(link) = self.pool.hub.links.get_mut(&server) {
            link.is_up = true;
        }
        if !is_new {
            return Opened::Before;
        }
        events::set_again(self.pool, &mut self.upstreams[at], self.turn);
        self.subscribe_all(server);
        Opened::Now
    }

    /// On a new connection: everything that is needed there.
    fn subscribe_all(&mut self, server: ServerId) {
        for subject in SUBJECTS {
            let topics = self.pool.hub.topics(subject).iter();
            // A topic that is being added now says so itself.
            let needed =
                topics.filter(|(_, topic)| topic.servers.contains(&server) && topic.is_known);
            let needed: Vec<(Box<[u8]>, u32)> =
                needed.map(|(name, topic)| (name.clone(), topic.attempt)).collect();
            for (name, attempt) in needed {
                self.say(server, self.owed(subject, name, attempt, true));
            }
        }
    }

    /// Connects a link again that was lost.
    pub fn reopen(&mut self, server: ServerId) {
        if self.pool.hub.links.contains_key(&server) {
            self.open(server);
        }
    }

    /// The topology has changed: names may have other servers. Returns the requests that no server has to
    /// confirm any more.
    pub fn follow(&mut self) -> Vec<Waiting> {
        let mut confirmed = Vec::new();
        for subject in SUBJECTS {
            let names: Vec<Box<[u8]>> = self.pool.hub.topics(subject).keys().cloned().collect();
            for name in names {
                let after = self.servers_of(subject, &name);
                let Some(topic) = self.pool.hub.topics_mut(subject).get_mut(&name) else {
                    continue;
                };
                let before = std::mem::replace(&mut topic.servers, after.clone());
                topic.unconfirmed.retain(|server| after.contains(server));
                let attempt = topic.attempt;
                for &server in after.iter().filter(|server| !before.contains(server)) {
                    self.begin_at(server, subject, &name, attempt);
                }
                for server in before.into_iter().filter(|server| !after.contains(server)) {
                    self.end_at(server, subject, &name);
                }
                let topic = self.pool.hub.topics_mut(subject).get_mut(&name);
                if let Some(topic) = topic.filter(|topic| topic.unconfirmed.is_empty()) {
                    confirmed.append(&mut topic.waiting);
                }
            }
        }
        confirmed
    }

    /// Ends subscriptions that one server has refused at all of them.
    pub fn end_refused(&mut self) {
        for (refused, servers) in std::mem::take(&mut self.pool.hub.refused) {
            for server in servers {
                self.end_at(server, refused.subject, &refused.name);
            }
        }
    }
}

/// Notifications about keys arise where the key lives. Those by event concern keys of all shards.
fn is_event_of_all(channel: &[u8]) -> bool {
    [&b"__keyevent@"[..], b"__subkeyevent@"].iter().any(|it| channel.starts_with(it))
}

/// The key in `__keyspace@0__:KEY` and its like.
fn key_of_notification(channel: &[u8]) -> Option<&[u8]> {
    let after = |prefix: &[u8]| {
        let rest = channel.strip_prefix(prefix)?;
        let at = rest.windows(3).position(|window| window == b"__:")?;
        Some(&rest[at + 3..])
    };
    let until = |key: Option<&'_ [u8]>, end: u8| {
        key.map(|key| key.iter().position(|&byte| byte == end).unwrap_or(key.len()))
    };
    if let Some(key) = after(b"__keyspace@").or_else(|| after(b"__subkeyspace@")) {
        return Some(key);
    }
    if let Some(key) = after(b"__subkeyspaceitem@") {
        return Some(&key[..until(Some(key), b'\n').unwrap_or(key.len())]);
    }
    // The event comes first there.
    let event = after(b"__subkeyspaceevent@")?;
    let at = event.iter().position(|&byte| byte == b'|')?;
    Some(&event[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_has_the_owner_of_its_key() {
        let key = |channel: &'static str| {
            key_of_notification(channel.as_bytes()).map(|key| std::str::from_utf8(key).unwrap())
        };
        assert_eq!(key("__keyspace@0__:a:b"), Some("a:b"));
        assert_eq!(key("__subkeyspace@12__:h"), Some("h"));
        assert_eq!(key("__subkeyspaceitem@0__:h\nfield"), Some("h"));
        assert_eq!(key("__subkeyspaceevent@0__:hset|h"), Some("h"));
        assert_eq!(key("__keyspace@0"), None);
        assert_eq!(key("news"), None);
        assert!(is_event_of_all(b"__keyevent@0__:del") && !is_event_of_all(b"news"));
    }
}
