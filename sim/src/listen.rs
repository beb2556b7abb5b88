//! Subscriptions of a simulated Redis: SUBSCRIBE and its like, PUBLISH and SPUBLISH.
//!
//! Every server refuses names that begin with `no:`, as one whose ACL allows other channels only.

use crate::check::{Context, Ledger, tag_of};
use crate::login::Login;
use crate::redis::Redis;
use crate::resp::{self, Value};
use crate::topics::{Kind, count, hears};

impl Redis {
    /// Executes a command about subscriptions. `None`: it is another command.
    pub fn listen(
        &mut self,
        login: &Login,
        (name, args): (&str, &[&[u8]]),
        context: &Context,
        ledger: &mut Ledger,
    ) -> Option<Value> {
        if let Some((kind, begins)) = Kind::of_command(name) {
            return Some(self.subscribe(login, (kind, begins), &args[1..]));
        }
        let server = context.server;
        let listens = self.ears.by_end.contains_key(&login.end);
        let is_allowed = !listens || login.resp3 || ["PING", "QUIT", "RESET"].contains(&name);
        ledger.check(is_allowed, || format!("server {server}: {name} where messages come"));
        match (name, args) {
            ("PUBLISH" | "SPUBLISH", [_, channel, message]) => {
                Redis::admit(login, args, context, ledger);
                let is_sharded = name == "SPUBLISH";
                if let Some(tag) = tag_of(message) {
                    ledger.wrote(tag, channel, server);
                    ledger.published(tag, (channel, is_sharded), context);
                }
                Some(Value::Integer(self.publish(channel, message, is_sharded)))
            }
            _ => None,
        }
    }

    fn subscribe(&mut self, login: &Login, (kind, begins): (Kind, bool), names: &[&[u8]]) -> Value {
        if begins && names.iter().any(|name| name.starts_with(b"no:")) {
            return Value::Error(
                "NOPERM this user has no permissions to access the channel".into(),
            );
        }
        let ear = self.ears.by_end.entry(login.end).or_default();
        ear.resp3 = login.resp3;
        let mut names: Vec<Option<Vec<u8>>> = names.iter().map(|it| Some(it.to_vec())).collect();
        if names.is_empty() {
            let of_kind = ear.topics.iter().filter(|(it, _)| *it == kind);
            names.extend(of_kind.map(|(_, name)| Some(name.clone())));
        }
        if names.is_empty() {
            names.push(None);
        }
        let mut bytes = Vec::new();
        for name in names {
            if let Some(name) = &name {
                let topic = (kind, name.clone());
                let _ = if begins { ear.topics.insert(topic) } else { ear.topics.remove(&topic) };
            }
            let frame = vec![
                Value::Bulk(kind.word(begins).into()),
                name.map_or(if ear.resp3 { Value::Null } else { Value::Nil }, Value::Bulk),
                Value::Integer(count(&ear.topics, kind) as i64),
            ];
            resp::write(&mut bytes, &push(ear.resp3, frame));
        }
        if ear.topics.is_empty() {
            self.ears.forget(login.end);
        }
        Value::Lines(bytes)
    }

    /// Sends a message to all that listen. Returns how often.
    fn publish(&mut self, channel: &[u8], message: &[u8], is_sharded: bool) -> i64 {
        let mut sent = 0;
        for (&end, ear) in &self.ears.by_end {
            for topic in ear.topics.iter().filter(|topic| hears(topic, channel, is_sharded)) {
                let (kind, name) = topic;
                let mut frame = vec![Value::Bulk(kind.message().into())];
                if *kind == Kind::Pattern {
                    frame.push(Value::Bulk(name.clone()));
                }
                frame.push(Value::Bulk(channel.to_vec()));
                frame.push(Value::Bulk(message.to_vec()));
                self.outbox.push((end, push(ear.resp3, frame)));
                sent += 1;
            }
        }
        sent
    }
}

fn push(resp3: bool, frame: Vec<Value>) -> Value {
    if resp3 { Value::Push(frame) } else { Value::Array(frame) }
}
