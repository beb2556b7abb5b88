//! MD5 (RFC 1321). The hash is the first four bytes of the digest, read little-endian.
//!
//! The `md-5` crate computes the digest. Bytes are unsigned.

use super::bytes::little_endian;
use md5::{Digest, Md5};

pub fn md5(key: &[u8]) -> u32 {
    let digest = Md5::digest(key);
    little_endian(&digest[..4])
}

#[cfg(test)]
mod tests {
    use super::md5;

    #[test]
    fn rfc_1321_examples() {
        // d41d8cd9..., 0cc175b9..., 90015098... in the RFC's test suite.
        assert_eq!(md5(b""), 0xd98c_1dd4);
        assert_eq!(md5(b"a"), 0xb975_c10c);
        assert_eq!(md5(b"abc"), 0x9850_0190);
    }
}
