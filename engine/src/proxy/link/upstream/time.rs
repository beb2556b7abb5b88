//! What has its time at an upstream, and when.

use super::Upstream;
use super::duty::{Duty, Why};
use super::socket::SocketState;
use crate::base::Time;
use crate::proxy::link::ticket::Lost;

impl Upstream {
    /// The connection or the handshake takes too long.
    pub fn is_late_to_open(&self, now: Time) -> bool {
        self.socket.is_opening() && self.socket.connect_by <= now
    }

    /// A spare connection that nobody has used for long enough.
    pub fn is_spare_until(&self, now: Time) -> bool {
        matches!(self.duty, Duty::Spare { until, .. } if until <= now)
            && self.socket.state == SocketState::Ready
    }

    /// The server stopped in the middle of a large reply, and not because we do not read it.
    pub fn is_download_stuck(&self, now: Time, timeout_ms: u32) -> bool {
        self.download.as_ref().and_then(|it| it.stuck_at(timeout_ms)).is_some_and(|at| at <= now)
    }

    /// Turns requests that are too late into tombstones, or takes them out if they have not left.
    pub fn expire(&mut self, now: Time, timeout_ms: u32) -> Vec<Lost> {
        if self.waits_for_client() || self.is_held() {
            Vec::new()
        } else {
            self.queue.expire(now, timeout_ms)
        }
    }

    /// When something of it has its time next.
    pub fn deadline(&self, timeout_ms: Option<u32>) -> Time {
        let connecting = match self.socket.state {
            SocketState::Connecting | SocketState::Handshake { .. } => self.socket.connect_by,
            SocketState::Ready => match self.duty {
                Duty::Spare { until, .. } => return until,
                _ => Time::NEVER,
            },
            SocketState::Idle if self.duty.is_hub() || self.is_waiting() => {
                self.failures.retry_at()
            }
            SocketState::Idle => Time::NEVER,
        };
        let connecting = connecting.min(self.switch_deadline());
        let Some(timeout_ms) = timeout_ms.filter(|_| !self.is_held()) else {
            return connecting;
        };
        let stuck = self.download.as_ref().and_then(|download| download.stuck_at(timeout_ms));
        let next = self.queue.next_late(timeout_ms).filter(|_| !self.waits_for_client());
        let hopeless = self.queue.hopeless_at(timeout_ms).filter(|_| self.download.is_none());
        [stuck, next, hopeless].into_iter().flatten().fold(connecting, Time::min)
    }

    /// It owes replies that are too late by far: better a new socket.
    pub fn is_hopeless(&self, now: Time, timeout_ms: u32) -> bool {
        // While a reply flows, those behind it are late by no fault of the server.
        self.download.is_none() && self.queue.is_hopeless(now, timeout_ms)
    }

    /// Whether lateness is a failure of the server now, once a period.
    pub fn fails_by_silence(&mut self, now: Time, timeout_ms: u32) -> bool {
        self.failures.is_silent(now, timeout_ms, self.queue.late_since())
    }

    /// All that has come of a large request is sent, or the request waits at the server: the time is the
    /// client's.
    fn waits_for_client(&self) -> bool {
        let waits = matches!(self.duty, Duty::Alone(Why::Wait { of: Some(_) }));
        (waits && self.socket.state == SocketState::Ready)
            || self.duty.upload_from().is_some() && self.queue.unsent_len() == 0
    }
}
