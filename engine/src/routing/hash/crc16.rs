//! CRC-16/XMODEM (polynomial 0x1021, most significant bit first, initial value 0), the CRC of Redis
//! Cluster's slots, but in a register of 32 bits.
//!
//! twemproxy's `nc_crc16.c` shifts left in a 32-bit variable and never masks it. The table index
//! uses the right eight bits, so the low half is the true CRC; the high half holds the bits that
//! were shifted out of it. The whole register is the hash. Bytes are unsigned.

const POLYNOMIAL: u16 = 0x1021;

static TABLE: [u16; 256] = table();

pub fn crc16(key: &[u8]) -> u32 {
    key.iter().fold(0, |register: u32, &byte| {
        let at = ((register >> 8) as u8) ^ byte;
        (register << 8) ^ u32::from(TABLE[usize::from(at)])
    })
}

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ POLYNOMIAL };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::crc16;

    #[test]
    fn the_low_half_is_the_catalogued_check_value() {
        let hash = crc16(b"123456789");
        assert_eq!(hash & 0xffff, 0x31c3);
        assert_ne!(hash >> 16, 0, "the high half keeps the bits that were shifted out");
    }
}
