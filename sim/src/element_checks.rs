//! The checks of elements: see `elements.rs`.

use crate::check::{Context, Ledger};
use crate::resp::Value;

fn element(pair: &Value) -> Option<&[u8]> {
    match pair {
        Value::Array(pair) => match &pair[..] {
            [Value::Bulk(_), Value::Bulk(element)] => Some(element),
            _ => None,
        },
        _ => None,
    }
}

impl Ledger {
    /// A server has popped an element for this request.
    pub fn popped(&mut self, tag: u64, pair: &Value, context: &Context) {
        let server = context.server;
        let element = element(pair).unwrap_or_default().to_vec();
        let (text, elements) = (element.escape_ascii().to_string(), &mut self.elements);
        let is_new =
            elements.popped.insert(element, tag).is_none() && elements.requests.insert(tag);
        let is_open = !elements.closed.contains(&tag);
        self.trace.note(context.now, || format!("server {server} pops {text} for {tag}"));
        self.check(is_new, || format!("server {server} popped {text} for {tag} again"));
        self.check(is_open, || {
            format!("server {server} popped {text} for {tag}, which has a reply")
        });
    }

    /// A client has got an element. Returns whether it is the one that was popped for it.
    pub fn received(&mut self, tag: u64, pair: &Value) -> bool {
        let Some(element) = element(pair) else {
            return false;
        };
        let is_its = self.elements.popped.get(element) == Some(&tag);
        is_its && self.elements.received.insert(element.to_vec())
    }

    /// A client was told that it gets no element.
    pub fn got_nothing(&mut self, tag: u64) {
        let is_popped = self.elements.requests.contains(&tag);
        self.check(!is_popped, || {
            format!("an element was popped for {tag}, and its client got none")
        });
        self.elements.closed.insert(tag);
    }
}
