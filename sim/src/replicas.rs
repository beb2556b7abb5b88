//! What a run knows of its pools with replicas.

use crate::groups::Group;
use crate::watch::Watch;
use crate::wires::Wires;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Replicas {
    pub groups: Vec<Group>,
    /// By pool.
    pub watches: BTreeMap<usize, Watch>,
    pub wires: Wires,
    pub takeovers: u64,
}
