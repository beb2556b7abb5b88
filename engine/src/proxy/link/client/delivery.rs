//! The state of a client's socket as we write to it.

use crate::base::Time;
use crate::proxy::link::hold::Hold;

#[derive(Default)]
pub struct Delivery {
    /// It stands in the list of what is written at the end of the turn.
    pub(super) is_dirty: bool,
    pub(super) hold: Hold,
    /// One read brought all requests whose replies are still owed or unwritten.
    pub(super) asked_at_once: bool,
    pub(super) full: Option<Full>,
    /// It stands in the list of clients with a deadline.
    pub(super) has_deadline: bool,
}

/// A socket that takes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Full {
    pub since: Time,
    /// It was tried once more since.
    pub was_tried: bool,
}
