//! The groups of commands in the Redis manual. Each command belongs to one.

/// A group of commands in the Redis manual.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    Array,
    Bitmap,
    Cluster,
    Connection,
    Generic,
    Geo,
    Hash,
    Hyperloglog,
    Json,
    List,
    PathHash,
    Probabilistic,
    PubSub,
    Scripting,
    Server,
    Set,
    SortedSet,
    Stream,
    String,
    Suggestion,
    TimeSeries,
    Transactions,
    VectorSet,
}

impl Group {
    /// The name in COMMAND DOCS.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Array => "array",
            Group::Bitmap => "bitmap",
            Group::Cluster => "cluster",
            Group::Connection => "connection",
            Group::Generic => "generic",
            Group::Geo => "geo",
            Group::Hash => "hash",
            Group::Hyperloglog => "hyperloglog",
            Group::List => "list",
            Group::PathHash => "path-hash",
            // As servers call the groups of modules.
            Group::Json | Group::Probabilistic | Group::Suggestion | Group::TimeSeries => "module",
            Group::VectorSet => "vector_set",
            Group::PubSub => "pubsub",
            Group::Scripting => "scripting",
            Group::Server => "server",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Stream => "stream",
            Group::String => "string",
            Group::Transactions => "transactions",
        }
    }
}
