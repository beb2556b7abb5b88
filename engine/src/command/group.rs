//! The chapters of the Redis manual: each command is in one.

/// The chapters of the Redis manual.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    Bitmap,
    Connection,
    Generic,
    Geo,
    Hash,
    Hyperloglog,
    List,
    Scripting,
    Server,
    Set,
    SortedSet,
    Stream,
    String,
}

impl Group {
    /// As COMMAND DOCS spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Bitmap => "bitmap",
            Group::Connection => "connection",
            Group::Generic => "generic",
            Group::Geo => "geo",
            Group::Hash => "hash",
            Group::Hyperloglog => "hyperloglog",
            Group::List => "list",
            Group::Scripting => "scripting",
            Group::Server => "server",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Stream => "stream",
            Group::String => "string",
        }
    }
}
