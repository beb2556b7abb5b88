//! MurmurHash2 (Austin Appleby, 2008), from twemproxy's `nc_murmur.c`.
//!
//! The seed is 0xdeadbeef times the length of the key, as in libmemcached, so the empty key gives
//! 0. Bytes are unsigned.

use super::bytes::little_endian;

const MULTIPLIER: u32 = 0x5bd1_e995;
const SHIFT: u32 = 24;

pub fn murmur(key: &[u8]) -> u32 {
    let len = key.len() as u32;
    let mut hash = 0xdead_beef_u32.wrapping_mul(len) ^ len;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        word ^= word >> SHIFT;
        hash = hash.wrapping_mul(MULTIPLIER) ^ word.wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        hash = (hash ^ little_endian(rest)).wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::murmur;

    #[test]
    fn the_length_is_the_seed() {
        assert_eq!(murmur(b""), 0);
        assert_ne!(murmur(b"\0"), murmur(b"\0\0"), "zero bytes still count by their number");
    }
}
