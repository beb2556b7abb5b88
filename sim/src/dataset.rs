//! The data of a simulated Redis that its replicas copy.

use std::collections::BTreeMap;

/// A copy is a prefix of what its primary has done: it is taken at one moment.
#[derive(Clone, Default)]
pub struct Dataset {
    pub values: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The lengths of lists whose elements nobody takes, and sums.
    pub pushed: BTreeMap<Vec<u8>, i64>,
    /// How often each key was written.
    pub writes: BTreeMap<Vec<u8>, u64>,
    /// The tags of all writes, in order.
    pub log: Vec<u64>,
    /// The tags that were pushed to each of these lists, in order.
    pub lists: BTreeMap<Vec<u8>, Vec<u64>>,
}

impl Dataset {
    pub fn clear(&mut self) {
        // Watched keys have changed, so the numbers of their writes stay.
        let writes = std::mem::take(&mut self.writes);
        *self = Dataset { writes, ..Dataset::default() };
    }
}
