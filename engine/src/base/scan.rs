//! Finding a byte, eight at a time.
//!
//! Keys and lines are a few dozen bytes. A call to `memchr` costs too much for so few, and a loop
//! over single bytes would be the largest cost of a request. So eight bytes are read as one word,
//! and a subtraction sets the highest bit of each byte that matches. A borrow may also set it in a
//! byte that does not match, but only after one that does: the first mark is always right. (The
//! trick is well known; see Hacker's Delight, 6-1.)

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;

/// The place of the first `BYTE`.
#[inline]
pub fn find<const BYTE: u8>(bytes: &[u8]) -> Option<usize> {
    first(
        bytes,
        |word| {
            let zero = word ^ (u64::from(BYTE) * ONES);
            zero.wrapping_sub(ONES) & !zero & HIGH
        },
        |byte| byte == BYTE,
    )
}

/// The place of the first byte below `LIMIT`, which is at most 0x80.
#[inline]
pub fn find_below<const LIMIT: u8>(bytes: &[u8]) -> Option<usize> {
    const { assert!(LIMIT <= 0x80) };
    first(
        bytes,
        |word| word.wrapping_sub(u64::from(LIMIT) * ONES) & !word & HIGH,
        |byte| byte < LIMIT,
    )
}

#[inline(always)]
fn first(bytes: &[u8], mark: impl Fn(u64) -> u64, is: impl Fn(u8) -> bool) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let marks = mark(u64::from_le_bytes(*word));
        if marks != 0 {
            return Some(8 * at + (marks.trailing_zeros() / 8) as usize);
        }
    }
    rest.iter().position(|&byte| is(byte)).map(|at| 8 * words.len() + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_match_is_found_at_any_place() {
        for len in 0..40 {
            for place in 0..len {
                for other in [0x21, b'a', 0x7f, 0x80, 0xa0, 0xff] {
                    let mut bytes = vec![other; len];
                    assert_eq!(find::<b' '>(&bytes), None);
                    assert_eq!(find_below::<0x21>(&bytes), None);
                    bytes[place] = b' ';
                    // A borrow could mark the bytes after the match.
                    for behind in [0x00, 0x1f, 0x20, 0x21] {
                        bytes[place + 1..].fill(behind);
                        assert_eq!(find::<b' '>(&bytes), Some(place));
                        assert_eq!(find_below::<0x21>(&bytes), Some(place));
                        assert_eq!(find_below::<0x20>(&bytes[..=place]), None);
                    }
                }
            }
        }
    }
}
