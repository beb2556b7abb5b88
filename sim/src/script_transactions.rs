//! The transactions of clients, and the right replies to them: see `script.rs`.
//!
//! ```text
//!   MULTI, commands, EXEC or DISCARD      at times errors, SELECT, keys of two shards
//!   WATCH, MULTI ...                      in one piece; no other client writes these keys
//!   WATCH, GET ──▶ MULTI, SET, EXEC       an increment of a counter, which others increment too
//! ```
//!
//! The requests of a transaction stand in line in `pending`, and no other request comes between. They are
//! sent at once or one by one, so a client may leave in the middle.

use crate::blocks::{COUNTER, Piece, Sent as Block};
use crate::check::{Ledger, Sent, tag_of};
use crate::dice::Dice;
use crate::echo::echo_value;
use crate::expect::{Asked, Exec, Expect};
use crate::redis::SCRIPT_SHA;
use crate::resp::Value;
use crate::script::Script;
use crate::transactions::{Increment, Line};
use nuthatch_engine::base::Time;
use nuthatch_engine::routing::distribution::Ring;
use nuthatch_engine::topology::{Eject, Manners, Protocol};
use std::collections::VecDeque;

fn words(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn ok() -> Expect {
    Expect::Value(Value::Status("OK".into()))
}

/// A transaction in the making.
struct Draft {
    tag: u64,
    lines: Vec<(Vec<Vec<u8>>, Expect)>,
    pieces: Vec<Piece>,
    exec: Exec,
    db: u32,
}

impl Script {
    pub fn has_transactions(&self) -> bool {
        self.spec().protocol == Protocol::Redis && self.spec().manners == Manners::Modern
    }

    /// Some requests of a transaction have not been sent yet.
    pub fn is_in_transaction(&self) -> bool {
        !self.transactions.pending.is_empty()
    }

    /// Appends requests of a transaction to `out` and `all`, if there is one or one begins.
    pub fn next_of_transaction(
        &mut self,
        out: &mut Vec<u8>,
        all: &mut VecDeque<Asked>,
        dice: &mut Dice,
        ledger: &mut Ledger,
        now: Time,
    ) -> bool {
        if !self.has_transactions() {
            return false;
        }
        if self.transactions.pending.is_empty() {
            self.begin(dice, ledger, now);
        }
        let at_once = dice.percent(60);
        let mut is_first = true;
        while is_first || at_once {
            let Some(line) = self.transactions.pending.pop_front() else {
                return !is_first;
            };
            is_first = false;
            self.send(line, out, all, ledger, now);
        }
        true
    }

    fn send(
        &mut self,
        line: Line,
        out: &mut Vec<u8>,
        all: &mut VecDeque<Asked>,
        ledger: &mut Ledger,
        now: Time,
    ) {
        self.put(out, &line.words);
        ledger.trace.note(now, || {
            let words = line.words.join(&b' ');
            let shown = &words[..words.len().min(120)];
            format!("client {} asks {}: {}", self.client, line.tag, shown.escape_ascii())
        });
        if let Expect::Exec(exec) = &line.expect
            && let Some(key) = &exec.counter
        {
            ledger.counter(self.pool.index, key).asked += 1;
        }
        let mut asked = self.asked(line.tag, now, line.expect);
        asked.whole = line.whole;
        all.push_back(asked);
    }

    /// Gives up what has begun, before the last round.
    pub fn end_transactions(
        &mut self,
        out: &mut Vec<u8>,
        all: &mut VecDeque<Asked>,
        ledger: &mut Ledger,
        now: Time,
    ) {
        if !self.has_transactions() {
            return;
        }
        self.transactions.pending.clear();
        self.transactions.increment = Increment::None;
        let home = self.spec().redis_db.to_string();
        let lines: [(&[&str], Expect); 4] = [
            (&["DISCARD"], Expect::Either),
            (&["UNWATCH"], ok()),
            (&["SELECT", &home], ok()),
            (&["EXEC"], Expect::Error("ERR EXEC without MULTI")),
        ];
        for (line, expect) in lines {
            let asked = self.fixed(out, line, expect, ledger, now);
            all.push_back(asked);
        }
    }

    fn begin(&mut self, dice: &mut Dice, ledger: &mut Ledger, now: Time) {
        match std::mem::take(&mut self.transactions.increment) {
            Increment::None => match dice.range(0, 99) {
                0..8 => self.transaction(false, dice, ledger, now),
                8..12 => self.transaction(true, dice, ledger, now),
                12..22 if !self.is_random() => self.read_counter(dice, ledger, now),
                _ => {}
            },
            Increment::Failed => {
                let tag = self.new_tag(ledger, now);
                self.enqueue(words(&["UNWATCH"]), ok(), tag);
            }
            Increment::Read { key, value, resp3 } if dice.percent(60) => {
                let is_same = resp3 == self.resp3;
                self.write_counter(key, (value, is_same), dice, ledger, now);
            }
            other => self.transactions.increment = other,
        }
    }

    fn new_tag(&self, ledger: &mut Ledger, now: Time) -> u64 {
        ledger.tag(Sent { client: self.client, at: now, resp3: self.resp3 })
    }

    fn enqueue(&mut self, words: Vec<Vec<u8>>, expect: Expect, tag: u64) {
        self.transactions.pending.push_back(Line { words, expect, tag, whole: false });
    }

    pub fn is_random(&self) -> bool {
        matches!(self.pool.topology.router.ring, Ring::Random(_))
    }

    /// A key of this shard. The number comes early: a hash of similar keys depends little on their ends.
    pub fn key_of(&self, shard: u16, key: impl Fn(u32) -> String) -> Vec<u8> {
        let keys = (0..1_000).map(|at| key(at).into_bytes());
        let mut of_shard = keys.filter(|key| self.owner(key).is_none_or(|owner| owner == shard));
        of_shard.next().unwrap_or_else(|| key(0).into_bytes())
    }

    fn counter_key(&self, shard: u16) -> Vec<u8> {
        self.key_of(shard, |at| format!("{COUNTER}{at}:count"))
    }

    fn draft(&self, ledger: &mut Ledger, now: Time) -> Draft {
        let db = self.spec().redis_db;
        let tag = self.new_tag(ledger, now);
        Draft { tag, lines: Vec::new(), pieces: Vec::new(), exec: Exec::default(), db }
    }

    // ---- increments ----------------------------------------------------------------------

    fn read_counter(&mut self, dice: &mut Dice, ledger: &mut Ledger, now: Time) {
        let shard = dice.index(self.spec().shards.len()) as u16;
        let key = self.counter_key(shard);
        let tags = (self.new_tag(ledger, now), self.new_tag(ledger, now));
        let other = self.key_of(shard, |at| format!("x:{at}:#{}#", tags.0));
        self.enqueue(vec![b"WATCH".to_vec(), key.clone(), other], Expect::Watch(None), tags.0);
        self.enqueue(vec![b"GET".to_vec(), key.clone()], Expect::Counter, tags.1);
        self.transactions.increment = Increment::Asked { key, tags, is_watched: false };
    }

    fn write_counter(
        &mut self,
        key: Vec<u8>,
        (value, is_same_version): (u64, bool),
        dice: &mut Dice,
        ledger: &mut Ledger,
        now: Time,
    ) {
        let mut draft = self.draft(ledger, now);
        let tag = draft.tag;
        let value = format!("{}#{tag}#", value + 1).into_bytes();
        let owner = self.owner(&key);
        if dice.percent(30) {
            let shard = owner.unwrap_or(0);
            self.command(&mut draft, shard, false, dice);
        }
        draft.pieces.push((value.clone(), owner));
        let may_cross = self.spec().eject == Eject::Remap;
        let set = vec![b"SET".to_vec(), key.clone(), value];
        draft.lines.push((set, Expect::Queued(may_cross)));
        draft.exec.elements.push(ok());
        draft.exec.watches = true;
        draft.exec.has_switched = !is_same_version;
        draft.exec.counter = Some(key);
        self.finish(draft, dice.percent(5), ledger);
    }

    // ---- plain transactions --------------------------------------------------------------

    fn transaction(&mut self, watches: bool, dice: &mut Dice, ledger: &mut Ledger, now: Time) {
        let shards = self.spec().shards.len();
        let shard = dice.index(shards) as u16;
        let crosses = dice.percent(25);
        let other_db = 7;
        let home = self.spec().redis_db.to_string();
        let mut draft = self.draft(ledger, now);
        if watches {
            let tag = self.new_tag(ledger, now);
            let key = self.key_of(shard, |at| format!("x:{at}:#{tag}#"));
            let expect = Expect::Watch(Some(draft.tag));
            self.enqueue(vec![b"WATCH".to_vec(), key], expect, tag);
            draft.exec.watches = true;
        }
        let selects_before = dice.percent(10);
        if selects_before {
            let tag = self.new_tag(ledger, now);
            self.enqueue(words(&["SELECT", "7"]), ok(), tag);
            draft.db = other_db;
            if watches && dice.percent(50) {
                let tag = self.new_tag(ledger, now);
                let key = self.key_of(shard, |at| format!("x:{at}:#{tag}#@7"));
                let expect = Expect::Watch(Some(draft.tag));
                self.enqueue(vec![b"WATCH".to_vec(), key], expect, tag);
            }
        }
        for _ in 0..dice.range(0, 5) {
            let to = if crosses { dice.index(shards) as u16 } else { shard };
            if dice.percent(8) {
                let db = dice.pick(&[self.spec().redis_db, other_db]);
                draft.db = db;
                draft.exec.db = Some(db);
                let select = words(&["SELECT", &db.to_string()]);
                draft.lines.push((select, Expect::Queued(false)));
                draft.exec.elements.push(ok());
            }
            self.command(&mut draft, to, crosses, dice);
        }
        let last_db = draft.exec.db;
        let discards = dice.percent(10);
        self.finish(draft, discards, ledger);
        if last_db.is_some() || selects_before {
            let tag = self.new_tag(ledger, now);
            let start = if selects_before { other_db } else { self.spec().redis_db };
            let key = self.key_of(shard, |at| format!("w:{at}:#{tag}#"));
            let expect = if discards {
                Expect::Value(Value::Bulk(start.to_string().into_bytes()))
            } else {
                Expect::Database(start)
            };
            self.enqueue(vec![b"GET".to_vec(), key], expect, tag);
            self.enqueue(words(&["SELECT", &home]), ok(), tag);
        }
    }

    /// Adds a command with a key of this shard.
    fn command(&mut self, draft: &mut Draft, shard: u16, crosses: bool, dice: &mut Dice) {
        let tag = draft.tag;
        let n = draft.lines.len();
        let db =
            if draft.db == self.spec().redis_db { String::new() } else { format!("@{}", draft.db) };
        let key = |kind: &str, tail: &str| {
            self.key_of(shard, |at| format!("{kind}:{at}.{n}:#{tag}#{db}{tail}"))
        };
        let len_max = if dice.percent(90) { 60 } else { self.value_bytes_max };
        let len = dice.range(0, len_max);
        let echo = format!(":{}", len.min(self.value_bytes_max));
        let word = |word: &str| word.as_bytes().to_vec();
        let may_cross = crosses || self.is_random() || self.spec().eject == Eject::Remap;
        let integer = |n: i64| Expect::Value(Value::Integer(n));
        let mut queued = Expect::Queued(may_cross);
        let kind = dice.range(0, 99);
        let (words, element) = match kind {
            0..25 => {
                let key = key("e", &echo);
                let value = echo_value(&key);
                (vec![word("GET"), key], Some(Expect::Value(Value::Bulk(value))))
            }
            25..45 => {
                let by = 1000 + tag as i64;
                (vec![word("INCRBY"), key("n", ""), by.to_string().into()], Some(integer(by)))
            }
            45..60 => {
                let value = vec![b'y'; len.clamp(1, self.value_bytes_max) as usize];
                (vec![word("set"), key("s", ""), value], Some(ok()))
            }
            60..70 => {
                let keys: Vec<_> = (0..dice.range(2, 4))
                    .map(|i| {
                        let to = if crosses {
                            dice.index(self.spec().shards.len()) as u16
                        } else {
                            shard
                        };
                        self.key_of(to, |at| format!("e:{at}.{n}.{i}:#{tag}#{db}:9"))
                    })
                    .collect();
                let values = keys.iter().map(|key| Value::Bulk(echo_value(key))).collect();
                let mut words = vec![word("MGET")];
                words.extend(keys);
                (words, Some(Expect::Value(Value::Array(values))))
            }
            70..76 => {
                (vec![word("APPEND"), key("bad", ""), word("x")], Some(Expect::Error("WRONGTYPE")))
            }
            76..79 => {
                draft.exec.is_refused = true;
                (vec![word("INCRBY"), key("oom", ""), word("1")], Some(integer(1)))
            }
            79..81 => {
                queued = Expect::Error("ERR unknown command");
                self.transactions.doomed.insert(tag);
                (vec![word("NONSENSE")], None)
            }
            81..83 => {
                queued = Expect::Error("ERR MULTI calls");
                (vec![word("MULTI")], None)
            }
            83..85 => {
                queued = Expect::Error("ERR WATCH inside MULTI");
                (vec![word("WATCH"), word("k")], None)
            }
            85..88 => (vec![word("UNWATCH")], Some(ok())),
            88..93 if self.has_script => {
                let key = key("c", "");
                let value = Value::Bulk(key.clone());
                let words = vec![word("EVALSHA"), word(SCRIPT_SHA), word("1"), key];
                (words, Some(Expect::ValueOrNoScript(value)))
            }
            88..95 => {
                (vec![word("ECHO"), word("said")], Some(Expect::Value(Value::Bulk(word("said")))))
            }
            _ => (vec![word("PING")], Some(Expect::Value(Value::Status("PONG".into())))),
        };
        if kind < 79 || words[0] == b"EVALSHA" {
            let own =
                self.owner(words.get(3).filter(|_| words[0] == b"EVALSHA").unwrap_or(&words[1]));
            let is_cut = words[0] == b"MGET";
            for arg in words[1..].iter().filter(|arg| tag_of(arg).is_some()) {
                let owner = if is_cut { self.owner(arg) } else { own };
                draft.pieces.push((arg.clone(), owner));
            }
        }
        draft.exec.elements.extend(element);
        draft.lines.push((words, queued));
    }

    fn finish(&mut self, draft: Draft, discards: bool, ledger: &mut Ledger) {
        let Draft { tag, lines, pieces, exec, .. } = draft;
        let per_shard = self.spec().serves.transactions_per_shard && !exec.watches;
        let has_owners = !self.is_random() && self.spec().eject != Eject::Remap;
        ledger.begin_transaction(tag, Block { pieces, per_shard, has_owners });
        let whole = !per_shard;
        let mut line = |words, expect| {
            self.transactions.pending.push_back(Line { words, expect, tag, whole });
        };
        line(words(&["MULTI"]), ok());
        for (words, expect) in lines {
            line(words, expect);
        }
        if discards {
            line(words(&["DISCARD"]), ok());
            ledger.give_up(tag);
        } else {
            line(words(&["EXEC"]), Expect::Exec(Box::new(exec)));
        }
    }
}
