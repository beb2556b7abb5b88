//! Who makes a pool's snapshots. Kinds differ in nothing else.

pub mod fixed;
