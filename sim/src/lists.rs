//! Lists of a simulated Redis, and connections that wait for an element: BLPOP and BRPOP.
//!
//! ```text
//!   BLPOP ──▶ an element                 the list has one
//!         ──▶ waits ──▶ an element       a push; the connection that waits longest gets it
//!                   ──▶ null             its time is over, or CLIENT UNBLOCK .. TIMEOUT
//!                   ──▶ UNBLOCKED        CLIENT UNBLOCK .. ERROR
//! ```
//!
//! These lists have keys `q:...`. The last key of a request that waits has the tag of the request.

use crate::check::{Context, Ledger, tag_of};
use crate::login::Login;
use crate::redis::Redis;
use crate::resp::Value;
use crate::transport::EndId;
use crate::waiters::{LIST, Waiter};
use nuthatch_engine::base::Time;

impl Redis {
    /// Executes a command about lists or connections that wait. `None`: it is another command.
    pub fn wait(
        &mut self,
        login: &Login,
        (name, args): (&str, &[&[u8]]),
        context: &Context,
        ledger: &mut Ledger,
    ) -> Option<Value> {
        match (name, args) {
            ("BLPOP" | "BRPOP", [_, keys @ .., timeout]) => {
                let seconds: f64 = String::from_utf8_lossy(timeout).parse().unwrap_or(0.0);
                let until =
                    (seconds > 0.0).then(|| Time(context.now.0 + (seconds * 1e6) as u64 * 1_000));
                let waiter = Waiter {
                    end: login.end,
                    tag: keys.iter().find_map(|key| tag_of(key)).unwrap_or(u64::MAX),
                    keys: keys.iter().map(|key| key.to_vec()).collect(),
                    from_left: name == "BLPOP",
                    until,
                    resp3: login.resp3,
                };
                if let Some(value) = self.lists.pop(&waiter) {
                    ledger.popped(waiter.tag, &value, context);
                    return Some(value);
                }
                self.lists.waiters.push(waiter);
                // No reply now.
                Some(Value::Lines(Vec::new()))
            }
            ("RPUSH" | "LPUSH", [_, key, elements @ ..]) if key.starts_with(LIST.as_bytes()) => {
                if let Some(tag) = elements.iter().find_map(|it| tag_of(it)) {
                    ledger.wrote(tag, key, context.server);
                }
                let elements = elements.iter().map(|it| it.to_vec()).collect();
                Some(Value::Integer(self.push(key, elements, name == "LPUSH", context, ledger)))
            }
            ("CLIENT", [_, b"ID"]) => Some(Value::Integer(i64::from(login.end.0) + 1)),
            ("CLIENT", [_, b"UNBLOCK", number, how]) => {
                let number = String::from_utf8_lossy(number).parse::<u32>().unwrap_or(0);
                let end = EndId(number.wrapping_sub(1));
                Some(Value::Integer(self.unblock(end, *how == b"ERROR").into()))
            }
            _ => None,
        }
    }

    /// Appends elements, and gives them to connections that wait. Returns how long the list was between.
    pub fn push(
        &mut self,
        key: &[u8],
        elements: Vec<Vec<u8>>,
        to_left: bool,
        context: &Context,
        ledger: &mut Ledger,
    ) -> i64 {
        let list = self.lists.lists.entry(key.to_vec()).or_default();
        for element in elements {
            if to_left { list.push_front(element) } else { list.push_back(element) }
        }
        let len = list.len() as i64;
        for waiter in self.lists.waiters.clone() {
            if let Some(value) = self.lists.pop(&waiter) {
                ledger.popped(waiter.tag, &value, context);
                self.lists.forget(waiter.end);
                self.outbox.push((waiter.end, value));
            }
        }
        len
    }

    fn unblock(&mut self, end: EndId, by_error: bool) -> bool {
        let Some(waiter) = self.lists.waiters.iter().find(|waiter| waiter.end == end) else {
            return false;
        };
        let value = match (by_error, waiter.resp3) {
            (true, _) => Value::Error("UNBLOCKED client unblocked via CLIENT UNBLOCK".into()),
            (false, true) => Value::Null,
            (false, false) => Value::NilArray,
        };
        self.lists.forget(end);
        self.outbox.push((end, value));
        true
    }

    /// The time of a connection that waits may be over.
    pub fn expire(&mut self, end: EndId, now: Time) {
        let is_over =
            |waiter: &Waiter| waiter.end == end && waiter.until.is_some_and(|at| at <= now);
        if self.lists.waiters.iter().any(is_over) {
            self.unblock(end, false);
        }
    }

    pub fn forget(&mut self, end: EndId) {
        self.ears.forget(end);
        self.lists.forget(end);
    }
}
