//! What a client has begun: the requests of a transaction that it has not sent yet, an increment.

use crate::expect::Expect;
use std::collections::{BTreeSet, VecDeque};

/// A request that stands in line.
pub struct Line {
    pub words: Vec<Vec<u8>>,
    pub expect: Expect,
    pub tag: u64,
    pub whole: bool,
}

/// An increment of a counter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Increment {
    #[default]
    None,
    /// WATCH and GET are on the way.
    Asked {
        key: Vec<u8>,
        /// Of WATCH and GET.
        tags: (u64, u64),
        is_watched: bool,
    },
    Read {
        key: Vec<u8>,
        value: u64,
        resp3: Option<bool>,
    },
    /// WATCH or GET has failed.
    Failed,
}

/// Which databases a client may be in after EXEC.
#[derive(Clone, Copy, Default)]
pub struct Databases {
    pub home: bool,
    pub other: Option<u32>,
}

#[derive(Default)]
pub struct Transactions {
    pub pending: VecDeque<Line>,
    /// Transactions one of whose commands got an error.
    pub doomed: BTreeSet<u64>,
    /// WATCH failed: EXEC must not be done.
    pub unwatched: BTreeSet<u64>,
    pub increment: Increment,
    pub databases: Databases,
}
