//! What may be wrong with a toy: the state of its process, and the errors it sends.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerState {
    Up,
    /// As after SIGSTOP: the kernel accepts, the process does not answer.
    Stopped,
    /// Connections are refused.
    Dead,
    /// All packets are lost: a connection attempt never ends.
    Unreachable,
    /// Accepts each connection and closes it at once.
    ClosesAtOnce,
}

/// Why a running server answers with an error.
#[derive(Clone, Copy, Default)]
pub struct Trouble {
    pub loading: bool,
    pub out_of_memory: bool,
    /// No trouble of its own: it refuses writes.
    pub is_replica: bool,
}
