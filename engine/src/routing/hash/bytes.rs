//! Converts bytes to 32-bit words as twemproxy does.

/// A byte as a signed `char` widened to 32 bits.
#[inline(always)]
pub fn sign_extended(byte: u8) -> u32 {
    i32::from(byte as i8) as u32
}

/// The 32-bit word whose lowest byte is `bytes[0]`; at most four bytes, missing ones are zero.
#[inline(always)]
pub fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| (word << 8) | u32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::{little_endian, sign_extended};

    #[test]
    fn bytes_become_words_as_in_c() {
        assert_eq!(sign_extended(0x7f), 0x7f);
        assert_eq!(sign_extended(0x80), 0xffff_ff80);
        assert_eq!(little_endian(&[0x78, 0x56, 0x34, 0x12]), 0x1234_5678);
        assert_eq!(little_endian(&[0xff, 0x80]), 0x80ff);
        assert_eq!(little_endian(&[]), 0);
    }
}
