//! What an upstream does when its server fails or another one takes over; `switch.rs` has the states.

use super::Upstream;
use super::duty::{Duty, Why};
use super::peer::Peer;
use super::socket::SocketState;
use super::switch::Doubt;
use crate::base::{ServerId, Time};
use crate::proxy::link::action::{Action, Note, Waited};
use crate::proxy::link::ticket::{Lost, Ticket};
use crate::proxy::link::turn::Turn;

impl Upstream {
    /// Requests wait here for a server that serves.
    pub(super) fn wait(&mut self, turn: &mut Turn) {
        self.begin_hold(turn);
        turn.wake_at(self.failures.retry_at());
        turn.wake_at(self.switch_deadline());
    }

    /// The log hears of it if the first try to go on has failed: a connection that is lost and made again is
    /// no news.
    fn begin_hold(&mut self, turn: &mut Turn) {
        let is_news = self.switch.tell_wait();
        self.switch.begin_to_wait(turn.now);
        if is_news {
            let (pool, server, at) = (self.pool, self.server, self.key.index);
            turn.actions.push_back(Action::Note(Note::RequestsWait { pool, server, at }));
        }
    }

    /// What waited here goes to a server now, or fails.
    pub(super) fn end_hold(&mut self, turn: &mut Turn, is_served: bool) {
        let requests = self.queue.len();
        turn.counters[self.pool.index()].failover.requests_held += requests as u64;
        if let Some(since) = self.switch.end_told_wait() {
            let (pool, server, at) = (self.pool, self.server, self.key.index);
            let waited_ms = turn.now.since(since).as_millis() as u64;
            let wait = Waited { requests, waited_ms, is_served };
            turn.actions.push_back(Action::Note(Note::WaitEnded { pool, server, at, wait }));
        }
    }

    /// Its server has failed and has not answered since: what comes now waits for a server too, also while a
    /// connection opens. A frozen server takes connections and answers nothing.
    #[cold]
    pub(super) fn wait_if_failing(&mut self, turn: &mut Turn) {
        if self.failures.is_watched() && self.switch.holds(turn.now) && !self.duty.is_hub() {
            self.wait(turn);
        }
    }

    /// It has no connection, and requests that wait for one.
    pub fn is_waiting(&self) -> bool {
        self.socket.state == SocketState::Idle && self.switch.until().is_some()
    }

    /// Its requests have another time than the pool's `timeout`: they wait for a server, or for the last
    /// answers of one.
    pub(super) fn is_held(&self) -> bool {
        self.switch.is_draining()
            || self.socket.state != SocketState::Ready && self.switch.until().is_some()
    }

    /// It has requests, and neither a connection nor the right to wait for one.
    pub fn is_stranded(&self) -> bool {
        self.socket.state == SocketState::Idle && !self.queue.is_empty() && !self.is_waiting()
    }

    /// Whether requests that have not left may wait for another server, or for this one.
    pub fn may_hold(&self, now: Time) -> bool {
        self.switch.holds(now)
    }

    /// Requests have waited for a server for too long.
    pub fn has_waited_too_long(&self, now: Time) -> bool {
        self.is_held() && !self.switch.is_draining() && !self.switch.holds(now)
    }

    /// Nothing waits here any more, until a server answers. Returns what fails.
    pub fn give_up_waiting(&mut self, turn: &mut Turn) -> Vec<Lost> {
        self.end_hold(turn, false);
        self.switch.give_up();
        self.abandon(turn)
    }

    /// The server that it is for: the one that it goes to, if it goes to another one.
    pub fn home(&self) -> ServerId {
        self.switch.to().unwrap_or(self.server)
    }

    /// It is on its way to another server.
    pub fn is_leaving(&self) -> bool {
        self.switch.to().is_some()
    }

    /// What it has set aside was refused by a server that loads its data.
    pub fn is_loading(&self) -> bool {
        self.queue.has_aside() && self.switch.is_loading()
    }

    pub(super) fn switch_deadline(&self) -> Time {
        if let Some(until) = self.switch.drains_until() {
            return until;
        }
        if self.queue.is_empty() || self.socket.state == SocketState::Ready {
            return Time::NEVER;
        }
        self.switch.until().unwrap_or(Time::NEVER)
    }

    /// After a loss, or when it has drained: its requests go on as soon as there is a server.
    pub fn connect_or_wait(&mut self, turn: &mut Turn, connect_timeout_ms: u32) {
        if self.queue.is_empty() {
            return;
        }
        if self.switch.holds(turn.now) {
            self.wait(turn);
        }
        if self.failures.may_connect(turn.now) {
            self.connect(turn, connect_timeout_ms);
        }
    }

    /// Nothing more is sent to its server; it goes to this one. Returns whether it has to await answers
    /// first.
    pub fn go_to(&mut self, turn: &mut Turn, server: ServerId) -> bool {
        self.switch.go_to(server);
        let awaits = self.socket.state == SocketState::Ready
            && (!self.queue.is_idle_to_server() || self.download.is_some());
        if awaits {
            self.drain(turn);
        }
        awaits
    }

    /// Nothing more is sent to its server, and the last answers are awaited for a moment. What waits at the
    /// server for something to come waits there longer: the server tells it when it is a primary no more.
    fn drain(&mut self, turn: &mut Turn) {
        let waits = matches!(self.duty, Duty::Alone(Why::Wait { .. }));
        let until = self.switch.drain(turn.now, waits);
        turn.wake_at(until);
    }

    /// Its server must not serve: what is not answered waits for one that does.
    pub fn leave_server(&mut self, turn: &mut Turn) {
        self.begin_hold(turn);
        self.drain(turn);
    }

    /// The client that had it alone has its answer.
    pub fn unpin_if_empty(&mut self) {
        if self.queue.is_empty() {
            self.unpin();
        }
    }

    /// The server has refused the oldest request as one that it must not serve, without doing it. Nothing
    /// more is sent to it.
    pub fn set_aside(&mut self, turn: &mut Turn, is_loading: bool) {
        if !self.queue.has_aside() {
            self.switch.set_loading(is_loading);
        }
        self.queue.set_aside();
        self.leave_server(turn);
    }

    /// The oldest request, a call, is refused in the words of a server that is no primary. Returns whether its
    /// server has to be asked for its role; the answer decides.
    pub fn doubt(&mut self, turn: &mut Turn, reply: &[u8]) -> bool {
        let request = self.queue.front_bytes().to_vec();
        if let Some(ticket) = self.pop(turn) {
            self.switch.doubts.push(Doubt { ticket, request, reply: reply.to_vec() });
        }
        self.switch.doubts.len() == 1
    }

    /// Calls that were refused in words that may be a script's.
    pub fn doubts(&self) -> &[Doubt] {
        &self.switch.doubts
    }

    /// The server is no primary, by a sign that no script can give.
    pub fn confirm_doubts(&mut self) {
        self.switch.is_replica = true;
    }

    pub fn is_replica(&self) -> bool {
        self.switch.is_replica
    }

    pub fn take_doubts(&mut self) -> Vec<Doubt> {
        std::mem::take(&mut self.switch.doubts)
    }

    /// What was set aside must not be sent again: something behind it was done.
    pub fn take_aside(&mut self, turn: &mut Turn) -> Vec<Ticket> {
        self.queue.take_aside(&mut turn.buffers)
    }

    #[inline]
    pub fn is_draining(&self) -> bool {
        self.switch.is_draining()
    }

    /// It awaits no answer any more, or has awaited it for long enough.
    pub fn has_drained(&self, now: Time) -> bool {
        let awaits = !self.queue.is_idle_to_server() || self.download.is_some();
        self.switch.drains_until().is_some_and(|until| until <= now || !awaits)
    }

    /// Gives its socket up. What was set aside and what has not left stays. Returns what fails, and whether
    /// it has another server now.
    pub fn finish_switch(&mut self, turn: &mut Turn, close: bool) -> (Vec<Lost>, bool) {
        if close && self.socket.state != SocketState::Idle {
            turn.actions.push_back(Action::Close { conn: self.conn() });
        }
        self.peer = Peer::default();
        self.socket.reset(&mut turn.buffers);
        let lost = self.queue.take_back(&mut turn.buffers);
        let first = self.take_doubts().into_iter().map(|it| (it.ticket, it.request)).collect();
        self.queue.put_first(first, turn.now, &mut turn.buffers);
        self.switch.is_replica = false;
        let to = self.switch.finish();
        if let Some(server) = to {
            self.server = server;
            self.failures.forgive(turn.now);
        }
        (lost, to.is_some())
    }

    /// All requests, with their bytes: another server may answer them as well. None if they are not kept.
    pub fn take_all(&mut self, turn: &mut Turn) -> Vec<(Ticket, Vec<u8>)> {
        if !self.queue.keeps() {
            return Vec::new();
        }
        self.queue.take_all(&mut turn.buffers)
    }

    /// The first good reply after a failure. Where a request before it is refused again and again, its time goes
    /// on.
    pub fn handle_good_reply(&mut self) {
        if !self.queue.has_aside() {
            self.switch.handle_answer();
        }
    }
}
