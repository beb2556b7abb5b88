//! Whose a reply is, where some requests may be answered with silence.
//!
//! ```text
//!   asked    set.. noreply │ mg a q │ mg b q │ ms c q │ mn │ get
//!            └───────── a stretch: each has one or none ──┘ └ strict: has exactly one
//! ```
//!
//! What a stretch is answered carries its request's tag, so it is known whose it is; those before
//! it were silent. But our own errors carry none. They can only be the quiet ones' (`noreply`
//! hears of no failure), and a quiet run always ends with `mn`, which cannot fail: so untagged
//! errors are held until the next reply that is known, and then there must be at least as many as
//! there are requests that owed a reply and had none, and no more than there are quiet ones.

use crate::resp::Value;
use crate::script::{Asked, Expect};
use std::collections::VecDeque;

#[derive(Default)]
pub struct Quiet {
    /// Errors of the stretch at the front of which nobody knows whose they are.
    held: usize,
}

/// Whom a reply belongs to.
pub enum Owner {
    One(Asked),
    /// An error of some quiet request.
    Some,
}

impl Expect {
    /// Must it be answered, and in its turn?
    fn is_strict(&self) -> bool {
        !self.may_be_silent() && !matches!(self, Expect::QuietHit(_))
    }

    pub fn may_be_silent(&self) -> bool {
        matches!(self, Expect::Silence { .. })
    }

    fn is_told_of_failure(&self) -> bool {
        matches!(self, Expect::Silence { told: true, .. } | Expect::QuietHit(_))
    }
}

impl Quiet {
    /// Whose the reply is. Those that have been silent are moved to `silent`.
    pub fn owner(
        &mut self,
        asked: &mut VecDeque<Asked>,
        reply: &Value,
        silent: &mut Vec<Asked>,
    ) -> Result<Owner, String> {
        let strict = asked.iter().position(|asked| asked.expect.is_strict());
        let stretch = strict.unwrap_or(asked.len());
        let tag = if stretch > 0 { reply.tag() } else { None };
        let known = asked.iter().take(stretch).position(|asked| Some(asked.tag) == tag);
        let ends_in_noop = strict.is_some_and(|at| matches!(asked[at].expect, Expect::Noop));
        if known.is_none() && stretch > 0 && ends_in_noop && matches!(reply, Value::Error(_)) {
            self.held += 1;
            return Ok(Owner::Some);
        }
        self.pass(asked, known.unwrap_or(stretch), silent)?;
        asked.pop_front().map(Owner::One).ok_or_else(|| format!("{reply:?} is for nothing"))
    }

    fn pass(
        &mut self,
        asked: &mut VecDeque<Asked>,
        count: usize,
        silent: &mut Vec<Asked>,
    ) -> Result<(), String> {
        let passed = || asked.iter().take(count);
        let owed = passed().filter(|asked| !asked.expect.may_be_silent()).count();
        let told = passed().filter(|asked| asked.expect.is_told_of_failure()).count();
        let held = std::mem::take(&mut self.held);
        if held < owed || held > told {
            let oldest = asked.front();
            return Err(format!("{held} errors for {told} quiet, {owed} owed, from {oldest:?}"));
        }
        silent.extend(asked.drain(..count));
        Ok(())
    }
}
