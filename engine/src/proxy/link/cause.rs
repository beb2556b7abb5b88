//! Why a server did not answer.

use crate::texts::{cause, detail};
use std::fmt;

/// Why a server did not answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    Refused,
    Reset,
    BrokenPipe,
    /// Closed in good order.
    Eof,
    TimedOut,
    /// Its name does not resolve.
    UnknownHost,
    /// Its Unix socket is not there.
    NoSocket,
    /// It sent bytes that are no reply, or a reply without a request.
    Protocol,
    /// It refused our AUTH, SELECT or HELLO, or the connection. Holds which one, and its words.
    Handshake(Box<str>),
    /// It refused the pool's password. Holds its words.
    Password(Box<str>),
    /// It answers that it cannot serve yet: LOADING or MASTERDOWN.
    NotReady(&'static str),
    /// The shard is held out until a probe finds it well (`eject: fail_fast`).
    Down,
    /// It is no primary, or not any more.
    NoPrimary,
    /// Another server became primary before this one had answered.
    Replaced,
    /// No replica of the shard can be read; or this server is none, or its data is not there yet.
    NoReplica,
    /// No shard of the pool is in the ring.
    NoneLive,
    /// Too much waits for it already.
    QueueFull,
    /// `pinned_connections` of it are in use.
    PinnedFull,
    /// We have no descriptor or memory left for a socket, in the system's words: our own trouble,
    /// and no failure of the server.
    Exhausted(Box<str>),
    /// Whatever else the system said.
    System(Box<str>),
}

impl fmt::Display for Cause {
    /// twemproxy's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Refused
            | Cause::Down
            | Cause::NoneLive
            | Cause::NoPrimary
            | Cause::Replaced
            | Cause::NoReplica => cause::REFUSED,
            Cause::Reset => cause::RESET,
            Cause::BrokenPipe => cause::BROKEN_PIPE,
            Cause::Eof => cause::UNKNOWN,
            Cause::TimedOut => cause::TIMED_OUT,
            Cause::UnknownHost => cause::UNKNOWN_HOST,
            Cause::NoSocket => cause::NO_SOCKET,
            Cause::Protocol | Cause::Handshake(_) => cause::INVALID,
            // twemproxy went on, and its clients got this from the server.
            Cause::Password(_) => cause::AUTHENTICATION,
            Cause::NotReady(word) => word,
            Cause::QueueFull => cause::QUEUE_FULL,
            Cause::PinnedFull => cause::PINNED_FULL,
            Cause::Exhausted(text) | Cause::System(text) => text,
        })
    }
}

impl Cause {
    /// The full text, for the log and for clients under modern manners.
    pub fn explained(&self) -> String {
        match (self, self.detail()) {
            (Cause::Password(_), Some(detail)) => detail.to_owned(),
            (_, Some(detail)) => format!("{self}: {detail}"),
            (_, None) => self.to_string(),
        }
    }

    /// What modern manners add.
    fn detail(&self) -> Option<&str> {
        Some(match self {
            Cause::Eof => detail::EOF,
            Cause::UnknownHost => detail::UNKNOWN_HOST,
            Cause::Protocol => detail::PROTOCOL,
            Cause::Handshake(answer) | Cause::Password(answer) => answer,
            Cause::Exhausted(_) => detail::EXHAUSTED,
            Cause::Down => detail::DOWN,
            Cause::NoPrimary => detail::NO_PRIMARY,
            Cause::Replaced => detail::REPLACED,
            Cause::NoReplica => detail::NO_REPLICA,
            Cause::NoneLive => detail::NONE_LIVE,
            Cause::QueueFull => detail::QUEUE_FULL,
            Cause::PinnedFull => detail::PINNED_FULL,
            _ => return None,
        })
    }
}
