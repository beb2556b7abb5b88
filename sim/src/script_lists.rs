//! The lists of clients: pushes, commands that wait, CLIENT UNBLOCK and CLIENT KILL. See `script.rs`.
//!
//! All clients of a pool share a few lists. Each element is pushed once.

use crate::check::Ledger;
use crate::dice::Dice;
use crate::expect::{Asked, Expect};
use crate::listening::Asking;
use crate::resp::Value;
use crate::script::Script;
use crate::waiters::LIST;
use nuthatch_engine::topology::Eject;

/// How many of the first clients may be killed and unblocked. The number of a client at its worker is greater by 1.
const CLIENTS: u64 = 22;

impl Script {
    /// Appends a request about lists, if the dice say so.
    pub fn next_of_lists(&mut self, asking: &mut Asking<'_>, dice: &mut Dice) -> bool {
        if !self.has_transactions() || self.is_in_transaction() || self.is_random() {
            return false;
        }
        match dice.range(0, 199) {
            0..10 => self.push(asking, dice),
            10..18 => self.wait(asking, dice),
            18..20 => self.unblock(asking, dice),
            20 if !self.is_last => self.kill(asking, dice),
            _ => return false,
        }
        true
    }

    fn push(&self, asking: &mut Asking<'_>, dice: &mut Dice) {
        let key = format!("{LIST}{}", dice.range(0, 2));
        let tag = asking.ledger.next_tag();
        let elements: Vec<_> = (0..dice.range(1, 2)).map(|i| format!("el{i}#{tag}#")).collect();
        let mut words = vec![dice.pick(&["RPUSH", "LPUSH"]).as_bytes(), key.as_bytes()];
        words.extend(elements.iter().map(String::as_bytes));
        self.ask(asking, &words, Expect::Pushed);
    }

    fn wait(&self, asking: &mut Asking<'_>, dice: &mut Dice) {
        let key = format!("{LIST}{}", dice.range(0, 2)).into_bytes();
        let tag = asking.ledger.next_tag();
        let shard = self.owner(&key).unwrap_or(0);
        let own = self.key_of(shard, |at| format!("{LIST}own{at}:#{tag}#"));
        let timeouts: &[&str] =
            if self.is_last { &["0.01", "0.3"] } else { &["0", "0", "0.01", "0.3", "1"] };
        let timeout = dice.pick(timeouts);
        let word = dice.pick(&["BLPOP", "BRPOP"]).as_bytes();
        let words = [word, &key, &own, timeout.as_bytes()];
        let keys = vec![key.clone(), own.clone()];
        self.ask(asking, &words, Expect::Popped { keys, may_be_null: timeout != "0" });
    }

    fn unblock(&self, asking: &mut Asking<'_>, dice: &mut Dice) {
        let client = dice.range(0, CLIENTS - 1) as usize;
        asking.ledger.elements.unblocked.insert((self.pool.index, client));
        let (number, how) = ((client + 1).to_string(), dice.pick(&["TIMEOUT", "ERROR"]));
        let words: [&[u8]; 4] = [b"CLIENT", b"UNBLOCK", number.as_bytes(), how.as_bytes()];
        self.ask(asking, &words, Expect::Flag);
    }

    fn kill(&self, asking: &mut Asking<'_>, dice: &mut Dice) {
        let client = dice.range(0, CLIENTS - 1) as usize;
        if client == self.client {
            return self.unblock(asking, dice);
        }
        asking.ledger.elements.killed.insert((self.pool.index, client));
        asking.ledger.stops_listening(client);
        let number = (client + 1).to_string();
        let words: [&[u8]; 4] = [b"CLIENT", b"KILL", b"ID", number.as_bytes()];
        self.ask(asking, &words, Expect::Flag);
    }

    /// The reply to a request about lists.
    pub fn is_of_lists(&mut self, asked: &Asked, reply: &Value, ledger: &mut Ledger) -> bool {
        let tag = asked.tag;
        match (&asked.expect, reply) {
            (Expect::Pushed, Value::Integer(len)) => *len >= 1,
            (Expect::Flag, Value::Integer(flag)) => (0..=1).contains(flag),
            (Expect::Popped { keys, .. }, Value::Array(pair)) => {
                let is_of_key = matches!(&pair[..], [Value::Bulk(key), _] if keys.contains(key));
                is_of_key && ledger.received(tag, reply)
            }
            (Expect::Popped { may_be_null, .. }, Value::NilArray | Value::Null) => {
                ledger.got_nothing(tag);
                let is_of_version = match asked.resp3 {
                    Some(resp3) => (*reply == Value::Null) == resp3,
                    None => true,
                };
                is_of_version && (*may_be_null || self.may_be_unblocked(ledger))
            }
            (Expect::Popped { .. }, Value::Error(text)) => {
                let crosses = text.starts_with("CROSSSLOT") && self.spec().eject == Eject::Remap;
                let is_unblocked = text.starts_with("UNBLOCKED") && self.may_be_unblocked(ledger);
                if text.ends_with(", not sent") || crosses || is_unblocked {
                    ledger.got_nothing(tag);
                }
                crosses && !self.pool.calm || is_unblocked
            }
            _ => false,
        }
    }

    fn may_be_unblocked(&self, ledger: &Ledger) -> bool {
        ledger.elements.unblocked.contains(&(self.pool.index, self.client))
    }
}
