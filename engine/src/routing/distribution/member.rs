//! The input of a distribution.

use crate::base::ShardId;

/// A shard as a distribution sees it.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    pub shard: ShardId,
    pub name: &'a str,
    pub weight: u32,
}
