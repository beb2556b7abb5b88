//! A client whose next commands are refused: after MULTI, or after CLIENT CACHING YES.
//!
//! Such a client may not have read the refusal yet. Its next commands belong to the transaction and must
//! not be executed alone. So they fail, until EXEC or DISCARD.
//!
//! A library that sends MULTI alone reads the refusal, and may then lend the connection to other code.
//! The commands of a transaction come soon after MULTI. So the connection is free again when
//! `REFUSED_MULTI_MS` pass without EXEC, unless a command came in the same bytes as MULTI.
//!
//! CLIENT CACHING YES asks the server to track the keys of the next command. It is refused, and so is that
//! command: a library that reads only the last reply would keep a value that is never invalidated.

use crate::base::Time;
use crate::base::limits::REFUSED_MULTI_MS;
use crate::proxy::link::barred::Barred;

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum RefusedMulti {
    #[default]
    No,
    /// MULTI came then.
    At(Time),
    /// A command of the transaction came in the same bytes: only EXEC or DISCARD ends it.
    InOneBatch,
    /// CLIENT CACHING YES came, and no command after it.
    Caching,
}

impl RefusedMulti {
    /// Another command comes. Returns whether it fails. `is_owed`: the client is owed replies.
    pub fn handle_command(&mut self, now: Time, is_owed: bool) -> Barred {
        match *self {
            RefusedMulti::No => return Barred::No,
            RefusedMulti::Caching => {
                *self = RefusedMulti::No;
                return Barred::Caching;
            }
            RefusedMulti::At(at) if at == now => *self = RefusedMulti::InOneBatch,
            RefusedMulti::At(at) if at.plus_ms(REFUSED_MULTI_MS) <= now && !is_owed => {
                *self = RefusedMulti::No;
                return Barred::No;
            }
            RefusedMulti::At(_) | RefusedMulti::InOneBatch => {}
        }
        Barred::Multi
    }
}
