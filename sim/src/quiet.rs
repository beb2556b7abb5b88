//! Finds the request of a reply when some requests may have no reply.
//!
//! ```text
//!   asked    set.. noreply │ mg a q │ mg b q │ ms c q │ mn │ get
//!            └── a stretch: each has one reply or none ───┘ └ strict: exactly one reply
//! ```
//!
//! A server's reply to a request of a stretch carries the request's tag. All requests before that one
//! had no reply. But the proxy's own errors carry no tag. Only a quiet request can get one: a `noreply`
//! request is not told of its failure, and `mn`, which ends each quiet run, cannot fail. So errors
//! without a tag are counted until the next reply whose request is known. Their number must be at least
//! the number of requests that were owed a reply and got none, and at most the number of quiet
//! requests.

use crate::expect::{Asked, Expect};
use crate::resp::Value;

use std::collections::VecDeque;

#[derive(Default)]
pub struct Quiet {
    /// Errors without a tag since the last reply whose request is known.
    held: usize,
}

/// The request that a reply belongs to.
pub enum ReplyOwner {
    Request(Asked),
    /// One of several quiet requests got this error.
    Unknown,
}

impl Expect {
    /// Whether it must have a reply, in order.
    fn is_strict(&self) -> bool {
        !self.may_be_silent() && !matches!(self, Expect::QuietHit(_))
    }

    pub fn may_be_silent(&self) -> bool {
        matches!(self, Expect::Silence { .. })
    }

    fn reports_failure(&self) -> bool {
        matches!(self, Expect::Silence { reports_failure: true, .. } | Expect::QuietHit(_))
    }
}

impl Quiet {
    /// The request of this reply. Earlier requests without a reply are moved to `silent`.
    pub fn owner(
        &mut self,
        asked: &mut VecDeque<Asked>,
        reply: &Value,
        silent: &mut Vec<Asked>,
    ) -> Result<ReplyOwner, String> {
        let strict = asked.iter().position(|asked| asked.expect.is_strict());
        let stretch = strict.unwrap_or(asked.len());
        let tag = if stretch > 0 { reply.tag() } else { None };
        let known = asked.iter().take(stretch).position(|asked| Some(asked.tag) == tag);
        let ends_in_noop = strict.is_some_and(|at| matches!(asked[at].expect, Expect::Noop));
        if known.is_none() && stretch > 0 && ends_in_noop && matches!(reply, Value::Error(_)) {
            self.held += 1;
            return Ok(ReplyOwner::Unknown);
        }
        self.pass(asked, known.unwrap_or(stretch), silent)?;
        asked
            .pop_front()
            .map(ReplyOwner::Request)
            .ok_or_else(|| format!("{reply:?} has no request"))
    }

    fn pass(
        &mut self,
        asked: &mut VecDeque<Asked>,
        count: usize,
        silent: &mut Vec<Asked>,
    ) -> Result<(), String> {
        let passed = || asked.iter().take(count);
        let owed = passed().filter(|asked| !asked.expect.may_be_silent()).count();
        let quiet = passed().filter(|asked| asked.expect.reports_failure()).count();
        let held = std::mem::take(&mut self.held);
        if held < owed || held > quiet {
            let oldest = asked.front();
            return Err(format!(
                "{held} errors for {quiet} quiet requests, {owed} of them owed a reply, from {oldest:?}"
            ));
        }
        silent.extend(asked.drain(..count));
        Ok(())
    }
}
