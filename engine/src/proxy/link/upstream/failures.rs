//! Failures of one upstream, and when it may connect again.

use crate::base::limits::{RECONNECT_MS_MAX, RECONNECT_MS_MIN};
use crate::base::{Chance, Time};
use crate::proxy::link::cause::Cause;

pub struct Failures {
    /// In a row, since the last reply.
    in_a_row: u32,
    retry_at: Time,
    last_cause: Cause,
    /// The last reply, or the last attempt to connect if that is later.
    last_reply: Time,
    /// When a silence was last reported.
    silence_reported_at: Time,
    /// When the server was last found well.
    forgiven_at: Time,
    /// When the server last answered that it cannot serve yet.
    not_ready_at: Time,
    /// Answers of that kind which the log has not counted yet.
    not_ready: usize,
    /// The next reply is reported to the director.
    is_watched: bool,
}

impl Failures {
    pub(super) fn new(is_watched: bool) -> Failures {
        Failures {
            in_a_row: 0,
            retry_at: Time::ZERO,
            last_cause: Cause::Refused,
            last_reply: Time::ZERO,
            silence_reported_at: Time::ZERO,
            forgiven_at: Time::ZERO,
            not_ready_at: Time::NEVER,
            not_ready: 0,
            is_watched,
        }
    }

    #[inline]
    pub fn may_connect(&self, now: Time) -> bool {
        now >= self.retry_at
    }

    pub fn retry_at(&self) -> Time {
        self.retry_at
    }

    pub fn last_cause(&self) -> &Cause {
        &self.last_cause
    }

    /// A request's timeout includes connecting, so silence is counted from the attempt to connect.
    /// Counted from the moment when the connection stands, one late request alone would always come a
    /// little too early.
    pub(super) fn begin_connecting(&mut self, now: Time) {
        self.last_reply = now;
    }

    #[inline]
    pub fn handle_reply(&mut self, now: Time) {
        self.last_reply = now;
        self.in_a_row = 0;
    }

    /// Another failure: how long before the next attempt. The first `free` ones cost no pause, so
    /// that a client that tries again at once causes an ejection as it did with twemproxy; then
    /// the pause doubles, and half of it is chance.
    pub fn back_off(&mut self, now: Time, chance: &mut Chance, cause: &Cause, free: u32) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.last_cause = cause.clone();
        let over = self.in_a_row.saturating_sub(free.max(1));
        if over == 0 {
            self.retry_at = now;
            return;
        }
        let pause = (RECONNECT_MS_MIN << (over - 1).min(16)).min(RECONNECT_MS_MAX);
        let half = (pause / 2) as u32;
        self.retry_at = now.plus_ms(u64::from(half + chance.below(half + 1)));
    }

    /// Another attempt is made by then: requests wait for it.
    pub fn retry_by(&mut self, at: Time) {
        self.retry_at = self.retry_at.min(at);
    }

    /// The server is known to be well again: try at once, and count no silence from before.
    pub fn forgive(&mut self, now: Time) {
        self.in_a_row = 0;
        self.retry_at = Time::ZERO;
        self.forgiven_at = now;
    }

    /// Whether late replies are a failure of the server: it has sent nothing for a whole `timeout`, and
    /// that was not reported in this period. `late`: when the late requests were taken.
    pub(super) fn is_silent(
        &mut self,
        now: Time,
        timeout_ms: u32,
        mut late: impl Iterator<Item = Time>,
    ) -> bool {
        let period = |since: Time| since.plus_ms(u64::from(timeout_ms)) <= now;
        // A good probe came after these requests: they say nothing about the server now.
        let is_old = late.all(|since| since < self.forgiven_at);
        if !is_old && period(self.last_reply) && period(self.silence_reported_at) {
            self.silence_reported_at = now;
            return true;
        }
        false
    }

    /// The server answered that it cannot serve yet. Returns how many such answers there were since
    /// the last report, once a turn.
    pub fn handle_not_ready(&mut self, now: Time) -> Option<usize> {
        self.not_ready += 1;
        if std::mem::replace(&mut self.not_ready_at, now) == now {
            return None;
        }
        self.is_watched = true;
        Some(std::mem::take(&mut self.not_ready))
    }

    pub fn watch(&mut self) {
        self.is_watched = true;
    }

    /// Whether the next reply is reported.
    pub fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Whether this reply is reported.
    #[inline]
    pub fn take_watched(&mut self) -> bool {
        std::mem::replace(&mut self.is_watched, false)
    }
}
