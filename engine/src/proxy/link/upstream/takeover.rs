//! What an upstream does when its server fails or another one takes over; `switch.rs` has the states.

use super::Upstream;
use super::peer::Peer;
use super::socket::SocketState;
use crate::base::{ServerId, Time};
use crate::proxy::link::action::Action;
use crate::proxy::link::ticket::{Lost, Ticket};
use crate::proxy::link::turn::Turn;

impl Upstream {
    /// Requests wait here for a server that serves.
    pub(super) fn wait(&mut self, turn: &mut Turn) {
        self.switch.begin_to_wait(turn.now);
        turn.wake_at(self.failures.retry_at());
        turn.wake_at(self.switch_deadline());
    }

    /// Its server has failed and has not answered since: what comes now waits for a server too, also while a
    /// connection opens. A frozen server takes connections and answers nothing.
    #[cold]
    pub(super) fn wait_if_failing(&mut self, turn: &mut Turn) {
        if self.failures.is_watched() && self.switch.holds(turn.now) {
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
        self.switch.is_loading()
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
            let until = self.switch.drain(turn.now);
            turn.wake_at(until);
        }
        awaits
    }

    /// The server has refused the oldest request as one that it must not serve, without doing it. Nothing
    /// more is sent to it.
    pub fn set_aside(&mut self, turn: &mut Turn, is_loading: bool) {
        if !self.queue.has_aside() {
            self.switch.set_loading(is_loading);
        }
        self.queue.set_aside();
        self.switch.begin_to_wait(turn.now);
        let until = self.switch.drain(turn.now);
        turn.wake_at(until);
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

    /// The first good reply after a failure.
    pub fn handle_good_reply(&mut self) {
        self.switch.handle_answer();
    }
}
