//! Bob Jenkins' one-at-a-time ("Hash functions", Dr. Dobb's Journal, 1997), from twemproxy's
//! `nc_one_at_a_time.c`. Each byte is sign-extended, then added.

use super::bytes::sign_extended;

pub fn one_at_a_time(key: &[u8]) -> u32 {
    let mut hash = key.iter().fold(0, |hash: u32, &byte| {
        let hash = hash.wrapping_add(sign_extended(byte));
        let hash = hash.wrapping_add(hash << 10);
        hash ^ (hash >> 6)
    });
    hash = hash.wrapping_add(hash << 3);
    hash ^= hash >> 11;
    hash.wrapping_add(hash << 15)
}

#[cfg(test)]
mod tests {
    use super::one_at_a_time;

    #[test]
    fn published_examples() {
        assert_eq!(one_at_a_time(b"a"), 0xca2e_9442);
        assert_eq!(one_at_a_time(b"The quick brown fox jumps over the lazy dog"), 0x519e_91f5);
    }
}
