//! Keys in base64 (the `b` flag of the meta commands). The decoded key is routed, since it is the
//! key of the item.

use super::KEY_BYTES_MAX;

/// A decoded key.
pub struct Decoded {
    bytes: [u8; KEY_BYTES_MAX],
    len: usize,
}

impl Decoded {
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Decodes a key (RFC 4648, section 4, with padding). `None`: not base64; the server answers the
/// error.
pub fn decode(key: &[u8]) -> Option<Decoded> {
    if key.is_empty() || !key.len().is_multiple_of(4) || key.len() > KEY_BYTES_MAX {
        return None;
    }
    let mut decoded = Decoded { bytes: [0; KEY_BYTES_MAX], len: 0 };
    let padding = key.iter().rev().take_while(|&&byte| byte == b'=').count();
    if padding > 2 {
        return None;
    }
    let digits = &key[..key.len() - padding];
    let (mut bits, mut held) = (0u32, 0);
    for &digit in digits {
        bits = bits << 6 | u32::from(value(digit)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            decoded.bytes[decoded.len] = (bits >> held) as u8;
            decoded.len += 1;
        }
    }
    Some(decoded)
}

fn value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_the_vectors_of_the_rfc_and_refuses_bad_base64() {
        for (text, bytes) in [
            (&b"Zg=="[..], &b"f"[..]),
            (b"Zm8=", b"fo"),
            (b"Zm9v", b"foo"),
            (b"Zm9vYmFy", b"foobar"),
            (b"AP/+", b"\0\xff\xfe"),
        ] {
            assert_eq!(decode(text).unwrap().as_slice(), bytes);
        }
        for bad in [&b""[..], b"Zg=", b"Zg", b"Z===", b"====", b"Zm9!", &[b'A'; 252]] {
            assert!(decode(bad).is_none(), "{}", bad.escape_ascii());
        }
    }
}
