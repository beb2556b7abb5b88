//! The words of a line. Only blanks separate them, not tabs.

use crate::base::scan::find;

/// Iterates over the words of a line.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    pub fn new(line: &'a [u8]) -> Words<'a> {
        Words { line, at: 0 }
    }

    /// The bytes not read yet, with the blank after the word read last.
    pub fn rest(&self) -> &'a [u8] {
        &self.line[self.at..]
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        while self.line.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        let rest = &self.line[self.at..];
        if rest.is_empty() {
            return None;
        }
        let word = &rest[..find::<b' '>(rest).unwrap_or(rest.len())];
        self.at += word.len();
        Some(word)
    }
}

/// So many digits always fit an `i64`; allowed numbers are far smaller.
const DIGITS_MAX: usize = 18;

/// A number as memcached reads it: an optional sign, any number of zeros, digits. memcached also
/// accepts other white space and numbers too large for their type; we do not.
pub fn number(word: &[u8]) -> Option<i64> {
    let (sign, mut digits) = match word {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    if digits.len() > DIGITS_MAX {
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits = &digits[zeros.min(digits.len() - 1)..];
    }
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    let mut value = 0i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(sign * value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blanks_separate_words() {
        let words: Vec<&[u8]> = Words::new(b"  get  a\tb \r c ").collect();
        assert_eq!(words, [&b"get"[..], b"a\tb", b"\r", b"c"]);
        assert_eq!(Words::new(b"   ").next(), None);
    }

    #[test]
    fn numbers_have_a_sign_and_digits() {
        for (word, value) in [
            (&b"0"[..], Some(0)),
            (b"+1", Some(1)),
            (b"-12", Some(-12)),
            (b"007", Some(7)),
            (b"00000000000000000000000000000000", Some(0)),
            (b"-00000000000000000000000000000012", Some(-12)),
            (b"0000000000000000000000000000001x", None),
            (b"00000000000000999999999999999999", Some(999_999_999_999_999_999)),
            (b"0000000000000x000000000000000001", None),
            (b"", None),
            (b"-", None),
            (b"1x", None),
            (b"1 ", None),
            (b"9999999999999999999", None),
        ] {
            assert_eq!(number(word), value, "{}", word.escape_ascii());
        }
    }
}
