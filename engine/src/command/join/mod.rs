//! Joins the replies to a request's parts to one reply.
//!
//! MGET takes each key's element from its part in the order of the request; DEL, UNLINK, TOUCH and
//! EXISTS add up; MSET is OK when every part is. For memcached see `memcache.rs` and `stats.rs`.
//!
//! If any part of a RESP request fails, the whole is the error of the first failed part in the order
//! of the shards. Under twemproxy manners a server's own error becomes `Invalid argument`, and the text
//! `unknown` is used only if no failed part has another text.

mod dialect;
mod memcache;
mod resp;
mod stats;

use crate::protocol::memcache::words::Words;
use dialect::Dialect;

/// How the replies are joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Join {
    /// RESP: elements in the order of the request's keys.
    InOrder,
    /// RESP: integers are added.
    Sum,
    /// RESP: OK if all are.
    AllOk,
    /// memcached: items in the order of the request's keys.
    Items,
    /// memcached: the first server's reply, if no server failed.
    First,
    /// memcached: numbers are added, the rest is listed by server.
    Stats,
    /// memcached: equal values are listed once, the rest is listed by server.
    Settings,
}

impl Join {
    /// Whether a reply must be kept until all have come.
    fn keeps_replies(self) -> bool {
        !matches!(self, Join::Sum | Join::AllOk)
    }

    fn dialect(self) -> &'static Dialect {
        match self {
            Join::InOrder | Join::Sum | Join::AllOk => &resp::DIALECT,
            Join::Items | Join::First | Join::Stats | Join::Settings => &memcache::DIALECT,
        }
    }
}

/// The parts of a request, before any reply.
pub struct Parts<'a> {
    pub count: u16,
    /// The part that each key belongs to, in the order of the request.
    pub order: &'a [u16],
    /// The keys of a memcached retrieval, as in the request.
    pub keys: &'a [u8],
    /// The server of each part, if the reply names servers.
    pub names: Box<[Box<str>]>,
    /// As in twemproxy: a failed part fails the whole, and a server's error is hidden.
    pub hides_errors: bool,
    /// `noreply`: the client gets no reply.
    pub is_mute: bool,
}

/// The first failed part.
struct Failure {
    part: u16,
    text: Box<[u8]>,
    /// The text is ours and not a server's.
    is_ours: bool,
}

/// Collects the replies to the parts of one request.
pub struct Joining {
    join: Join,
    hides_errors: bool,
    is_mute: bool,
    /// Parts that have not answered.
    left: u16,
    failure: Option<Failure>,
    /// A part failed without an answer from its server.
    is_unanswered: bool,
    sum: i64,
    order: Box<[u16]>,
    keys: Box<[u8]>,
    names: Box<[Box<str>]>,
    /// Each part's reply. `None` until it comes, and if the part failed.
    replies: Box<[Option<Vec<u8>>]>,
    held_bytes: usize,
}

impl Joining {
    pub fn new(join: Join, parts: Parts<'_>) -> Joining {
        let kept = if join.keeps_replies() { usize::from(parts.count) } else { 0 };
        let order = if matches!(join, Join::InOrder | Join::Items) { parts.order } else { &[] };
        Joining {
            join,
            hides_errors: parts.hides_errors,
            is_mute: parts.is_mute,
            left: parts.count,
            failure: None,
            is_unanswered: false,
            sum: 0,
            order: order.into(),
            keys: parts.keys.into(),
            names: parts.names,
            replies: vec![None; kept].into(),
            held_bytes: 0,
        }
    }

    pub fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// Bytes of replies that are kept until all have come.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Parts that have not answered.
    pub fn left(&self) -> u16 {
        self.left
    }

    pub fn handle_reply(&mut self, part: u16, bytes: &[u8]) {
        self.left -= 1;
        let dialect = self.join.dialect();
        if let Some(text) = (dialect.error_text)(bytes) {
            let text = if self.hides_errors { dialect.invalid.as_bytes().into() } else { text };
            let is_ours = self.hides_errors;
            return self.fail(Failure { part, text, is_ours });
        }
        if !self.take(part, bytes) {
            self.fail(Failure { part, text: dialect.invalid.as_bytes().into(), is_ours: true });
        }
    }

    /// Takes a reply that is not an error. `false`: it has another form than expected.
    fn take(&mut self, part: u16, bytes: &[u8]) -> bool {
        match self.join {
            // Servers count keys, so a sum beyond 64 bits is an error.
            Join::Sum => match resp::integer(bytes).and_then(|n| self.sum.checked_add(n)) {
                Some(sum) => {
                    self.sum = sum;
                    true
                }
                None => false,
            },
            Join::AllOk => bytes.first() == Some(&b'+'),
            Join::InOrder | Join::Items | Join::First | Join::Stats | Join::Settings => {
                self.held_bytes += bytes.len();
                self.replies[usize::from(part)] = Some(bytes.to_vec());
                self.join != Join::InOrder || resp::is_array(bytes)
            }
        }
    }

    /// A part failed without an answer from its server. `text` is the error without its frame.
    pub fn handle_failure(&mut self, part: u16, text: &str) {
        self.left -= 1;
        self.is_unanswered = true;
        self.fail(Failure { part, text: text.as_bytes().into(), is_ours: true });
    }

    /// Keeps the failure of the first part in order; one with the text `last_choice` comes last.
    fn fail(&mut self, failure: Failure) {
        let last_choice = self.join.dialect().last_choice.filter(|_| self.hides_errors);
        let rank = |failure: &Failure| {
            (last_choice.is_some_and(|it| *failure.text == *it.as_bytes()), failure.part)
        };
        if self.failure.as_ref().is_none_or(|first| rank(&failure) < rank(first)) {
            self.failure = Some(failure);
        }
    }

    /// Whether a part that decides the reply failed without an answer from its server.
    pub fn failed_here(&self) -> bool {
        if self.join.dialect().one_fails_all {
            return self.failure.as_ref().is_some_and(|failure| failure.is_ours);
        }
        self.is_unanswered
    }

    /// Whether the reply lacks the items of a failed part.
    pub fn is_partial(&self) -> bool {
        self.failure.is_some() && self.whole_failure().is_none()
    }

    /// The failure that is the reply to the whole request, if one is.
    fn whole_failure(&self) -> Option<&Failure> {
        let is_whole = self.hides_errors
            || self.join == Join::First
            || self.join.dialect().one_fails_all
            || self.replies.iter().all(Option::is_none);
        self.failure.as_ref().filter(|_| is_whole)
    }

    /// Appends the reply. All parts have answered or failed.
    pub fn finish(&self, out: &mut Vec<u8>) {
        debug_assert!(self.is_complete());
        if self.is_mute {
            return;
        }
        let dialect = self.join.dialect();
        if let Some(failure) = self.whole_failure() {
            (dialect.write_error)(out, &failure.text);
            return;
        }
        let replies: Vec<Option<&[u8]>> = self.replies.iter().map(Option::as_deref).collect();
        match self.join {
            Join::Sum => resp::write_sum(out, self.sum),
            Join::AllOk => resp::write_ok(out),
            Join::InOrder => {
                let start = out.len();
                if !resp::weave(out, &replies, &self.order) {
                    out.truncate(start);
                    (dialect.write_error)(out, dialect.invalid.as_bytes());
                }
            }
            Join::Items => memcache::weave(out, &replies, Words::new(&self.keys), &self.order),
            Join::First => {
                out.extend_from_slice(replies.first().copied().flatten().unwrap_or_default());
            }
            Join::Stats | Join::Settings => {
                let names = self.names.iter().map(|name| &**name);
                let servers: Vec<_> = names.zip(replies).collect();
                stats::join(out, &servers, self.join == Join::Stats);
            }
        }
    }
}

#[cfg(test)]
mod tests;
