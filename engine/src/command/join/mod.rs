//! Joins the replies to a request's parts to one reply.
//!
//! MGET takes each key's element from its part in the order of the request; DEL, UNLINK, TOUCH and
//! EXISTS add up; MSET is OK when every part is. For memcached see `memcache.rs` and `stats.rs`.
//!
//! A request that went to every shard is joined by its `response_policy`: `whole.rs`, and a file each for
//! RANDOMKEY, SCAN, the slow logs and INFO.
//!
//! If any part of a RESP request fails, the whole is the error of the first failed part in the order
//! of the shards. Under twemproxy manners a server's own error becomes `Invalid argument`, and the text
//! `unknown` is used only if no failed part has another text.

pub mod cursor;
mod dialect;
mod exec;
pub mod info;
mod kind;
mod logs;
mod memcache;
mod random;
mod resp;
mod stats;
mod whole;

use crate::protocol::memcache::words::Words;
use crate::texts;
use dialect::Dialect;
pub use exec::{Exec, Step};
pub use kind::Join;

impl Join {
    /// Whether a reply must be kept until all have come.
    fn keeps_replies(self) -> bool {
        !matches!(
            self,
            Join::Sum
                | Join::AllOk
                | Join::Killed
                | Join::WorkersSum
                | Join::WorkersOk
                | Join::Confirm
        )
    }

    fn dialect(self) -> &'static Dialect {
        match self {
            Join::Items | Join::First | Join::Stats | Join::Settings => &memcache::DIALECT,
            _ => &resp::DIALECT,
        }
    }
}

/// What a join needs to know besides the replies.
#[derive(Default)]
pub enum Detail {
    #[default]
    None,
    /// A random number, for RANDOMKEY.
    Chance(u64),
    Cursor(cursor::Step),
    /// SCRIPT EXISTS: the scripts that we can load ourselves.
    Known(Box<[bool]>),
    /// The most entries of SLOWLOG GET.
    Count(usize),
    Info(Box<info::Asked>),
    Exec(Box<Exec>),
    /// The whole reply.
    Text(Box<[u8]>),
    /// What is added to a sum.
    More(i64),
}

/// The parts of a request, before any reply.
#[derive(Default)]
pub struct Parts<'a> {
    pub count: u16,
    /// The part that each key belongs to, in the order of the request.
    pub order: &'a [u16],
    /// The keys of a memcached retrieval, as in the request.
    pub keys: &'a [u8],
    /// The shard of each part, if a reply or an error may name it.
    pub names: Box<[Box<str>]>,
    pub detail: Detail,
    /// As in twemproxy: a failed part fails the whole, and a server's error is hidden.
    pub hides_errors: bool,
    /// `noreply`: the client gets no reply.
    pub is_mute: bool,
    /// It changes something: if one part is not done, another may be.
    pub is_write: bool,
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
    is_write: bool,
    parts: u16,
    /// Parts that have not answered.
    left: u16,
    failure: Option<Failure>,
    /// Parts that failed.
    failed: u16,
    /// Not all of them with the same text.
    differs: bool,
    /// A part failed without an answer from its server.
    is_unanswered: bool,
    sum: i64,
    /// Parts whose large reply waits or flows.
    flowing: u16,
    /// Elements of all such replies.
    elements: usize,
    order: Box<[u16]>,
    keys: Box<[u8]>,
    names: Box<[Box<str>]>,
    detail: Detail,
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
            is_write: parts.is_write,
            parts: parts.count,
            left: parts.count,
            failure: None,
            failed: 0,
            differs: false,
            is_unanswered: false,
            sum: 0,
            flowing: 0,
            elements: 0,
            order: order.into(),
            keys: parts.keys.into(),
            names: parts.names,
            detail: parts.detail,
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

    /// The client gets no reply.
    pub fn mute(&mut self) {
        self.is_mute = true;
    }

    /// Whether its large parts flow.
    pub fn is_streamed(&self) -> bool {
        self.join == Join::Stream
    }

    pub fn is_mute(&self) -> bool {
        self.is_mute
    }

    /// A large part of so many elements has begun. It flows when all parts have come or begun.
    pub fn handle_begun(&mut self, elements: usize) {
        self.left -= 1;
        self.flowing += 1;
        self.elements = self.elements.saturating_add(elements);
    }

    /// A large part is at its end.
    pub fn handle_flowed(&mut self) {
        self.flowing -= 1;
    }

    /// A part that had begun failed before any of it was passed on.
    pub fn handle_lost(&mut self, part: u16, text: &str) {
        self.flowing -= 1;
        self.left += 1;
        self.handle_failure(part, text);
    }

    /// Parts whose large reply waits or flows.
    pub fn flowing(&self) -> u16 {
        self.flowing
    }

    /// The whole reply will be an error.
    pub fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// The complete replies were written.
    pub fn forget_replies(&mut self) {
        self.replies = Box::default();
        self.held_bytes = 0;
    }

    /// The parts come from other workers or from the hub, and no upstream's ticket is for them.
    pub fn is_of_workers(&self) -> bool {
        matches!(
            self.join,
            Join::Lines | Join::Killed | Join::WorkersSum | Join::WorkersOk | Join::Confirm
        )
    }

    /// Parts that have not answered.
    pub fn left(&self) -> u16 {
        self.left
    }

    pub fn handle_reply(&mut self, part: u16, bytes: &[u8]) {
        self.left -= 1;
        let dialect = self.join.dialect();
        if let Some(text) = (dialect.error_text)(bytes) {
            let is_ours = self.hides_errors;
            let text = if is_ours { dialect.invalid.as_bytes().into() } else { text };
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
            Join::Sum | Join::Killed | Join::WorkersSum => {
                match resp::integer(bytes).and_then(|n| self.sum.checked_add(n)) {
                    Some(sum) => {
                        self.sum = sum;
                        true
                    }
                    None => false,
                }
            }
            Join::AllOk | Join::WorkersOk | Join::Confirm => bytes.first() == Some(&b'+'),
            join => {
                self.held_bytes += bytes.len();
                self.replies[usize::from(part)] = Some(bytes.to_vec());
                let is_list = matches!(
                    join,
                    Join::InOrder | Join::Concat | Join::Stream | Join::And | Join::Logs
                );
                !is_list || resp::is_array(bytes)
            }
        }
    }

    /// A part failed without an answer from its server. `text` is the error without its frame.
    pub fn handle_failure(&mut self, part: u16, text: &str) {
        self.left -= 1;
        self.is_unanswered = true;
        let text = if self.is_write && self.parts > 1 {
            texts::without_retry_word(text).into_bytes()
        } else {
            text.into()
        };
        self.fail(Failure { part, text: text.into(), is_ours: true });
    }

    /// The incarnation of the server that answers SCAN.
    pub fn set_incarnation(&mut self, tag: u16) {
        match &mut self.detail {
            Detail::Cursor(step) => step.found = tag,
            Detail::Exec(exec) => exec.set_incarnation(tag),
            _ => {}
        }
    }

    /// Keeps the failure of the first part in order; one with the text `last_choice` comes last.
    fn fail(&mut self, failure: Failure) {
        let last_choice = self.join.dialect().last_choice.filter(|_| self.hides_errors);
        let rank = |failure: &Failure| {
            (last_choice.is_some_and(|it| *failure.text == *it.as_bytes()), failure.part)
        };
        if self.join == Join::Exec {
            let mut error = Vec::new();
            (self.join.dialect().write_error)(&mut error, &failure.text);
            self.replies[usize::from(failure.part)] = Some(error);
        }
        self.failed += 1;
        self.differs |= self.failure.as_ref().is_some_and(|first| first.text != failure.text);
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

    /// Whether the answer is a cursor that JavaScript cannot hold.
    pub fn is_wide(&self) -> bool {
        matches!(&self.detail, Detail::Cursor(step) if step.is_wide.get())
    }

    /// The failure that is the reply to the whole request, if one is.
    fn whole_failure(&self) -> Option<&Failure> {
        // INFO tells what it can of the servers that answer, and what we know without them.
        if let Detail::Info(asked) = &self.detail
            && (asked.is_known_here() || self.replies.iter().any(Option::is_some))
        {
            return None;
        }
        if self.join == Join::Exec && self.failed < self.parts {
            return None;
        }
        if self.join == Join::OneSucceeded && self.replies.iter().any(Option::is_some) {
            return None;
        }
        let is_whole = self.hides_errors
            || self.join == Join::First
            || self.join.dialect().one_fails_all
            || self.replies.iter().all(Option::is_none);
        self.failure.as_ref().filter(|_| is_whole)
    }

    /// Where not every part failed alike, the error of a request that went to every shard says which shard
    /// it came from, and where the request was done nevertheless.
    fn write_failure(&self, out: &mut Vec<u8>, failure: &Failure, replies: &[Option<&[u8]>]) {
        let dialect = self.join.dialect();
        let is_alike = self.failed == self.parts && !self.differs;
        let mut text = failure.text.to_vec();
        let name = self.names.get(usize::from(failure.part));
        if let Some(name) = name.filter(|_| dialect.one_fails_all && !is_alike) {
            // Our own text names the shard already.
            if !failure.is_ours {
                text.extend_from_slice(texts::of_shard(name).as_bytes());
            }
            if self.join == Join::AllSucceeded {
                text.extend_from_slice(whole::done_on(&self.names, replies).as_bytes());
            }
        }
        (dialect.write_error)(out, &text);
    }

    /// Appends a reply that needs no reply of a part, only what was counted.
    fn write_counted(&self, out: &mut Vec<u8>) {
        match (self.join, &self.detail) {
            // A subscription that a server has just lost may be counted here and not there.
            (Join::Sum, Detail::More(more)) => {
                resp::write_sum(out, self.sum.saturating_add(*more).max(0));
            }
            (Join::Confirm, Detail::Text(text)) => out.extend_from_slice(text),
            (Join::Killed, _) => whole::killed(out, self.sum),
            (Join::Sum | Join::WorkersSum, _) => resp::write_sum(out, self.sum),
            _ => resp::write_ok(out),
        }
    }

    /// Appends the reply: all parts have answered or failed. Large parts that flow follow it.
    pub fn finish(&self, out: &mut Vec<u8>) {
        debug_assert!(self.is_complete());
        if self.is_mute {
            return;
        }
        let dialect = self.join.dialect();
        let replies: Vec<Option<&[u8]>> = self.replies.iter().map(Option::as_deref).collect();
        if let Some(failure) = self.whole_failure() {
            return self.write_failure(out, failure, &replies);
        }
        let start = out.len();
        let is_done = match (self.join, &self.detail) {
            (join, _) if !join.keeps_replies() => {
                self.write_counted(out);
                true
            }
            (Join::Lines, _) => whole::lines(out, &replies),
            (Join::InOrder, _) => resp::weave(out, &replies, &self.order),
            (Join::AllSucceeded | Join::OneSucceeded | Join::First, _) => {
                out.extend_from_slice(replies.iter().find_map(|reply| *reply).unwrap_or_default());
                true
            }
            (Join::Concat | Join::Stream, _) => whole::concat(out, &replies, self.elements),
            (Join::And, Detail::Known(known)) => whole::least_or_known(out, &replies, known),
            (Join::And, _) => whole::least_or_known(out, &replies, &[]),
            (Join::Min, _) => whole::least(out, &replies),
            (Join::Random, Detail::Chance(draw)) => random::pick(out, &replies, *draw),
            (Join::Cursor, Detail::Cursor(step)) => step.write(out, replies.first().copied()),
            (Join::Logs, Detail::Count(count)) => logs::latest(out, &replies, *count),
            (Join::Info, Detail::Info(asked)) => info::write(out, &replies, asked),
            (Join::Exec, Detail::Exec(exec)) => exec::write(out, &replies, exec, join_again),
            (Join::Items, _) => {
                memcache::weave(out, &replies, Words::new(&self.keys), &self.order);
                true
            }
            (Join::Stats | Join::Settings, _) => {
                let names = self.names.iter().map(|name| &**name);
                let servers: Vec<_> = names.zip(replies).collect();
                stats::join(out, &servers, self.join == Join::Stats);
                true
            }
            _ => false,
        };
        if !is_done {
            out.truncate(start);
            (dialect.write_error)(out, dialect.invalid.as_bytes());
        }
    }
}

/// Joins the elements of a command that was cut within a transaction.
fn join_again(out: &mut Vec<u8>, join: Join, order: &[u16], elements: &[&[u8]]) {
    let count = elements.len() as u16;
    let mut joining = Joining::new(join, Parts { count, order, ..Parts::default() });
    for (part, element) in (0..).zip(elements) {
        joining.handle_reply(part, element);
    }
    joining.finish(out);
}

#[cfg(test)]
mod tests;
