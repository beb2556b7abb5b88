//! What becomes of an upstream's requests when its server fails or is replaced. Only in pools where another
//! server may take a shard over.
//!
//! ```text
//!              lost, or refused to serve          a server is ready
//!   serves ───────────────────────────▶ waits ──────────────────────▶ serves
//!     │                                   ▲  └── too long: all fail, unsent
//!     │ another server is primary,        │
//!     │ or a request was refused          │
//!     └──────────▶ drains ────────────────┘
//!                  nothing more is sent; answers are awaited for a moment
//! ```
//!
//! While it waits its requests are kept, and new ones join them. Then they go to whichever server is the
//! shard's primary by then, in their order.

use crate::base::limits::SWITCH_DRAIN_MS;
use crate::base::{ServerId, Time};
use crate::proxy::link::ticket::Ticket;

/// A call of a script that was refused with the words of a server that is no primary. A script can say them
/// too, after it has written.
pub struct Doubt {
    pub ticket: Ticket,
    pub request: Vec<u8>,
    pub reply: Vec<u8>,
}

#[derive(Default)]
pub struct Switch {
    /// Another server may answer what this one has not answered.
    is_possible: bool,
    /// How long requests may wait for a server. 0: they do not.
    hold_ms: u32,
    /// They have waited since then; until the first good reply.
    since: Option<Time>,
    /// That they wait has been told, and since when; until they go on.
    told: Option<Time>,
    /// They have waited too long: until a server answers, nothing waits.
    is_over: bool,
    /// What was refused was refused because the server loads its data: it may be done with that soon.
    is_loading: bool,
    /// The server is asked for its role because of these.
    pub(super) doubts: Vec<Doubt>,
    /// It is no primary: nothing of them was done.
    pub(super) is_replica: bool,
    /// Answers are awaited until then, and nothing is sent.
    drains_until: Option<Time>,
    /// The server that it goes to.
    to: Option<ServerId>,
}

impl Switch {
    pub(super) fn new(is_possible: bool, hold_ms: u32) -> Switch {
        Switch { is_possible, hold_ms, ..Switch::default() }
    }

    pub(super) fn is_possible(&self) -> bool {
        self.is_possible
    }

    /// Whether requests may wait here for a server now.
    #[inline]
    pub(super) fn holds(&self, now: Time) -> bool {
        self.hold_ms > 0 && !self.is_over && self.until().is_none_or(|until| now < until)
    }

    /// When requests that wait now have waited too long. `None`: none waits.
    pub(super) fn until(&self) -> Option<Time> {
        self.since.filter(|_| !self.is_over).map(|since| since.plus_ms(u64::from(self.hold_ms)))
    }

    pub(super) fn give_up(&mut self) {
        self.is_over = true;
    }

    pub(super) fn forget_wait(&mut self) {
        self.since = None;
    }

    pub(super) fn begin_to_wait(&mut self, now: Time) {
        self.since.get_or_insert(now);
    }

    /// They begin to wait, or go on with it. `true`: they have waited before, and nobody has been told.
    pub(super) fn tell_wait(&mut self) -> bool {
        let is_news = self.told.is_none() && self.since.is_some();
        self.told = self.told.or(self.since);
        is_news
    }

    /// The wait is over. Returns since when it was known.
    pub(super) fn end_told_wait(&mut self) -> Option<Time> {
        self.told.take()
    }

    /// A server answers. The next request that waits has the whole time again.
    pub(super) fn handle_answer(&mut self) {
        (self.since, self.is_over) = (None, false);
    }

    #[inline]
    pub(super) fn is_draining(&self) -> bool {
        self.drains_until.is_some()
    }

    pub(super) fn drains_until(&self) -> Option<Time> {
        self.drains_until
    }

    /// `waits`: answers may take as long as requests may wait.
    pub(super) fn drain(&mut self, now: Time, waits: bool) -> Time {
        let ms = if waits { u64::from(self.hold_ms) } else { SWITCH_DRAIN_MS };
        *self.drains_until.get_or_insert(now.plus_ms(ms))
    }

    pub(super) fn go_to(&mut self, server: ServerId) {
        self.to = Some(server);
        self.handle_answer();
    }

    pub(super) fn to(&self) -> Option<ServerId> {
        self.to
    }

    pub(super) fn set_loading(&mut self, is_loading: bool) {
        self.is_loading = is_loading;
    }

    pub(super) fn is_loading(&self) -> bool {
        self.is_loading
    }

    /// Draining is over. Returns the server that it goes to, if another one.
    pub(super) fn finish(&mut self) -> Option<ServerId> {
        self.drains_until = None;
        self.to.take()
    }
}
