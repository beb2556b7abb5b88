//! Which clients CLIENT LIST shows and CLIENT KILL closes. Plain data; `worker/messages.rs` compares.

use crate::base::WorkerId;
use crate::base::slab::Key;

/// TYPE of CLIENT LIST and CLIENT KILL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Normal,
    /// It listens.
    PubSub,
    /// A replica or a primary: no client is one.
    Server,
}

/// Every condition that is there must hold.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Filter {
    pub ids: Option<Vec<u64>>,
    pub address: Option<Box<[u8]>>,
    pub user: Option<Box<[u8]>>,
    pub name: Option<Box<[u8]>>,
    pub library: Option<Box<[u8]>>,
    pub db: Option<u32>,
    /// At least so many seconds old.
    pub age_s: Option<u64>,
    /// Silent for at least so many seconds.
    pub idle_s: Option<u64>,
    pub kind: Option<Kind>,
    /// An address of ours: none is known for a client.
    pub is_of_other_address: bool,
    /// All but this one.
    pub skips: Option<(WorkerId, Key)>,
}
