//! One request over several shards becomes one fragment a shard.
//!
//! As in twemproxy: keys keep their order within a fragment, repeats are kept, and a fragment is
//! written anew with the command's lower-case name and its own counts.

use super::Split;
use crate::protocol::resp::encode;

impl Split {
    /// Arguments that travel together: a key, or a key and its value.
    pub fn stride(self) -> usize {
        match self {
            Split::Mget | Split::Sum => 1,
            Split::Mset => 2,
        }
    }

    /// The head of a fragment of `groups` keys (or pairs); they follow as bulk strings.
    pub fn fragment_head(self, out: &mut Vec<u8>, name: &str, groups: usize) {
        encode::array(out, 1 + groups * self.stride());
        encode::bulk(out, name.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_counts_its_own_arguments() {
        let mut out = Vec::new();
        Split::Mset.fragment_head(&mut out, "mset", 2);
        assert_eq!(out, b"*5\r\n$4\r\nmset\r\n");
    }
}
