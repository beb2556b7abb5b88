//! CRC-32 (ISO 3309, reflected polynomial 0xedb88320, initial value and final xor all ones), in two
//! forms: the whole CRC (`crc32a`), and libmemcached's part of it (`crc32`).
//!
//! `crc32` is bits 16 to 30 of the CRC. Old memcached clients spread keys so over a short list of
//! servers. That works with `modula`. With `ketama` all keys fall in the first 32768 of 2^32
//! positions, below nearly every point, so that one or two servers own all keys. twemproxy added
//! `crc32a` for that reason and did not change `crc32`; nor do we. Bytes are unsigned.

const POLYNOMIAL: u32 = 0xedb8_8320;

/// `crc32` has 15 bits.
pub const CRC32_MAX: u32 = 0x7fff;

static TABLE: [u32; 256] = table();

pub fn crc32(key: &[u8]) -> u32 {
    (crc32a(key) >> 16) & CRC32_MAX
}

pub fn crc32a(key: &[u8]) -> u32 {
    !key.iter().fold(u32::MAX, |register, &byte| {
        let at = (register as u8) ^ byte;
        (register >> 8) ^ TABLE[usize::from(at)]
    })
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 0 { crc >> 1 } else { (crc >> 1) ^ POLYNOMIAL };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{crc32, crc32a};

    #[test]
    fn the_catalogued_check_value_and_its_fifteen_bits() {
        assert_eq!(crc32a(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b"123456789"), 0x4bf4);
    }
}
