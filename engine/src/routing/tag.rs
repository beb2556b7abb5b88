//! The hash tag: the part of a key that is hashed instead of the whole key, so that an application
//! can keep related keys on one shard.
//!
//! twemproxy's rule (`server_pool_idx`): the first opening byte, the first closing byte after it,
//! and at least one byte between them. Otherwise the whole key is hashed. Later opening bytes are
//! not tried: `{}{x}` has no tag. (Redis Cluster has the same rule for `{` and `}`.) The hashed part
//! is empty only if the key is.

/// The two bytes around the tag, such as `{` and `}`. They may be equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HashTag {
    pub open: u8,
    pub close: u8,
}

impl HashTag {
    /// The tag of a key. `None`: the whole key is hashed.
    #[inline]
    pub fn find<'a>(&self, key: &'a [u8]) -> Option<&'a [u8]> {
        let open = key.iter().position(|&byte| byte == self.open)?;
        let after = &key[open + 1..];
        match after.iter().position(|&byte| byte == self.close)? {
            0 => None,
            close => Some(&after[..close]),
        }
    }

    /// The part of a key that is hashed.
    #[inline]
    pub fn part<'a>(&self, key: &'a [u8]) -> &'a [u8] {
        self.find(key).unwrap_or(key)
    }
}

#[cfg(test)]
mod tests {
    use super::HashTag;

    fn part([open, close]: [u8; 2], key: &str) -> &str {
        let part = HashTag { open, close }.part(key.as_bytes());
        std::str::from_utf8(part).unwrap()
    }

    #[test]
    fn first_open_then_first_close_with_bytes_between() {
        for (key, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("{user:1}:name", "user:1"),
            ("a{b}c{d}", "b"),
            ("{}{x}", "{}{x}"),
            ("a{}b", "a{}b"),
            ("{{x}}", "{x"),
            ("}{x}{y}", "x"),
            ("a}b{c", "a}b{c"),
            ("{", "{"),
            ("x}", "x}"),
            ("{a", "{a"),
        ] {
            assert_eq!(part(*b"{}", key), expected, "{key}");
        }
    }

    #[test]
    fn open_and_close_may_be_the_same_byte() {
        for (key, expected) in
            [("$a$b", "a"), ("$$a$", "$$a$"), ("a$b", "a$b"), ("x$y$z$", "y"), ("$", "$")]
        {
            assert_eq!(part(*b"$$", key), expected, "{key}");
        }
    }
}
