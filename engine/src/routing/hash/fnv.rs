//! FNV-1 and FNV-1a (Glenn Fowler, Landon Curt Noll, Phong Vo), in the four variants of
//! twemproxy's `nc_fnv.c`.
//!
//! The "64" variants start from the low half of the 64-bit offset basis and multiply by the low
//! part of the 64-bit prime (2^40 + 0x1b3), because twemproxy stores both in 32-bit variables. The
//! prime's high part only affects bits above the 32nd, so the result is the low half of the true
//! 64-bit hash, except with bytes from 0x80 up: all four variants sign-extend the byte, which flips
//! upper bits that the true FNV does not change.
//!
//! `fnv1a_64` is the default and is called for nearly every request. It is one chain of xor and
//! multiply, each step waits for the one before, and a byte costs about four cycles. Xor does not
//! distribute over multiplication, so the chain cannot be cut into parallel parts. The loop itself
//! costs nothing compared with the chain, so the code below is simple.

use super::bytes::sign_extended;

const BASIS_32: u32 = 0x811c_9dc5;
const PRIME_32: u32 = 0x0100_0193;
/// Of 0xcbf29ce484222325.
const BASIS_64_LOW: u32 = 0x8422_2325;
/// Of 0x100000001b3.
const PRIME_64_LOW: u32 = 0x1b3;

pub fn fnv1_64(key: &[u8]) -> u32 {
    fnv1(key, BASIS_64_LOW, PRIME_64_LOW)
}

pub fn fnv1a_64(key: &[u8]) -> u32 {
    fnv1a(key, BASIS_64_LOW, PRIME_64_LOW)
}

pub fn fnv1_32(key: &[u8]) -> u32 {
    fnv1(key, BASIS_32, PRIME_32)
}

pub fn fnv1a_32(key: &[u8]) -> u32 {
    fnv1a(key, BASIS_32, PRIME_32)
}

/// Multiply, then xor.
#[inline(always)]
fn fnv1(key: &[u8], basis: u32, prime: u32) -> u32 {
    key.iter().fold(basis, |hash, &byte| hash.wrapping_mul(prime) ^ sign_extended(byte))
}

/// Xor, then multiply.
#[inline(always)]
fn fnv1a(key: &[u8], basis: u32, prime: u32) -> u32 {
    key.iter().fold(basis, |hash, &byte| (hash ^ sign_extended(byte)).wrapping_mul(prime))
}

#[cfg(test)]
mod tests {
    use super::fnv1a_64;

    fn true_fnv1a_64(key: &[u8]) -> u64 {
        key.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
    }

    #[test]
    fn ascii_gives_the_low_half_of_the_true_hash_and_other_bytes_do_not() {
        assert_eq!(fnv1a_64(b"user:1000"), true_fnv1a_64(b"user:1000") as u32);
        assert_ne!(fnv1a_64(b"caf\xc3\xa9"), true_fnv1a_64(b"caf\xc3\xa9") as u32);
    }

    #[test]
    fn numbered_keys_lie_close_together() {
        let hashes: Vec<u32> =
            (0..10).map(|number| fnv1a_64(format!("key-{number}").as_bytes())).collect();
        let spread = hashes.iter().max().unwrap() - hashes.iter().min().unwrap();
        assert!(spread < 4800, "{spread}");
    }
}
