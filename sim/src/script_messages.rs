//! The subscriptions and messages of clients, and the right replies to them: see `script.rs`.
//!
//! ```text
//!   sent:      SUBSCRIBE a b ─────────── UNSUBSCRIBE a
//!   `planned`    a b                       b              decides the counts in confirmations
//!   received:        confirmed a, b ── messages ── confirmed a ── message
//!   `confirmed`                a b                       b   decides which messages may come
//! ```
//!
//! A client of RESP2 that listens may ask for little else, so it does. One of RESP3 goes on as before.

use crate::check::{Ledger, Sent, tag_of};
use crate::dice::Dice;
use crate::expect::{Asked, Expect};
use crate::listening::{Asking, Listening};
use crate::resp::Value;
use crate::script::Script;
use crate::topics::{Confirm, KINDS, Kind, Name, Topic, count};
use crate::transactions::Increment;
use nuthatch_engine::base::Time;
use std::collections::VecDeque;

const CHANNELS: [&str; 6] = ["c0", "c1", "c2", "c3", "c10", "c11"];
const PATTERNS: [&str; 3] = ["*", "c*", "c1*"];
const SHARDED: [&str; 3] = ["c0", "s1", "s2"];

impl Script {
    /// It listens in RESP2.
    pub fn is_restricted(&self) -> bool {
        !self.listening.planned.is_empty() && self.resp3 != Some(true)
    }

    pub fn ask(&self, asking: &mut Asking<'_>, words: &[&[u8]], expect: Expect) {
        let Asking { out, all, ledger, now } = asking;
        let tag = ledger.tag(Sent { client: self.client, at: *now, resp3: self.resp3 });
        self.ask_with(tag, (out, all, ledger, *now), words, expect);
    }

    fn ask_with(
        &self,
        tag: u64,
        (out, all, ledger, now): (&mut Vec<u8>, &mut VecDeque<Asked>, &mut Ledger, Time),
        words: &[&[u8]],
        expect: Expect,
    ) {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
        self.put(out, &words);
        ledger.trace.note(now, || {
            let words = words.join(&b' ');
            let shown = &words[..words.len().min(120)];
            format!("client {} asks {tag}: {}", self.client, shown.escape_ascii())
        });
        all.push_back(self.asked(tag, now, expect));
    }

    /// Appends a request about messages, if the dice say so. A client of RESP2 that listens has no other.
    pub fn next_of_messages(&mut self, asking: &mut Asking<'_>, dice: &mut Dice) -> bool {
        if !self.has_transactions() || self.is_in_transaction() {
            return false;
        }
        if self.is_restricted() {
            self.next_restricted(asking, dice);
            return true;
        }
        let knows_version = self.resp3.is_some();
        match dice.range(0, 199) {
            0..9 if knows_version => self.subscribe(asking, dice),
            9..15 if knows_version => self.unsubscribe(asking, dice),
            // A message that a replica has published behind a refused write is published again.
            15..31 if self.spec().failover.is_none() => self.publish(asking, dice),
            31 if knows_version => self.reset_all(asking),
            _ => return false,
        }
        true
    }

    fn next_restricted(&mut self, asking: &mut Asking<'_>, dice: &mut Dice) {
        match dice.range(0, 99) {
            0..20 => self.subscribe(asking, dice),
            20..55 => self.unsubscribe(asking, dice),
            55..65 => {
                let pong = vec![Value::Bulk(b"pong".to_vec()), Value::Bulk(Vec::new())];
                self.ask(asking, &[b"PING"], Expect::Value(Value::Array(pong)));
            }
            65..75 => self.ask(asking, &[b"GET", b"k"], Expect::Error("ERR Can't execute 'get'")),
            75..80 => self.reset_all(asking),
            _ => self.end_subscriptions(asking),
        }
    }

    fn subscribe(&mut self, asking: &mut Asking<'_>, dice: &mut Dice) {
        // With faults it may be confirmed while its server is down, and refused later.
        if self.pool.calm && dice.percent(5) {
            let kind = dice.pick(&KINDS);
            let words = [kind.word(true).as_bytes(), b"no:t"];
            return self.ask(asking, &words, Expect::Error("NOPERM"));
        }
        let kind = dice.pick(&[Kind::Channel, Kind::Channel, Kind::Pattern, Kind::Sharded]);
        let most = if kind == Kind::Sharded { 1 } else { 3 };
        let names = (0..dice.range(1, most)).map(|_| Script::name(kind, dice)).collect();
        self.change((kind, true), names, asking);
    }

    fn name(kind: Kind, dice: &mut Dice) -> Vec<u8> {
        let name = match kind {
            Kind::Channel => dice.pick(&CHANNELS),
            Kind::Pattern => dice.pick(&PATTERNS),
            Kind::Sharded => dice.pick(&SHARDED),
        };
        name.as_bytes().to_vec()
    }

    fn unsubscribe(&mut self, asking: &mut Asking<'_>, dice: &mut Dice) {
        let kind = dice.pick(&KINDS);
        let known: Vec<Topic> = self.listening.planned.iter().cloned().collect();
        if dice.percent(30) {
            self.change((kind, false), Vec::new(), asking);
        } else if known.is_empty() || dice.percent(20) {
            self.change((kind, false), vec![Script::name(kind, dice)], asking);
        } else {
            let (kind, name) = dice.pick(&known);
            self.change((kind, false), vec![name], asking);
        }
    }

    /// Ends all subscriptions: three requests.
    pub fn end_subscriptions(&mut self, asking: &mut Asking<'_>) {
        for kind in KINDS {
            self.change((kind, false), Vec::new(), asking);
        }
    }

    /// One request, and its confirmations.
    fn change(
        &mut self,
        (kind, begins): (Kind, bool),
        names: Vec<Vec<u8>>,
        asking: &mut Asking<'_>,
    ) {
        let (is_of_all, listening) = (names.is_empty(), &mut self.listening);
        let mut words = vec![kind.word(begins).as_bytes().to_vec()];
        words.extend(names.iter().cloned());
        let of_kind = listening.planned.iter().filter(|(it, _)| *it == kind);
        let names = if is_of_all { of_kind.map(|(_, name)| name.clone()).collect() } else { names };
        let mut confirms = Vec::new();
        for name in names {
            let topic = (kind, name.clone());
            if begins {
                listening.planned.insert(topic);
            } else {
                listening.planned.remove(&topic);
                listening.ending.push(topic);
            }
            let name = if is_of_all { Name::Any } else { Name::Is(name) };
            let count = count(&listening.planned, kind);
            confirms.push(Confirm { kind, begins, name, count });
        }
        if confirms.is_empty() {
            let count = count(&listening.planned, kind);
            confirms.push(Confirm { kind, begins, name: Name::Null, count });
        }
        let mut confirms = confirms.into_iter().map(|confirm| Expect::Confirm(Box::new(confirm)));
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        if let Some(first) = confirms.next() {
            let tag = asking.ledger.next_tag();
            self.ask(asking, &words, first);
            let more = confirms.map(|confirm| self.asked(tag, asking.now, confirm));
            asking.all.extend(more);
        }
        self.tell(asking.ledger);
    }

    fn publish(&mut self, asking: &mut Asking<'_>, dice: &mut Dice) {
        let is_sharded = dice.percent(25);
        let (word, channel) = if is_sharded {
            ("SPUBLISH", dice.pick(&SHARDED))
        } else {
            ("PUBLISH", dice.pick(&CHANNELS))
        };
        let Asking { out, all, ledger, now } = asking;
        let tag = ledger.tag(Sent { client: self.client, at: *now, resp3: self.resp3 });
        let len = if dice.percent(90) { dice.range(0, 20) } else { dice.range(0, 2_000) };
        let message = format!("m#{tag}#{}", "y".repeat(len.min(self.value_bytes_max) as usize));
        let words = [word.as_bytes(), channel.as_bytes(), message.as_bytes()];
        self.ask_with(tag, (out, all, ledger, *now), &words, Expect::Published);
    }

    /// RESET, and AUTH if there is a password. It ends a transaction too.
    fn reset_all(&mut self, asking: &mut Asking<'_>) {
        self.transactions.increment = Increment::None;
        let planned = std::mem::take(&mut self.listening.planned);
        self.listening.ending.extend(planned);
        self.tell(asking.ledger);
        self.ask(asking, &[b"RESET"], Expect::Reset);
        self.resp3 = Some(false);
        if let Some(password) = self.spec().redis_auth.clone() {
            let ok = Expect::Value(Value::Status("OK".into()));
            self.ask(asking, &[b"AUTH", password.as_bytes()], ok);
        }
    }

    /// What it surely listens to now.
    fn tell(&self, ledger: &mut Ledger) {
        let Listening { planned, confirmed, ending, is_deaf, .. } = &self.listening;
        let is_sure = |topic: &&Topic| planned.contains(topic) && !ending.contains(topic);
        let topics = confirmed.keys().filter(|it| !is_deaf && is_sure(it)).cloned().collect();
        ledger.listens(self.client, self.pool.index, topics);
    }

    /// Takes a message. `false`: it is a reply.
    pub fn take_message(&mut self, value: &Value, ledger: &mut Ledger) -> bool {
        let (frame, is_push) = match value {
            Value::Array(frame) => (frame, false),
            Value::Push(frame) => (frame, true),
            _ => return false,
        };
        let texts: Option<Vec<&[u8]>> = frame
            .iter()
            .map(|it| if let Value::Bulk(text) = it { Some(text.as_slice()) } else { None })
            .collect();
        let (topic, channel, message) = match texts.as_deref() {
            Some([word, pattern, channel, message]) if *word == b"pmessage" => {
                ((Kind::Pattern, pattern.to_vec()), *channel, *message)
            }
            Some([word, channel, message]) => match Kind::of_message(word) {
                Some(kind) => ((kind, channel.to_vec()), *channel, *message),
                None => return false,
            },
            _ => return false,
        };
        let Listening { confirmed, reads_resp3, has_quit, .. } = &self.listening;
        let client = self.client;
        ledger.check(!has_quit && is_push == *reads_resp3, || {
            format!("client {client} got {value:?} after QUIT or in another version")
        });
        match confirmed.get(&topic) {
            Some(subscription) => {
                ledger.got_message((client, *subscription), &topic, (channel, tag_of(message)));
            }
            None => ledger.fail(format!("client {client} does not listen and got {value:?}")),
        }
        true
    }

    /// The reply to a request about messages.
    pub fn is_of_messages(&mut self, asked: &Asked, reply: &Value, ledger: &mut Ledger) -> bool {
        match (&asked.expect, reply) {
            (Expect::Published, Value::Integer(count)) => {
                ledger.publish_answered(asked.tag);
                (0..1_000).contains(count)
            }
            (Expect::Reset, Value::Status(text)) if text == "RESET" => {
                let listening = &mut self.listening;
                let ended = std::mem::take(&mut listening.confirmed);
                for topic in ended.into_keys() {
                    end(&mut listening.ending, &topic);
                }
                listening.reads_resp3 = false;
                self.tell(ledger);
                true
            }
            (Expect::Confirm(confirm), Value::Array(frame)) if asked.resp3 == Some(false) => {
                self.is_confirmed(confirm, frame, ledger)
            }
            (Expect::Confirm(confirm), Value::Push(frame)) if asked.resp3 == Some(true) => {
                self.is_confirmed(confirm, frame, ledger)
            }
            _ => false,
        }
    }

    fn is_confirmed(&mut self, confirm: &Confirm, frame: &[Value], ledger: &mut Ledger) -> bool {
        let [Value::Bulk(word), name, Value::Integer(count)] = frame else {
            return false;
        };
        let (is_of_it, listening) = (
            *word == confirm.kind.word(confirm.begins).as_bytes() && *count == confirm.count as i64,
            &mut self.listening,
        );
        let topic = match name {
            Value::Bulk(name) => Some((confirm.kind, name.clone())),
            _ => None,
        };
        let is_known = match (&confirm.name, &topic) {
            (Name::Is(name), Some((_, given))) => name == given,
            (Name::Any, Some(topic)) => listening.confirmed.contains_key(topic),
            (Name::Null, None) => true,
            _ => false,
        };
        match topic {
            Some(topic) if confirm.begins => {
                let number = ledger.new_subscription();
                listening.confirmed.entry(topic).or_insert(number);
            }
            Some(topic) => {
                listening.confirmed.remove(&topic);
                end(&mut listening.ending, &topic);
            }
            None => {}
        }
        self.tell(ledger);
        is_of_it && is_known
    }

    /// HELLO was answered: what comes now is of RESP3.
    pub fn note_version(&mut self) {
        self.listening.reads_resp3 = true;
    }

    pub fn note_quit(&mut self) {
        self.listening.has_quit = true;
    }
}

/// One end of this topic is confirmed.
fn end(ending: &mut Vec<Topic>, topic: &Topic) {
    if let Some(at) = ending.iter().position(|it| it == topic) {
        ending.remove(at);
    }
}
