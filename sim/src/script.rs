//! The requests of clients, and the right replies to them.
//!
//! Nearly every request has exactly one right reply, which follows from its tag. So the next check
//! finds a reply that is lost, sent twice or sent to another client. Each client also has private keys
//! (`p:...`) and remembers what it wrote to them. They check that a client reads its own writes.

use crate::check::{Ledger, Outage, Sent};
use crate::dice::Dice;
use crate::echo::echo_value;
use crate::expect::{Asked, Expect};
use crate::listening::{Asking, Listening};
use crate::memcache;
use crate::redis::{SCAN_KEYS, SCRIPT, SCRIPT_SHA};
use crate::resp::{self, Value};
use crate::scanner::{Page, Scanner};
use crate::transactions::Transactions;
use nuthatch_engine::base::{Chance, Time};
use nuthatch_engine::routing::distribution::Ring;
use nuthatch_engine::topology::{Eject, Manners, PoolSpec, PoolTopology, Protocol, Reads};
use std::collections::VecDeque;
use std::sync::Arc;

/// A client's private key.
#[derive(Clone, Debug, Default)]
pub struct Own {
    pub value: Option<Vec<u8>>,
    /// A write had an unknown outcome, so the value is not known.
    pub lost: bool,
}

/// A pool as a script knows it.
#[derive(Clone)]
pub struct Pool {
    pub index: usize,
    pub spec: Arc<PoolSpec>,
    /// The topology with all shards live.
    pub topology: Arc<PoolTopology>,
    /// The run has no faults: no error is excused.
    pub calm: bool,
    /// Larger values flow. What flows is not sent again.
    pub flows_from: usize,
}

pub struct Script {
    pub client: usize,
    pub pool: Pool,
    pub own: Vec<Own>,
    /// Whether the client speaks RESP3; `None` while its HELLO has no reply.
    pub resp3: Option<bool>,
    pub inline: bool,
    /// Length of the longest value in a request or reply.
    pub value_bytes_max: u64,
    scanner: Scanner,
    /// SCRIPT LOAD was answered.
    pub has_script: bool,
    pub transactions: Transactions,
    pub listening: Listening,
    /// In the last round nothing waits for ever.
    pub is_last: bool,
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
            scanner: Scanner::new(),
            has_script: false,
            transactions: Transactions::default(),
            listening: Listening::default(),
            is_last: false,
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

    pub fn put(&self, out: &mut Vec<u8>, words: &[Vec<u8>]) {
        if self.inline {
            out.extend_from_slice(&words.join(&b' '));
            out.extend_from_slice(b"\r\n");
        } else {
            resp::request(out, words);
        }
    }

    pub fn asked(&self, tag: u64, at: Time, expect: Expect) -> Asked {
        Asked { tag, at, expect, whole: true, shard: None, resp3: self.resp3, key: Vec::new() }
    }

    /// Appends a fixed request: AUTH, HELLO, QUIT or a malformed one.
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

    /// Appends a random request to `out` and `all`.
    pub fn next(
        &mut self,
        out: &mut Vec<u8>,
        all: &mut VecDeque<Asked>,
        dice: &mut Dice,
        ledger: &mut Ledger,
        now: Time,
    ) {
        if self.spec().protocol == Protocol::Memcache {
            return self.next_memcache(out, all, dice, ledger, now);
        }
        let asking = &mut Asking { out: &mut *out, all: &mut *all, ledger: &mut *ledger, now };
        if self.next_of_registers(asking, dice) {
            return;
        }
        if self.next_of_messages(asking, dice) || self.next_of_lists(asking, dice) {
            return;
        }
        if self.next_of_transaction(out, all, dice, ledger, now) {
            return;
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
        let is_modern = self.spec().manners == Manners::Modern;
        let own = dice.index(self.own.len());
        let own_key = text(format!("p:{}:{own}", self.client));
        let kind = if self.is_scanner() && dice.percent(80) { 91 } else { dice.range(0, 99) };
        let (words, expect, keys) = match kind {
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
            91 if is_modern => self.next_of_pool(tag, dice),
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
                (list("SINTER", many), Expect::ValueOrCrossSlot(Value::Array(values)), 1)
            }
            _ if is_modern && dice.percent(80) => self.next_of_pool(tag, dice),
            _ if is_modern => (vec![word("NONSENSE")], Expect::Error("ERR unknown command"), 0),
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
        if keys == 1 && !matches!(asked.expect, Expect::ValueOrCrossSlot(_)) {
            asked.shard = self.owner(&words[1]);
        }
        all.push_back(asked);
    }

    /// A request about the whole key space, or a script.
    fn next_of_pool(&mut self, tag: u64, dice: &mut Dice) -> (Vec<Vec<u8>>, Expect, usize) {
        let words = |all: &[&str]| all.iter().map(|word| word.as_bytes().to_vec()).collect();
        match dice.range(0, 9) {
            _ if self.is_scanner() && !self.scanner.is_asked => {
                (self.scanner.step(), Expect::Page, 0)
            }
            0..4 if !self.scanner.is_asked => (self.scanner.step(), Expect::Page, 0),
            4 => (words(&["DBSIZE"]), Expect::Count, 0),
            5 if !self.inline => (words(&["KEYS", "*"]), Expect::Keys, 0),
            6 => (words(&["FLUSHALL"]), Expect::Value(Value::Status("OK".into())), 0),
            7 if !self.inline => (
                words(&["SCRIPT", "LOAD", SCRIPT]),
                Expect::Value(Value::Bulk(SCRIPT_SHA.into())),
                0,
            ),
            _ if self.has_script && dice.percent(50) => {
                let key = format!("c:#{tag}#");
                let words = words(&["EVALSHA", SCRIPT_SHA, "1", &key]);
                (words, Expect::ValueOrNoScript(Value::Bulk(key.into())), 0)
            }
            _ => (words(&["PING"]), Expect::Value(Value::Status("PONG".into())), 0),
        }
    }

    /// Some clients do little else.
    pub fn is_scanner(&self) -> bool {
        self.client.is_multiple_of(4) && self.spec().manners == Manners::Modern
    }

    /// At the end of a scan every shard has been seen whole, on one of its servers at least.
    fn takes_page(&mut self, cursor: &Value, keys: &Value) -> bool {
        let whole = match self.scanner.take(cursor, keys) {
            Page::Wrong => return false,
            Page::More => return true,
            Page::Last { whole } => whole,
        };
        whole >= self.spec().shards.len() || self.spec().eject == Eject::Remap
    }

    fn counts(&self, keys: usize) -> bool {
        let all = SCAN_KEYS * self.spec().shards.len();
        keys == all
            || self.spec().eject == Eject::Remap && keys < all && keys.is_multiple_of(SCAN_KEYS)
    }

    /// Compares a reply with its request. `faults_over`: no error is excused.
    pub fn judge(
        &mut self,
        asked: &Asked,
        reply: &Value,
        ledger: &mut Ledger,
        (now, faults_over): (Time, bool),
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
            (Expect::Value(value) | Expect::ValueOrCrossSlot(value), reply) if value == reply => {
                let is_sha = matches!(value, Value::Bulk(sha) if *sha == SCRIPT_SHA.as_bytes());
                self.has_script |= is_sha;
                true
            }
            (Expect::ValueOrNoScript(value), reply) if value == reply => true,
            (Expect::ValueOrNoScript(_), Value::Error(text)) if text.starts_with("NOSCRIPT") => {
                !self.pool.calm
            }
            (Expect::Page, Value::Array(page)) if page.len() == 2 => {
                self.takes_page(&page[0], &page[1])
            }
            (Expect::Count, Value::Integer(keys)) => self.counts(*keys as usize),
            (Expect::Keys, Value::Array(keys)) => self.counts(keys.len()),
            (Expect::ValueOrCrossSlot(_), Value::Error(text)) if text.starts_with("CROSSSLOT") => {
                true
            }
            (Expect::Queued(may_cross), reply) => self.is_queued(asked, *may_cross, reply),
            (Expect::Watch(of), reply) => self.is_watched(asked, *of, reply),
            (Expect::Counter, reply) => self.is_counter(asked, reply),
            (Expect::Database(start), reply) => self.is_database(*start, reply),
            (Expect::Either, Value::Status(text)) => text == "OK",
            (Expect::Either, Value::Error(text)) => text.starts_with("ERR DISCARD without"),
            (Expect::Exec(exec), reply) => {
                let excused = !self.pool.calm && !faults_over;
                self.is_exec(asked, exec, reply, excused, ledger)
            }
            (Expect::Confirm(_) | Expect::Published | Expect::Reset, reply) => {
                self.is_of_messages(asked, reply, ledger)
            }
            (Expect::Pushed | Expect::Popped { .. } | Expect::Flag, reply) => {
                self.is_of_lists(asked, reply, ledger)
            }
            (Expect::Written | Expect::Register, reply) => {
                self.is_of_registers(asked, reply, ledger)
            }
            (Expect::Hello, Value::Map(_)) => {
                self.resp3 = Some(true);
                self.note_version();
                true
            }
            // No server has said yet whether it knows RESP3. The client goes on with RESP2.
            (Expect::Hello, Value::Error(text)) if text.starts_with("LOADING no server") => {
                self.resp3 = Some(false);
                true
            }
            (Expect::Quit, Value::Status(text)) => {
                self.note_quit();
                text == "OK"
            }
            (Expect::Error(start), Value::Error(text)) if text.starts_with(start) => true,
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
            (Expect::Prefix(start), Value::Lines(line)) => line.starts_with(start.as_bytes()),
            (Expect::Items(items), Value::Lines(lines)) => {
                let whole = [&items.concat()[..], b"END\r\n"].concat();
                let may_miss = !self.pool.calm && !faults_over;
                let modern = self.spec().manners == Manners::Modern;
                *lines == whole || may_miss && modern && Script::is_part(items, reply)
            }
            (Expect::Stats, Value::Lines(lines)) => {
                let all = format!("STAT curr_items {}\r\n", self.spec().shards.len());
                let is_whole = lines.windows(all.len()).any(|line| line == all.as_bytes());
                lines.starts_with(b"STAT ") && (is_whole || !self.pool.calm && !faults_over)
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
        self.note_line(asked, reply, right, ledger);
        if right {
            return;
        }
        let Value::Error(text) = reply else {
            return ledger.fail(format!("client {} got {reply:?} to {asked:?}", self.client));
        };
        ledger.errors += 1;
        if matches!(asked.expect, Expect::Page) {
            self.scanner.is_asked = false;
        }
        let excused = !self.pool.calm && !faults_over && is_excuse(text)
            || self.is_excuse_of_replicas(asked, text, faults_over);
        let is_noreply_error = Script::is_noreply_error(asked, text);
        ledger.check(excused || is_noreply_error, || {
            format!("client {}: {text:?} to {asked:?}", self.client)
        });
        if let (Some(Outage { .. }), Eject::Remap) = (outage, self.spec().eject) {
            let shard = &self.pool.topology.shards[usize::from(asked.shard.unwrap_or(0))];
            let named = text.contains(&format!("shard {},", shard.name));
            ledger.check(!named, || format!("an ejected shard got {asked:?}: {text}"));
        }
        let unsent = text.ends_with(", not sent");
        // A read that a replica has not answered may be answered elsewhere: it is as if it was not sent.
        let is_write =
            matches!(asked.expect, Expect::Written | Expect::OwnSet(..) | Expect::Exec(_));
        let is_certain = is_write || self.spec().reads() == Reads::Primary;
        if unsent && asked.whole && is_certain {
            ledger.note_not_sent(asked.tag);
        }
        // The server refused it, so it was not executed.
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

    /// An error to one of several quiet requests.
    pub fn judge_unknown(&self, reply: &Value, ledger: &mut Ledger, faults_over: bool) {
        ledger.replies += 1;
        ledger.errors += 1;
        let excused = matches!(reply, Value::Error(text) if is_excuse(text));
        ledger.check(excused && !self.pool.calm && !faults_over, || {
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
        if known.lost || moving || ledger.uncertain.contains(&self.pool.index) {
            return true;
        }
        match (value, &known.value) {
            (Value::Bulk(bytes), Some(known)) => bytes == known,
            (Value::Nil | Value::Null, None) => true,
            _ => false,
        }
    }
}

/// Whether a client may get this error while there are faults.
pub fn is_excuse(text: &str) -> bool {
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

/// The error without the prefix of our own errors.
fn cause(text: &str) -> &str {
    let words = ["ERR ", "MASTERDOWN ", "TRYAGAIN ", "SERVER_ERROR "];
    words.iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text)
}
