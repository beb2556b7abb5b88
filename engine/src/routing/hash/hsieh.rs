//! Paul Hsieh's SuperFastHash (2004), from twemproxy's `nc_hsieh.c`, seeded with 0.
//!
//! Each step takes four bytes, as two little-endian halves. Of the rest, a third byte is
//! sign-extended and a single byte is not, because twemproxy casts only the latter.

use super::bytes::{little_endian, sign_extended};

pub fn hsieh(key: &[u8]) -> u32 {
    let mut hash: u32 = 0;
    let (groups, rest) = key.as_chunks::<4>();
    for group in groups {
        hash = hash.wrapping_add(little_endian(&group[..2]));
        let upper = (little_endian(&group[2..]) << 11) ^ hash;
        hash = (hash << 16) ^ upper;
        hash = hash.wrapping_add(hash >> 11);
    }
    match *rest {
        [_, _, third] => {
            hash = hash.wrapping_add(little_endian(&rest[..2]));
            hash ^= hash << 16;
            hash ^= sign_extended(third) << 18;
            hash = hash.wrapping_add(hash >> 11);
        }
        [_, _] => {
            hash = hash.wrapping_add(little_endian(rest));
            hash ^= hash << 11;
            hash = hash.wrapping_add(hash >> 17);
        }
        [lone] => {
            hash = hash.wrapping_add(u32::from(lone));
            hash ^= hash << 10;
            hash = hash.wrapping_add(hash >> 1);
        }
        _ => {}
    }
    avalanche(hash)
}

/// Spreads the last bytes over all bits.
fn avalanche(mut hash: u32) -> u32 {
    hash ^= hash << 3;
    hash = hash.wrapping_add(hash >> 5);
    hash ^= hash << 4;
    hash = hash.wrapping_add(hash >> 17);
    hash ^= hash << 25;
    hash.wrapping_add(hash >> 6)
}

#[cfg(test)]
mod tests {
    use super::hsieh;

    #[test]
    fn a_third_byte_is_signed_and_a_single_one_is_not() {
        // Computed by hand: one byte 0x80 gives h = 0x80, 0x20080, 0x300c0, then the avalanche.
        assert_eq!(hsieh(b"\x80"), super::avalanche(0x0003_00c0));
        // 0 + 0, then 0xffffff80 << 18 = 0xfe000000, plus itself >> 11.
        assert_eq!(hsieh(b"\0\0\x80"), super::avalanche(0xfe00_0000 + (0xfe00_0000 >> 11)));
    }
}
