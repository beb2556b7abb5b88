//! A request that is not served: what its client reads, and whether the connection ends.

use crate::command::keys::KeyError;
use crate::protocol::memcache;
use crate::protocol::resp::encode;
use crate::texts;
use crate::topology::Protocol;
use std::borrow::Cow;

pub struct Refusal<'a> {
    pub says: Says<'a>,
    /// Takes no further request of this client, and the log says so.
    pub ends: Option<Ending>,
    /// It is one of `requests_refused`.
    pub is_counted: bool,
    pub multi: Multi,
}

/// What the client reads.
pub enum Says<'a> {
    Nothing,
    /// `-text`
    Error(Cow<'a, [u8]>),
    Key(KeyError<'a>),
    /// `+text`
    Status(&'static str),
    /// A line of memcached's.
    Line(Cow<'static, str>),
}

/// Why a connection ends.
pub struct Ending {
    pub why: &'static str,
    /// The command that was refused. Without its name an operator would have to guess which of a
    /// client's requests it was.
    pub command: Option<Box<str>>,
}

/// What becomes of a MULTI that is not served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Multi {
    Keep,
    /// This is one.
    Begin,
    /// This ends one.
    End,
}

impl<'a> Refusal<'a> {
    /// An answer, and nothing more.
    pub fn says(says: Says<'a>) -> Refusal<'a> {
        Refusal { says, ends: None, is_counted: false, multi: Multi::Keep }
    }

    pub fn error(text: impl Into<Cow<'a, [u8]>>) -> Refusal<'a> {
        Refusal::says(Says::Error(text.into()))
    }

    /// The connection ends without a word.
    pub fn hang_up(why: &'static str) -> Refusal<'a> {
        let ends = Some(Ending { why, command: None });
        Refusal { ends, ..Refusal::says(Says::Nothing) }
    }

    /// The same for a command that is refused.
    pub fn hang_up_on(command: Box<str>) -> Refusal<'a> {
        let ends = Some(Ending { why: "request refused", command: Some(command) });
        Refusal { ends, ..Refusal::says(Says::Nothing) }
    }

    #[must_use]
    pub fn counted(self) -> Refusal<'a> {
        Refusal { is_counted: true, ..self }
    }

    #[must_use]
    pub fn with_multi(self, multi: Multi) -> Refusal<'a> {
        Refusal { multi, ..self }
    }
}

/// The whole reply to a client that connects when its pool is full. Servers of the protocol say it so.
pub fn too_many_clients(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::Redis => texts::TOO_MANY_CLIENTS,
        Protocol::Memcache => texts::MEMCACHE_TOO_MANY_CLIENTS,
    }
}

impl Says<'_> {
    pub fn is_nothing(&self) -> bool {
        matches!(self, Says::Nothing)
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Says::Nothing => {}
            Says::Error(text) => encode::error(out, text),
            Says::Key(error) => error.encode(out),
            Says::Status(text) => encode::status(out, text),
            Says::Line(text) => memcache::encode::line(out, &**text),
        }
    }
}
