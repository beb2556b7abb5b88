//! The checks of messages: see `messages.rs`.

use crate::check::{Context, Ledger};
use crate::messages::Executed;
use crate::topics::{Topic, hears};

impl Ledger {
    /// A server executes PUBLISH or SPUBLISH.
    pub fn published(&mut self, tag: u64, channel: (&[u8], bool), context: &Context) {
        let server = context.server;
        let number = self.messages.executed.len() as u64;
        let channel = (channel.0.to_vec(), channel.1);
        if let Some(client) = self.client_of(tag) {
            let last = self.messages.last.entry((server, client, channel.clone())).or_default();
            if *last > tag {
                self.messages.overtaken.insert(tag);
                self.check_overtaken(tag);
            } else {
                *last = tag;
            }
        }
        let messages = &mut self.messages;
        if messages.is_reliable {
            for (&client, (pool, topics)) in &messages.listening {
                let of_pool = messages.pools.get(server) == Some(pool);
                let hearing =
                    topics.iter().filter(|it| of_pool && hears(it, &channel.0, channel.1));
                for topic in hearing {
                    messages.due.insert((client, topic.clone(), tag), context.now);
                }
            }
        }
        messages.executed.insert(tag, Executed { server, channel, number });
    }

    /// A client has the number that answers PUBLISH.
    pub fn publish_answered(&mut self, tag: u64) {
        self.messages.answered.insert(tag);
        self.check_overtaken(tag);
    }

    /// A message whose PUBLISH got an error may have come late, on another connection.
    fn check_overtaken(&mut self, tag: u64) {
        let both = self.messages.overtaken.contains(&tag) && self.messages.answered.contains(&tag);
        self.check(!both, || format!("message {tag} was executed after a later one of its client"));
    }

    pub fn new_subscription(&mut self) -> u64 {
        self.messages.subscriptions += 1;
        self.messages.subscriptions
    }

    /// A client gets a message.
    pub fn got_message(
        &mut self,
        (client, subscription): (usize, u64),
        topic: &Topic,
        (channel, tag): (&[u8], Option<u64>),
    ) {
        self.messages.count += 1;
        let known = tag.and_then(|tag| Some((tag, self.messages.executed.get(&tag)?.clone())));
        let Some((tag, executed)) = known else {
            return self
                .fail(format!("client {client} got message {tag:?}, which was not published"));
        };
        let is_its = executed.channel.0 == channel && hears(topic, channel, executed.channel.1);
        self.check(is_its, || {
            let channel = channel.escape_ascii();
            format!("client {client} got message {tag} of {executed:?} for {topic:?} on {channel}")
        });
        let is_new = self.messages.got.insert((subscription, tag));
        self.check(is_new, || format!("client {client} got message {tag} twice for {topic:?}"));
        let place = (subscription, executed.server);
        let before = self.messages.last_got.insert(place, executed.number);
        self.check(before.is_none_or(|before| before < executed.number), || {
            format!("client {client} got message {tag} for {topic:?} after a later one")
        });
        self.messages.due.remove(&(client, topic.clone(), tag));
    }

    /// What a client surely listens to from now on.
    pub fn listens(&mut self, client: usize, pool: usize, topics: Vec<Topic>) {
        self.messages.due.retain(|(of, topic, _), _| *of != client || topics.contains(topic));
        if topics.is_empty() {
            self.messages.listening.remove(&client);
        } else {
            self.messages.listening.insert(client, (pool, topics));
        }
    }

    /// The client ends some subscription, or leaves.
    pub fn stops_listening(&mut self, client: usize) {
        self.listens(client, 0, Vec::new());
    }

    /// Every message that must come has come.
    pub fn check_messages(&mut self, when: &str) {
        let lost = self.messages.due.first_key_value().map(|(due, at)| (due.clone(), *at));
        self.check(lost.is_none(), || format!("{when} this message has not come: {lost:?}"));
    }
}
