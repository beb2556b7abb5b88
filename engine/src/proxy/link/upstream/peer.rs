//! What is known of the server behind one socket. Another socket may have another server, so it is forgotten with
//! the socket.

use crate::command::cursor;
use crate::proxy::link::scripts::Loaded;

#[derive(Default)]
pub struct Peer {
    pub identity: Identity,
    /// Scripts that were loaded there.
    pub loaded: Loaded,
    /// A database that it was asked for, and the highest one that it has taken.
    pub asked_db: u32,
    pub proven_db: u32,
    /// Its own number for this socket.
    pub number: ServerNumber,
}

/// Which incarnation of its server it is. Only SCAN asks: its cursors are those of one incarnation.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Identity {
    #[default]
    Unknown,
    /// The question is on its way, before the request that needs the answer.
    Asked,
    /// The tag of its run id; at least 1.
    Known(u16),
}

/// The question.
pub const QUESTION: &[u8] = b"*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n";

impl Identity {
    /// From the answer. A server that does not tell its run id looks the same after a restart: an older
    /// cursor may miss keys then.
    pub fn of_answer(reply: &[u8]) -> Identity {
        let run_id =
            reply.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"run_id:"));
        Identity::Known(cursor::tag(run_id.unwrap_or_default().trim_ascii_end()))
    }

    /// 0 while it is not known.
    pub fn tag(self) -> u16 {
        match self {
            Identity::Known(tag) => tag,
            Identity::Unknown | Identity::Asked => 0,
        }
    }
}

/// The number that the server gives a connection: CLIENT UNBLOCK asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ServerNumber {
    #[default]
    Unknown,
    Asked,
    Known(u64),
}
