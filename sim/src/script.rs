//! What clients ask, and what they must be answered.
//!
//! Nearly every request has exactly one right reply, made from its tag: a reply that went astray,
//! was doubled or lost shows at the next one at the latest. A client's private keys (`p:...`)
//! remember what it wrote: those check that it reads its own writes.

use crate::check::{Ledger, Outage, Sent};
use crate::dice::Dice;
use crate::echo::echo_value;
use crate::memcache;
use crate::resp::{self, Value};
use nuthatch_engine::base::{Chance, Time};
use nuthatch_engine::routing::distribution::Ring;
use nuthatch_engine::topology::{Eject, Manners, PoolSpec, PoolTopology, Protocol};
use std::collections::VecDeque;
use std::sync::Arc;

/// What the only right reply is.
#[derive(Clone, Debug)]
pub enum Expect {
    Value(Value),
    /// A map or array that greets.
    Greeting,
    /// What the private key of this number holds.
    Own(usize),
    /// OK, and the private key holds this from then on.
    OwnSet(usize, Vec<u8>),
    /// An error that begins so.
    Refusal(&'static str),
    /// The value, or CROSSSLOT.
    Joint(Value),
    /// OK or nothing at all: then the end.
    Farewell,
    /// These items in their order, of which a modern proxy may miss some.
    Items(Vec<Vec<u8>>),
    /// STAT lines of as many servers as there are shards.
    Stats,
    /// Lines that begin so.
    Begins(&'static str),
    /// The end of a quiet run.
    Noop,
    /// A quiet request that is answered, by its server or with an error of ours.
    QuietHit(Value),
    /// Nothing, unless its server speaks in spite of that.
    Silence {
        /// A failure is told.
        told: bool,
        /// Its server will speak: it has no memory for it.
        speaks: bool,
        /// The private key holds this from then on.
        own: Option<(usize, Vec<u8>)>,
    },
}

/// A request that is owed a reply.
#[derive(Clone, Debug)]
pub struct Asked {
    pub tag: u64,
    pub at: Time,
    pub expect: Expect,
    /// In one piece to one server.
    pub whole: bool,
    /// The owner while all shards are live, if its only key decides.
    pub shard: Option<u16>,
    pub resp3: Option<bool>,
}

/// A client's private key.
#[derive(Clone, Debug, Default)]
pub struct Own {
    pub value: Option<Vec<u8>>,
    /// A write of it had an unknown outcome.
    pub lost: bool,
}

/// What a script knows of its pool.
#[derive(Clone)]
pub struct Pool {
    pub index: usize,
    pub spec: Arc<PoolSpec>,
    /// With all shards live.
    pub topology: Arc<PoolTopology>,
    /// Nothing goes wrong in this run: no error is excused.
    pub calm: bool,
}

pub struct Script {
    pub client: usize,
    pub pool: Pool,
    pub own: Vec<Own>,
    /// Whether it speaks RESP3; unknown while its HELLO is not answered.
    pub resp3: Option<bool>,
    pub inline: bool,
    /// Length of the longest value asked for.
    pub value_bytes_max: u64,
}

impl Script {
    pub fn new(client: usize, pool: Pool) -> Script {
        Script {
            client,
            pool,
            own: vec![Own::default(); 3],
            resp3: Some(false),
            inline: false,
            value_bytes_max: 100,
        }
    }

    pub fn spec(&self) -> &PoolSpec {
        &self.pool.spec
    }

    pub fn owner(&self, key: &[u8]) -> Option<u16> {
        let router = &self.pool.topology.router;
        if matches!(router.ring, Ring::Random(_)) {
            return None;
        }
        router.route(key, &mut Chance::new(1)).map(|shard| shard.0)
    }

    fn put(&self, out: &mut Vec<u8>, words: &[Vec<u8>]) {
        if self.inline {
            out.extend_from_slice(&words.join(&b' '));
            out.extend_from_slice(b"\r\n");
        } else {
            resp::request(out, words);
        }
    }

    pub fn asked(&self, tag: u64, at: Time, expect: Expect) -> Asked {
        Asked { tag, at, expect, whole: true, shard: None, resp3: self.resp3 }
    }

    /// A fixed request outside the dice: AUTH, HELLO, QUIT, nonsense.
    pub fn fixed(
        &self,
        out: &mut Vec<u8>,
        words: &[&str],
        expect: Expect,
        ledger: &mut Ledger,
        now: Time,
    ) -> Asked {
        let tag = ledger.tag(Sent { client: self.client, at: now, resp3: self.resp3 });
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        self.put(out, &words);
        self.asked(tag, now, expect)
    }

    /// A request as the dice have it, appended to `out` and `all`.
    pub fn next(
        &self,
        out: &mut Vec<u8>,
        all: &mut VecDeque<Asked>,
        dice: &mut Dice,
        ledger: &mut Ledger,
        now: Time,
    ) {
        if self.spec().protocol == Protocol::Memcache {
            return self.next_memcache(out, all, dice, ledger, now);
        }
        let tag = ledger.tag(Sent { client: self.client, at: now, resp3: self.resp3 });
        let size = if dice.percent(90) { 60 } else { self.value_bytes_max };
        let mut len = || dice.range(0, size.min(self.value_bytes_max));
        let echo = |i: usize, len: u64| format!("e:#{tag}#{i}:{len}").into_bytes();
        let bulk = |key: &[u8]| Value::Bulk(echo_value(key));
        let many: Vec<Vec<u8>> = (0..2 + tag as usize % 5).map(|i| echo(i, len() / 2)).collect();
        let one = echo(0, len());
        let padding = "y".repeat(len() as usize);
        let text = |text: String| text.into_bytes();
        let word = |word: &str| word.as_bytes().to_vec();
        let list = |name: &str, rest: Vec<Vec<u8>>| {
            let mut words = vec![word(name)];
            words.extend(rest);
            words
        };
        let own = dice.index(self.own.len());
        let own_key = text(format!("p:{}:{own}", self.client));
        let (words, expect, keys) = match dice.range(0, 99) {
            0..30 => (vec![word("GET"), one.clone()], Expect::Value(bulk(&one)), 1),
            30..45 => {
                let (key, by) = (text(format!("n:#{tag}#")), 1000 + tag as i64);
                let words = vec![word("INCRBY"), key, text(by.to_string())];
                (words, Expect::Value(Value::Integer(by)), 1)
            }
            45..55 => {
                let value = text(format!("p:{}:{own}|#{tag}#{padding}", self.client));
                let words = vec![word("set"), own_key, value.clone()];
                (words, Expect::OwnSet(own, value), 1)
            }
            55..67 => (vec![word("GeT"), own_key], Expect::Own(own), 1),
            67..77 => {
                let values = many.iter().map(|key| bulk(key)).collect();
                (list("MGET", many), Expect::Value(Value::Array(values)), 0)
            }
            77..82 => {
                let pair = |i: usize| [text(format!("s:#{tag}#{i}")), word("v")];
                let pairs = (0..many.len()).flat_map(pair).collect();
                (list("mset", pairs), Expect::Value(Value::Status("OK".into())), 0)
            }
            82..85 => {
                let keys: Vec<_> = (0..many.len()).map(|i| text(format!("d:#{tag}#{i}"))).collect();
                let count = Value::Integer(keys.len() as i64);
                (list("DEL", keys), Expect::Value(count), 0)
            }
            85..88 => {
                let count = Value::Integer(many.len() as i64);
                (list("EXISTS", many), Expect::Value(count), 0)
            }
            88..91 => {
                let words = vec![word("LPUSH"), text(format!("l:#{tag}#")), word("a"), word("b")];
                (words, Expect::Value(Value::Integer(2)), 1)
            }
            91..93 => {
                let key = text(format!("a:#{tag}#"));
                let value = format!("z{padding}");
                let count = Value::Integer(value.len() as i64);
                (vec![word("APPEND"), key, text(value)], Expect::Value(count), 1)
            }
            93..95 => (vec![word("PING")], Expect::Value(Value::Status("PONG".into())), 0),
            95..97 => {
                let said = text(format!("said#{tag}#"));
                (vec![word("ECHO"), said.clone()], Expect::Value(Value::Bulk(said)), 0)
            }
            97..99 if !self.inline => {
                let values = many.iter().map(|key| Value::Bulk(key.clone())).collect();
                (list("SINTER", many), Expect::Joint(Value::Array(values)), 1)
            }
            _ if self.spec().manners == Manners::Modern => {
                (vec![word("NONSENSE")], Expect::Refusal("ERR unknown command"), 0)
            }
            _ => (vec![word("PING"), word("me")], Expect::Value(Value::Bulk(word("me"))), 0),
        };
        self.put(out, &words);
        ledger.trace.note(now, || {
            let (name, key) = (&words[0], words.get(1).map_or(&b""[..], |key| key));
            let (name, key) = (String::from_utf8_lossy(name), String::from_utf8_lossy(key));
            format!("client {} asks {tag}: {name} {key}", self.client)
        });
        let mut asked = self.asked(tag, now, expect);
        asked.whole = keys == 1;
        if keys == 1 && !matches!(asked.expect, Expect::Joint(_)) {
            asked.shard = self.owner(&words[1]);
        }
        all.push_back(asked);
    }

    /// Compares a reply with its request. `undisturbed`: nothing has happened since the drain.
    pub fn judge(
        &mut self,
        asked: &Asked,
        reply: &Value,
        ledger: &mut Ledger,
        (now, undisturbed): (Time, bool),
    ) {
        ledger.replies += 1;
        ledger.trace.note(now, || {
            let reply = match reply {
                Value::Bulk(bytes) => format!("{} bytes", bytes.len()),
                Value::Array(values) => format!("{} values", values.len()),
                Value::Lines(bytes) if bytes.len() > 60 => format!("{} bytes", bytes.len()),
                Value::Lines(bytes) => bytes.escape_ascii().to_string(),
                other => format!("{other:?}"),
            };
            format!("client {} has {reply} to {}", self.client, asked.tag)
        });
        let right = match (&asked.expect, reply) {
            (Expect::Value(value) | Expect::Joint(value), reply) if value == reply => true,
            (Expect::Joint(_), Value::Error(text)) if text.starts_with("CROSSSLOT") => true,
            (Expect::Greeting, Value::Map(_)) => {
                self.resp3 = Some(true);
                true
            }
            // No server has said yet that it speaks RESP3; it goes on with RESP2.
            (Expect::Greeting, Value::Error(text)) if text.starts_with("LOADING no server") => {
                self.resp3 = Some(false);
                true
            }
            (Expect::Farewell, Value::Status(text)) => text == "OK",
            (Expect::Refusal(start), Value::Error(text)) if text.starts_with(start) => true,
            (Expect::OwnSet(own, value), Value::Status(text)) if text == "OK" => {
                self.own[*own].value = Some(value.clone());
                true
            }
            (Expect::OwnSet(own, value), Value::Lines(line))
                if line == b"STORED\r\n" || line == b"HD b\r\n" =>
            {
                self.own[*own].value = Some(value.clone());
                true
            }
            (Expect::QuietHit(value), reply) => value == reply,
            (Expect::Noop, Value::Lines(line)) => line == b"MN\r\n",
            (Expect::Begins(start), Value::Lines(line)) => line.starts_with(start.as_bytes()),
            (Expect::Items(items), Value::Lines(lines)) => {
                let whole = [&items.concat()[..], b"END\r\n"].concat();
                let may_miss = !self.pool.calm && !undisturbed;
                let modern = self.spec().manners == Manners::Modern;
                *lines == whole || may_miss && modern && Script::is_part(items, reply)
            }
            (Expect::Stats, Value::Lines(lines)) => {
                let all = format!("STAT curr_items {}\r\n", self.spec().shards.len());
                let is_whole = lines.windows(all.len()).any(|line| line == all.as_bytes());
                lines.starts_with(b"STAT ") && (is_whole || !self.pool.calm && !undisturbed)
            }
            (Expect::Own(own), Value::Lines(lines)) => {
                self.is_own(*own, &memcache::only_item(lines), Some(false), ledger)
            }
            (Expect::Own(own), value) => self.is_own(*own, value, asked.resp3, ledger),
            _ => false,
        };
        let outage = asked.shard.and_then(|shard| ledger.out.get(&(self.pool.index, shard)));
        let outage = outage.copied().filter(|out| out.since <= asked.at);
        if let (Some(_), Eject::FailFast) = (outage, self.spec().eject) {
            let refused = matches!(reply, Value::Error(text) if cause(text).starts_with("Connection refused"));
            ledger.check(refused, || format!("a shard that is down answered {asked:?}: {reply:?}"));
        }
        if right {
            return;
        }
        let Value::Error(text) = reply else {
            return ledger
                .fail(format!("client {} was answered {reply:?} to {asked:?}", self.client));
        };
        ledger.errors += 1;
        let excused = !self.pool.calm && !undisturbed && is_excuse(text);
        let stray = Script::is_stray(asked, text);
        ledger.check(excused || stray, || format!("client {}: {text:?} to {asked:?}", self.client));
        if let (Some(Outage { .. }), Eject::Remap) = (outage, self.spec().eject) {
            let shard = &self.pool.topology.shards[usize::from(asked.shard.unwrap_or(0))];
            let named = text.contains(&format!("shard {},", shard.name));
            ledger.check(!named, || format!("an ejected shard was asked for {asked:?}: {text}"));
        }
        let unsent = text.ends_with(", not sent");
        if unsent && asked.whole {
            ledger.told_not_sent(asked.tag);
        }
        // The server refused it, so it was not carried out.
        let refused = ["LOADING", "OOM", "SERVER_ERROR out of memory"]
            .iter()
            .any(|refusal| text.starts_with(refusal));
        if let Expect::OwnSet(own, _) = asked.expect
            && !unsent
            && !refused
        {
            self.own[own].lost = true;
        }
    }

    /// An error of one of some quiet requests.
    pub fn judge_some(&self, reply: &Value, ledger: &mut Ledger, undisturbed: bool) {
        ledger.replies += 1;
        ledger.errors += 1;
        let excused = matches!(reply, Value::Error(text) if is_excuse(text));
        ledger.check(excused && !self.pool.calm && !undisturbed, || {
            format!("client {}: {reply:?} to a quiet request", self.client)
        });
    }

    fn is_own(&self, own: usize, value: &Value, resp3: Option<bool>, ledger: &Ledger) -> bool {
        let known = &self.own[own];
        let start = format!("p:{}:{own}|", self.client);
        match value {
            Value::Error(_) => return false,
            Value::Bulk(bytes) if !bytes.starts_with(start.as_bytes()) => return false,
            Value::Bulk(_) => {}
            Value::Nil if resp3 != Some(true) => {}
            Value::Null if resp3 != Some(false) => {}
            _ => return false,
        }
        let moving = matches!(self.pool.topology.router.ring, Ring::Random(_));
        if known.lost || moving || ledger.unsettled.contains(&self.pool.index) {
            return true;
        }
        match (value, &known.value) {
            (Value::Bulk(bytes), Some(known)) => bytes == known,
            (Value::Nil | Value::Null, None) => true,
            _ => false,
        }
    }
}

/// Errors that a client must live with while things go wrong.
fn is_excuse(text: &str) -> bool {
    const EXCUSES: [&str; 10] = [
        "Connection refused",
        "Connection reset by peer",
        "Connection timed out",
        "Broken pipe",
        "unknown",
        "Invalid argument",
        "LOADING ",
        "OOM ",
        "out of memory",
        "ERROR Too many open connections",
    ];
    EXCUSES.iter().any(|excuse| cause(text).starts_with(excuse))
        && !text.starts_with("ERR unknown command")
}

/// The error without the word that says it is one of ours.
fn cause(text: &str) -> &str {
    let ours = text.strip_prefix("ERR ").or_else(|| text.strip_prefix("SERVER_ERROR "));
    ours.unwrap_or(text)
}
