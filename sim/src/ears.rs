//! The connections of a simulated Redis that listen: see `listen.rs`.

use crate::topics::Topic;
use crate::transport::EndId;
use std::collections::{BTreeMap, BTreeSet};

/// A connection that listens.
#[derive(Default)]
pub struct Ear {
    pub topics: BTreeSet<Topic>,
    pub resp3: bool,
}

#[derive(Default)]
pub struct Ears {
    pub by_end: BTreeMap<EndId, Ear>,
}

impl Ears {
    /// What connections listen to.
    pub fn topics(&self) -> Vec<(EndId, Topic)> {
        let of = |(end, ear): (&EndId, &Ear)| -> Vec<_> {
            ear.topics.iter().map(|topic| (*end, topic.clone())).collect()
        };
        self.by_end.iter().flat_map(of).collect()
    }

    pub fn forget(&mut self, end: EndId) {
        self.by_end.remove(&end);
    }
}
