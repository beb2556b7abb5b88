//! A kind of pool is an answer to one question: who says which server is a shard's primary?
//!
//! A kind makes a pool's topology from its spec, from its shards' primaries and from their states. It
//! does not decide who is out (`health.rs` does), has no epoch (the director has it) and speaks to
//! no server. Whoever watches the servers for a kind tells the director with `handle_primary`.
//!
//! | kind | who says it |
//! |---|---|
//! | [`fixed`] | the file, at the start |

pub mod fixed;
