//! Short bulk strings. Most requests and replies consist of them.

const ONE_DIGIT: u32 = u32::from_le_bytes(*b"$\0\r\n");
const TWO_DIGITS: u32 = u32::from_le_bytes(*b"$\0\0\r");

/// Where the body of the bulk string at the front of `bytes` begins and ends, if it is whole and
/// has fewer than 100 bytes: `$3\r\nkey\r\n` is (4, 7). `None`: it may be longer, not whole, written
/// with leading zeros, or not a bulk string.
#[inline]
pub fn short(bytes: &[u8]) -> Option<(usize, usize)> {
    let head = u32::from_le_bytes(*bytes.first_chunk()?);
    let (high, low) = ((head >> 8) as u8, (head >> 16) as u8);
    let (high, low) = (high.wrapping_sub(b'0'), low.wrapping_sub(b'0'));
    let (len, start) = if head & 0xffff_00ff == ONE_DIGIT {
        (high, 4)
    } else if head & 0xff00_00ff == TWO_DIGITS
        && low <= 9
        && high != 0
        && bytes.get(4) == Some(&b'\n')
    {
        (high.wrapping_mul(10).wrapping_add(low), 5)
    } else {
        return None;
    };
    if high > 9 {
        return None;
    }
    let end = start + usize::from(len);
    (*bytes.get(end..)?.first_chunk::<2>()? == *b"\r\n").then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn only_short_strings_are_read() {
        for len in 0..100 {
            let text = format!("${len}\r\n{}\r\n", "x".repeat(len));
            let start = if len < 10 { 4 } else { 5 };
            assert_eq!(short(text.as_bytes()), Some((start, start + len)));
            assert_eq!(short(&text.as_bytes()[..text.len() - 1]), None);
        }
        let hundred = [b"$100\r\n", &[b'x'; 100][..], b"\r\n"].concat();
        for other in [
            &hundred[..],
            b"$03\r\nabc\r\n",
            b"$-1\r\n",
            b"$3\r\nabcd\r\n",
            b"+3\r\nabc\r\n",
            b"$x\r\nabc\r\n",
            b"$1x\r\nabc\r\n",
            b"$1\n\r\nabc\r\n",
            b"$\r\n\r\n",
            b"",
        ] {
            assert_eq!(short(other), None, "{}", other.escape_ascii());
        }
    }
}
