//! Why a server did not answer.

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
    /// It sent what is no reply, or one that nobody asked for.
    Protocol,
    /// It refused our AUTH, SELECT or HELLO, or us; which one, and its words.
    Handshake(Box<str>),
    /// It refused the pool's password; its words.
    Password(Box<str>),
    /// It answers that it cannot serve yet: LOADING or MASTERDOWN.
    NotReady(&'static str),
    /// The shard is held out until a probe finds it well (`eject: fail_fast`).
    Down,
    /// No shard of the pool is in the ring.
    NoneLive,
    /// Too much waits for it already.
    QueueFull,
    /// We have no descriptor or memory left for a socket, in the system's words: our own trouble,
    /// and no failure of the server.
    Exhausted(Box<str>),
    /// Whatever else the system said.
    System(Box<str>),
}

impl fmt::Display for Cause {
    /// The texts of twemproxy: the C library's, or `unknown`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Refused | Cause::Down | Cause::NoneLive => "Connection refused",
            Cause::Reset => "Connection reset by peer",
            Cause::BrokenPipe => "Broken pipe",
            Cause::Eof => "unknown",
            Cause::TimedOut => "Connection timed out",
            Cause::UnknownHost => "Host is down",
            Cause::NoSocket => "No such file or directory",
            Cause::Protocol | Cause::Handshake(_) => "Invalid argument",
            // twemproxy went on, and its clients got this from the server.
            Cause::Password(_) => "Authentication required.",
            Cause::NotReady(word) => word,
            Cause::QueueFull => "Resource temporarily unavailable",
            Cause::Exhausted(text) | Cause::System(text) => text,
        })
    }
}

impl Cause {
    /// Everything that is known of it, for the log: the text that a client gets under modern manners.
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
            Cause::Eof => "the server closed the connection",
            Cause::UnknownHost => "the server's name does not resolve",
            Cause::Protocol => "the server sent what is no reply",
            Cause::Handshake(answer) | Cause::Password(answer) => answer,
            Cause::Exhausted(_) => "the proxy has no room for another connection",
            Cause::Down => "the server is out until it answers a probe",
            Cause::NoneLive => "every server of the pool is ejected",
            Cause::QueueFull => "too many requests wait for the server",
            _ => return None,
        })
    }
}
