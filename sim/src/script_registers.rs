//! Requests to pools with replicas: registers that all clients write and read, and a list of each client.
//! `lineage.rs` has the checks.

use crate::check::{Ledger, tag_of};
use crate::dice::Dice;
use crate::expect::{Asked, Expect};
use crate::lineage_checks::Order;
use crate::listening::Asking;
use crate::resp::Value;
use crate::script::Script;
use nuthatch_engine::topology::{AfterWrite, Reads};

const REGISTERS: u64 = 6;

/// The words of errors that say that a request was not done.
const REFUSALS: [&str; 5] = ["LOADING", "READONLY", "OOM", "EXECABORT", "UNBLOCKED"];

impl Script {
    /// Appends a request to a register or a list, if the dice say so.
    pub fn next_of_registers(&mut self, asking: &mut Asking<'_>, dice: &mut Dice) -> bool {
        if self.spec().failover.is_none()
            || self.is_in_transaction()
            || self.is_restricted()
            || self.is_random()
        {
            return false;
        }
        let tag = asking.ledger.next_tag();
        let key = match dice.range(0, 99) {
            0..40 => format!("f:{}", dice.range(0, REGISTERS - 1)),
            40..50 => format!("g:{}:{}", self.client, dice.range(0, 2)),
            _ => return false,
        };
        let value = format!("v#{tag}#");
        let (words, expect): (&[&str], _) = if key.starts_with('g') {
            (&["RPUSH", &key, &value], Expect::Written)
        } else if dice.percent(50) {
            (&["SET", &key, &value], Expect::Written)
        } else {
            (&["GET", &key], Expect::Register)
        };
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        self.ask(asking, &words, expect);
        if let Some(asked) = asking.all.back_mut() {
            asked.shard = self.owner(key.as_bytes());
            asked.key = key.into_bytes();
        }
        true
    }

    /// Whether a client of a pool with replicas may get this error.
    pub fn is_excuse_of_replicas(&self, asked: &Asked, text: &str, faults_over: bool) -> bool {
        // With `read: replica`, before the replicas have been seen.
        let no_replica = text.contains("no replica can be read");
        let is_switched = text.starts_with("EXECABORT Transaction discarded because of: READONLY")
            || self.may_flow(asked) && text.starts_with("READONLY ");
        let reads = self.spec().reads();
        self.spec().failover.is_some()
            && (no_replica && reads == Reads::Replica && !faults_over
                || !faults_over && is_switched)
    }

    /// Whether this request may have begun to flow before its server refused it.
    fn may_flow(&self, asked: &Asked) -> bool {
        let bytes = if let Expect::OwnSet(_, value) = &asked.expect { value.len() } else { 0 };
        // Else only values are large; with such a bound a key or a short list is.
        self.pool.flows_from <= bytes.max(10_000)
    }

    /// What a client may rely on that reads a key.
    fn order(&self, asked: &Asked, ledger: &Ledger) -> Order {
        let group = asked.shard.and_then(|at| ledger.lineage.group(self.pool.index, at));
        let after = self.spec().failover.as_ref().map(|it| it.after_write);
        match self.spec().reads() {
            _ if !group.is_some_and(|group| ledger.lineage.is_in_order(group)) => Order::None,
            Reads::Primary => Order::Everything,
            _ if after == Some(AfterWrite::Auto) => Order::OwnWrites,
            _ => Order::None,
        }
    }

    pub fn is_of_registers(&self, asked: &Asked, reply: &Value, ledger: &mut Ledger) -> bool {
        match (&asked.expect, reply) {
            (Expect::Written, Value::Status(text)) => text == "OK",
            (Expect::Written, Value::Integer(len)) => *len > 0,
            (Expect::Register, Value::Bulk(_) | Value::Nil | Value::Null) => {
                let value = if let Value::Bulk(value) = reply { tag_of(value) } else { None };
                ledger.has_read(self.client, &asked.key, value, self.order(asked, ledger));
                true
            }
            _ => false,
        }
    }

    /// The reply to a request to one shard of a pool with replicas.
    pub fn note_line(&self, asked: &Asked, reply: &Value, is_right: bool, ledger: &mut Ledger) {
        if self.spec().failover.is_none() {
            return;
        }
        match (&asked.expect, reply) {
            (_, Value::Error(text))
                if asked.whole && REFUSALS.iter().any(|it| text.starts_with(it)) =>
            {
                ledger.refused(self.client, asked.tag, text);
            }
            (Expect::Written | Expect::OwnSet(..) | Expect::Value(Value::Integer(_)), _)
                if is_right =>
            {
                if let Some(shard) = asked.shard
                    && let Some(group) = ledger.lineage.group(self.pool.index, shard)
                {
                    ledger.confirmed(self.client, group, asked.tag, &asked.key);
                }
            }
            _ => {}
        }
    }
}
