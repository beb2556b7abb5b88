//! Finding a byte, eight at a time.
//!
//! Keys and lines are a few dozen bytes: too few for a call to `memchr` to be worth its price, and
//! enough for a loop over single bytes to be what a request costs most. So eight bytes are taken
//! as one word, and a subtraction marks those that are looked for in their highest bits. A borrow
//! may mark a byte wrongly, but only one behind a byte that is marked rightly: the first mark is
//! always true. (The trick is folklore; see Hacker's Delight, 6-1.)

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
    fn the_first_one_is_found_wherever_it_stands() {
        for len in 0..40 {
            for place in 0..len {
                for other in [0x21, b'a', 0x7f, 0x80, 0xa0, 0xff] {
                    let mut bytes = vec![other; len];
                    assert_eq!(find::<b' '>(&bytes), None);
                    assert_eq!(find_below::<0x21>(&bytes), None);
                    bytes[place] = b' ';
                    // What comes behind it is what a borrow could spoil.
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
