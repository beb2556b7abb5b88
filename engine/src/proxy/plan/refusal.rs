//! The answer to a request that is not served, and whether the connection ends.

use crate::command::keys::KeyError;
use crate::protocol::memcache;
use crate::protocol::resp::encode;
use crate::texts;
use crate::topology::Protocol;
use std::borrow::Cow;

pub struct Refusal<'a> {
    pub says: Says<'a>,
    /// The connection ends, and the log says why.
    pub ends: Option<Ending>,
    /// It counts as one of `requests_refused`.
    pub is_counted: bool,
}

/// What the client reads.
pub enum Says<'a> {
    Nothing,
    /// `-text`
    Error(Cow<'a, [u8]>),
    Key(KeyError<'a>),
    /// A whole reply.
    Reply(&'static [u8]),
    /// A line of memcached's protocol.
    Line(Cow<'static, str>),
}

/// Why a connection ends.
pub struct Ending {
    pub why: &'static str,
    /// The command that was refused, so that an operator finds the request in the client's code.
    pub command: Option<Box<str>>,
}

impl<'a> Refusal<'a> {
    /// Only an answer.
    pub fn says(says: Says<'a>) -> Refusal<'a> {
        Refusal { says, ends: None, is_counted: false }
    }

    pub fn error(text: impl Into<Cow<'a, [u8]>>) -> Refusal<'a> {
        Refusal::says(Says::Error(text.into()))
    }

    /// Closes the connection without an answer.
    pub fn close(why: &'static str) -> Refusal<'a> {
        let ends = Some(Ending { why, command: None });
        Refusal { ends, ..Refusal::says(Says::Nothing) }
    }

    /// The same because of this command.
    pub fn close_on(command: Box<str>) -> Refusal<'a> {
        let ends = Some(Ending { why: "request refused", command: Some(command) });
        Refusal { ends, ..Refusal::says(Says::Nothing) }
    }

    #[must_use]
    pub fn counted(self) -> Refusal<'a> {
        Refusal { is_counted: true, ..self }
    }
}

/// The whole reply to a client that connects when its pool is full: the text of the protocol's servers.
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
            Says::Reply(reply) => out.extend_from_slice(reply),
            Says::Line(text) => memcache::encode::line(out, &**text),
        }
    }
}
