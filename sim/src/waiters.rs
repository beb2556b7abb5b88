//! The lists of a simulated Redis and the connections that wait for an element: see `lists.rs`.

use crate::resp::Value;
use crate::transport::EndId;
use nuthatch_engine::base::Time;
use std::collections::{BTreeMap, VecDeque};

/// The keys of these lists begin with this.
pub const LIST: &str = "q:";

/// A connection that waits.
#[derive(Clone, Debug)]
pub struct Waiter {
    pub end: EndId,
    /// The request's.
    pub tag: u64,
    pub keys: Vec<Vec<u8>>,
    pub from_left: bool,
    pub until: Option<Time>,
    pub resp3: bool,
}

#[derive(Default)]
pub struct Lists {
    pub lists: BTreeMap<Vec<u8>, VecDeque<Vec<u8>>>,
    /// The oldest first.
    pub waiters: Vec<Waiter>,
}

impl Lists {
    pub fn waits(&self, end: EndId) -> bool {
        self.waiters.iter().any(|waiter| waiter.end == end)
    }

    pub fn forget(&mut self, end: EndId) {
        self.waiters.retain(|waiter| waiter.end != end);
    }

    pub fn clear(&mut self) {
        self.lists.clear();
    }

    pub fn pop(&mut self, waiter: &Waiter) -> Option<Value> {
        let is_full = |key: &&Vec<u8>| self.lists.get(*key).is_some_and(|list| !list.is_empty());
        let key = waiter.keys.iter().find(is_full)?.clone();
        let list = self.lists.get_mut(&key)?;
        let element = if waiter.from_left { list.pop_front() } else { list.pop_back() };
        Some(Value::Array(vec![Value::Bulk(key), Value::Bulk(element?)]))
    }
}
