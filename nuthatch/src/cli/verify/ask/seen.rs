//! What asking a server tells of it, besides its keys.

/// What a server said of itself.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Seen {
    /// Keys in the pool's database; memcached has one.
    pub keys: u64,
    /// Keys in database 0, when the pool's is another.
    pub keys_in_zero: Option<u64>,
    /// Has every key been looked at?
    pub is_whole: bool,
    /// The pool has a password, and the server has none.
    pub has_no_password: bool,
}
