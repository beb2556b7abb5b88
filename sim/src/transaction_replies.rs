//! Compares the replies to a transaction with its requests: see `script_transactions.rs`.

use crate::blocks::count_of;
use crate::check::Ledger;
use crate::expect::{Asked, Exec, Expect};
use crate::resp::Value;
use crate::script::{Script, is_excuse};
use crate::transactions::{Databases, Increment};
use nuthatch_engine::topology::Eject;

impl Script {
    /// The reply to a command between MULTI and EXEC.
    pub fn is_queued(&mut self, asked: &Asked, may_cross: bool, reply: &Value) -> bool {
        match reply {
            Value::Status(text) => text == "QUEUED",
            Value::Error(text) => {
                self.transactions.doomed.insert(asked.tag);
                may_cross && text.starts_with("CROSSSLOT")
            }
            _ => false,
        }
    }

    /// The reply to WATCH. `of`: the transaction that is behind it in the pipeline.
    pub fn is_watched(&mut self, asked: &Asked, of: Option<u64>, reply: &Value) -> bool {
        let is_ok = matches!(reply, Value::Status(text) if text == "OK");
        let moves = self.spec().eject == Eject::Remap && !self.pool.calm;
        let crosses = (moves || self.is_random())
            && matches!(reply, Value::Error(text) if text.starts_with("CROSSSLOT"));
        match of {
            // Also where it crosses: what the first WATCH named is not watched any more.
            Some(tag) if !is_ok => drop(self.transactions.unwatched.insert(tag)),
            Some(_) => {}
            None => match &mut self.transactions.increment {
                Increment::Asked { tags, .. } if tags.0 != asked.tag => {}
                Increment::Asked { is_watched, .. } if is_ok => *is_watched = true,
                Increment::Asked { .. } => self.transactions.increment = Increment::Failed,
                _ => {}
            },
        }
        is_ok || crosses
    }

    /// The reply to GET of a counter.
    pub fn is_counter(&mut self, asked: &Asked, reply: &Value) -> bool {
        let resp3 = asked.resp3;
        let value = match reply {
            Value::Nil if resp3 != Some(true) => Some(0),
            Value::Null if resp3 != Some(false) => Some(0),
            Value::Bulk(value) => Some(count_of(value)),
            _ => None,
        };
        let increment = std::mem::take(&mut self.transactions.increment);
        self.transactions.increment = match (increment, value) {
            (Increment::Asked { key, tags, is_watched }, value) if tags.1 == asked.tag => {
                match value {
                    Some(value) if is_watched => Increment::Read { key, value, resp3 },
                    _ => Increment::Failed,
                }
            }
            (other, _) => other,
        };
        value.is_some()
    }

    /// The reply to a GET after EXEC, which shows the client's database.
    pub fn is_database(&self, start: u32, reply: &Value) -> bool {
        let Value::Bulk(db) = reply else {
            return false;
        };
        let Databases { home, other } = self.transactions.databases;
        let is = |db_known: u32| *db == db_known.to_string().into_bytes();
        home && is(start) || other.is_some_and(is)
    }

    /// The reply to EXEC. `excused`: there may be errors now.
    pub fn is_exec(
        &mut self,
        asked: &Asked,
        exec: &Exec,
        reply: &Value,
        excused: bool,
        ledger: &mut Ledger,
    ) -> bool {
        let tag = asked.tag;
        let doomed = self.transactions.doomed.remove(&tag);
        let unwatched = self.transactions.unwatched.remove(&tag);
        let mut done = None;
        // An array of errors only, and of answers that need no shard.
        let of_no_shard = matches!(reply, Value::Array(values)
            if values.iter().any(|it| matches!(it, Value::Error(text) if text.starts_with("EXECABORT") || is_excuse(text))));
        let right = match reply {
            Value::Array(values) => {
                done = Some(true);
                let of_shards = self.spec().serves.transactions_per_shard && !exec.watches;
                let is_right = |(expect, value): (&Expect, &Value)| {
                    let is_error = matches!(value, Value::Error(text)
                        if excused && is_excuse(text) || text.starts_with("EXECABORT") && (excused || exec.is_refused));
                    self.is_element(expect, value) || of_shards && is_error
                };
                !doomed
                    && !unwatched
                    && (of_shards || !exec.is_refused)
                    && values.len() == exec.elements.len()
                    && exec.elements.iter().zip(values).all(is_right)
            }
            Value::NilArray | Value::Null => {
                done = Some(false);
                let is_of_version = match asked.resp3 {
                    Some(true) => *reply == Value::Null,
                    Some(false) => *reply == Value::NilArray,
                    None => true,
                };
                exec.watches
                    && !doomed
                    && is_of_version
                    && (excused || exec.has_switched || unwatched || ledger.server_said_null(tag))
            }
            Value::Error(text) if text.starts_with("EXECABORT") => {
                done = Some(false);
                let words = ["OOM", "LOADING", "TRYAGAIN the pool's servers have changed"];
                let why = text.rsplit_once("because of: ").map_or("", |(_, why)| why);
                let is_known = words.iter().any(|word| why.starts_with(word));
                doomed || exec.is_refused && why.starts_with("OOM") || excused && is_known
            }
            // It was not sent, or its outcome is unknown.
            Value::Error(text) => {
                if text.ends_with(", not sent") {
                    done = Some(false);
                }
                false
            }
            _ => false,
        };
        if done == Some(false) && asked.whole {
            ledger.give_up(tag);
        }
        if let Some(key) = &exec.counter {
            let counter = ledger.counter(self.pool.index, key);
            match done {
                Some(true) => counter.done += 1,
                Some(false) => counter.given_up += 1,
                None => {}
            }
        }
        self.transactions.databases = Databases {
            home: done != Some(true) || exec.db.is_none() || of_no_shard,
            other: exec.db.filter(|_| done != Some(false)),
        };
        right
    }

    fn is_element(&self, expect: &Expect, value: &Value) -> bool {
        match (expect, value) {
            (Expect::Value(expect), value) => expect == value,
            (Expect::Error(start), Value::Error(text)) => text.starts_with(start),
            (Expect::ValueOrNoScript(expect), value) => {
                // The scripts may have been flushed before, when there were faults.
                expect == value
                    || !self.pool.calm
                        && matches!(value, Value::Error(text) if text.starts_with("NOSCRIPT"))
            }
            _ => false,
        }
    }
}
