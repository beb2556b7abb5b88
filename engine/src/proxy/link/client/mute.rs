//! CLIENT REPLY: whether a client gets replies.

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Mute {
    #[default]
    No,
    /// SKIP: the next command gets no reply.
    Next,
    /// OFF.
    Always,
}

impl Mute {
    /// A request is answered, or will be: whether without a reply.
    #[inline]
    pub fn take(&mut self) -> bool {
        match *self {
            Mute::No => false,
            Mute::Always => true,
            Mute::Next => {
                *self = Mute::No;
                true
            }
        }
    }
}
