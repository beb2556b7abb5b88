//! The connection of an upstream: how far it has got, and what it has heard in part.
//!
//! ```text
//!            a request                connected              its replies are good
//!   ┌──────┐ ────────▶ ┌────────────┐ ────────▶ ┌───────────┐ ────────▶ ┌───────┐
//!   │ Idle │           │ Connecting │           │ Handshake │           │ Ready │
//!   └──────┘ ◀──────── └────────────┘ ◀──────── └───────────┘ ◀──────── └───────┘
//!              closed, refused, too late: what hangs on it fails
//! ```

use crate::base::Time;
use crate::base::buffer::{BufferPool, Output};
use crate::proxy::link::flow::ReplyProgress;
use crate::proxy::link::hold::Hold;
use crate::proxy::link::upstream::lane::Asks;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketState {
    Idle,
    Connecting,
    /// So many replies to our AUTH, HELLO, SELECT are still to come.
    Handshake {
        left: u8,
        asks: Asks,
    },
    Ready,
}

/// Bytes of replies that are not complete yet.
pub struct ReplyInput {
    pub bytes: Vec<u8>,
    pub progress: ReplyProgress,
}

pub struct Socket {
    pub(super) state: SocketState,
    /// What is sent before any request.
    pub(super) handshake: Output,
    /// Connecting and handshake must be over by then.
    pub(super) connect_by: Time,
    pub(super) input: Option<Box<ReplyInput>>,
    /// It stands in the list of what is written at the end of the turn.
    pub(super) is_dirty: bool,
    pub(super) hold: Hold,
}

impl Socket {
    pub(super) fn new() -> Socket {
        Socket {
            state: SocketState::Idle,
            handshake: Output::default(),
            connect_by: Time::NEVER,
            input: None,
            is_dirty: false,
            hold: Hold::default(),
        }
    }

    /// Whether it has a connection that is not Ready yet.
    pub(super) fn is_opening(&self) -> bool {
        matches!(self.state, SocketState::Connecting | SocketState::Handshake { .. })
    }

    pub(super) fn clear_dirty(&mut self) {
        self.is_dirty = false;
        self.hold.end();
    }

    /// Back to Idle.
    pub(super) fn reset(&mut self, buffers: &mut BufferPool) {
        self.handshake.clear(buffers);
        self.input = None;
        self.clear_dirty();
        self.state = SocketState::Idle;
    }
}
