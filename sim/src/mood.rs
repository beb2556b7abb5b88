//! What may be the matter with a toy server: moods of its process, troubles it tells of.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mood {
    Well,
    /// SIGSTOP: the system accepts, nobody answers.
    Stopped,
    /// Nobody listens.
    Dead,
    /// Packets get lost: connecting takes for ever.
    Silent,
    /// Accepts, and closes at once.
    Curt,
}

/// What a server cannot do now, and says so.
#[derive(Clone, Copy, Default)]
pub struct Trouble {
    pub loading: bool,
    pub out_of_memory: bool,
}
