//! A stream with its state in the loop, and its token in epoll.

use super::stream::Stream;
use mio::Token;
use nuthatch_engine::base::slab::Key;
use nuthatch_engine::proxy::ConnId;

pub const WAKER: Token = Token(usize::MAX);
/// Listeners count down from here.
const LISTENERS: usize = usize::MAX - 1;
const LISTENERS_MAX: usize = 1 << 16;

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    Waker,
    Listener(usize),
    Conn(ConnId),
}

pub fn listener_token(at: usize) -> Token {
    Token(LISTENERS - at)
}

/// ```text
///   63          62 ........ 32   31 ..... 0
///   upstream?   generation       index
/// ```
pub fn conn_token(conn: ConnId) -> Token {
    let (kind, key) = match conn {
        ConnId::Client(key) => (0, key),
        ConnId::Upstream(key) => (1, key),
    };
    Token(kind << 63 | (key.generation as usize) << 32 | key.index as usize)
}

pub fn target(token: Token) -> Target {
    let Token(bits) = token;
    if token == WAKER {
        return Target::Waker;
    }
    if bits > LISTENERS - LISTENERS_MAX {
        return Target::Listener(LISTENERS - bits);
    }
    let key = Key { index: bits as u32, generation: (bits >> 32) as u32 & 0x7fff_ffff };
    Target::Conn(if bits >> 63 == 1 { ConnId::Upstream(key) } else { ConnId::Client(key) })
}

#[derive(Debug)]
pub struct Connection {
    pub stream: Stream,
    pub conn: ConnId,
    /// Not connected yet.
    pub connecting: bool,
    /// The socket accepts no more bytes. Wait until it is writable.
    pub full: bool,
    /// Not read until the engine says so.
    pub paused: bool,
    /// On a list of the loop, to be read.
    pub unread: bool,
    /// On a list of the loop, to be written.
    pub unsent: bool,
    /// The first read of its last turn filled the buffer.
    pub reads_fill_buffer: bool,
    /// The peer has closed or reset it. Earlier bytes may still be unread.
    pub ended: bool,
}

impl Connection {
    /// On a list of the loop, to be read or written.
    pub fn is_listed(&self) -> bool {
        self.unread || self.unsent
    }
}

/// Connections by the index of their key. The generation is checked.
#[derive(Default)]
pub struct Connections {
    entries: Vec<Option<Connection>>,
}

impl Connections {
    pub fn insert(&mut self, key: Key, connection: Connection) {
        let index = key.index as usize;
        if self.entries.len() <= index {
            self.entries.resize_with(index + 1, || None);
        }
        self.entries[index] = Some(connection);
    }

    #[inline]
    pub fn get_mut(&mut self, conn: ConnId, key: Key) -> Option<&mut Connection> {
        self.entries
            .get_mut(key.index as usize)?
            .as_mut()
            .filter(|connection| connection.conn == conn)
    }

    /// The connection with this index, of any generation.
    pub fn occupant(&self, key: Key) -> Option<ConnId> {
        let entry = self.entries.get(key.index as usize)?;
        entry.as_ref().map(|connection| connection.conn)
    }

    pub fn all(&self) -> Vec<ConnId> {
        self.entries.iter().flatten().map(|connection| connection.conn).collect()
    }

    pub fn remove(&mut self, conn: ConnId, key: Key) -> Option<Connection> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.as_ref().is_some_and(|connection| connection.conn == conn) {
            entry.take()
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_gives_back_its_target() {
        let key = |index, generation| Key { index, generation };
        for conn in [
            ConnId::Client(key(0, 0)),
            ConnId::Client(key(u32::MAX, 0x7fff_ffff)),
            ConnId::Upstream(key(7, 3)),
            ConnId::Upstream(key(1_000_000, 0x7fff_ffff)),
        ] {
            assert_eq!(target(conn_token(conn)), Target::Conn(conn));
        }
        assert_eq!(target(WAKER), Target::Waker);
        for at in [0, 1, 999] {
            assert_eq!(target(listener_token(at)), Target::Listener(at));
        }
    }
}
