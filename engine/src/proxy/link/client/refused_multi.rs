//! A client whose MULTI was refused.
//!
//! It may not have read the refusal yet, and means what it sends now to happen at EXEC or not at
//! all. So it does not happen: later commands fail until EXEC or DISCARD.
//!
//! A library that sends MULTI by itself reads the refusal, and may lend the connection to code that
//! knows nothing of it. What belongs to a transaction follows its MULTI closely. So after
//! `REFUSED_MULTI_MS` without EXEC the connection is free again, unless a command of the transaction
//! came in the very bytes that MULTI came in.

use crate::base::Time;
use crate::base::limits::REFUSED_MULTI_MS;

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum RefusedMulti {
    #[default]
    No,
    /// MULTI came then.
    At(Time),
    /// A command of the transaction came in the same bytes: only EXEC or DISCARD ends it.
    InOneBatch,
}

impl RefusedMulti {
    /// Another command comes. `is_owed`: replies are still to come. Whether it fails.
    pub fn handle_command(&mut self, now: Time, is_owed: bool) -> bool {
        match *self {
            RefusedMulti::No => return false,
            RefusedMulti::At(at) if at == now => *self = RefusedMulti::InOneBatch,
            RefusedMulti::At(at) if at.plus_ms(REFUSED_MULTI_MS) <= now && !is_owed => {
                *self = RefusedMulti::No;
                return false;
            }
            RefusedMulti::At(_) | RefusedMulti::InOneBatch => {}
        }
        true
    }
}
